#!/usr/bin/env python3
"""Plays the rows of tests/data/h2_backend.tsv against a listener whose locations have tests/tools/h2_backend.py behind them.

Usage: h2_backend_rows.py FILE LAB PORT NAME=ORDERS...     NAME: a backend, and the port where it takes orders; its location is /NAME/
       h2_backend_rows.py forge FILE LAB PORT NAME=ORDERS      the rows of tests/data/forge.tsv, whose location is /NAME/, with the identity and the
                                                               fields that most of them have
       h2_backend_rows.py storm FILE LAB PORT SECONDS N NAME=ORDERS...   plays rows of the table at random, N at once
       prints "ok ..." or "not ok ..." for each row and client, and "done"

A row is  name TAB clients TAB steps TAB what must come. Clients are of "h2", "h1" and, over TLS 1.2, "h2-12" and "h1-12", with commas. Steps and
what must come are those of h2_by_hand.py; over HTTP/1.1 each stream is a connection, and there are of the steps: ask open call begin data trailers
upload wait head body bytes cancel leave go let order asked expect timed. Further:

    call S METHOD STEPS           asks for /app/x?STEPS;  call S METHOD /NAME/x?STEPS: of another backend
    order NAME LINE               tells a backend (see Orders there): do STEPS, go NAME, let NAME
    asked NAME PATH N             until it has had N requests for PATH since the row began
    idle NAME                     until no stream of it is open
    deaf S, hear S                over HTTP/1.1: reads nothing from its connection, until
    use NAME N                    N requests to it, one behind the other on connections of their own, must be answered 200
    halt, resume                  the server stands still, until
    memory N                      from here on the server's memory may grow by N MiB

What must come:

    same S T...; apart S T        these were answered on the same connection of a backend; on two
    NAME.KEY=VALUE, NAME.KEY<=N   what the backend has seen since the row began; KEY may be paths/PATH or ends/PATH, whose values are joined with commas
Over HTTP/1.1 what was cut is a "reset". No backend may have met a fault of the speaker unless a word of the row says "NAME.faults~REGEX".
"""
import json
import os
import random
import re
import select
import signal
import socket
import ssl
import sys
import threading
import time

import h2_by_hand
from halted import all_threads
from h2_by_hand import PATIENCE, WAITS, Player, Stream, Unmet, context_of, split_fields, steps_path, tries, unescape, wait_for, wrong_of_content


class Orders:
    def __init__(self, port):
        self.file = socket.create_connection(("127.0.0.1", port), 30).makefile("rw", encoding="ascii")
        self.lock = threading.Lock()

    def say(self, line):
        with self.lock:
            self.file.write(line + "\n")
            self.file.flush()
            return json.loads(self.file.readline())


