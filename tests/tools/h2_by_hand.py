#!/usr/bin/env python3
"""HTTP/2 by hand: frames, HPACK and a client that may break every rule, for tests/server/h2*.test.

Usage: h2_by_hand.py table FILE LAB PORT [VERSION...]   plays the rows of FILE against a listener, over TLS 1.3 and what else is named
                                                (TLSv1_2); prints "ok ..." or "not ok ..." for each, and "done"
       h2_by_hand.py hold PORT LAB CERTIFICATE|-        a connection that is told what to do, a line of steps at a time; answers each
                                                with a line of what has come (see say); quit ends it
       h2_by_hand.py far PORT LAB MIB MILLISECONDS FILE PATH    over a way of so long a round trip: asks for FILE with large windows, then
                                                sends MIB to PATH; prints a line of JSON for each
       h2_by_hand.py untaken PORT LAB FOLDER CERTIFICATE PATH    asks a hundred times, and takes nothing; prints how many answers have
                                                begun, then, when they are taken, how many have come

A row is  name TAB steps TAB what must come. Steps are separated by " ; ", fields by " | ", and in both stand the escapes
\\r \\n \\t \\s (a blank) \\\\ \\xHH, \\{N,TEXT} for N times TEXT.

    connect ...        first, else it is done with nothing: sni=NAME cert=NAME alpn=LIST; silent: no preface; bare: only the preface, no
                       SETTINGS; mute: no acknowledgements; hold: no windows are opened; NAME=VALUE: a setting
    ask S METHOD PATH [| NAME: VALUE]...    HEADERS that end the stream;  open S ...: that do not
                       :scheme is https and :authority localhost, unless a field says another; NAME with no value leaves it out
    fields S FLAGS [| NAME: VALUE]...       HEADERS with exactly these, as they stand; FLAGS of s (END_STREAM), h (END_HEADERS)
    trailers S [| NAME: VALUE]...           HEADERS that end the stream
    call S METHOD STEPS [| NAME: VALUE]...  asks for /app/x?STEPS: tests/tools/backend.py does these;  begin S ...: without the end;
                       call S METHOD /NAME/x?STEPS: of another location
    data S FLAGS [TEXT]                     FLAGS of s, or -
    upload S N [-]                          so many octets, as the windows have it; "-": without the end
    frame TYPE FLAGS S [TEXT]               any frame: TYPE a name or a number, FLAGS hexadecimal
    size N TYPE FLAGS S [TEXT]              the same, with a length that is a lie
    raw TEXT           bytes of no frame
    settings NAME=VALUE...                  NAME may be a number
    window S N;  reset S CODE;  ping TEXT;  goaway CODE
    wait S             until the stream has ended;  gone S: until it was reset;  head S: until its head is there;  body S TEXT: until this has come of its body
    bytes S N          until so many bytes of its body have come
    sync               until a PING has come back: all before it was read
    end                until the connection has ended
    times N STEP ;; STEP...  N times over, in one piece but for uploads; in it stands {S} for 1, 3, 5 ...
    silence            waits until the backend of /brisk/ has said nothing to another for response_timeout
    go NAME            ends the backend's wait=NAME;  leave: the client goes away
    acks N             until so many SETTINGS were acknowledged
    asked PATH N       until the backend of /app/ has had so many requests for PATH
    cancel S           RST_STREAM CANCEL
    fill PATH N        asks for it on as many streams as may be open at once, and on N more
    expect WHAT        one of what must come, now
    timed              first of all: a timer of a second decides, and where a machine stands still for that long another event comes first: the
                       row is played up to three times

What must come, separated by " && "; "/" between words stands for "or",
and so does " || " between all of them:

    S=STATUS           the stream ended with this
    S=CODE             it was reset with this error (PROTOCOL_ERROR ...; reset: any);  S=STATUS+CODE: first the one, then the other
    S=malformed        PROTOCOL_ERROR or 400: RFC 9113, 8.1.1
    S=nothing          nothing came for it
    S ~ REGEX          on its heads, body and trailers, as lines;  S !~ REGEX
    S body=N           so many bytes of body have come
    GOAWAY=CODE        the connection ended, and this was its error;  GOAWAY=any; without such a word the connection must
                       go on and serve a request on another stream
    last=N             the last stream that it names;  alive: nothing else;  may-end: it may serve no more
    pong TEXT;  acks=N;  setting NAME=VALUE;  refused=N: so many streams with REFUSED_STREAM
"""
import json
import os
import re
import select
import socket
import ssl
import struct
import sys
import time
from urllib.parse import quote

PATIENCE = int(os.environ.get("PATIENCE", "20"))
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
TYPES = ["DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE", "CONTINUATION"]
CODES = ["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR",
         "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"]
