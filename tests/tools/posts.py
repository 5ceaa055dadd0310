#!/usr/bin/env python3
"""Sends a request to /api/verify in a way that curl does not, and prints the status lines that come back.

Usage: posts.py MODE PORT CA FILE

    pieces      byte by byte of the head's end and the body
    chunked     in chunks of one octet, with an extension and a trailer
    pipelined   two of them and a GET in one record
    continue    waits for 100 before the body
    unneeded    the same to /api/tls, and of one that is too large: no 100 comes
    left        goes away in the middle of the body
"""
import socket
import ssl
import sys

MODE, PORT, CA, FILE = sys.argv[1:]
DATA = open(FILE, "rb").read()


def connect():
    raw = socket.create_connection(("127.0.0.1", int(PORT)), timeout=20)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ssl.create_default_context(cafile=CA).wrap_socket(raw, server_hostname="localhost")


def head(*fields, path="/api/verify", version="1.1"):
    lines = [f"POST {path} HTTP/{version}", "Host: localhost", *fields, "", ""]
    return "\r\n".join(lines).encode()


def response(sock):
    """One response: its status, and its verdict where it has one."""
    got = b""
    while b"\r\n\r\n" not in got:
        data = sock.recv(1)
        if not data:
            return "end"
        got += data
    fields = got.decode().split("\r\n")
    length = next((int(f.split(":")[1]) for f in fields if f.lower().startswith("content-length:")), 0)
    body = b""
    while len(body) < length:
        body += sock.recv(length - len(body))
    word = next((w for w in ("SUCCESS", "FAILED") if w.encode() in body), "")
    return (fields[0].split()[1] + " " + word).strip()


sock = connect()
LENGTH = f"Content-Length: {len(DATA)}"
if MODE == "pieces":
    sock.sendall(head(LENGTH)[:-1])
    sock.sendall(b"\n")
    for i in range(len(DATA)):
        sock.sendall(DATA[i:i + 1])
    print(response(sock))
elif MODE == "chunked":
    sock.sendall(head("Transfer-Encoding: chunked"))
    sock.sendall(b"".join(b"1;a=b\r\n" + DATA[i:i + 1] + b"\r\n" for i in range(len(DATA))) + b"0\r\nX: y\r\n\r\n")
    print(response(sock))
elif MODE == "pipelined":
    sock.sendall((head(LENGTH) + DATA) * 2 + b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    print(*[response(sock) for _ in range(3)], sep=", ")
elif MODE == "continue":
    sock.sendall(head(LENGTH, "Expect: 100-continue"))
    first = response(sock)
    sock.sendall(DATA)
    print(first, response(sock), sep=", ")
elif MODE == "unneeded":
    sock.sendall(head(LENGTH, "Expect: 100-continue", path="/api/tls"))
    first = response(sock)
    sock = connect()
    sock.sendall(head("Content-Length: 32769", "Expect: 100-continue"))
    print(first, response(sock), sep=", ")
elif MODE == "left":
    sock.sendall(head(LENGTH) + DATA[:100])
    sock.close()