class Watch:
    """What both kinds of players know of the backends."""

    orders = {}
    pid = None

    def begin(self, row):
        """Those backends that the row has to do with begin anew."""
        self.used = {name: one for name, one in self.orders.items() if re.search(rf"/{name}/|\b{name}[. ]", row)} or {"app": self.orders["app"]}
        if re.search(r"(call|begin) \d+ \w+ [^/]", row):
            self.used["app"] = self.orders["app"]
        for one in self.used.values():
            one.say("forget")
        self.memory = None

    def poll(self, what):
        end = time.monotonic() + PATIENCE
        while not what():
            if time.monotonic() > end:
                return False
            self.idle_turn()
        return True

    def lookup(self, name, key):
        value = self.orders[name].say("count")
        for part in key.split("/", 1):
            part = part.replace("\\.", ".")
            value = value.get("/" + part if key.startswith(("paths/", "ends/")) and part not in ("paths", "ends") else part, 0)
        return ",".join(map(str, value)) if isinstance(value, list) else str(value)

    def own_step(self, step):
        word, _, rest = step.partition(" ")
        if word == "order":
            name, line = rest.split(" ", 1)
            self.orders[name].say(line)
        elif word in ("go", "let"):
            for one in self.used.values():
                one.say(step)
        elif word == "asked":
            name, path, n = rest.split()
            if not self.poll(lambda: self.orders[name].say("count")["paths"].get(path, 0) >= int(n)):
                raise Unmet(f"{name} was not asked for {path}: {self.orders[name].say('count')}")
        elif word == "use":
            name, n = rest.split()
            for _ in range(int(n)):
                self.use(f"/{name}/honest?body=honest")
        elif word == "idle":
            if not self.poll(lambda: self.orders[rest].say("count")["live"] == 0):
                raise Unmet(f"{rest} still has streams")
        elif word == "halt":
            # In the middle of its turn it would go on with that when it resumes, before it hears of what came meanwhile.
            if not self.poll(lambda: all_threads(self.pid, "S")):
                raise Unmet("the server does not rest")
            os.kill(int(self.pid), signal.SIGSTOP)
            if not self.poll(lambda: all_threads(self.pid, "T")):
                raise Unmet("the server does not stand still")
        elif word == "resume":
            os.kill(int(self.pid), signal.SIGCONT)
        elif word == "memory":
            self.memory = None if "NO_MEMORY" in os.environ else (self.rss(), int(rest))
        else:
            return False
        return True

    def use(self, path):
        one = One(self.port, context_of(self.lab, None, "TLSv1_3", ("http/1.1",)), self.source)
        one.send(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        other = Client1()
        other.ones[1] = one
        other.until(one.stream.is_over)
        other.close()
        if one.stream.status() != "200":
            raise Unmet(f"{path} is not answered: {one.stream.status()} {one.stream.error}")

    def rss(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1]) // 1024

    def split(self, step):
        """ask, open, call, begin: number, method, path and fields."""
        word, _, rest = step.partition(" ")
        line, _, more = rest.partition(" | ")
        number, method, path = line.split(" ", 2)
        if word in ("call", "begin"):
            path = steps_path(path)
        return word, int(number), method, path, more

    def field(self, number, name):
        return dict(self.client.stream(number).fields()).get(name)

    def own_wrong(self, words):
        """What is wrong of those words that are ours, and the others."""
        wrong, others, faults = [], [], {}
        for word in words:
            if match := re.match(r"(same|apart) ([\d ]+)$", word):
                on = [self.field(int(number), "x-connection") for number in match[2].split()]
                if None in on or len(set(on)) != (1 if match[1] == "same" else len(on)):
                    wrong.append(f"{word}: {on}")
            elif match := re.match(r"([a-z]\w*)\.([\w/.-]+)(<=|>=|=|~)(.*)$", word):
                name, key, how, value = match.groups()
                if key == "faults":
                    faults[name] = value
                    continue

                def holds():
                    got = self.lookup(name, key)
                    return {"=": lambda: got == value, "<=": lambda: int(got) <= int(value), ">=": lambda: int(got) >= int(value),
                            "~": lambda: re.search(value, got)}[how]()

                if not self.poll(holds):
                    wrong.append(f"{word}: {self.lookup(name, key)}")
            else:
                others.append(word)
        return wrong, others, faults

    def at_last(self, faults):
        wrong = []
        for name, one in self.used.items():
            got = one.say("count")["faults"]
            if not re.search(faults.get(name, "^$"), "; ".join(got)):
                wrong.append(f"{name} met {got}")
        if self.memory and self.rss() - self.memory[0] > self.memory[1]:
            wrong.append(f"memory: {self.memory[0]} MiB, then {self.rss()}")
        return wrong


class Player2(Watch, Player):
    def idle_turn(self):
        if self.client:
            self.client.read(0.01)

    def step(self, step):
        if not self.client and not step.startswith("connect"):
            self.connect([])
        if self.own_step(step):
            return
        if step.startswith(("call ", "begin ")):
            word, number, method, path, more = self.split(step)
            step = f"{'ask' if word == 'call' else 'open'} {number} {method} {path}{' | ' + more if more else ''}"
        super().step(step)

    def one_wrong(self, words, gone, last=True):
        wrong, others, faults = self.own_wrong(words)
        # What was answered must be there before it is asked which connection it came on.
        wrong = super().one_wrong(others, gone, last) if others or last else []
        return wrong + self.own_wrong(words)[0] + (self.at_last(faults) if last else [])