SETTINGS = {"HEADER_TABLE_SIZE": 1, "ENABLE_PUSH": 2, "MAX_CONCURRENT_STREAMS": 3, "INITIAL_WINDOW_SIZE": 4, "MAX_FRAME_SIZE": 5,
            "MAX_HEADER_LIST_SIZE": 6, "ENABLE_CONNECT_PROTOCOL": 8, "NO_RFC7540_PRIORITIES": 9}
END_STREAM, ACK, END_HEADERS = 1, 1, 4

# ---- HPACK: fields are sent as literals; what comes is read as RFC 7541 has it -------------------------------------------

STATIC = """:authority|:method=GET|:method=POST|:path=/|:path=/index.html|:scheme=http|:scheme=https|:status=200|:status=204|:status=206
:status=304|:status=400|:status=404|:status=500|accept-charset|accept-encoding=gzip, deflate|accept-language|accept-ranges|accept
access-control-allow-origin|age|allow|authorization|cache-control|content-disposition|content-encoding|content-language
content-length|content-location|content-range|content-type|cookie|date|etag|expect|expires|from|host|if-match|if-modified-since
if-none-match|if-range|if-unmodified-since|last-modified|link|location|max-forwards|proxy-authenticate|proxy-authorization|range
referer|refresh|retry-after|server|set-cookie|strict-transport-security|transfer-encoding|user-agent|vary|via|www-authenticate"""
STATIC = [tuple((word.split("=", 1) + [""])[:2]) for word in re.split(r"[|\n]", STATIC)]

# How many bits the code of each octet has, and that of the end (RFC 7541, B): the code is canonical. NxM: M times N.
LENGTHS = """13 23 28x7 24 30 28x2 30 28x8 30 28x9 6 10x2 12 13 6 8 11 10x2 8 11 8 6x3 5x3 6x7 7 8 15 6 12 10 13 6 7x22 8 7 8 13 19 13 14
6 15 5 6 5 6 5 6x3 5 7x2 6x3 5 6 7 6 5x2 6 7x5 15 11 14 13 28 20 22 20x2 22x3 23 22 23x5 24 23 24x2 22 23 24 23x4 21 22 23 22 23x2 24
22 21 20 22x2 23x2 21 23 22x2 24 21 22 23x2 21x2 22 21 23 22 23x2 20 22x3 23 22x2 23 26x2 20 19 22 23 22 25 26x3 27x2 26 24 25 19 21 26
27x2 26 27 24 21x2 26x2 28 27x3 20 24 20 21 22 21x2 23 22x2 25x2 24x2 26 23 26 27 26x2 27x5 28 27x5 26 30"""


def huffman_table():
    lengths = []
    for word in LENGTHS.split():
        bits, _, times = word.partition("x")
        lengths += [int(bits)] * int(times or 1)
    table, code, before = {}, 0, 0
    for bits, octet in sorted((bits, octet) for octet, bits in enumerate(lengths)):
        code <<= bits - before
        table[bits, code] = octet
        code, before = code + 1, bits
    return table


HUFFMAN = huffman_table()


def unhuffman(data):
    out, bits, code = bytearray(), 0, 0
    for octet in data:
        for shift in range(7, -1, -1):
            bits, code = bits + 1, code << 1 | octet >> shift & 1
            if (bits, code) in HUFFMAN:
                out.append(HUFFMAN[bits, code])
                bits = code = 0
    return bytes(out)


class Decoder:
    """Of the fields that the server sends."""

    def __init__(self):
        self.table, self.most = [], 4096

    def number(self, data, at, bits):
        value = data[at] & (1 << bits) - 1
        at += 1
        if value == (1 << bits) - 1:
            shift = 0
            while True:
                value += (data[at] & 127) << shift
                shift, at = shift + 7, at + 1
                if data[at - 1] < 128:
                    break
        return value, at

    def text(self, data, at):
        coded = data[at] & 128
        n, at = self.number(data, at, 7)
        piece = data[at:at + n]
        return (unhuffman(piece) if coded else bytes(piece)).decode("latin-1"), at + n

    def entry(self, index):
        return STATIC[index - 1] if index <= len(STATIC) else self.table[index - len(STATIC) - 1]

    def fit(self):
        while sum(len(n) + len(v) + 32 for n, v in self.table) > self.most:
            self.table.pop()

    def fields(self, data):
        out, at = [], 0
        while at < len(data):
            first = data[at]
            if first & 128:
                index, at = self.number(data, at, 7)
                out.append(self.entry(index))
                continue
            if first & 224 == 32:
                self.most, at = self.number(data, at, 5)
                self.fit()
                continue
            keep = first & 64
            index, at = self.number(data, at, 6 if keep else 4)
            if index:
                name = self.entry(index)[0]
            else:
                name, at = self.text(data, at)
            value, at = self.text(data, at)
            out.append((name, value))
            if keep:
                self.table.insert(0, (name, value))
                self.fit()
        return out


