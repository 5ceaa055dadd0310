#!/usr/bin/env python3
"""Clients and servers of a listener with mode = tcp, both played from here, for tests/server/tcp.test.

Usage: tcp.py table FILE LAB    prints "ports SCRIPTED ECHO CLOSED", reads a line "NAME=PORT NAME=/PATH ..." of listeners,
                                plays the rows of FILE over TLS 1.2 and 1.3, prints "ok ..." or "not ok ..." for each,
                                then "done", and serves ECHO until its input ends
       tcp.py serve             prints the ports of servers that greet first, echo, close, reset at once, and of one that is
                                gone, until its input ends
       tcp.py late LAB SECONDS  prints the port of a server that speaks TLS and echoes; with its second client it begins so late
       tcp.py hold PORT|/PATH LAB CERTIFICATE|- [VERSION]
                                a client that says "up" when ECHO has answered, echoes its input line by line, and, at
                                the end of its input or of the connection, says how it ended

A row is  name TAB listener TAB client TAB server TAB what the client saw TAB what the server saw. Steps are separated by
" ; ", what was seen by blanks. Steps of both sides:

    say TEXT    sends it                            read TEXT   reads until that came
    rest        reads to the end: its length (or the text, when it is short), and "end", "reset" or "cut"
    end         ends its own side properly          reset       resets the connection
    close       closes the socket, no goodbye       big N       sends N bytes                       taken       waits until the other side's kernel has all of it
    gone        waits until the connection is over below TLS, though both sides may have ended: "reset" or "closed"
    fill        sends until nobody takes more, for a while: says "full"; "all" when 64 MiB went
    count       reads as many bytes as the other side's fill sent: "counted"
    both N      sends N bytes and reads N at the same time: "same" when they are those that the other side sent
    go NAME     lets the other side go on           wait NAME   waits for that
    connect ... client only, first: cert=NAME (of the lab) sni=NAME alpn=A,B plain proxy=WORD (of HEADERS)
                window=N (of bytes that it takes unread)
    proxy       server only: reads a PROXY header, and says what is in it
    none        server only: nobody may come
"""
import fcntl
import hashlib
import os
import random
import re
import select
import socket
import ssl
import struct
import sys
import termios
import threading
import time

PATIENCE = int(os.environ.get("PATIENCE", "20"))
QUIET = 0.7
MOST = 64 << 20
SHORT = 40


class Ended(Exception):
    """How the other side did."""


class Plain:
    """Bytes of a socket."""

    def __init__(self, sock):
        self.sock = sock
        sock.setblocking(False)

    def recv(self, size=65536):
        if not select.select([self.sock], [], [], PATIENCE)[0]:
            raise TimeoutError
        try:
            return self.sock.recv(size)
        except ConnectionError:
            raise Ended("reset") from None

    def send(self, data, patience=PATIENCE):
        """How many bytes went before nobody took more; in TLS, of some the record is not out yet."""
        sent = 0
        view = memoryview(data)
        while sent < len(view):
            try:
                sent += self.sock.send(view[sent:])
            except BlockingIOError:
                if not select.select([], [self.sock], [], patience)[1]:
                    return sent
            except ConnectionError:
                raise Ended("reset") from None
        return sent

    def end(self):
        self.sock.shutdown(socket.SHUT_WR)

    def close(self):
        self.sock.close()

    def gone(self):
        poll = select.poll()
        poll.register(self.sock, 0)
        if not poll.poll(PATIENCE * 1000):
            raise TimeoutError
        return "reset" if self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) else "closed"

    def taken(self):
        until = time.monotonic() + PATIENCE
        while struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, bytes(4)))[0]:
            if time.monotonic() > until:
                raise TimeoutError
            select.select([], [], [], 0.01)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Tls(Plain):
    """The same in TLS, where each side ends by itself, which Python's own sockets cannot."""

    def __init__(self, sock, context, name):
        super().__init__(sock)
        self.into, self.out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.into, self.out, server_hostname=name)
        self.lock = threading.Lock()
        self.tail = b""  # of a record, of which nobody has taken the rest yet
        self.drive(self.tls.do_handshake)

    def flush(self, patience=PATIENCE):
        self.tail += self.out.read()
        self.tail = self.tail[super().send(self.tail, patience):]

    def fetch(self):
        data = super().recv()
        with self.lock:
            if data:
                self.into.write(data)
            else:
                self.into.write_eof()

    def drive(self, call, *arguments):
        while True:
            try:
                with self.lock:
                    result = call(*arguments)
                    self.flush()
                return result
            except ssl.SSLWantReadError:
                with self.lock:
                    self.flush()
                self.fetch()
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLError as error:
                if isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING":  # as Pythons call it
                    raise Ended("cut") from None
                self.flush()
                said = (error.reason or str(error)).lower().replace("_", " ")  # of some alerts only the text knows
                name = re.search(r"alert ([a-z ]+[a-z])", said)
                raise Ended(name[1].replace(" ", "_") if name else said) from None

    def recv(self):
        return self.drive(self.tls.read, 65536)

    def send(self, data, patience=PATIENCE):
        sent = 0
        while sent < len(data):
            with self.lock:
                sent += self.tls.write(data[sent:sent + 16384])
                record, self.tail = self.tail + self.out.read(), b""
            n = super().send(record, patience)
            with self.lock:
                self.tail = record[n:] + self.tail
            if n < len(record):
                return sent
        return sent

    def end(self):
        try:
            with self.lock:
                self.tls.unwrap()
        except ssl.SSLError:
            pass
        self.flush()


