#!/usr/bin/env python3
"""A scripted HTTP/2 backend for tests: what it answers, the request's path and query say, as with backend.py.

Usage: h2_backend.py READY-FILE [--tls CERT KEY [--ca FILE]] [--alpn LIST] [--unix PATH] [--port PORT] [--name NAME] [--proxy yes]
                     [--settings NAME=VALUE,...] [--first STEPS] [--always STEPS] [--window BYTES]

Writes its port to READY-FILE, and that of its ear for orders (see Orders) to READY-FILE.orders, and answers until it is killed. Without --tls it
speaks HTTP/2 at once (h2c), with it where ALPN says so: by default it knows "h2" alone; --alpn none: it never says which.
--settings: its first ones; --first: steps of a new connection, before its SETTINGS; --always: of each request.

In the query, separated by "&", are steps, done in their order when the head and, unless "early" comes first, all of the body are there;
in TEXT stand the escapes of h2_by_hand.py, NAME:VALUE|NAME:VALUE are fields as they stand, S a stream: a number, or "." for this one.

    status=N length=N body=TEXT pieces=N,N,... field=NAME:VALUE trailer=NAME:VALUE   the parts of an ordinary answer (all optional: 200, "ok");
                       it says content-length, unless there are pieces or "free", and always which connection and stream this is
    echo               the body is the request's;  head: it is JSON: what came;  sum: its SHA-256
    stream             200, and each piece of the request's body comes back at once, and its trailers at the end
    early              does not wait for the body, until  read;  take=N: until so many octets of it are there
    wait=NAME          until somebody has said "go NAME", or has said "let NAME" before;  go=NAME: says it;  hang: until the stream is over
    unless=N           what follows until "then" is only done for the first N - 1 requests for this path
    info=F|F...        HEADERS of a 1xx, behind which the others go on
    fields=F|F...      HEADERS;  last=F|F...: HEADERS that end the stream;  data=TEXT, end=TEXT: DATA, and DATA that ends it
    over=N             N octets of DATA, whatever the windows say
    rst=CODE;  goaway=CODE,LAST[,TEXT]: LAST a number, this, before (this) or all;  settings=NAME=VALUE,...;  window=N,S
    frame=TYPE,FLAGS,S,TEXT;  size=LENGTH,TYPE,FLAGS,S,TEXT: a length that is a lie;  raw=TEXT
    flood=KIND,N       see FLOODS
    stop               no window is opened for this request's body, until  start
    deaf               reads nothing more of the connection;  sip: in small pieces, slowly
    close, reset       the connection, after what was sent before;  part: closes it, and the other side's kernel has heard of that (not over TLS)
    silent             (in --first) no SETTINGS;  settle: (at its beginning) they go now;  mute: nothing is acknowledged

Paths of its own: those that end with /go?NAME, /count, /health and /health?bad, as with backend.py.
"""
import asyncio
import hashlib
import json
import os
import re
import socket
import ssl
import struct
import sys
from urllib.parse import unquote

from backend import read_proxy
from h2_by_hand import ACK, CODES, END_HEADERS, END_STREAM, PREFACE, TYPES, Decoder, code_name, encode, frame, integer, settings_frame, unescape

LARGEST = 16384
TCP_FIN_WAIT1 = 4
FORBIDDEN = ("connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings")


class Gone(Exception):
    """The stream or its connection is over, as it should."""


class State:
    """What is known of all connections, for whoever asks."""

    def __init__(self):
        self.gates, self.healthy, self.links, self.made = {}, True, set(), 0
        self.forget()

    def forget(self):
        self.paths, self.ends, self.faults, self.heads, self.let = {}, {}, [], {}, set()
        self.connections = self.streams = self.most = self.refused = self.pings = self.read = 0
        self.goaways = []
        for gate in self.gates.values():
            gate.clear()

    def gate(self, name):
        return self.gates.setdefault(name, asyncio.Event())

    def say(self):
        return {"paths": self.paths, "ends": self.ends, "faults": self.faults, "heads": self.heads, "connections": self.connections,
                "open": len(self.links), "streams": self.streams, "most": self.most, "refused": self.refused, "pings": self.pings,
                "goaways": self.goaways, "live": sum(len(link.streams) for link in self.links), "read": self.read}