def integer(value, bits, first=0):
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    out, value = bytearray([first | limit]), value - limit
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def literal(name, value, first=0):
    name, value = (text.encode("latin-1") if isinstance(text, str) else text for text in (name, value))
    return bytes([first]) + integer(len(name), 7) + name + integer(len(value), 7) + value


def encode(fields):
    return b"".join(literal(name, value) for name, value in fields)


# ---- frames -----------------------------------------------------------------------------------------------------------

def frame(kind, flags=0, stream=0, payload=b"", length=None):
    if isinstance(kind, str):
        kind = TYPES.index(kind)
    return struct.pack("!I", len(payload) if length is None else length)[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def settings_frame(values):
    return frame("SETTINGS", 0, 0, b"".join(struct.pack("!HI", SETTINGS[k] if k in SETTINGS else int(k), v) for k, v in values.items()))


def code_name(number):
    return CODES[number] if number < len(CODES) else str(number)


def request_fields(method, path, more=(), authority="localhost", scheme="https"):
    return [(":method", method), (":scheme", scheme), (":path", path), (":authority", authority), *more]


class Stream:
    def __init__(self):
        self.heads, self.body, self.ended, self.error = [], b"", False, None
        self.window = 0  # what the server has opened, over what it opens every stream

    def status(self):
        for head in reversed(self.heads):
            for name, value in head:
                if name == ":status":
                    return value
        return None

    def is_over(self):
        return self.ended or self.error is not None

    def fields(self):
        for head in reversed(self.heads):
            if head and head[0][0] == ":status" and not head[0][1].startswith("1"):
                return head
        return []

    def text(self):
        lines = ["\n".join(f"{name}: {value}" for name, value in head) + "\n\n" for head in self.heads[:1]]
        later = ["\n".join(f"{name}: {value}" for name, value in head) + "\n\n" for head in self.heads[1:]]
        trailers = later.pop() if later and not later[-1].startswith(":status") else ""
        body = self.body.decode("latin-1")
        return "".join(lines + later) + body + ("\n\n" + trailers if trailers else "")


class Client:
    """One connection. It does what a client must, unless it is told not to; what it sends is up to its caller."""

    def __init__(self, port, context, name="localhost", settings=None, preface=True, bare=False, mute=False, hold=False, source="", deaf=False):
        self.streams, self.decoder = {}, Decoder()
        self.mute, self.hold, self.deaf = mute, hold, deaf
        self.kept = None  # what is to be sent in one piece
        self.window, self.first_window = 65535, 65535  # what the server takes: in all, and of a stream
        self.goaways, self.pongs, self.acks, self.settings, self.frames = [], [], 0, {}, 0
        self.held, self.tail, self.block, self.end, self.alert = b"", b"", None, None, None
        raw = socket.create_connection(("127.0.0.1", port), PATIENCE, (source, 0))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setblocking(False)
        self.sock, self.into, self.out = raw, ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.into, self.out, server_hostname=name)
        self.shake(PATIENCE)
        if preface:
            self.send(PREFACE + (b"" if bare else settings_frame({"INITIAL_WINDOW_SIZE": 1 << 20, **(settings or {})})
                                 + (b"" if hold else frame("WINDOW_UPDATE", 0, 0, struct.pack("!I", 1 << 24)))))

    def shake(self, patience):
        until = time.monotonic() + patience
        while True:
            try:
                self.tls.do_handshake()
                self.push(self.out.read(), until)
                return
            except ssl.SSLWantReadError:
                self.push(self.out.read(), until)
                if not self.fetch(until - time.monotonic()):
                    raise ConnectionError("no handshake") from None

    def fetch(self, patience):
        """Ciphertext that is there, or comes in that time."""
        if not select.select([self.sock], [], [], max(0, patience))[0]:
            return False
        try:
            data = self.sock.recv(1 << 17)
        except OSError as error:
            self.over(error)
            return False
        if data:
            self.into.write(data)
        else:
            self.into.write_eof()
        return True

    def push(self, data, until):
        """Ciphertext, all of it. What comes is read while it does not go: nobody waits for the other."""
        view = memoryview(data)
        while view and not self.end:
            try:
                view = view[self.sock.send(view):]
            except BlockingIOError:
                ready = select.select([] if self.deaf else [self.sock], [self.sock], [], max(0, until - time.monotonic()))
                if not ready[0] and not ready[1]:
                    self.tail = bytes(view)
                    return False
                if ready[0]:
                    self.fetch(0)
            except OSError:
                while self.read(1):  # what it said before it went
                    pass
                self.end = self.end or "cut"
        return not view

    def send(self, data, patience=PATIENCE):
        """False when it does not go in that time: the rest of it goes first with the next."""
        if self.end:
            return False
        if self.kept is not None:
            self.kept.append(data)
            return True
        self.tls.write(data)
        record, self.tail = self.tail + self.out.read(), b""
        return self.push(record, time.monotonic() + patience)

    def read(self, patience=PATIENCE):
        """Takes what is there, or waits for it; False after that time, or at the end."""
        until, came = time.monotonic() + patience, False
        while not self.end:
            try:
                data = self.tls.read(1 << 16)
                if not data:
                    self.end = "close"
                    break
                came = True
                self.take(data)
            except ssl.SSLWantReadError:
                if came or not self.fetch(until - time.monotonic()):
                    break
            except (ssl.SSLError, OSError) as error:
                self.over(error)
        return came

    def over(self, error):
        self.end = "close" if isinstance(error, ssl.SSLZeroReturnError) else "cut"
        self.alert = str(error)

    def take(self, data):
        self.held += data
        while len(self.held) >= 9:
            n = int.from_bytes(self.held[:3], "big")
            if len(self.held) < 9 + n:
                break
            kind, flags, stream = struct.unpack("!BBI", self.held[3:9])
            payload, self.held = self.held[9:9 + n], self.held[9 + n:]
            self.frames += 1
            self.on_frame(TYPES[kind] if kind < len(TYPES) else str(kind), flags, stream & 0x7FFFFFFF, payload)

    def stream(self, number):
        return self.streams.setdefault(number, Stream())

    def on_frame(self, kind, flags, number, payload):
        if kind in ("DATA", "HEADERS") and flags & 8:
            payload = payload[1:len(payload) - payload[0]]
        if kind == "DATA":
            stream = self.stream(number)
            stream.body += payload
            if payload and not self.hold:
                more = struct.pack("!I", len(payload))
                self.send(frame("WINDOW_UPDATE", 0, 0, more) + (b"" if flags & END_STREAM else frame("WINDOW_UPDATE", 0, number, more)))
            stream.ended = stream.ended or bool(flags & END_STREAM)
        elif kind == "HEADERS":
            self.block = (number, flags, payload[5:] if flags & 32 else payload)
        elif kind == "CONTINUATION":
            self.block = (number, self.block[1] | flags, self.block[2] + payload)
        elif kind == "RST_STREAM":
            self.stream(number).error = code_name(int.from_bytes(payload, "big"))
        elif kind == "SETTINGS":
            if flags & ACK:
                self.acks += 1
            else:
                for at in range(0, len(payload), 6):
                    key, value = struct.unpack("!HI", payload[at:at + 6])
                    self.settings[key] = value
                    if key == 4:
                        self.first_window = value
                if not self.mute:
                    self.send(frame("SETTINGS", ACK))
        elif kind == "WINDOW_UPDATE":
            if number:
                self.stream(number).window += int.from_bytes(payload, "big")
            else:
                self.window += int.from_bytes(payload, "big")
        elif kind == "PING":
            if flags & ACK:
                self.pongs.append(payload)
            elif not self.mute:
                self.send(frame("PING", ACK, 0, payload))
        elif kind == "GOAWAY":
            last, code = struct.unpack("!II", payload[:8])
            self.goaways.append((last & 0x7FFFFFFF, code_name(code), payload[8:].decode("latin-1")))
        if kind in ("HEADERS", "CONTINUATION") and self.block[1] & END_HEADERS:
            number, flags, block = self.block
            stream = self.stream(number)
            stream.heads.append(self.decoder.fields(block))
            stream.ended = stream.ended or bool(flags & END_STREAM)

    def until(self, what, patience=PATIENCE):
        end = time.monotonic() + patience
        while not what() and not self.end:
            left = end - time.monotonic()
            if left <= 0:
                return False
            self.read(left)
        return what()

    def sync(self, mark=b"\0syncme\0"):
        before = len(self.pongs)
        self.send(frame("PING", 0, 0, mark))
        return self.until(lambda: len(self.pongs) > before)

    def ask(self, number, method="GET", path="/livez", more=(), ends=True, **others):
        self.send(frame("HEADERS", END_HEADERS | (END_STREAM if ends else 0), number, encode(request_fields(method, path, more, **others))))

    def upload(self, number, body, ends=True):
        """As the windows have it; what is over before all of it went ends it."""
        stream = self.stream(number)
        body = memoryview(body)
        while body and not stream.is_over():
            n = min(len(body), 16384, self.window, self.first_window + stream.window)
            if n <= 0:
                if not self.read():
                    return
                continue
            self.send(frame("DATA", END_STREAM if ends and n == len(body) else 0, number, bytes(body[:n])))
            body, self.window, stream.window = body[n:], self.window - n, stream.window - n
            self.read(0)

    def get(self, number, path="/livez", more=(), **others):
        """Asks and waits: the stream."""
        self.ask(number, "GET", path, more, **others)
        self.until(self.stream(number).is_over)
        return self.stream(number)

    def close(self):
        self.end = self.end or "left"
        self.sock.close()


