#!/usr/bin/env python3
"""A scripted HTTP/1.1 backend for tests: what it answers, the request's path and query say.

Usage: backend.py READY-FILE [--tls CERT KEY [--ca FILE]] [--unix PATH] [--name NAME] [--window BYTES] [--proxy yes]
                  [--port PORT] [--always STEPS] [--busy full|mute|closed]

Writes its port to READY-FILE (nothing for a UNIX socket but "unix"), and answers until it is killed. Each connection
has a thread. In the query, separated by "&", are steps, done in their order after the request's head (and, unless
"early" comes first, its body) was read:

    status=N length=N body=TEXT chunked=N,N,...  the parts of an ordinary answer (all optional: 200, "ok")
    field=NAME:VALUE                             a field of it
    raw=TEXT       bytes as they stand (escapes \\r \\n \\t \\xHH), instead of an answer; several are sent in order
    hang           says nothing more, and waits for the end of the connection
    wait=NAME      waits until somebody has asked for .../go?NAME
    reset          resets the connection (reset=tunnel: one that it has made a tunnel of, after five bytes);  close  closes it (close=abruptly: TLS without a goodbye)
    early          does not read the body, until  read
    cork           what follows leaves in one piece, with what the answer is
    sip=N          the body of the request is read in pieces of N (2000) octets, and the answer is its SHA-256 (behind "early")
    echo           the body is the request's body;  head  the body is JSON: what came, line by line
    once=TEXT      if this connection has had a request before: the raw bytes TEXT (empty: close), else what follows
    take=N         reads N bytes of the body (behind "early")
    rest           the body is "rest:", and what came behind the request
    half           switches protocols (101), ends its side, and counts at .../TEXT what still comes until the end
    ws             switches protocols (101) and echoes bytes until the end

With --always each request but those for the paths below gets these steps, whatever it asks for.
With --proxy each connection must begin with a PROXY header, which the JSON of "head" has as proxy.

With --busy nobody is answered: closed has the port and does not listen, full has no room for another connection, so that one hangs before it is there; mute takes
them, reads nothing, and says nothing, so that one of TLS hangs in its handshake.

Paths of its own: those that end with /go?NAME; with /forget?TEXT: a count; with /health: 200, or 503 from /health?bad to /health?good; with /count: JSON of how many requests came for each path, and connections in all.
"""
import hashlib
import json
import os
import signal
import socket
import ssl
import struct
import sys
import threading
from urllib.parse import unquote

counts, connections, gates, healthy = {}, [0], {}, [True]
lock = threading.Lock()


def gate(name):
    with lock:
        return gates.setdefault(name, threading.Event())


def unescape(text):
    table = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\"}
    out, i = b"", 0
    while i < len(text):
        if text[i] == "\\" and text[i + 1] == "x":
            out += bytes([int(text[i + 2 : i + 4], 16)])
            i += 4
        elif text[i] == "\\":
            out += table[text[i + 1]]
            i += 2
        else:
            out += text[i].encode("latin-1")
            i += 1
    return out


class Gone(Exception):
    """The connection ends, as it should."""


class Stream:
    """What comes on a socket, taken in pieces."""

    def __init__(self, sock):
        self.sock, self.held = sock, bytearray()

    def read(self):
        data = self.sock.recv(65536)
        if not data:
            raise Gone
        self.held += data

    def until(self, mark):
        seen = 0
        while (at := self.held.find(mark, seen)) < 0:
            seen = max(0, len(self.held) - len(mark) + 1)
            self.read()
        head = self.take(at)
        self.take(len(mark))
        return head

    def take(self, n):
        data = bytes(self.held[:n])
        del self.held[:n]
        return data

    def exactly(self, n):
        while len(self.held) < n:
            self.read()
        return self.take(n)