STATE = State()


def fields_of(text):
    """NAME:VALUE|NAME:VALUE as pairs of bytes."""
    return [tuple(unescape(part) for part in re.match(r"(:?[^:]*):?(.*)$", one, re.S).groups()) for one in text.split("|")] if text else []


def word(n):
    return struct.pack("!I", n)


# What comes N times: bytes of the stream S and of the n-th time.
FLOODS = {
    "PING": lambda s, n: frame("PING", 0, 0, b"%08d" % (n % 10**8)),
    "PONG": lambda s, n: frame("PING", ACK, 0, b"%08d" % (n % 10**8)),
    "SETTINGS": lambda s, n: settings_frame({"INITIAL_WINDOW_SIZE": 65535 + n % 2}),
    "SETTINGS_ACK": lambda s, n: frame("SETTINGS", ACK),
    "TABLE": lambda s, n: settings_frame({"HEADER_TABLE_SIZE": 4096 * (n % 2)}),
    "DATA": lambda s, n: frame("DATA", 0, s),
    "PADDING": lambda s, n: frame("DATA", 8, s, b"\x64" + bytes(100)),
    "OCTETS": lambda s, n: frame("DATA", 0, s, b"x"),
    "RST": lambda s, n: frame("RST_STREAM", 0, s, word(8)),
    "WINDOW": lambda s, n: frame("WINDOW_UPDATE", 0, s, word(1)),
    "WINDOW0": lambda s, n: frame("WINDOW_UPDATE", 0, 0, word(1)),
    "PRIORITY": lambda s, n: frame("PRIORITY", 0, 2 * n + 1, word(0) + b"\x10"),
    "UNKNOWN": lambda s, n: frame(77, 0, 0, b"x"),
    "INFO": lambda s, n: frame("HEADERS", END_HEADERS, s, encode([(":status", "103"), ("link", "</a.css>")])),
    "CONTINUATION": lambda s, n: frame("CONTINUATION", 0, s, encode([("x-more", "y" * 16000)])) if n else
    frame("HEADERS", 0, s, encode([(":status", "200")])),
    "EMPTY": lambda s, n: frame("CONTINUATION", 0, s) if n else frame("HEADERS", 0, s, encode([(":status", "200")])),
    "TRAILERS": lambda s, n: frame("HEADERS", END_HEADERS, s, encode([("x-more", "y")])),
    "GOAWAY": lambda s, n: frame("GOAWAY", 0, 0, word(0x7FFFFFFF) + word(0)),
    "ALTSVC": lambda s, n: frame(10, 0, s, b"\0\0h2=\":1\""),
}