def stream(seed, n):
    return random.Random(seed).randbytes(n)


CERTS = {}  # of the lab's clients: DER -> name


def read_certs(lab):
    for name in ("client", "client-expired"):
        with open(f"{lab}/{name}.crt", encoding="ascii") as file:
            pem = file.read()
        end = "-----END CERTIFICATE-----"
        CERTS[ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE"):pem.index(end)] + end)] = name


def read_proxy(peer):
    """A PROXY header of version 2: what it says of the client, in words."""
    got = b""
    while len(got) < 16 or len(got) < 16 + struct.unpack("!H", got[14:16])[0]:
        got += peer.recv(1 if len(got) < 16 else 16 + struct.unpack("!H", got[14:16])[0] - len(got))
    words, at = [], 16 + {0x11: 12, 0x21: 36}.get(got[13], 0)
    if got[13] == 0x11 and got[16:20] != bytes((127, 0, 0, 1)):
        words.append(f"from={socket.inet_ntoa(got[16:20])}:{struct.unpack('!H', got[24:26])[0]}")
    words.append("v2" if got[:13] == b"\r\n\r\n\0\r\nQUIT\n\x21" else "bad")

    def each(data):
        while len(data) >= 3:
            kind, n = data[0], struct.unpack("!H", data[1:3])[0]
            yield kind, data[3:3 + n]
            data = data[3 + n:]
    for kind, value in each(got[at:]):
        if kind == 0x01:
            words.append("alpn=" + value.decode())
        elif kind == 0x02:
            words.append("authority=" + value.decode())
        elif kind == 0x20:
            words.append(f"client={value[0]} verify={struct.unpack('!I', value[1:5])[0]}")
            names = {0x21: "version", 0x22: "cn"}
            words += [f"{names[k]}={v.decode()}" for k, v in each(value[5:]) if k in names]
            words += [f"cert={CERTS.get(v, 'another')}" for k, v in each(value[5:]) if k == 0x28]
    return " ".join(words)


class Row:
    """One case, played by two sides that can wait for each other."""

    def __init__(self):
        self.flags, self.lock, self.filled = {}, threading.Lock(), {}

    def flag(self, name):
        with self.lock:
            return self.flags.setdefault(name, threading.Event())

    def filler(self, side):
        with self.lock:
            return self.filled.setdefault(side, [threading.Event(), 0])

    def play(self, side, peer, steps):
        seen, other = [], "server" if side == "client" else "client"
        try:
            for step in steps:
                word, _, value = step.partition(" ")
                if word == "say":
                    peer.send(value.encode())
                elif word == "read":
                    got = b""
                    while value.encode() not in got:
                        data = peer.recv()
                        if not data:
                            raise Ended("end")
                        got += data
                    seen.append(got.decode())
                elif word == "rest":
                    got = b""
                    try:
                        while data := peer.recv():
                            got += data
                        how = "end"
                    except Ended as ended:
                        how = str(ended)
                    if got:
                        seen.append(got.decode() if len(got) < SHORT else str(len(got)))
                    seen.append(how)
                elif word in ("end", "close", "reset", "taken"):
                    getattr(peer, word)()
                elif word == "gone":
                    seen.append(peer.gone())
                elif word == "big":
                    peer.send(bytes(int(value)))
                elif word == "fill":
                    n, piece = 0, bytes(1 << 16)
                    while n < MOST and (sent := peer.send(piece, QUIET)) > 0:
                        n += sent
                        if sent < len(piece):
                            break
                    seen.append("full" if n < MOST else "all")
                    filler = self.filler(side)
                    filler[1] = n
                    filler[0].set()
                elif word == "count":
                    filler = self.filler(other)
                    filler[0].wait(PATIENCE)
                    n = 0
                    while n < filler[1]:
                        data = peer.recv()
                        if not data:
                            raise Ended("end")
                        n += len(data)
                    seen.append("counted")
                elif word == "both":
                    mine, theirs, n = stream(side, int(value)), stream(other, int(value)), 0
                    sender = threading.Thread(target=peer.send, args=(mine,))
                    sender.start()
                    digest = hashlib.sha256()
                    while n < len(theirs):
                        data = peer.recv()
                        if not data:
                            raise Ended("end")
                        digest.update(data)
                        n += len(data)
                    sender.join(PATIENCE)
                    seen.append("same" if digest.digest() == hashlib.sha256(theirs).digest() else "other")
                elif word == "go":
                    self.flag(value).set()
                elif word == "wait":
                    if not self.flag(value).wait(PATIENCE):
                        seen.append("waited-in-vain")
                elif word == "proxy":
                    seen.append(read_proxy(peer))
                else:
                    seen.append(f"unknown-step:{step}")
        except Ended as ended:
            seen.append(str(ended))
        except (TimeoutError, socket.timeout):
            seen.append("timeout")
        return " ".join(seen)


def context_of(lab, version, words):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # Python 3.11.2 sets it: a cut would be an end
    context.load_verify_locations(f"{lab}/root.crt")
    context.check_hostname = "sni" not in words
    context.minimum_version = context.maximum_version = version
    cert = words.get("cert", "client")
    if cert != "-":
        context.load_cert_chain(f"{lab}/{cert}.crt", f"{lab}/{cert}.key")
    if "alpn" in words:
        context.set_alpn_protocols(words["alpn"].split(","))
    return context


HEADERS = {  # of a proxy in front
    "v1": b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n",
    "v2": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + socket.inet_aton("192.0.2.7") + socket.inet_aton("192.0.2.1")
          + struct.pack("!HH", 4711, 25),
    "unknown": b"PROXY UNKNOWN\r\n",
    "bad": b"PROXY TCP4 192.0.2.7\r\n",
}


def connect(port, lab, version, words):
    if str(port).startswith("/"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(PATIENCE)
        sock.connect(port)
    else:
        try:
            sock = socket.socket()
            sock.settimeout(PATIENCE)
            if "window" in words:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, int(words["window"]))
            sock.connect(("127.0.0.1", int(port)))
        except ConnectionResetError:  # so soon
            raise Ended("reset") from None
    if "proxy" in words:
        sock.sendall(HEADERS[words["proxy"]])
    if "plain" in words:
        return Plain(sock)
    return Tls(sock, context_of(lab, version, words), words.get("sni", "localhost"))


def serve_row(row, listening, steps, result):
    if steps == ["none"]:
        listening.settimeout(0.1)
    try:
        sock, _ = listening.accept()
    except (TimeoutError, socket.timeout):
        result.append("nobody")
        return
    finally:
        listening.settimeout(PATIENCE)
    peer = Plain(sock)
    result.append(row.play("server", peer, steps))
    peer.close()


def play_row(listening, port, lab, version, client, server):
    row, result = Row(), []
    words = {}
    if client[0].startswith("connect"):
        words = dict((w.split("=") + [""])[:2] for w in client.pop(0).split()[1:])
    nobody = server == ["none"]
    thread = threading.Thread(target=serve_row, args=(row, listening, server, result))
    if not nobody:
        thread.start()
    peer = None
    try:
        peer = connect(port, lab, version, words)
        saw = row.play("client", peer, client)
    except Ended as ended:
        saw = str(ended)
    if nobody:
        thread.start()
    thread.join(2 * PATIENCE)
    if peer:
        peer.close()
    return saw.strip(), (result or ["stuck"])[0].strip()


def echo(listening):
    def one(sock):
        with sock:
            try:
                while data := sock.recv(65536):
                    sock.sendall(data)
            except OSError:
                pass
    while True:
        sock, _ = listening.accept()
        threading.Thread(target=one, args=(sock,), daemon=True).start()


def refusing():
    """A port that is taken, and where nobody listens; the socket has it as long as it lives."""
    bound = socket.socket()
    bound.bind(("127.0.0.1", 0))
    return bound, bound.getsockname()[1]


def table(file, lab):
    listening, echoing = (socket.create_server(("127.0.0.1", 0), backlog=100) for _ in range(2))
    gone, closed = refusing()
    threading.Thread(target=echo, args=(echoing,), daemon=True).start()
    print("ports", listening.getsockname()[1], echoing.getsockname()[1], closed, flush=True)
    ports = dict(word.split("=") for word in sys.stdin.readline().split())
    listening.settimeout(PATIENCE)
    read_certs(lab)
    with open(file, encoding="utf-8") as rows:
        cases = [line.rstrip("\n").split("\t") for line in rows if line.strip() and not line.startswith("#")]
    for name, listener, client, server, client_saw, server_saw in cases:
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            saw = play_row(listening, ports[listener], lab, version, client.split(" ; "), server.split(" ; "))
            want = tuple((" ".join(a if version == ssl.TLSVersion.TLSv1_2 else b for a, b in
                                   [(w.split("/") * 2)[:2] for w in text.split()])) for text in (client_saw, server_saw))
            good = saw == want
            print("ok" if good else "not ok", f"{name}, {version.name}", "" if good else f": saw {saw}, want {want}",
                  flush=True)
    print("done", flush=True)
    sys.stdin.read()


def late(lab, seconds):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # Python 3.11.2 sets it: a cut would be an end
    context.load_cert_chain(f"{lab}/server.crt", f"{lab}/server.key")
    listening = socket.create_server(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)

    def one(number, sock):
        if number == 1:
            select.select([], [], [], float(seconds))
        try:
            with context.wrap_socket(sock, server_side=True) as tls:
                while data := tls.recv(65536):
                    tls.sendall(data)
        except OSError:
            pass

    def run():
        for number in range(1000):
            threading.Thread(target=one, args=(number, listening.accept()[0]), daemon=True).start()
    threading.Thread(target=run, daemon=True).start()
    sys.stdin.read()


def serve():
    """Servers, each of which does the same to everybody."""
    def each(what):
        listening = socket.create_server(("127.0.0.1", 0), backlog=100)

        def run():
            while True:
                sock = Plain(listening.accept()[0])
                sock.sock.setblocking(True)
                if what == "greet":
                    sock.send(b"220 mail.example.org\x1b[2J ready\r\n")
                    threading.Thread(target=until_end, args=(sock,), daemon=True).start()
                else:
                    getattr(sock, what)()
        threading.Thread(target=run, daemon=True).start()
        return listening.getsockname()[1]

    def until_end(sock):
        with sock.sock:
            sock.sock.recv(1)
    echoing = socket.create_server(("127.0.0.1", 0), backlog=100)
    threading.Thread(target=echo, args=(echoing,), daemon=True).start()
    gone, closed = refusing()
    print(each("greet"), echoing.getsockname()[1], each("close"), each("reset"), closed, flush=True)
    sys.stdin.read()


def hold(port, lab, certificate, version="TLSv1_3"):
    words = {"plain": ""} if version == "plain" else {"cert": certificate}
    number = ssl.TLSVersion.TLSv1_3 if version == "plain" else getattr(ssl.TLSVersion, version)
    try:
        peer = connect(port, lab, number, words)
        peer.send(b"hello\n")
        if peer.recv() != b"hello\n":
            raise Ended("no-echo")
        print("up", flush=True)
        while True:
            ready = select.select([sys.stdin, peer.sock], [], [])[0]
            if peer.sock in ready:
                print("end" if peer.recv() == b"" else "more", flush=True)
                break
            line = sys.stdin.readline()
            if not line:
                peer.end()
                print("end" if peer.recv() == b"" else "more", flush=True)
                break
            peer.send(line.encode())
            print(peer.recv().decode().strip(), flush=True)
    except Ended as ended:
        print(ended, flush=True)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
