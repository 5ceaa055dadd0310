#!/usr/bin/env python3
"""Finished answers go without libmicrohttpd: nobody may see a difference. Statements as lines "ok WHAT" and "not ok WHAT".

finished.py alike TABLE PORT OTHER      the requests of tests/data/finished.tsv that do not end the connection three times, the others once, to both servers
finished.py mixed TABLE PORT [relay]    a row of pipelined requests in all pieces, and with each request behind it that ends it
finished.py turns PORT OTHER N          pipelined requests, of which so many are answered on a connection
finished.py ends PORT                   clients that end their side with their last request
finished.py slow PORT PATH...           clients that read slowly, late, or not at all
finished.py gone PORT PATH              clients that are gone while answers to a row of records wait for them
finished.py apart PORT PATH             a client that reads all, and asks by a record each
finished.py urgent PORT                 clients that send a byte out of band, with the rest of their request behind it
finished.py lent PORT PATH              clients whose request takes the server two turns, in which more comes
finished.py crowded PORT PATH PID       clients of a long file that is in the store, while it is crowded out of there
finished.py failing PORT PATH OTHER PID ORDERS  a client whose answer is in the store, while memory is short (fails.c) and it is crowded out of there
finished.py left PORT PATH PID LOG      clients that are gone before libmicrohttpd has heard of their request
"""
import os
import re
import signal
import socket
import ssl
import struct
import sys
import time

from halted import halt

PATIENCE = 20
BEHIND = b"GET /livez?behind HTTP/1.1\r\nHost: localhost\r\n\r\n"


def say(good, what, *details):
    print("ok" if good else "not ok", what, flush=True)
    for detail in details if not good else ():
        print(f"#   {detail!r}"[:4000], flush=True)


def rows(path):
    with open(path, encoding="ascii") as table:
        for line in table:
            if line.strip() and not line.startswith("#"):
                name, kind, request = line.rstrip("\n").split("\t")
                yield name, kind, request.replace("\\r", "\r").replace("\\n", "\n").encode("ascii")


class Client:
    """TLS by memory, so that what leaves in one piece, and when the end does, is said here."""

    def __init__(self, port, receive=0):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.socket = socket.socket()
        if receive:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self.came, self.goes = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.came, self.goes, server_hostname="localhost")
        self.held, self.over = b"", False
        self.drive(self.tls.do_handshake)

    def drive(self, call):
        while True:
            try:
                result = call()
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                bytes_ = self.socket.recv(65536)
                if bytes_:
                    self.came.write(bytes_)
                else:
                    self.came.write_eof()

    def flush(self):
        if self.goes.pending:
            self.socket.sendall(self.goes.read())

    def send(self, *records):
        """Each is a record of its own; all leave together."""
        for record in records:
            if record:
                self.tls.write(record)
        self.flush()

    def read(self, most=65536):
        """b"" at the end."""
        try:
            return self.drive(lambda: self.tls.read(most))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        except ssl.SSLError as error:
            if "UNEXPECTED_EOF" in str(error):
                return b""
            raise

    def more(self):
        part = self.read()
        self.held += part
        self.over = not part
        return bool(part)

    def exactly(self, n):
        while len(self.held) < n and self.more():
            pass
        out, self.held = self.held[:n], self.held[n:]
        return out

    def response(self, head_only=False):
        while b"\r\n\r\n" not in self.held and self.more():
            pass
        at = self.held.find(b"\r\n\r\n") + 4
        if at < 4:
            return self.exactly(len(self.held))
        head = self.held[:at]
        length = re.search(rb"\r\nContent-Length: (\d+)", head, re.I)
        bare = head_only or re.match(rb"HTTP/1.1 (204|304) ", head)
        return self.exactly(at + (0 if bare or not length else int(length.group(1))))

    def rest(self):
        while self.more():
            pass
        return self.exactly(len(self.held))

    def close(self):
        self.socket.close()


def undated(answer):
    return re.sub(rb"(?m)^(Date: )[^\r]{29}(?=\r)", rb"\1" + b"-" * 29, answer)


def timeless(answer):
    return re.sub(rb"Date: [^\r]{29}\r\n", b"", answer)


def difference(a, b):
    at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    return f"at byte {at} of {len(a)} and {len(b)}", a[max(0, at - 200) : at + 200], b[max(0, at - 200) : at + 200]


def compare(got, want, what):
    got, want = undated(got), undated(want)
    say(got == want, what, *difference(got, want) if got != want else ())