def context_of(lab, cert=None, version=None, alpn=("h2",)):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # Python 3.11.2 sets it: a cut would be an end
    context.load_verify_locations(f"{lab}/root.crt")
    context.check_hostname = False
    if version:
        context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
    if cert and cert != "-":
        context.load_cert_chain(f"{lab}/{cert}.crt", f"{lab}/{cert}.key")
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


# ---- the table ----------------------------------------------------------------------------------------------------------

ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})|\\\{(\d+),([^}]*)\}|\\(.)")


def unescape(text):
    def one(match):
        if match[1]:
            return chr(int(match[1], 16))
        if match[2]:
            return ESCAPE.sub(one, match[3]) * int(match[2])
        return {"r": "\r", "n": "\n", "t": "\t", "s": " ", "\\": "\\"}[match[4]]

    return ESCAPE.sub(one, text).encode("latin-1")


def steps_path(path):
    """Of call and begin: where it is asked for, with its steps as a query may have them."""
    place, mark, query = (path if path.startswith("/") else "/app/x?" + path).partition("?")
    return place + mark + quote(unescape(query), safe="=&,:/")


def split_fields(text):
    """NAME: VALUE | NAME: VALUE as pairs of bytes; the value is None when there is no colon behind the name."""
    out = []
    for part in text.split(" | "):
        match = re.match(r"(:?[^:]*)(?:: ?(.*))?$", part, re.S)
        out.append((unescape(match[1]), None if match[2] is None else unescape(match[2])))
    return out