class Stream:
    """A request and its answer."""

    def __init__(self, link, number, head):
        self.link, self.number, self.head, self.trailers = link, number, head, []
        self.body, self.came, self.ended, self.over, self.done = bytearray(), 0, False, None, False
        self.window = link.first_window
        self.stopped, self.owed, self.room = False, 0, link.agreed.get("INITIAL_WINDOW_SIZE", 65535)
        self.changed = asyncio.Event()
        known = dict(head)
        self.method, self.path, self.length = known.get(":method", ""), known.get(":path", ""), known.get("content-length")

    async def until(self, what):
        while not what():
            if self.over:
                raise Gone
            self.changed.clear()
            await self.changed.wait()

    def headers(self, fields, ends=False):
        block = encode(fields)
        first, rest = block[:LARGEST], block[LARGEST:]
        self.send(frame("HEADERS", END_STREAM * ends | END_HEADERS * (not rest), self.number, first))
        while rest:
            first, rest = rest[:LARGEST], rest[LARGEST:]
            self.send(frame("CONTINUATION", END_HEADERS * (not rest), self.number, first))
        self.finish(ends)

    async def data(self, payload, ends=False):
        while True:
            link = self.link
            if payload:
                await self.until(lambda: link.window > 0 and self.window > 0)
            n = min(len(payload), link.window, self.window, LARGEST) if payload else 0
            last = n == len(payload)
            self.send(frame("DATA", END_STREAM if ends and last else 0, self.number, bytes(payload[:n])))
            link.window, self.window = link.window - n, self.window - n
            payload = payload[n:]
            await link.drain()
            if last:
                break
        self.finish(ends)

    def finish(self, ends):
        if ends:
            self.done = True
            self.settle()

    def send(self, data):
        if self.over:
            raise Gone
        self.link.write(data)

    def settle(self):
        if self.done and self.ended and not self.over:
            self.end("answered")

    def end(self, how):
        if not self.over:
            self.over = how
            ends = STATE.ends.setdefault(self.path.partition("?")[0], [])
            ends.append(how)
            del ends[:-50]
            self.link.streams.pop(self.number, None)
            self.changed.set()
            self.link.rest()

    def took(self, n):
        """A piece of the body has come: the windows are opened again."""
        self.owed += n
        if not self.stopped and self.owed:
            if not self.ended and not self.over:
                self.link.write(frame("WINDOW_UPDATE", 0, self.number, word(self.owed)))
            self.room, self.owed = self.room + self.owed, 0

    async def answer(self, steps):
        status, fields, content, pieces, trailers, free = "200", [], b"ok", None, [], False
        for key, value in steps:
            if key == "status":
                status = value
            elif key == "field":
                fields += fields_of(value)
            elif key == "trailer":
                trailers += fields_of(value)
            elif key == "body":
                content = unescape(value)
            elif key == "length":
                content = b"x" * int(value)
            elif key == "pieces":
                pieces = [int(n) for n in value.split(",") if n]
            elif key == "free":
                free = True
            elif key == "echo":
                content = bytes(self.body)
            elif key == "sum":
                content = hashlib.sha256(self.body).hexdigest().encode()
            elif key == "head":
                fields.append(("content-type", "application/json"))
                content = json.dumps({"lines": [f"{name}: {value}" for name, value in self.head], "body": self.came, "trailers": self.trailers,
                                      "server": self.link.name, "connection": self.link.number, "stream": self.number,
                                      "proxy": self.link.proxy}).encode()
        bare = self.method == "HEAD" or status in ("204", "304")
        if pieces is None and not free and status != "204" and not any(name == b"content-length" for name, _ in fields):
            fields.append(("content-length", str(len(content))))
        fields += [("x-connection", str(self.link.number)), ("x-stream", str(self.number)), ("x-server", self.link.name)]
        self.headers([(":status", status), *fields], bare)
        if bare:
            return
        if pieces is None:
            await self.data(content, not trailers)
        else:
            for n in pieces:
                await self.data(b"x" * n)
            if not trailers:
                await self.data(b"", True)
        if trailers:
            self.headers(trailers, True)

    async def run(self, steps):
        try:
            early = bool(steps) and steps[0][0] == "early"
            if not early:
                await self.until(lambda: self.ended)
            if not await self.link.do(steps, self):
                await self.answer(steps)
            if early:
                await self.until(lambda: self.ended)
        except (Gone, OSError):
            pass

    async def back(self):
        """What comes goes back."""
        self.headers([(":status", "200"), ("x-connection", str(self.link.number))])
        at = 0
        while True:
            await self.until(lambda: len(self.body) > at or self.ended)
            piece, at = bytes(self.body[at:]), len(self.body)
            if piece:
                await self.data(piece)
            elif self.trailers:
                self.headers([tuple(line.split(": ", 1)) for line in self.trailers], True)
                return
            else:
                await self.data(b"", True)
                return


