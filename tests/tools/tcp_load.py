#!/usr/bin/env python3
"""Much of it: many bytes both ways at once, and connections that are cut at random, for tests/server/tcp_load.test.

Usage: tcp_load.py bulk LAB BYTES           prints "port N" of its server; for each line "NAME PORT" of its input (a listener with
                                            TLS; "NAME PORT plain": without) it sends BYTES each way at once, and prints
                                            "NAME same|other SECONDS", by SHA-256 of what was sent and what came
       tcp_load.py cut LAB COUNT SEED       prints "port N" of a server that ends its connections as SEED says; for a line
                                            "PORT [plain]" it makes COUNT connections, each of which is cut somewhere, and prints
                                            "done OPENED WHERE=TIMES ..."
"""
import collections
import hashlib
import multiprocessing
import os
import random
import select
import socket
import ssl
import struct
import sys
import threading
import time

PATIENCE = int(os.environ.get("PATIENCE", "20"))
PIECE, BLOCK = 16384, 1 << 20


def reset(sock):
    """A reset: what is on its way is lost."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def context_of(lab, certificate="client"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(f"{lab}/root.crt")
    if certificate:
        context.load_cert_chain(f"{lab}/{certificate}.crt", f"{lab}/{certificate}.key")
    return context


# ---- many bytes ---------------------------------------------------------------------------------------------------------


def blocks(seed, n):
    """Bytes that are no other part of themselves."""
    source = random.Random(seed)
    while n > 0:
        yield source.randbytes(min(n, BLOCK))
        n -= BLOCK


def exchange(sock, seed, n, result):
    """Sends n bytes and reads as many, at once. The digests of both go to result."""
    sock.setblocking(False)
    sent, came, source = hashlib.sha256(), hashlib.sha256(), blocks(seed, n)
    waiting, left, tls = memoryview(b""), n, isinstance(sock, ssl.SSLSocket)
    out_over = False
    while left > 0 or not out_over:
        reads, writes = [], []
        if not out_over:
            if not waiting:
                piece = next(source, None)
                if piece is None:
                    out_over = True
                else:
                    sent.update(piece)
                    waiting = memoryview(piece)
            try:
                while waiting:
                    waiting = waiting[sock.send(waiting[:PIECE] if tls else waiting):]
            except (ssl.SSLWantWriteError, BlockingIOError):
                writes = [sock]
            except ssl.SSLWantReadError:
                reads = [sock]
        try:
            while left > 0:
                data = sock.recv(1 << 18)
                if not data:
                    raise EOFError
                came.update(data)
                left -= len(data)
                if not out_over and not writes:
                    break
        except (ssl.SSLWantReadError, BlockingIOError):
            if out_over or writes:
                reads = [sock]
        except ssl.SSLWantWriteError:
            writes = [sock]
        if (reads or writes) and select.select(reads, writes, [], PATIENCE) == ([], [], []):
            raise TimeoutError
    result.put((sent.hexdigest(), came.hexdigest()))
    result.close()


def side(connect, seed, n, result):
    try:
        with connect() as sock:
            exchange(sock, seed, n, result)
            sock.setblocking(True)
            if isinstance(sock, ssl.SSLSocket):
                sock.unwrap()
            else:
                sock.shutdown(socket.SHUT_WR)
                sock.recv(1)
    except OSError as error:
        print(seed, error, file=sys.stderr)
    except EOFError:
        print(seed, "ended early", file=sys.stderr)


def bulk(lab, n):
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(PATIENCE)
    print("port", listening.getsockname()[1], flush=True)
    for line in sys.stdin:
        name, port, plain = (line.split() + [""])[:3]

        def connect():
            sock = socket.create_connection(("127.0.0.1", int(port)), PATIENCE)
            return sock if plain else context_of(lab).wrap_socket(sock, server_hostname="localhost")
        queues = [multiprocessing.Queue(), multiprocessing.Queue()]
        sides = [multiprocessing.Process(target=side, args=(lambda: listening.accept()[0], "server", int(n), queues[0])),
                 multiprocessing.Process(target=side, args=(connect, "client", int(n), queues[1]))]
        began = time.monotonic()
        for each in sides:
            each.start()
        for each in sides:
            each.join()
        took = time.monotonic() - began
        same = not any(q.empty() for q in queues)
        if same:
            (server_sent, server_came), (client_sent, client_came) = queues[0].get(), queues[1].get()
            same = server_sent == client_came and client_sent == server_came and server_sent != client_sent
        print(name, "same" if same else "other", f"{took:.1f}", flush=True)


# ---- cut ----------------------------------------------------------------------------------------------------------------


def serve_cut(listening, seed):
    """Each connection has a number, and with it an end."""
    def one(sock, choice):
        try:
            with sock:
                sock.settimeout(PATIENCE)
                how = choice.randrange(6)
                if how == 0:
                    reset(sock)
                elif how == 1:
                    sock.sendall(choice.randbytes(choice.randrange(1, 200000)))
                    reset(sock)
                elif how == 2:
                    sock.sendall(b"bye")
                elif how == 3:
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(65536):
                        pass
                else:
                    while data := sock.recv(65536):
                        sock.sendall(data)
        except OSError:
            pass
    number = 0
    while True:
        sock = listening.accept()[0]
        number += 1
        threading.Thread(target=one, args=(sock, random.Random(f"{seed} server {number}")), daemon=True).start()


def hello(choice, context):
    """The beginning of a ClientHello, which may be whole."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context.wrap_bio(into, out, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    data = out.read()
    return data[:choice.randrange(1, len(data) + 1)]


