#!/usr/bin/env python3
"""A backend for tests/torture: does to each response what the request's query asks for, and looks at each request.

Usage: torture_backend.py NAME FOLDER ADDRESS [CERT KEY]

ADDRESS is a port of 127.0.0.1, 0 for any, or the path of a UNIX socket; with CERT and KEY it speaks TLS. The port comes
to FOLDER/NAME.ready. What is wrong with a request is a line in FOLDER/wrong.NAME. SIGTERM: connections that nobody uses
are closed, the others after their response; SIGKILL is the other way to end it.

A body is what `body_of` makes of the request's id, in both directions: who has a piece of it knows whose it is.

In the query: id, who (the client's common name), up (bytes of the request's body, sent by the same rule) and
    n=BYTES f=length|chunked|close   the response's body and how it is framed; piece=BYTES pause=MS  in which pieces
    wait=MS            before the head            hint=1    a 103 before it          trail=1   trailers behind it
    cut=AT how=fin|rst where it is cut (of TLS, both without a goodbye)
    bad=HEX            these bytes instead of an answer, and the end
    badchunk=AT        no chunk there             early=1   does not wait for the request's body
    extra=1            a response behind the response that nobody asked for
    last=1             Connection: close          tunnel=AT how=...   echoes so many bytes
"""
import hashlib
import os
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from urllib.parse import parse_qsl

sys.dont_write_bytecode = True
from backend import Gone, Stream  # noqa: E402

SIDES = {"up": b"up ", "down": b"down "}
FAULTS = {"bad", "badchunk", "cut"}  # for which an answer of the server's own may come instead
SILENCE = 2  # response_timeout before servers that may hang


def body_of(number, side, length):
    return hashlib.shake_128(SIDES[side] + number.encode()).digest(length)


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Broken(Gone):
    """It ends without a goodbye."""


class Backend:
    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        self.lock = threading.Lock()
        self.resting = set()  # connections between two requests
        self.busy = 0
        self.ending = False

    def wrong(self, text):
        with self.lock, open(f"{self.folder}/wrong.{self.name}", "a", encoding="utf-8") as file:
            file.write(text + "\n")

    def end(self, *_):
        """In a thread of its own: the signal may have interrupted who holds the lock."""
        threading.Thread(target=self.close_all, daemon=True).start()

    def close_all(self):
        with self.lock:
            self.ending = True
            resting = list(self.resting)
        self.listener.close()
        for sock in resting:
            try:
                socket.socket.shutdown(sock, socket.SHUT_RDWR)  # that of TLS would take the session from under who reads
            except OSError:
                pass
        until = time.monotonic() + 5
        while self.busy and time.monotonic() < until:
            time.sleep(0.005)
        os._exit(0)