class One:
    """A connection with HTTP/1.1 and its only exchange, which is a Stream."""

    def __init__(self, port, context, source):
        raw = socket.create_connection(("127.0.0.1", port), PATIENCE, (source, 0))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = context.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False)
        self.sock.setblocking(False)
        self.stream, self.held, self.left, self.how, self.end, self.chunked, self.method = Stream(), b"", None, "head", None, False, ""
        self.out, self.deaf = b"", False
        self.stream.body = bytearray()

    def send(self, data):
        self.out += data
        end = time.monotonic() + PATIENCE
        while self.out and not self.end and time.monotonic() < end:
            try:
                n = self.sock.send(self.out[:16384])
                self.out = self.out[n:]
            except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                select.select([self.sock], [self.sock], [], 0.05)
                self.read()
            except OSError:
                self.read()
                self.over("cut")

    def read(self):
        while not self.end and not self.deaf:
            try:
                data = self.sock.recv(1 << 16)
                if not data:
                    self.over("close")
                self.held += data
                self.parse()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except ssl.SSLZeroReturnError:
                self.over("close")
            except (ssl.SSLError, OSError):
                self.over("cut")

    def over(self, how):
        self.end = self.end or how
        if not self.stream.is_over():
            if self.how == "close" and how == "close":
                self.stream.ended = True
            else:
                self.stream.error = "reset"

    def line(self):
        line, mark, rest = self.held.partition(b"\r\n")
        if not mark:
            return None
        self.held = rest
        return line

    def fields(self, lines):
        return [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]

    def parse(self):
        while self.held and not self.stream.ended:
            if self.how in ("head", "trailers"):
                if self.how == "trailers" and self.held.startswith(b"\r\n"):
                    self.held = self.held[2:]
                    self.stream.ended = True
                    return
                head, mark, rest = self.held.partition(b"\r\n\r\n")
                if not mark:
                    return
                self.held = rest
                lines = head.decode("latin-1").split("\r\n")
                if self.how == "trailers":
                    self.stream.heads.append(self.fields(lines))
                    self.stream.ended = True
                    return
                status = lines[0].split(" ")[1]
                fields = self.fields(lines[1:])
                self.stream.heads.append([(":status", status), *fields])
                if status.startswith("1"):
                    continue
                known = dict(fields)
                if self.method == "HEAD" or status in ("204", "304"):
                    self.stream.ended = True
                elif known.get("transfer-encoding") == "chunked":
                    self.how = "size"
                elif "content-length" in known:
                    self.how, self.left = "body", int(known["content-length"])
                    self.stream.ended = not self.left
                else:
                    self.how = "close"
            elif self.how == "size":
                line = self.line()
                if line is None:
                    return
                self.left = int(line, 16)
                self.how = "chunk" if self.left else "trailers"
            elif self.how == "close":
                self.stream.body += self.held
                self.held = b""
            else:
                piece, self.held = self.held[:self.left], self.held[self.left:]
                self.stream.body += piece
                self.left -= len(piece)
                if self.left:
                    return
                if self.how == "body":
                    self.stream.ended = True
                elif self.how == "chunk":
                    self.how = "crlf"
                    self.left = 2
                else:
                    del self.stream.body[-2:]
                    self.how = "size"


class Client1:
    """Connections by the numbers of their streams."""

    end = None

    def __init__(self):
        self.ones = {}

    def stream(self, number):
        return self.ones[number].stream if number in self.ones else Stream()

    def turn(self, patience):
        for one in self.ones.values():
            one.read()
        live = [one.sock for one in self.ones.values() if not one.end and not one.deaf]
        if live:
            select.select(live, [], [], patience)
        else:
            time.sleep(min(patience, 0.01))
        for one in self.ones.values():
            one.read()

    def until(self, what, patience=PATIENCE):
        end = time.monotonic() + patience
        while not what():
            if time.monotonic() > end:
                return False
            self.turn(0.05)
        return True

    def close(self):
        for one in self.ones.values():
            one.end = one.end or "left"
            one.sock.close()