class Connection(Stream):
    always = None  # the steps of every request

    def __init__(self, sock, name, proxy):
        super().__init__(sock)
        self.name, self.proxy, self.served, self.polite = name, proxy, 0, True

    def request(self):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        fields = [line.split(":", 1) for line in lines[1:]]
        return lines[0].split(" "), [[name, value.strip()] for name, value in fields], lines

    def body(self, fields):
        known = {name.lower(): value for name, value in fields}
        if known.get("transfer-encoding") == "chunked":
            body = bytearray()
            while True:
                n = int(self.until(b"\r\n"), 16)
                if n == 0:
                    self.until(b"\r\n")
                    return bytes(body)
                body += self.exactly(n)
                self.exactly(2)
        return self.exactly(int(known.get("content-length", 0)))

    def sip(self, fields, piece):
        left = int({name.lower(): value for name, value in fields}["content-length"]) - len(self.held)
        seen, self.held = hashlib.sha256(self.held), bytearray()
        while left > 0:
            data = self.sock.recv(min(left, piece))
            if not data:
                raise Gone
            seen.update(data)
            left -= len(data)
        return seen.hexdigest()

    def behind(self):
        self.sock.setblocking(False)
        try:
            self.held += self.sock.recv(65536)
        except BlockingIOError:
            pass
        self.sock.setblocking(True)
        return bytes(self.held)

    def drain(self):
        while True:
            self.held = bytearray()
            self.read()

    def answer(self, method, steps, body, lines):
        status, fields, content, chunks = "200", [], b"ok", None
        for key, value in steps:
            if key == "status":
                status = value
            elif key == "field":
                fields.append(value.replace(":", ": ", 1))
            elif key == "body":
                content = unescape(value)
            elif key == "length":
                content = b"x" * int(value)
            elif key == "chunked":
                chunks = [int(n) for n in value.split(",") if n]
            elif key == "echo":
                content = body
            elif key == "head":
                fields.append("Content-Type: application/json")
                content = json.dumps({"lines": lines, "body": len(body), "server": self.name, "served": self.served, "proxy": self.proxy}).encode()
        head = [f"HTTP/1.1 {status} Reason", *fields]
        if chunks is None and not any(f.lower().startswith("content-length") for f in fields) and status not in ("204", "304"):
            head.append(f"Content-Length: {len(content)}")
        elif chunks is not None:
            head.append("Transfer-Encoding: chunked")
        self.sock.sendall(("\r\n".join(head) + "\r\n\r\n").encode("latin-1"))
        if method == "HEAD" or status in ("204", "304"):
            return
        if chunks is None:
            self.sock.sendall(content)
        else:
            for n in chunks:
                self.sock.sendall(b"%x\r\n%s\r\n" % (n, b"x" * n))
            self.sock.sendall(b"0\r\n\r\n")

    def steps(self, query):
        out = []
        for part in query.split("&") if query else []:
            key, _, value = part.partition("=")
            out.append((key, unquote(value, "latin-1")))
        return out

    def one(self):
        (method, target, _), fields, lines = self.request()
        self.served += 1
        path, _, query = target.partition("?")
        with lock:
            counts[path] = counts.get(path, 0) + 1
        if path.endswith("/forget"):
            with lock:
                counts.pop("/" + query, None)
            query = ""
        if path.endswith("/health") and query:
            healthy[0] = query == "good"
        if path.endswith("/health"):
            query = "status=200" if healthy[0] else "status=503"
        if path.endswith("/go"):
            gate(query).set()
            query = ""
        steps = self.steps(query)
        if self.always and not path.endswith(("/forget", "/health", "/go", "/count")):
            steps = self.steps(self.always)
        if path.endswith("/count"):
            with lock:
                steps = [("body", json.dumps({**counts, "connections": connections[0]}).replace("\\", "\\\\"))]
        early = steps and steps[0][0] == "early"
        body = b"" if early else self.body(fields)
        done = False
        for key, value in steps:
            if key == "raw":
                self.sock.sendall(unescape(value))
                done = True
            elif key == "read":
                body, early, done = self.body(fields), False, False
            elif key == "cork":
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            elif key == "rest":
                steps, done = [("body", f"rest:{self.behind()!r}".replace("\\", "\\\\"))], False
            elif key == "sip":
                steps, early = [("body", self.sip(fields, int(value or 2000)))], False
            elif key == "hang":
                self.drain()
            elif key == "wait":
                gate(value).wait(30)
                gate(value).clear()
            elif key == "reset":
                if value == "tunnel":
                    self.sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                    self.exactly(5)
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise Gone
            elif key == "close":
                self.polite = value != "abruptly"
                raise Gone
            elif key == "once" and self.served > 1:
                if value:
                    self.sock.sendall(unescape(value))
                raise Gone
            elif key == "take":
                self.exactly(int(value))
            elif key == "half":
                self.sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nlast words")
                self.sock.shutdown(socket.SHUT_WR)
                try:
                    while True:
                        self.read()
                except Gone:
                    with lock:
                        counts["/" + self.held.decode("latin-1")] = 1
                    raise
            elif key == "ws":
                self.sock.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
                while True:
                    if self.held:
                        self.sock.sendall(self.held)
                        self.held = bytearray()
                    self.read()
        if not done:
            self.answer(method, steps, body, lines)
        if ("cork", "") in steps:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
        if early:
            self.drain()

    def run(self):
        try:
            while True:
                self.one()
        except (Gone, OSError, ValueError, IndexError):
            pass
        finally:
            try:
                if self.polite and isinstance(self.sock, ssl.SSLSocket):
                    self.sock = self.sock.unwrap()
            except (OSError, ValueError):
                pass
            self.sock.close()