class Link:
    """A connection."""

    made = 0

    def __init__(self, reader, writer, options, proxy):
        self.reader, self.writer, self.proxy = reader, writer, proxy
        self.name, self.always = options["--name"], options.get("--always")
        self.scheme = "https" if "--tls" in options else "http"
        self.ours = {key: int(value, 0) for key, value in (pair.split("=") for pair in options.get("--settings", "").split(",") if pair)}
        self.agreed, self.said = {}, []  # what was acknowledged, and what was not yet
        Link.made += 1
        self.number, self.streams, self.last, self.decoder = Link.made, {}, 0, Decoder()
        self.window, self.first_window, self.room = 65535, 65535, 65535
        self.deaf, self.mute, self.sipping, self.block, self.leaving = False, False, False, None, False
        self.tasks = set()

    def write(self, data):
        if not self.writer.is_closing():
            self.writer.write(data)

    def settings(self, said):
        self.said.append(said)
        self.write(settings_frame(said))

    def agree(self):
        """The oldest of what was said holds from now on."""
        if self.said:
            before = self.agreed.get("INITIAL_WINDOW_SIZE", 65535)
            self.agreed.update(self.said.pop(0))
            for stream in self.streams.values():
                stream.room += self.agreed.get("INITIAL_WINDOW_SIZE", 65535) - before

    async def drain(self):
        await self.writer.drain()

    async def flush(self):
        while self.writer.transport.get_write_buffer_size() and not self.writer.is_closing():
            await asyncio.sleep(0.002)

    async def say_end(self):
        sock, turns = self.writer.get_extra_info("socket"), 0
        try:
            sock.shutdown(socket.SHUT_WR)
            # What is sent may lie on the way, where much else is done. One that reads nothing never hears of it.
            while sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == TCP_FIN_WAIT1 and turns < 1000:
                turns += 1
                await asyncio.sleep(0.002)
        except OSError:  # ENOTCONN, EBADF: it is over already
            pass

    def fault(self, text):
        STATE.faults.append(f"{self.number}: {text}")

    def rest(self):
        if self.leaving and not self.streams:
            self.writer.close()

    def spawn(self, work):
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    # ---- what is done -------------------------------------------------------------------------------------------------

    async def do(self, steps, stream=None):
        """Whether there is an answer now."""
        number, done, skip = stream.number if stream else 0, False, False

        def which(text):
            return number if text == "." else int(text, 0)

        for key, value in steps:
            if key == "then":
                skip = False
            elif skip:
                pass
            elif key == "unless":
                skip = STATE.paths[stream.path.partition("?")[0]] >= int(value)
            elif key == "read":
                await stream.until(lambda: stream.ended)
            elif key == "take":
                await stream.until(lambda: stream.came >= int(value))
            elif key == "wait":
                gate = STATE.gate(value)
                if stream:
                    waits = asyncio.ensure_future(gate.wait())
                    waits.add_done_callback(lambda _: stream.changed.set())
                    try:
                        await stream.until(waits.done)
                    finally:
                        waits.cancel()
                else:
                    await gate.wait()
                if value not in STATE.let:
                    gate.clear()
            elif key == "go":
                STATE.gate(value).set()
            elif key == "hang":
                await stream.until(lambda: False)
            elif key == "stream":
                await stream.back()
                done = True
            elif key == "info":
                stream.headers(fields_of(value))
            elif key in ("fields", "last"):
                stream.headers(fields_of(value), key == "last")
                done = True
            elif key in ("data", "end"):
                await stream.data(unescape(value), key == "end")
                done = True
            elif key == "over":
                left = int(value)
                while left > 0:
                    stream.send(frame("DATA", 0, number, b"x" * min(left, LARGEST)))
                    left -= LARGEST
                await self.drain()
                done = True
            elif key == "rst":
                self.write(frame("RST_STREAM", 0, number, word(CODES.index(value))))
                stream.end(f"here {value}")
                done = True
            elif key == "goaway":
                code, last, *text = value.split(",", 2)
                last = {"this": number, "before": max(0, number - 2), "all": 0x7FFFFFFF, "last": self.last}.get(last) if not last.isdigit() else int(last)
                self.write(frame("GOAWAY", 0, 0, word(last) + word(CODES.index(code)) + unescape(text[0] if text else "")))
                for each in list(self.streams.values()):
                    if each.number > last:
                        each.end("here GOAWAY")
            elif key == "settle":
                self.settings(dict(self.ours))
            elif key == "settings":
                said = {name: int(n, 0) for name, n in (pair.split("=") for pair in value.split(","))}
                self.ours.update(said)
                self.settings(said)
            elif key == "window":
                n, where = value.split(",")
                self.write(frame("WINDOW_UPDATE", 0, which(where), word(int(n, 0))))
            elif key == "frame":
                kind, flags, where, text = (value.split(",", 3) + [""])[:4]
                self.write(frame(int(kind) if kind.isdigit() else kind, int(flags, 16), which(where), unescape(text)))
                if where == "." and kind in ("DATA", "HEADERS"):
                    stream.finish(bool(int(flags, 16) & END_STREAM))
                done = True
            elif key == "size":
                length, kind, flags, where, text = (value.split(",", 4) + [""])[:5]
                self.write(frame(int(kind) if kind.isdigit() else kind, int(flags, 16), which(where), unescape(text), int(length)))
                done = True
            elif key == "raw":
                self.write(unescape(value))
                done = True
            elif key == "flood":
                kind, n = value.split(",")
                if kind == "BOMB":
                    self.bomb(number, int(n))
                else:
                    for i in range(int(n)):
                        self.write(FLOODS[kind](number, i))
                        if i % 256 == 255:
                            await self.drain()
                await self.drain()
            elif key == "stop":
                pass  # from its head on
            elif key == "start":
                stream.stopped = False
                stream.took(0)
            elif key == "deaf":
                self.deaf = True
                self.writer.transport.pause_reading()
            elif key == "sip":
                self.sipping = True
            elif key == "mute":
                self.mute = True
            elif key == "leave":
                self.leaving = True
                self.rest()
            elif key in ("close", "part"):
                await self.drain()
                if key == "part":
                    await self.say_end()
                self.writer.close()
                raise Gone
            elif key == "reset":
                await self.flush()
                self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.writer.transport.abort()
                raise Gone
        return done

    def bomb(self, number, n):
        """A head that is small here and large there: one field of 4 KB, indexed n times."""
        first = encode([(":status", "200")]) + b"\x40\x01a" + integer(4000, 7) + b"b" * 4000
        block = first + b"\xbe" * n
        self.write(frame("HEADERS", 0, number, block[:LARGEST]))
        for at in range(LARGEST, len(block), LARGEST):
            self.write(frame("CONTINUATION", 0, number, block[at:at + LARGEST]))
        self.write(frame("CONTINUATION", END_HEADERS, number))

    # ---- what comes ---------------------------------------------------------------------------------------------------

    async def run(self, first):
        STATE.links.add(self)
        STATE.connections += 1
        how = "gone"
        try:
            said = ("silent", "") in first or first[:1] == [("settle", "")]
            await self.do([step for step in first if step[0] != "silent"])
            if not said:
                self.settings(dict(self.ours))
            if await self.exactly(len(PREFACE)) != PREFACE:
                self.fault("no preface")
                return
            kind, flags, _, _ = await self.frame()
            if kind != "SETTINGS" or flags & ACK:
                self.fault("no SETTINGS first")
            while True:
                self.on_frame(*await self.frame())
        except (Gone, ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, OSError):
            pass
        finally:
            STATE.links.discard(self)
            for stream in list(self.streams.values()):
                stream.end(how)
            self.writer.close()

    async def exactly(self, n):
        data = b""
        while len(data) < n:
            if self.sipping:
                await asyncio.sleep(0.0005)
            piece = await self.reader.read(min(n - len(data), 1000) if self.sipping else n - len(data))
            if not piece:
                raise Gone
            data += piece
        return data

    async def frame(self):
        head = await self.exactly(9)
        n = int.from_bytes(head[:3], "big")
        kind, flags, stream = struct.unpack("!BBI", head[3:])
        if n > max(LARGEST, self.ours.get("MAX_FRAME_SIZE", LARGEST)):
            self.fault(f"a frame of {n}")
        payload = await self.exactly(n)
        kind, stream = TYPES[kind] if kind < len(TYPES) else str(kind), stream & 0x7FFFFFFF
        if kind == "SETTINGS" and not flags & ACK:
            self.on_settings(payload)
        return kind, flags, stream, payload

    def on_settings(self, payload):
        for at in range(0, len(payload), 6):
            key, value = struct.unpack("!HI", payload[at:at + 6])
            if key == 4:
                for stream in self.streams.values():
                    stream.window += value - self.first_window
                    stream.changed.set()
                self.first_window = value
        if not self.mute:
            self.write(frame("SETTINGS", ACK))

    def on_frame(self, kind, flags, number, payload):
        stream = self.streams.get(number)
        if self.block and (kind != "CONTINUATION" or number != self.block[0]):
            self.fault(f"{kind} in the middle of a head")
        if kind in ("DATA", "HEADERS") and flags & 8:
            size, payload = len(payload), payload[1:len(payload) - payload[0]]
        else:
            size = len(payload)
        if kind == "DATA":
            self.on_data(stream, number, flags, size, payload)
        elif kind == "HEADERS":
            self.block = (number, flags, payload[5:] if flags & 32 else payload)
        elif kind == "CONTINUATION":
            self.block = (number, self.block[1] | flags, self.block[2] + payload)
        elif kind == "RST_STREAM":
            if not number or number > self.last:
                self.fault(f"RST_STREAM of {number}")
            if stream:
                stream.end(code_name(int.from_bytes(payload, "big")))
        elif kind == "SETTINGS":
            if flags & ACK:
                self.agree()
        elif kind == "PING":
            STATE.pings += not flags & ACK
            if not flags & ACK and not self.mute:
                self.write(frame("PING", ACK, 0, payload))
        elif kind == "GOAWAY":
            STATE.goaways.append(code_name(int.from_bytes(payload[4:8], "big")))
        elif kind == "WINDOW_UPDATE":
            n = int.from_bytes(payload, "big")
            if n == 0:
                self.fault("WINDOW_UPDATE of 0")
            if not number:
                self.window += n
                for each in self.streams.values():
                    each.changed.set()
            elif stream:
                stream.window += n
                stream.changed.set()
        if kind in ("HEADERS", "CONTINUATION") and self.block[1] & END_HEADERS:
            number, flags, block = self.block
            self.block = None
            self.on_head(number, bool(flags & END_STREAM), self.decoder.fields(block))

    def on_data(self, stream, number, flags, size, payload):
        STATE.read += len(payload)
        self.room -= size
        if self.room < 0:
            self.fault("DATA over the window of the connection")
        if size:
            self.write(frame("WINDOW_UPDATE", 0, 0, word(size)))
            self.room += size
        if not stream:
            if number > self.last:
                self.fault(f"DATA of {number}")
            return
        if stream.ended:
            self.fault(f"DATA behind the end of {number}")
        stream.room -= size
        if stream.room < 0:
            self.fault("DATA over the window of its stream")
        stream.body += payload
        stream.came += len(payload)
        stream.ended = bool(flags & END_STREAM)
        stream.took(size)
        self.at_end(stream)

    def at_end(self, stream):
        stream.changed.set()
        if stream.ended:
            if stream.length is not None and stream.came != int(stream.length):
                self.fault(f"content-length {stream.length}, and {stream.came} came: {stream.path}")
            stream.settle()

    def on_head(self, number, ends, head):
        stream = self.streams.get(number)
        if number <= self.last:
            if stream:
                if not ends or stream.ended:
                    self.fault("HEADERS that are no trailers")
                for name, value in head:
                    if name.startswith(":") or name != name.lower() or name in FORBIDDEN:
                        self.fault(f"a trailer: {name}: {value}")
                stream.trailers, stream.ended = [f"{name}: {value}" for name, value in head], True
                self.at_end(stream)
            return
        if number % 2 == 0:
            self.fault(f"stream {number}")
        self.last = number
        stream = Stream(self, number, head)
        most = self.ours.get("MAX_CONCURRENT_STREAMS", 1 << 30)
        if len(self.streams) >= most:
            if len(self.streams) >= self.agreed.get("MAX_CONCURRENT_STREAMS", 1 << 30):
                self.fault(f"more than {most} streams at once")
            STATE.refused += 1
            self.write(frame("RST_STREAM", 0, number, word(CODES.index("REFUSED_STREAM"))))
            return
        self.look(head)
        self.streams[number] = stream
        stream.ended = ends
        STATE.streams += 1
        STATE.most = max(STATE.most, len(self.streams))
        path, _, query = stream.path.partition("?")
        STATE.paths[path] = STATE.paths.get(path, 0) + 1
        STATE.heads[path] = [f"{name}: {value}" for name, value in head]
        if path.endswith("/go"):
            STATE.gate(query).set()
            query = ""
        elif path.endswith("/health"):
            STATE.healthy = query == "good" if query else STATE.healthy
            query = "status=200" if STATE.healthy else "status=503"
        steps = steps_of(self.always if self.always and not path.endswith(("/health", "/go", "/count")) else query)
        if path.endswith("/count"):
            steps = [("body", json.dumps(STATE.say()).replace("\\", "\\\\"))]
        stream.stopped = ("stop", "") in steps
        self.at_end(stream)
        self.spawn(stream.run(steps))

    def look(self, head):
        """What RFC 9113, 8.2 and 8.3 ask of a head."""
        names, regular = [name for name, _ in head], False
        for name, value in head:
            if name.startswith(":") and regular:
                self.fault(f"{name} behind others")
            regular = regular or not name.startswith(":")
            if name != name.lower() or name in FORBIDDEN or not name or re.search(r"[\r\n\0]", name + value) or value != value.strip():
                self.fault(f"a field: {name}: {value!r}")
            if name == "te" and value != "trailers":
                self.fault(f"te: {value}")
        for name in (":method", ":scheme", ":path", ":authority"):
            if names.count(name) != 1 or not dict(head)[name]:
                self.fault(f"{names.count(name)} times {name}")
        if (":scheme", self.scheme) not in head:  # some servers refuse the other
            self.fault(f"no :scheme {self.scheme}")
        if "host" in names:
            self.fault("a Host")
        if names.count("content-length") > 1:
            self.fault("two lengths")