class Unmet(Exception):
    """What should have come did not."""


WAITS = ("wait", "head", "body", "bytes")
TIMED = "timed ; "


def wait_for(client, word, rest):
    """One of WAITS: until it has come, or the stream has ended."""
    number, what = rest.split(" ", 1) if word in ("body", "bytes") else (rest, None)
    stream = client.stream(int(number))
    if word == "wait":
        client.until(stream.is_over)
    elif word == "head":
        client.until(lambda: stream.heads or stream.is_over())
    elif word == "body":
        mark = unescape(what)
        client.until(lambda: mark in stream.body or stream.is_over())
    else:
        n = int(what)
        client.until(lambda: len(stream.body) >= n or stream.is_over())


def wrong_of_content(client, word):
    """What is wrong of "S ~ REGEX", "S !~ REGEX" or "S body=N"; None: the word is none of these."""
    if match := re.match(r"(\d+) (!?)~ (.*)", word):
        text = client.stream(int(match[1])).text()
        return [f"{match[2]}/{match[3]}/ on {text[:1500]!r}"] if bool(re.search(match[3], text, re.M)) == bool(match[2]) else []
    if match := re.match(r"(\d+) body=(\d+)", word):
        n = len(client.stream(int(match[1])).body)
        return [f"{n} bytes of body, want {match[2]}"] if n != int(match[2]) else []
    return None