TLVS = {1: "alpn", 2: "authority", 0x21: "version", 0x22: "cn", 0x23: "cipher", 0x24: "signature", 0x25: "key"}


def read_tlvs(data):
    out = {}
    while data:
        kind, value, data = data[0], data[3 : 3 + int.from_bytes(data[1:3], "big")], data[3 + int.from_bytes(data[1:3], "big") :]
        if kind == 0x20:
            out.update(client=value[0], verify=int.from_bytes(value[1:5], "big"), **read_tlvs(value[5:]))
        else:
            out[TLVS[kind]] = value.decode("latin-1")
    return out


def read_proxy(sock):
    """Takes a PROXY header and not a byte more."""
    head = b""
    while len(head) < 16 and not head.endswith(b"\n" if head.startswith(b"P") else b"?"):
        head += sock.recv(1) or b"?"
    if head.startswith(b"PROXY "):
        while not head.endswith(b"\r\n"):
            head += sock.recv(1) or b"\r\n"
        return head.decode().rstrip()
    if not head.startswith(b"\r\n\r\n\0\r\nQUIT\n"):
        raise OSError("no PROXY header")
    rest = sock.recv(int.from_bytes(head[14:16], "big"), socket.MSG_WAITALL)
    at = {0x11: 4, 0x21: 16, 0: 0}[head[13]]
    out = {"command": head[12], "tlvs": read_tlvs(rest[2 * at + 4 if at else 0 :])}
    if at:
        family = socket.AF_INET if at == 4 else socket.AF_INET6
        out["source"] = f"{socket.inet_ntop(family, rest[:at])} {int.from_bytes(rest[2 * at : 2 * at + 2], 'big')}"
        out["target"] = f"{socket.inet_ntop(family, rest[at : 2 * at])} {int.from_bytes(rest[2 * at + 2 : 2 * at + 4], 'big')}"
    return out


def serve(sock, name, context, proxied):
    proxy = None
    try:
        if proxied:
            proxy = read_proxy(sock)
        if context:
            sock = context.wrap_socket(sock, server_side=True)
    except OSError:
        sock.close()
        return
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with lock:
        connections[0] += 1
    Connection(sock, name, proxy).run()


def fill(listener):
    """Connections that nobody accepts, until one finds no room."""
    held = []
    listener.listen(0)
    while True:
        held.append(socket.socket())
        held[-1].settimeout(0.5)
        try:
            held[-1].connect(listener.getsockname())
        except TimeoutError:
            return held


def main(argv):
    ready, argv = argv[0], argv[1:]
    options = {}
    while argv:
        key = argv.pop(0)
        options[key] = [argv.pop(0), argv.pop(0)] if key == "--tls" else argv.pop(0)
    context = None
    Connection.always = options.get("--always")
    if "--tls" in options:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options["--tls"])
        if "--ca" in options:
            context.load_verify_locations(options["--ca"])
            context.verify_mode = ssl.CERT_REQUIRED
    if "--unix" in options:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(options["--unix"])
        listener.listen(512)
        port = "unix"
    else:
        listener = socket.socket()
        # Without it a port where nobody listens stays its own.
        if options.get("--busy") != "closed":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if "--window" in options:
            # Small segments, too: as on a network the sender's buffer stays small, then.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(options["--window"]))
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        listener.bind(("127.0.0.1", int(options.get("--port", 0))))
        if options.get("--busy") != "closed":
            listener.listen(512)
        port = str(listener.getsockname()[1])
    busy = fill(listener) if options.get("--busy") == "full" else []
    with open(ready + ".tmp", "w", encoding="ascii") as file:
        file.write(port + "\n")
    os.rename(ready + ".tmp", ready)
    while "--busy" in options:
        if options["--busy"] != "mute":
            signal.pause()
        else:
            busy.append(listener.accept())
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock, options.get("--name", port), context, "--proxy" in options), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1:])