def steps_of(query):
    out = []
    for part in query.split("&") if query else []:
        key, _, value = part.partition("=")
        out.append((key, unquote(value, "latin-1")))
    return out


class Orders:
    """A line at a time: count, forget, go NAME, let NAME (whoever comes later, too, until "forget"), health good or bad, do STEPS (on each connection); the answer to each is a line of JSON."""

    @staticmethod
    async def serve(reader, writer):
        try:
            while line := (await reader.readline()).decode().rstrip("\n"):
                order, _, rest = line.partition(" ")
                if order in ("go", "let"):
                    STATE.let.update([rest] if order == "let" else [])
                    STATE.gate(rest).set()
                elif order == "health":
                    STATE.healthy = rest == "good"
                elif order == "do":
                    for link in list(STATE.links):
                        try:
                            await link.do(steps_of(rest))
                        except (Gone, OSError):  # EBADF, an error of TLS: it has ended while others were told
                            pass
                answer = STATE.say()
                if order == "forget":
                    STATE.forget()
                    for link in [link for link in STATE.links if link.deaf]:  # they would not hear of their end
                        STATE.links.discard(link)
                        link.streams.clear()
                        link.writer.transport.abort()
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()


async def accept(sock, options, context):
    loop = asyncio.get_running_loop()
    proxy = None
    try:
        if "--proxy" in options:
            sock.setblocking(True)
            sock.settimeout(30)
            proxy = await loop.run_in_executor(None, read_proxy, sock)
            sock.setblocking(False)
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = asyncio.StreamReader(limit=1 << 16)
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=context)
    except OSError:
        sock.close()
        return
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    await Link(reader, writer, options, proxy).run(steps_of(options.get("--first", "")))