def alike(table, *ports):
    for name, kind, request in rows(table):
        if kind not in ("alike", "mixed", "ends"):
            continue
        answers = []
        for port in ports:
            client = Client(port)
            if kind == "ends":
                client.send(request)
                answers.append(undated(client.rest()))
                client.close()
                continue
            for _ in range(3):
                client.send(request)
                answers.append(undated(client.response(request.startswith(b"HEAD"))))
            client.send(*[request] * 3)
            for _ in range(3):
                answers.append(undated(client.response(request.startswith(b"HEAD"))))
            client.close()
        others = [a for a in answers if a != answers[0]]
        say(answers[0].startswith(b"HTTP/1.1 ") and not others, name, *difference(answers[0], others[0]) if others else answers[:1])


def mixed(table, port, *relay):
    all_ = list(rows(table))
    row = [(name, request) for name, kind, request in all_ if kind == "mixed" or (kind == "relay" and relay)]
    want = b""
    for name, request in row:
        client = Client(port)
        client.send(request)
        want += undated(client.response(request.startswith(b"HEAD")))
        client.close()
    text = b"".join(request for _, request in row)
    for what, piece in (("in one piece", len(text)), ("byte by byte", 1), ("seven bytes at once", 7)):
        client = Client(port)
        client.send(*[text[i : i + piece] for i in range(0, len(text), piece)])
        compare(client.exactly(len(want)), want, f"{len(row)} requests {what}")
        client.close()
    client, wrong = Client(port), []
    for at in range(1, len(text)):
        client.send(text[:at])
        client.send(text[at:])
        if undated(client.exactly(len(want))) != want:
            wrong.append(at)
            break
    say(not wrong, f"the same in two pieces, each of {len(text) - 1} ways, on one connection", wrong)
    client.close()
    for name, kind, request in all_:
        if kind not in ("last", "ends"):
            continue
        client = Client(port)
        client.send(request)
        end = undated(client.rest())
        client.close()
        say(end.startswith(b"HTTP/1.1 ") and end.count(b"HTTP/1.1 ") == 1, f"{name}: one answer, and the end", end)
        for what, pieces in (
            ("together", [text + request + BEHIND]),
            ("alone", [text, request, BEHIND]),
            ("byte by byte", [text] + [(request + BEHIND)[i : i + 1] for i in range(len(request + BEHIND))]),
        ):
            client = Client(port)
            client.send(*pieces)
            compare(client.rest(), want + end, f"{name}: behind a row of requests, {what}")
            client.close()


def turns(port, other, n):
    request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answers = []
    for at in (port, other):
        client = Client(at)
        client.send(request * (n + 3))
        answers.append(client.rest())
        client.close()
    say(answers[0].count(b"HTTP/1.1 200") == n, f"{n} requests are answered on a connection, not {n + 3}", answers[0])
    say(b"Connection: close" in answers[0].rpartition(b"HTTP/1.1")[2], "the last says that it is", answers[0])
    # Release 0.9.75 of it dates one twice to which the program adds a field Connection.
    compare(timeless(answers[0]), timeless(answers[1]), "as libmicrohttpd says it")


def ends(port):
    request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for before in (0, 1, 2, 5):
        for behind in (request, request * 3, request[:20], b""):
            client, good = Client(port), True
            for _ in range(before):
                client.send(request)
                good = good and client.response().endswith(b"ok\n")
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            client.send(behind)
            client.socket.shutdown(socket.SHUT_WR)
            answer = client.rest()
            good = good and answer.count(b"HTTP/1.1 200") == behind.count(b"\r\n\r\n")
            say(good, f"after {before} requests the end comes with {len(behind)} bytes", answer)
            client.close()