class Player:
    number = 0

    def __init__(self, lab, port, version):
        self.lab, self.port, self.version, self.client = lab, port, version, None
        Player.number += 1
        self.source = f"127.2.{Player.number >> 8}.{Player.number & 255}"  # each has the limits for itself

    def connect(self, words):
        known, settings, plain = {}, {}, set()
        for word in words:
            key, is_pair, value = word.partition("=")
            if not is_pair:
                plain.add(key)
            elif key in ("sni", "cert", "alpn"):
                known[key] = value
            else:
                settings[key] = int(value, 0)
        context = context_of(self.lab, known.get("cert"), self.version, known.get("alpn", "h2").split(","))
        self.client = Client(self.port, context, known.get("sni", "localhost"), settings, preface="silent" not in plain, bare="bare" in plain,
                             mute="mute" in plain, hold="hold" in plain, source=self.source)

    def another(self, path):
        other = Client(self.port, context_of(self.lab))
        stream = other.get(1, path)
        other.close()
        return stream

    def step(self, step):
        word, _, rest = step.partition(" ")
        if word == "connect":
            self.connect(rest.split())
            return
        if not self.client:
            self.connect([])
        client = self.client
        if word in ("ask", "open", "call", "begin"):
            line, _, more = rest.partition(" | ")
            number, method, path = line.split(" ", 2)
            if word in ("call", "begin"):
                path = steps_path(path)
            said = split_fields(more) if more else []
            pseudo = dict(request_fields(method, unescape(path)))
            for name, value in list(said):
                if name.decode("latin-1") in pseudo:
                    said.remove((name, value))
                    if value is None:
                        del pseudo[name.decode("latin-1")]
                    else:
                        pseudo[name.decode("latin-1")] = value
            client.send(frame("HEADERS", END_HEADERS | (END_STREAM if word in ("ask", "call") else 0), int(number), encode([*pseudo.items(), *said])))
        elif word in ("fields", "trailers"):
            line, _, more = rest.partition(" | ")
            number, _, flags = line.partition(" ")
            flags = flags if word == "fields" else "sh"
            block = encode((name, value or b"") for name, value in split_fields(more)) if more else b""
            client.send(frame("HEADERS", ("s" in flags) * END_STREAM | ("h" in flags) * END_HEADERS, int(number), block))
        elif word == "data":
            number, flags, text = (rest.split(" ", 2) + [""])[:3]
            self.data(int(number), unescape(text), "s" in flags)
        elif word == "upload":
            number, n, *end = rest.split()
            client.upload(int(number), b"p" * int(n), not end)
        elif word == "silence":
            self.another("/brisk/silence?hang")
        elif word in ("frame", "size"):
            length = None
            if word == "size":
                length, rest = rest.split(" ", 1)
            kind, flags, number, text = (rest.split(" ", 3) + [""])[:4]
            client.send(frame(int(kind) if kind.isdigit() else kind, int(flags, 16), int(number, 0), unescape(text), length and int(length)))
        elif word == "raw":
            client.send(unescape(rest))
        elif word == "settings":
            client.send(settings_frame({key: int(value, 0) for key, value in (w.split("=") for w in rest.split())}))
        elif word == "window":
            number, n = rest.split()
            client.send(frame("WINDOW_UPDATE", 0, int(number), struct.pack("!I", int(n, 0))))
        elif word in ("reset", "cancel"):
            number, code = (rest.split() + ["CANCEL"])[:2]
            client.send(frame("RST_STREAM", 0, int(number), struct.pack("!I", CODES.index(code))))
        elif word == "ping":
            client.send(frame("PING", 0, 0, unescape(rest)))
        elif word == "goaway":
            client.send(frame("GOAWAY", 0, 0, struct.pack("!II", 0, CODES.index(rest))))
        elif word in WAITS:
            wait_for(client, word, rest)
        elif word == "gone":
            stream = client.stream(int(rest))
            client.until(lambda: stream.error is not None)
        elif word == "acks":
            client.until(lambda: client.acks >= int(rest))
        elif word == "sync":
            client.sync()
        elif word == "end":
            client.until(lambda: False)
            if not client.end:
                raise Unmet("the connection does not end")
        elif word == "go":
            self.another(f"/app/go?{rest}")
        elif word == "asked":
            path, n = rest.split()
            end = time.monotonic() + PATIENCE
            while json.loads(self.another("/app/count").body).get(path, 0) < int(n) and time.monotonic() < end:
                pass
        elif word == "times":
            n, text = rest.split(" ", 1)
            client.kept = None if text.startswith("upload ") else []
            for i in range(int(n)):
                for each in text.split(" ;; "):
                    self.step(each.replace("{S}", str(2 * i + 1)))
            all_of_it, client.kept = b"".join(client.kept or []), None
            client.send(all_of_it)
        elif word == "fill":
            client.sync()
            path, more = rest.split()
            for i in range(client.settings.get(3, 100) + int(more)):
                client.ask(2 * i + 1, path=path)
        elif word == "expect":
            wrong = self.one_wrong([rest], False, False)
            if wrong:
                raise Unmet(f"in between: {'; '.join(wrong)}")
        elif word == "leave":
            client.close()
        else:
            raise ValueError(f"no such step: {step}")

    def data(self, number, body, ends):
        """As much as a frame may have at once; the row sees to the windows."""
        while True:
            piece, body = body[:16384], body[16384:]
            self.client.window -= len(piece)
            self.client.stream(number).window -= len(piece)
            self.client.send(frame("DATA", END_STREAM if ends and not body else 0, number, piece))
            if not body:
                break

    def saw(self, stream):
        if not stream.heads and not stream.is_over():
            return "nothing"
        status, words = stream.status(), []
        if status and (stream.ended or stream.error is None):
            words.append(status if stream.ended else status + "...")
        elif status:
            words.append(status)
        if stream.error is not None:
            words.append(stream.error)
        return "+".join(words)

    def settle(self):
        """Until all is read that the steps did: whether the connection is over."""
        client = self.client
        if client.end == "left":
            return False
        if not client.sync() or any(code != "NO_ERROR" for _, code, _ in client.goaways):
            client.until(lambda: False)
            return True
        return False

    def check(self, expect):
        """What is wrong; nothing when one of the alternatives is right."""
        gone, all_wrong = self.settle(), []
        for words in expect.split(" || "):
            wrong = self.one_wrong(words.split(" && "), gone)
            if not wrong:
                return []
            all_wrong += wrong
        return all_wrong

    def one_wrong(self, words, gone, last=True):
        client, wrong = self.client, []
        ends = [word[7:] for word in words if word.startswith("GOAWAY=")]
        codes = [code for _, code, _ in client.goaways if code != "NO_ERROR"] or [code for _, code, _ in client.goaways] or ["none"]
        if ends:
            if not gone:
                return ["the connection goes on"]
            if not client.end:
                wrong.append("it does not end")
            if ends[0] != "any" and codes[-1] not in ends[0].split("/"):
                wrong.append(f"GOAWAY {codes[-1]}, want {ends[0]}")
        elif gone:
            return [f"the connection is over: {client.end}, GOAWAY {client.goaways[-1:]}"]
        elif client.end != "left" and last and "may-end" not in words:
            for word in words:
                if (match := re.match(r"(\d+)(=| ~| !~| body=)", word)) and not word.endswith("=nothing"):
                    client.until(client.stream(int(match[1])).is_over)
            number = max([0, *client.streams]) + 2 | 1
            client.ask(number, "HEAD")
            stream = client.stream(number)
            client.until(stream.is_over)
            if stream.status() != "200":
                wrong.append(f"it serves no more: {stream.status()} {stream.error} {client.end or ''} {client.goaways[-1:]}")
            client.streams.pop(number)
        for word in words:
            if match := re.match(r"(\d+)=(.*)", word):
                saw, stream = self.saw(client.stream(int(match[1]))), client.stream(int(match[1]))
                if match[2].endswith("reset") and stream.error not in (None, "NO_ERROR"):
                    saw = saw.replace(stream.error, "reset")
                if saw not in match[2].replace("malformed", "PROTOCOL_ERROR/400/400+NO_ERROR/400+PROTOCOL_ERROR").split("/"):
                    wrong.append(f"{match[1]}={saw}, want {match[2]}")
            elif (said := wrong_of_content(client, word)) is not None:
                wrong += said
            elif match := re.match(r"last=(\d+)", word):
                if not client.goaways or client.goaways[-1][0] != int(match[1]):
                    wrong.append(f"GOAWAY {client.goaways}, want last {match[1]}")
            elif match := re.match(r"refused=(\d+)", word):
                refused = [number for number, stream in client.streams.items() if stream.error == "REFUSED_STREAM"]
                if len(refused) != int(match[1]):
                    wrong.append(f"refused: {refused}, want {match[1]}")
            elif word.startswith("pong "):
                if unescape(word[5:]) not in client.pongs:
                    wrong.append(f"pongs {client.pongs}")
            elif match := re.match(r"acks=(\d+)", word):
                if client.acks != int(match[1]):
                    wrong.append(f"{client.acks} acknowledgements, want {match[1]}")
            elif match := re.match(r"setting (\w+)=(\d+)", word):
                if client.settings.get(SETTINGS[match[1]]) != int(match[2]):
                    wrong.append(f"{match[1]}={client.settings.get(SETTINGS[match[1]])}, want {match[2]}")
            elif not word.startswith("GOAWAY=") and word not in ("alive", "may-end"):
                wrong.append(f"no such expectation: {word}")
        return wrong

    def play(self, steps, expect):
        try:
            for step in steps.split(" ; "):
                self.step(step)
            return self.check(expect)
        except (Unmet, ssl.SSLError, OSError) as error:
            return [f"{error}"]
        finally:
            if self.client:
                self.client.close()