class Player1(Watch):
    def __init__(self, lab, port, version):
        self.lab, self.port, self.client = lab, port, Client1()
        self.context, self.cert = version, None
        Player.number += 1
        self.version, self.source = version, f"127.2.{Player.number >> 8}.{Player.number & 255}"

    def idle_turn(self):
        self.client.turn(0.01)

    def step(self, step):
        if self.own_step(step):
            return
        word, _, rest = step.partition(" ")
        client = self.client
        if word == "connect":
            known = dict(pair.partition("=")[::2] for pair in rest.split())
            self.cert = known.get("cert")
        elif word in ("ask", "open", "call", "begin"):
            self.ask(step)
        elif word in ("data", "trailers", "upload"):
            number, _, rest = rest.partition(" ")
            one = client.ones[int(number)]
            if word == "data":
                flags, _, text = rest.partition(" ")
                body, ends = unescape(text), "s" in flags
            elif word == "upload":
                n, *keep = rest.split()
                body, ends = b"p" * int(n), not keep
            else:
                body, ends = b"", True
            if not one.chunked:
                one.send(body)
            else:
                one.send((b"%x\r\n%s\r\n" % (len(body), body) if body else b""))
                if ends:
                    fields = split_fields(rest.partition("| ")[2]) if word == "trailers" else []
                    one.send(b"0\r\n" + b"".join(b"%s: %s\r\n" % field for field in fields) + b"\r\n")
        elif word in WAITS:
            wait_for(client, word, rest)
        elif word == "gone":
            wait_for(client, "wait", rest)
        elif word == "times":
            n, text = rest.split(" ", 1)
            for i in range(int(n)):
                for each in text.split(" ;; "):
                    self.step(each.replace("{S}", str(2 * i + 1)))
        elif word == "cancel":
            one = client.ones[int(rest)]
            one.end = "left"
            one.sock.close()
        elif word in ("deaf", "hear"):
            client.ones[int(rest)].deaf = word == "deaf"
        elif word == "leave":
            client.close()
        elif word == "expect":
            wrong = self.one_wrong([rest])
            if wrong:
                raise Unmet(f"in between: {'; '.join(wrong)}")
        elif word != "sync":
            raise ValueError(f"no such step: {step}")

    def ask(self, step):
        word, number, method, path, more = self.split(step)
        said = split_fields(more) if more else []
        names = [name.lower() for name, _ in said]
        host = dict(said).get(b":authority", b"localhost")
        one = self.client.ones[number] = One(self.port, context_of(self.lab, self.cert, self.version, ("http/1.1",)), self.source)
        one.method = method
        if word in ("open", "begin") and b"content-length" not in names:
            one.chunked = True
            said.append((b"transfer-encoding", b"chunked"))
        if b"host" not in names:
            said.insert(0, (b"host", host))
        one.send(f"{method} ".encode() + unescape(path) + b" HTTP/1.1\r\n" + b"".join(b"%s: %s\r\n" % (name, value or b"") for name, value in said
                                                                                     if not name.startswith(b":")) + b"\r\n")

    def one_wrong(self, words, last=False):
        _, others, faults = self.own_wrong(words) if not last else ([], *self.sorted_out(words))
        wrong = []
        for word in others:
            if match := re.match(r"(\d+)( ?[=~!]| body)", word):
                stream = self.client.stream(int(match[1]))
                if not word.endswith("=nothing") and last and int(match[1]) in self.client.ones and self.client.ones[int(match[1])].end != "left":
                    self.client.until(stream.is_over)
            if match := re.match(r"(\d+)=(.*)", word):
                saw = Player.saw(None, stream)
                want = match[2].replace("malformed", "400").replace("+NO_ERROR", "").replace("PROTOCOL_ERROR", "400").split("/")
                if saw not in want:
                    wrong.append(f"{match[1]}={saw}, want {match[2]}")
            elif (said := wrong_of_content(self.client, word)) is not None:
                wrong += said
            elif word not in ("alive", "may-end"):
                wrong.append(f"no such expectation: {word}")
        return wrong + self.own_wrong(words)[0] + (self.at_last(faults) if last else [])

    def sorted_out(self, words):
        """Those that are not ours, without asking the backends yet."""
        ours = [word for word in words if re.match(r"(same|apart) |[a-z]\w*\.[\w/.-]+(<=|>=|=|~)", word)]
        return [word for word in words if word not in ours], {word.partition(".")[0]: word.partition("~")[2] for word in ours if ".faults~" in word}

    def play(self, steps, expect):
        try:
            for step in steps.split(" ; "):
                self.step(step)
            all_wrong = []
            for words in expect.split(" || "):
                wrong = self.one_wrong(words.split(" && "), True)
                if not wrong:
                    return []
                all_wrong += wrong
            return all_wrong
        except (Unmet, ssl.SSLError, OSError) as error:
            return [f"{error}"]
        finally:
            self.client.close()


KINDS = {"h2": (Player2, "TLSv1_3"), "h1": (Player1, "TLSv1_3"), "h2-12": (Player2, "TLSv1_2"), "h1-12": (Player1, "TLSv1_2")}


def main(file, lab, port, *backends):
    for pair in backends:
        name, _, number = pair.partition("=")
        Watch.orders[name] = Orders(int(number))
    Watch.pid = os.environ.get("MTLSD_PID")
    only = os.environ.get("ROWS")
    with open(file, encoding="utf-8") as rows:
        cases = [line.rstrip("\n").split("\t") for line in rows if line.strip() and not line.startswith("#")]
    for name, clients, steps, expect in cases:
        if only and not re.search(only, name):
            continue
        for client in clients.split(","):
            kind, version = KINDS[client]
            left, played = tries(steps)
            wrong = True
            while wrong and left > 0:
                player = kind(lab, int(port), version)
                player.begin(f"{steps} {expect}")
                wrong = player.play(played, expect)
                os.kill(int(Watch.pid), signal.SIGCONT)
                left -= 1
            print(f"not ok {name} ({client}): {'; '.join(wrong)}" if wrong else f"ok {name} ({client})", flush=True)
    print("done", flush=True)