MOMENTS = ("silent", "hello", "noise", "handshake", "open", "sending", "reading", "both")


def one_cut(port, plain, contexts, choice):
    """Comes, and goes at a moment and in a way that nobody expects."""
    sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
    sock.settimeout(PATIENCE)
    where = choice.choice(MOMENTS)
    if plain and where in ("hello", "handshake"):
        where = "open"
    leave = choice.choice((reset, socket.socket.close))
    try:
        if where == "hello":
            sock.sendall(hello(choice, choice.choice(contexts)))
        elif where == "noise":
            sock.sendall(choice.randbytes(choice.randrange(1, 3000)))
        elif where == "handshake":
            context = choice.choice(contexts)
            into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(into, out, server_hostname="localhost")
            for _ in range(choice.randrange(1, 4)):
                try:
                    tls.do_handshake()
                except ssl.SSLWantReadError:
                    pass
                data = out.read()
                sock.sendall(data[:choice.randrange(len(data) + 1)] if choice.random() < 0.3 else data)
                sock.settimeout(0.3)
                into.write(sock.recv(choice.randrange(1, 4096)))
        elif where != "silent":
            if not plain:
                sock = choice.choice(contexts).wrap_socket(sock, server_hostname="localhost")
            if where in ("sending", "both"):
                sock.sendall(choice.randbytes(choice.randrange(1, 300000)))
            if where in ("reading", "both"):
                sock.settimeout(0.2)
                sock.recv(choice.randrange(1, 65536))
            if not plain and choice.random() < 0.2:
                sock.unwrap()
    except (OSError, ValueError):
        pass
    leave(sock)
    return where


def cut(lab, count, seed):
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    threading.Thread(target=serve_cut, args=(listening, seed), daemon=True).start()
    print("port", listening.getsockname()[1], flush=True)
    contexts = [context_of(lab) for _ in range(4)] + [context_of(lab, None), context_of(lab, "client-revoked")]
    contexts[0].maximum_version = contexts[1].maximum_version = ssl.TLSVersion.TLSv1_2
    for line in sys.stdin:
        port, plain = (line.split() + [""])[:2]
        numbers, lock, seen = iter(range(int(count))), threading.Lock(), collections.Counter()

        def work():
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                where = one_cut(int(port), plain, contexts, random.Random(f"{seed} client {number}"))
                with lock:
                    seen[where] += 1
        threads = [threading.Thread(target=work) for _ in range(16)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        print("done", sum(seen.values()), *(f"{k}={v}" for k, v in sorted(seen.items())), flush=True)


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    globals()[sys.argv[1]](*sys.argv[2:])