def tries(steps):
    """How often a row is played before it counts, and its steps."""
    return (3, steps[len(TIMED):]) if steps.startswith(TIMED) else (1, steps)


def table(file, lab, port, *versions):
    with open(file, encoding="utf-8") as rows:
        cases = [line.rstrip("\n").split("\t") for line in rows if line.strip() and not line.startswith("#")]
    for version in ("TLSv1_3", *versions):
        for name, steps, expect in cases:
            left, steps = tries(steps)
            while (wrong := Player(lab, int(port), version).play(steps, expect)) and left > 1:
                left -= 1
            title = name if version == "TLSv1_3" else f"{name} ({version})"
            print(f"not ok {title}: {'; '.join(wrong)}" if wrong else f"ok {title}", flush=True)
    print("done", flush=True)


def say(client):
    """What has come since, in words: S=STATUS..., goaway CODE LAST, end."""
    words = []
    for number, stream in client.streams.items():
        what = Player.saw(None, stream)
        if what != "nothing" and getattr(stream, "said", None) != what:
            stream.said = what
            words.append(f"{number}={what}")
    for last, code, _ in client.goaways:
        words.append(f"goaway={code}:{last}")
    client.goaways.clear()
    if client.end:
        words.append(client.end)
    return " ".join(words) or "nothing"