class Connection(Stream):
    def __init__(self, backend, sock):
        super().__init__(sock)
        self.backend, self.raw = backend, sock

    def pieces(self, fields):
        """The request's body, as it comes."""
        if fields.get("transfer-encoding") == "chunked":
            while True:
                length = int(self.until(b"\r\n"), 16)
                if length == 0:
                    self.until(b"\r\n")
                    return
                yield self.exactly(length)
                self.exactly(2)
        left = int(fields.get("content-length", 0))
        while left > 0:
            if not self.held:
                self.read()
            data, self.held = self.held[:left], self.held[left:]
            left -= len(data)
            yield data

    def take_body(self, plan, fields):
        length = int(plan.get("up", 0))
        want, got = body_of(plan["id"], "up", length), 0
        for piece in self.pieces(fields):
            if piece != want[got : got + len(piece)]:
                self.backend.wrong(f"{plan['id']}: a body of somebody else, or none, from {got} on")
                raise Gone
            got += len(piece)
        if got != length:
            self.backend.wrong(f"{plan['id']}: a body of {got} bytes passes for one of {length}")

    def look_at(self, target, lines):
        plan = dict(parse_qsl(target.partition("?")[2], keep_blank_values=True))
        pairs = [line.split(": ", 1) for line in lines]
        fields = {name.lower(): value for name, value in pairs}
        ids = [value for name, value in pairs if name.lower() == "x-id"]
        if ids != [plan["id"]]:
            self.backend.wrong(f"{plan['id']}: the head has the id {ids}")
        users = [value for name, value in pairs if name.lower() == "x-user"]
        allowed = {"good": [["alice"]], "none": [[], [""]], "shaky": [["shaky"], [], [""]]}[plan["who"]]
        if users not in allowed:
            self.backend.wrong(f"{plan['id']}: {plan['who']} passes for {users}")
        return plan, fields

    def send(self, data, plan, extra):
        """In pieces; what nobody has asked for leaves with the last of them."""
        piece, pause = int(plan.get("piece", 1 << 20)), int(plan.get("pause", 0)) / 1000
        for at in range(0, len(data), piece):
            self.sock.sendall(data[at : at + piece] + (extra if at + piece >= len(data) else b""))
            if pause:
                time.sleep(pause)

    def cut(self, how):
        if how == "rst":
            reset(self.raw)
        raise Broken

    def framed(self, body, plan):
        """The body as its framing has it, and how much of that comes before the cut."""
        at = min(int(plan.get("cut", len(body))), len(body))
        if plan["f"] != "chunked":
            return body[:at], "cut" in plan
        piece = int(plan.get("piece", 16384))
        parts = (body[done : min(done + piece, at)] for done in range(0, at, piece))
        out = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
        if "badchunk" in plan:
            return out + b"nonsense\r\n", True
        if "cut" in plan:
            return out, True
        return out + (b"0\r\nX-Sum: %s\r\n\r\n" % plan["id"].encode() if "trail" in plan else b"0\r\n\r\n"), False

    def answer(self, method, plan):
        if "hint" in plan:
            self.sock.sendall(b"HTTP/1.1 103 Early Hints\r\nX-Hint: %s\r\n\r\n" % plan["id"].encode())
        length, framing = int(plan.get("n", 0)), plan["f"]
        head = f"HTTP/1.1 200 OK\r\nX-Id: {plan['id']}\r\nX-Server: {self.backend.name}\r\n"
        if framing == "length":
            head += f"Content-Length: {length}\r\n"
        elif framing == "chunked":
            head += "Transfer-Encoding: chunked\r\n"
        extra = b"HTTP/1.1 200 OK\r\nX-Id: nobody\r\nContent-Length: 6\r\n\r\nforged" if "extra" in plan else b""
        last = "last" in plan or self.backend.ending or framing == "close"
        if last and (framing != "close" or method == "HEAD"):  # else it would be kept, and over when the next request comes
            head += "Connection: close\r\n"
        data, is_cut = (b"", False) if method == "HEAD" else self.framed(body_of(plan["id"], "down", length), plan)
        if int(plan.get("pause", 0)) or len(data) > 65536:
            self.sock.sendall(head.encode() + b"\r\n")
            self.send(data, plan, extra)
        else:
            self.sock.sendall(head.encode() + b"\r\n" + data + extra)
        if is_cut:
            self.cut(plan.get("how"))
        if last:
            raise Gone

    def tunnel(self, plan):
        self.sock.sendall(
            f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Id: {plan['id']}\r\n\r\n".encode()
        )
        left = int(plan["tunnel"])
        while left > 0:
            if not self.held:
                self.read()
            data, self.held = self.held[:left], self.held[left:]
            self.sock.sendall(data)
            left -= len(data)
        self.cut(plan.get("how"))

    def one(self):
        with self.backend.lock:
            if self.backend.ending:
                raise Gone
            self.backend.resting.add(self.raw)
        try:
            if not self.held:
                self.read()
        finally:
            with self.backend.lock:
                self.backend.resting.discard(self.raw)
                self.backend.busy += 1
        try:
            self.exchange()
        finally:
            with self.backend.lock:
                self.backend.busy -= 1

    def exchange(self):
        line, *lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        method, target, _ = line.split(" ")
        if target.endswith("/well"):
            self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return
        plan, fields = self.look_at(target, lines)
        if "early" not in plan:
            if "expect" in fields:
                self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.take_body(plan, fields)
        if "wait" in plan:
            time.sleep(int(plan["wait"]) / 1000)
        if "bad" in plan:
            self.sock.sendall(bytes.fromhex(plan["bad"]))
            self.cut(plan.get("how"))
        if "tunnel" in plan:
            self.tunnel(plan)
        self.answer(method, plan)
        if "early" in plan:
            raise Gone

    def run(self, context):
        polite = context is not None
        try:
            if context:
                self.sock = self.raw = context.wrap_socket(self.sock, server_side=True)
            while True:
                self.one()
        except (Broken, OSError):
            polite = False
        except Gone:
            pass
        except (ValueError, KeyError) as error:
            self.backend.wrong(f"not understood: {error!r}, before {self.held[:200]!r}")
        finally:
            try:
                if polite:
                    self.sock.settimeout(1)
                    self.sock = self.sock.unwrap()
            except (OSError, ValueError):
                pass
            self.sock.close()


def listen(address):
    if not address.isdigit():
        if os.path.exists(address):
            os.unlink(address)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(address)
    else:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", int(address)))
    listener.listen(512)
    return listener


def main(name, folder, address, *pair):
    threading.stack_size(256 * 1024)
    context = None
    if pair:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
    backend = Backend(name, folder)
    backend.listener = listener = listen(address)
    signal.signal(signal.SIGTERM, backend.end)
    with open(f"{folder}/{name}.ready.tmp", "w", encoding="ascii") as file:
        file.write(f"{listener.getsockname()[1] if address.isdigit() else address}\n")
    os.rename(f"{folder}/{name}.ready.tmp", f"{folder}/{name}.ready")
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            time.sleep(10)  # until close_all is done
            continue
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=Connection(backend, sock).run, args=(context,), daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