def slow(port, *paths):
    requests = [f"GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode() for path in paths]
    head = b"HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    quick = Client(port)
    for path, request in zip(paths, requests):
        client = Client(port)
        client.send(request)
        whole = undated(client.response())
        client.send(head)
        all_ = (whole + undated(client.response(True))) * 20
        client.close()
        for most in (1 << 16, 1000):
            client = Client(port, receive=4096)
            client.send((request + head) * 20)
            quick.send(head)
            good = quick.response(True).startswith(b"HTTP/1.1 200")
            parts, left = [], len(all_)
            while left > 0 and (part := client.read(min(most, left))):
                parts.append(part)
                left -= len(part)
            say(good and undated(b"".join(parts)) == all_, f"20 times {path}, read {most} bytes at once", left)
            client.send(head)
            say(client.response(True).startswith(b"HTTP/1.1 200"), "and another request then")
            client.close()
        for _ in range(5):
            client = Client(port, receive=4096)
            client.send(request * 20)
            client.read(1000)
            client.close()
        quick.send(head)
        say(quick.response(True).startswith(b"HTTP/1.1 200"), f"clients that leave in the middle of {path}")
    quick.close()


def gone(port, path):
    request = f"GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    for _ in range(8):
        client = Client(port, receive=4096)
        client.send(*[request] * 30)
        client.read(1000)
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    client = Client(port)
    client.send(b"HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    say(client.response(True).startswith(b"HTTP/1.1 200"), "another is served")
    client.close()


def apart(port, path):
    request = f"GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    client, good = Client(port, receive=8 << 20), True
    for row in (1, 40):
        client.send(*[request] * row)
        for _ in range(row):
            good = good and client.response().startswith(b"HTTP/1.1 200")
    say(good, "41 answers")
    client.close()


def urgent(port):
    request = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for before in (0, 1, 2):
        client = Client(port)
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(before):
            client.send(request)
            client.response()
        client.tls.write(request)
        record = client.goes.read()
        client.socket.sendall(record[:20])
        client.socket.send(b"!", socket.MSG_OOB)
        client.socket.sendall(record[20:])
        say(client.response().startswith(b"HTTP/1.1 200"), f"after {before} requests one goes around a byte out of band")
        client.close()


def lent(port, path):
    request = f"GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    behind, good = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n", 0
    for _ in range(200):
        client = Client(port, receive=4 << 20)
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.tls.write(request[:-12])
        for byte in request[-12:]:
            client.tls.write(bytes([byte]))
        pieces = [client.goes.read()]
        for _ in range(12):
            client.tls.write(behind)
            pieces.append(client.goes.read())
        for piece in pieces:
            client.socket.sendall(piece)
        good += all(client.response().startswith(b"HTTP/1.1 200") for _ in range(13))
        client.close()
    say(good == 200, "200 clients go on asking while libmicrohttpd is given their connection", good)


def crowded(port, path, pid):
    request = f"GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    ask = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: x%d\r\n\r\n"
    clients, others, first = [Client(port) for _ in range(40)], [Client(port) for _ in range(20)], Client(port)
    first.send(request)
    first.response()
    halt(pid)  # so that what is sent then is there at once
    for client in clients:
        client.send(request)
    for i, other in enumerate(others):
        other.send(b"".join(ask % (100 * i + n) for n in range(100)))
    os.kill(pid, signal.SIGCONT)
    good = sum(client.response().startswith(b"HTTP/1.1 200") for client in clients)
    say(good == len(clients), f"{len(clients)} clients have a file that was kept when they asked", good)
    for client in [*clients, *others, first]:
        client.close()


def failing(port, path, other, pid, orders):
    def order(first, count):
        with open(orders, "r+b") as file:
            seen = struct.unpack("=III", file.read())[2]
            file.seek(0)
            file.write(struct.pack("=III", first, count, 0))
        return seen

    request = "GET /{} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"  # to which no finished answer is given as it is
    n, seen, good, others = 0, 1, 0, []
    while seen >= n and n < 30:  # the others are those of the second
        n += 1
        first, second = Client(port), Client(port)
        for client, what in ((second, other), (first, path)):
            client.send(request.format(what).encode())
            client.response()
        halt(pid)  # so that what is sent then is there at once
        first.send(request.format(path).encode())
        second.send(request.format(other).encode())
        order(n, 1)
        os.kill(pid, signal.SIGCONT)
        for client in (first, second):
            try:
                answer = client.response()[9:12]
            except ssl.SSLError as error:  # an alert: GnuTLS had no memory
                answer = error.reason
            good += answer == b"200"
            if answer not in (b"200", b"503", b"", "TLSV1_ALERT_INTERNAL_ERROR"):
                others.append((n, answer))
        seen = order(0, 0)
        first.close()
        second.close()
    say(n > 10 and good > n and not others, "each of some allocations fails once, of an answer that leaves the store", n, good, others)


def left(port, path, pid, log):
    request = f"GET /{path}?left HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    clients = [Client(port) for _ in range(20)]
    for client in clients:  # the server waits for it alone
        client.send(BEHIND)
        client.response()
    halt(pid)  # so that what is sent then is there at once
    for client in clients:
        client.send(request)
    os.kill(pid, signal.SIGCONT)
    clients[0].read(1)  # in the turn that it began in all were read
    for client in clients:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    end, n = time.monotonic() + PATIENCE, 0
    while n < len(clients) and time.monotonic() < end:
        time.sleep(0.02)
        with open(log, "rb") as lines:
            n = lines.read().count(b"?left")
    say(n == len(clients), f"each of {len(clients)} requests has its line", n)


def main():
    what, *rest = sys.argv[1:]
    rest = [int(text) if text.isdigit() else text for text in rest]
    {"alike": alike, "mixed": mixed, "turns": turns, "ends": ends, "slow": slow, "gone": gone, "apart": apart, "urgent": urgent, "lent": lent, "crowded": crowded, "failing": failing, "left": left}[what](*rest)


main()