def hold(port, lab, certificate):
    player = Player(lab, int(port), None)
    player.step(f"connect cert={certificate}")
    print("up", flush=True)
    for line in sys.stdin:
        if line == "quit\n":
            break
        for step in line.rstrip("\n").split(" ; "):
            player.step(step)
        print(say(player.client), flush=True)
    player.client.close()


class Count:
    """A body of which only the length counts."""

    def __init__(self):
        self.n = 0

    def __iadd__(self, more):
        self.n += len(more)
        return self

    def __len__(self):
        return self.n


def far(port, lab, mib, milliseconds, file, path):
    size, trip = int(mib) << 20, int(milliseconds) / 1000
    client = Client(int(port), context_of(lab), settings={"INITIAL_WINDOW_SIZE": 1 << 24})
    client.stream(1).body, began = Count(), time.monotonic()
    client.get(1, file)
    took = time.monotonic() - began
    print(json.dumps({"down": client.stream(1).status(), "bytes": len(client.stream(1).body), "MiB/s": round(len(client.stream(1).body) / took / (1 << 20))}), flush=True)
    client.ask(3, "POST", path, [("content-length", str(size))], ends=False)
    stream, began = client.stream(3), time.monotonic()
    client.upload(3, bytes(size), ends=False)
    client.until(lambda: client.first_window + stream.window >= size // 8 and client.sync(), trip)  # what is told of at the end
    took = time.monotonic() - began
    # The last of it comes when the backend has taken all.
    client.until(lambda: client.first_window + stream.window >= min(5 << 20, 1.5 * size / took * trip) and client.sync())
    window = client.first_window + stream.window
    client.send(frame("DATA", END_STREAM, 3))
    client.until(stream.is_over)
    print(json.dumps({"up": stream.status(), "MiB/s": round(size / took / (1 << 20)), "window": window, "fills": round(size / took * trip)}), flush=True)
    client.close()


def untaken(port, lab, folder, certificate, path):
    context = context_of(lab)
    context.load_cert_chain(f"{folder}/{certificate}.crt", f"{folder}/{certificate}.key")
    client = Client(int(port), context, settings={"INITIAL_WINDOW_SIZE": 0})
    streams = [client.stream(number) for number in range(1, 201, 2)]
    for number in range(1, 201, 2):
        client.ask(number, "GET", path)
    client.sync()
    client.sync()  # what the first was answered behind has been sent
    print(sum(stream.status() is not None for stream in streams), flush=True)
    client.send(settings_frame({"INITIAL_WINDOW_SIZE": 1 << 20}))
    for stream in streams:
        client.until(stream.is_over)
    print(sum(stream.status() == "200" and len(stream.body) == len(streams[0].body) > 0 for stream in streams), flush=True)
    client.close()


def copies(pid, mark):
    """How often a text is in what a process can write to."""
    n = 0
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            extent, rights = line.split()[:2]
            low, high = (int(end, 16) for end in extent.split("-"))
            if "rw" not in rights or high - low > 1 << 30:  # a sanitizer's, of which next to nothing is there
                continue
            try:
                memory.seek(low)
                n += memory.read(high - low).count(mark)
            except OSError:
                pass
    return n


def traces(port, lab, pid):
    """Sends what nobody is to see, and looks for it in the server's memory."""
    mark = b"WIPEME" + b"Q7" * 20  # as it is here, which is not what is sent: this is no text of the server's
    body = b"-----BEGIN PRIVATE KEY-----\n" + mark
    try:
        copies(pid, mark)
    except OSError as error:
        print("unreadable", error)
        return
    large = [("content-length", "200000")]
    cases = (("behind", False, []), ("with the preface", True, []), ("refused", False, large), ("refused with the preface", True, large))
    for i, (name, first, more) in enumerate(cases):
        client = Client(int(port), context_of(lab), preface=False, source=f"127.0.4.{i + 1}")
        preface = PREFACE + settings_frame({})
        ask = frame("HEADERS", END_HEADERS, 1, encode(request_fields("POST", "/api/verify", more)))
        ask += frame("DATA", 0 if more else END_STREAM, 1, body)
        if not first:
            client.send(preface)
            client.sync()
        client.send(preface + ask if first else ask)
        stream = client.stream(1)
        client.until(lambda stream=stream: stream.status() or stream.is_over(), PATIENCE)
        client.sync()
        print(f"{name}: {stream.status()}, {copies(pid, mark)}", flush=True)
        client.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
