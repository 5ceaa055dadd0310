#!/usr/bin/env python3
"""Sends the rows of a table to a listener whose location /app/ has tests/tools/backend.py behind it.

Usage: proxied.py TABLE CA PORT

Columns, separated by tabs (lines that are empty or begin with # are for people):

    name
    bytes    what the client sends: \\r \\n \\t \\xHH, \\{N,text} for N times text, {wait TEXT} until that has come in,
             {leave} the client goes away, {silence} another waits until its backend has said nothing for response_timeout, {go NAME} ends the backend's wait=NAME, {get STEPS} GET /app/x?STEPS with nothing but Host, {GET STEPS} the request
             line alone of that, {POST STEPS} likewise; {timed}, first of all, as in h2_by_hand.py: the row is tried up to three times; in STEPS (see backend.py) bytes stand as above; those with a "hang" go to
             /app/hang, which has a short response_timeout, as /app/silence
    expect   regular expressions, separated by " && ", on all that came back (CRs taken out); one that begins with !
             must not match; body=N: so many bytes came behind the first empty line
    end      keep: the connection serves another request; close: it ended with close_notify; cut: it ended without;
             open: it may be either

Each row is tried over TLS 1.2 and over TLS 1.3. Prints a line "ok ..." or "not ok ..." for each.
"""
import re
import socket
import ssl
import sys
from urllib.parse import quote

from h2_by_hand import unescape

PATIENCE = 20
TIMED = "{timed}"


class Client:
    def __init__(self, context, port):
        self.context, self.port = context, port
        raw = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = context.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False)
        self.got, self.end = b"", None

    def read(self):
        try:
            data = self.sock.recv(65536)
            if data:
                self.got += data
            else:
                self.end = "close"
        except ssl.SSLZeroReturnError:
            self.end = "close"
        except TimeoutError:
            self.end = "silence"
        except (ssl.SSLError, OSError):
            self.end = "cut"

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (ssl.SSLError, OSError):
            pass

    def wait(self, mark):
        while mark not in self.got and not self.end:
            self.read()

    def run(self, text):
        for part in re.split(r"(\{(?:(?:wait|get|go|[A-Z]+) (?:\\\{[^}]*\}|[^}])*|leave|silence)\})", text):
            if part == "{leave}":
                self.sock.close()
                self.end = "left"
            elif part == "{silence}":
                other = Client(self.context, self.port)
                other.send(b"GET /app/silence?hang HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                while not other.end:
                    other.read()
            elif part.startswith("{wait "):
                self.wait(unescape(part[6:-1]))
            elif part.startswith("{go "):
                other = Client(self.context, self.port)
                other.send(f"GET /app/go?{part[4:-1]} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                while not other.end:
                    other.read()
            elif part.startswith("{"):
                method, _, steps = part[1:-1].partition(" ")
                place = "hang" if "hang" in steps.split("&") else "x"
                line = f"{method.upper()} /app/{place}?{quote(unescape(steps), safe='=&,:/')} HTTP/1.1\r\n"
                self.send((line + ("Host: localhost\r\n\r\n" if method == "get" else "")).encode())
            elif part:
                self.send(unescape(part))


AFTER = b"GET /app/after?body=still-here HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def try_row(context, port, row):
    name, text, expect, end = row
    client = Client(context, port)
    client.run(text)
    if end in ("keep", "open"):
        client.send(AFTER)
    while not client.end:
        client.read()
    if end == "keep" and client.got.endswith(b"still-here"):
        client.end = "keep"
        client.got = client.got[: client.got.rindex(b"HTTP/1.1 200 ")]
    got = client.got.decode("latin-1").replace("\r", "")
    wrong = []
    if end != "open" and client.end != end:
        wrong.append(f"the connection: {client.end}, want {end}")
    for pattern in expect.split(" && ") if expect != "-" else []:
        if pattern.startswith("body="):
            n = len(client.got.partition(b"\r\n\r\n")[2])
            if n != int(pattern[5:]):
                wrong.append(f"{n} bytes of body, want {pattern[5:]}")
        elif bool(re.search(pattern.lstrip("!"), got, re.M)) == pattern.startswith("!"):
            wrong.append(f"/{pattern}/")
    if expect == "-" and client.got:
        wrong.append("an answer")
    return wrong, got


def main(table, ca, port):
    failed = 0
    with open(table, encoding="latin-1") as file:
        rows = [line.rstrip("\n").split("\t") for line in file if line.strip() and not line.startswith("#")]
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = ssl.create_default_context(cafile=ca)
        context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # Python 3.11.2 sets it: a cut would be an end
        context.check_hostname = False
        context.minimum_version = context.maximum_version = version
        for row in rows:
            title = f"{row[0]} ({version.name})"
            timed = row[1].startswith(TIMED)
            for _ in range(3 if timed else 1):
                wrong, got = try_row(context, int(port), [row[0], row[1].removeprefix(TIMED), *row[2:]])
                if not wrong:
                    break
            print(f"not ok {title}: {'; '.join(wrong)}\n# {got[:1500]!r}" if wrong else f"ok {title}", flush=True)
            failed += bool(wrong)
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