def storm(file, lab, port, seconds, crowd, *backends):
    """The rows at random, many at once, whatever comes of them; each ends where it likes."""
    for pair in backends:
        name, _, number = pair.partition("=")
        Watch.orders[name] = Orders(int(number))
    with open(file, encoding="utf-8") as rows:
        cases = [line.rstrip("\n").split("\t") for line in rows if line.strip() and not line.startswith("#")]
    until, played, chance = time.monotonic() + float(seconds), [0], random.Random(os.environ.get("STORM_SEED"))

    def one():
        while time.monotonic() < until:
            _, clients, steps, _ = chance.choice(cases)
            kind, version = KINDS[chance.choice(clients.split(","))]
            player = kind(lab, int(port), version)
            player.used, player.memory = Watch.orders, None
            steps = [step for step in steps.split(" ; ") if not step.startswith(("timed", "memory", "expect", "use", "idle", "asked", "halt", "resume"))]
            try:
                for step in steps[:chance.choice((1, 2, 3, 9, 9))]:
                    player.step(step)
                asked = player.client.ones if kind is Player1 else player.client.streams
                for number in list(asked)[:chance.choice((0, 1, 9))]:
                    player.client.until(player.client.stream(number).is_over, 0.5)
            except (Unmet, ssl.SSLError, OSError, KeyError, RuntimeError):
                pass
            if player.client:
                player.client.close()
            played[0] += 1

    fallen = []
    threading.excepthook = lambda args: fallen.append(repr(args.exc_value))  # a backend that takes no orders any more, say
    threads = [threading.Thread(target=one, daemon=True) for _ in range(int(crowd))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(float(seconds) + 60)
    print(f"not ok rows at random: {fallen[0]}" if fallen else f"ok {played[0]} rows at random", "done", sep="\n", flush=True)


OURS = re.compile(r"(x-user|x-tenant|x-forwarded-\w+|forwarded|:authority|via|client-cert.*|x-ssl-.*): ")


def forge(file, lab, port, backend):
    """What the backend is told is the same as where the client says nothing of itself, and holds no word of it."""
    name, _, number = backend.partition("=")
    orders, plains = Orders(int(number)), {}
    with open(file, encoding="utf-8") as rows:
        cases = [line.rstrip("\n").split("\t") for line in rows if line.strip() and not line.startswith("#")]

    def told(who, lines, kind):
        orders.say("forget")
        cert = {"verified": "client", "none": None, "failed": "client-expired"}[who.split()[0]]
        if kind == "h1":
            one = One(int(port), context_of(lab, cert, None, ("http/1.1",)), "127.0.0.1")
            one.send("\r\n".join([lines[0].replace("/a HTTP", f"/{name}/a HTTP"), *lines[1:], "", ""]).encode("latin-1") + b"x" * 12 * ("length" in who))
            client = Client1()
            client.ones[1] = one
            stream = one.stream
        else:
            client = h2_by_hand.Client(int(port), context_of(lab, cert))
            pairs = [(key.lower(), value.strip()) for key, _, value in (line.partition(":") for line in lines[1:])]
            stream = client.stream(1)
            client.ask(1, lines[0].split(" ")[0], f"/{name}/a", [pair for pair in pairs if pair[0] != "host"], authority=dict(pairs).get("host", "a.example"))
        client.until(stream.is_over)
        client.close()
        return orders.say("count")["heads"].get(f"/{name}/a"), stream.status()

    for title, who, location, head in cases:
        if "client-cert-chain" not in location or "trusted" in who:
            continue
        lines = unescape(head).decode("latin-1").rstrip("\r\n").split("\r\n")
        for kind in ("h1", "h2"):
            host = next((line for line in lines if line.startswith("Host: ")), "Host: a.example")
            honest = (who.split()[0], host, kind)
            if honest not in plains:
                plains[honest], _ = told(honest[0], ["GET /a HTTP/1.1", host], kind)
            plain = plains[honest]
            got, status = told(who, lines, kind)
            wrong = "forged" in str(got).lower() or (got and [line for line in got if OURS.match(line)] != [line for line in plain if OURS.match(line)])
            # What is malformed goes nowhere.
            wrong = wrong or not plain or (not got and status not in ("400", "431", None))
            print(f"not ok forged, {title} ({kind}): {status} {got}, without it {plain}" if wrong else f"ok forged, {title} ({kind})", flush=True)
    print("done", flush=True)


if __name__ == "__main__":
    if sys.argv[1] in ("forge", "storm"):
        globals()[sys.argv[1]](*sys.argv[2:])
    else:
        main(*sys.argv[1:])