def context_of(options):
    if "--tls" not in options:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*options["--tls"])
    if "--ca" in options:
        context.load_verify_locations(options["--ca"])
        context.verify_mode = ssl.CERT_REQUIRED
    alpn = options.get("--alpn", "h2")
    if alpn != "none":
        context.set_alpn_protocols(alpn.split(","))
    return context


async def main(argv):
    ready, argv = argv[0], argv[1:]
    options = {"--name": "h2"}
    while argv:
        key = argv.pop(0)
        options[key] = [argv.pop(0), argv.pop(0)] if key == "--tls" else argv.pop(0)
    context = context_of(options)
    if "--unix" in options:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(options["--unix"])
        port = "unix"
    else:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if "--window" in options:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(options["--window"]))
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        listener.bind(("127.0.0.1", int(options.get("--port", "0"))))
        port = str(listener.getsockname()[1])
    listener.listen(512)
    listener.setblocking(False)
    orders = await asyncio.start_server(Orders.serve, "127.0.0.1", 0)
    for name, text in ((f"{ready}.orders", str(orders.sockets[0].getsockname()[1])), (ready, port)):
        with open(f"{name}.tmp", "w", encoding="ascii") as file:
            file.write(text + "\n")
        os.rename(f"{name}.tmp", name)
    loop, tasks = asyncio.get_running_loop(), set()
    while True:
        sock, _ = await loop.sock_accept(listener)
        task = loop.create_task(accept(sock, options, context))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
