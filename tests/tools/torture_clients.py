"""The clients of tests/torture: each draws what it asks, what the backend shall do to the answer, and what it does itself."""
import random
import socket
import ssl
import struct
import sys
import threading
import time

sys.dont_write_bytecode = True
from torture_backend import SILENCE, body_of  # noqa: E402
from torture_exchange import PATIENCE, Connection, Cut, Exchange, Left, Wrong  # noqa: E402

TUNNEL_ENDS = 8  # seconds after a revocation: one, and what a busy machine and a sanitizer add


# ---- plans ------------------------------------------------------------------------------------------------------------------


def size(draw):
    return draw.choice([0, 1, 100, draw.randint(0, 2000), draw.randint(0, 40000), draw.randint(0, 400000)] * 4 + [draw.randint(0, 5000000)])


GARBAGE = [
    b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", b"HTTP/1.1 200", b"\0" * 1000,
    b"HTTP/1.1 200 OK\r\nX-Id: nobody\r\n a fold\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\n\r\n", b"",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc", b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20000,
]


def plan_response(draw, wild, plan):
    ask = plan["ask"]
    ask["n"], ask["f"] = size(draw), draw.choice(["length", "length", "chunked", "close"])
    if draw.random() < 0.4:
        ask["piece"] = draw.choice([1000, 16384, 70000])
    if draw.random() < 0.1:
        ask["piece"], ask["pause"] = max(1, ask["n"] // 5), draw.randint(1, 60)
    if draw.random() < 0.1:
        ask["wait"] = draw.randint(1, 200)
    if draw.random() < 0.1:
        ask["hint"] = 1
    if draw.random() < 0.2 and ask["f"] == "chunked":
        ask["trail"] = 1
        plan["fields"] = ["TE: trailers", "Connection: TE"]
    if draw.random() < 0.1:
        ask["last"] = 1
    # It has to leave with the response, or it comes when the connection is another's.
    if draw.random() < 0.2 and ask["f"] != "close" and ask["n"] < 8000 and "piece" not in ask:
        ask["extra"] = 1
    if draw.random() < 0.1:
        plan["leaves"] = ("down", draw.randint(0, ask["n"]))
    if draw.random() < 0.1:
        plan["slow"] = True
    if not wild or draw.random() < 0.5:
        return
    fault = draw.choice(["cut", "cut", "bad", "badchunk", "hang", "silence"])
    if fault != "hang":
        ask.pop("extra", None)
    if fault == "cut" and ask["n"] > 0:
        ask["cut"], ask["how"] = draw.randint(0, ask["n"] - 1), draw.choice(["fin", "rst"])
    elif fault == "bad":
        ask["bad"] = draw.choice(GARBAGE).hex() if draw.random() < 0.98 else GARBAGE[0].hex()
        ask["how"] = draw.choice(["fin", "rst"])
        if len(ask["bad"]) > 4000:
            ask["bad"] = GARBAGE[0].hex()
    elif fault == "badchunk":
        ask["f"], ask["badchunk"] = "chunked", 1
    elif fault == "hang" and draw.random() < 0.1:
        ask["wait"] = 1000 * SILENCE + 1500
    elif fault == "silence" and draw.random() < 0.1 and ask["n"] > 1:
        ask["piece"], ask["pause"] = (ask["n"] + 1) // 2, 1000 * SILENCE + 1500


# ---- what clients do --------------------------------------------------------------------------------------------------------


class Client(threading.Thread):
    def __init__(self, setting, number):
        super().__init__(daemon=True)
        self.setting, self.number, self.turn, self.n = setting, number, 0, 0
        self.draw = self.session = None

    def run(self):
        kinds = [self.gets, self.gets, self.gets, self.pipeline, self.uploads, self.uploads, self.tunnel, self.old, self.knock]
        while self.setting.going():
            self.turn, self.n = self.turn + 1, 0
            source = f"{self.setting.seed} client {self.number} turn {self.turn}"
            self.draw, self.wire = random.Random(source), random.Random(source + " wire")
            kind = self.draw.choice(kinds)
            try:
                kind()
            except Left:
                self.setting.count(kind.__name__, "left")
            except Cut as cut:
                self.wrong(kind, f"cut: {cut}")
            except Wrong as wrong:
                self.wrong(kind, wrong)
            except OSError as error:
                at = error.__traceback__.tb_next
                self.wrong(kind, f"line {at.tb_lineno if at else 0}: {error!r}")

    def wrong(self, kind, what):
        self.setting.wrong(kind.__name__, f"{time.strftime('%T')} {kind.__name__}, client {self.number}, turn {self.turn}, request {self.n}: {what}")

    def connect(self):
        who = self.draw.choice(["none", "good", "good", "shaky"])
        return Connection(self.setting, self.draw, self.wire, who, self.session)

    def area(self, c):
        return self.draw.choice(["calm", "wild", "wild", "tight", "known" if c.who != "none" or self.draw.random() < 0.2 else "calm"])

    def exchange(self, c, plan, area):
        self.n += 1
        return Exchange(c, f"{self.number}-{self.turn}-{self.n}", area, plan)

    def finish(self, kind, x, method, before, old=False):
        """Reads the response. False: the connection is not to be used again."""
        try:
            outcome = x.read_response(method, old)
            x.check_admission(outcome, before, self.setting.shaky)
        except Cut as cut:
            if not x.may_be_cut(before):
                raise Wrong(f"{method} {x}: cut: {cut}") from cut
            self.setting.count(kind, "cut")
            return False
        except Wrong as wrong:
            raise Wrong(f"{method} {x}: {wrong}") from wrong
        self.setting.count(kind, outcome)
        return not x.c.closes

    def gets(self):
        c = self.connect()
        try:
            for _ in range(self.draw.randint(1, 12)):
                if self.draw.random() < 0.1:
                    c.sock.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    text = c.until(b"\r\n\r\n")
                    if not text.startswith(b"HTTP/1.1 200") or c.until(b"\n") != b"ok":
                        raise Wrong(f"/livez: {text!r}")
                plan = {"ask": {}}
                area = self.area(c)
                plan_response(self.draw, area == "wild", plan)
                x = self.exchange(c, plan, area)
                method = "HEAD" if self.draw.random() < 0.1 else "GET"
                before = self.setting.shaky
                c.send(("\r\n".join(x.head(method)) + "\r\n\r\n").encode())
                good = self.finish("gets", x, method, before)
                if not good:
                    break
            if good and c.sock.session:
                self.session = c.session()
        finally:
            c.leave(self.draw.choice(["bye", "fin", "rst"]))

    def pipeline(self):
        c = self.connect()
        try:
            sent = []
            for _ in range(self.draw.randint(2, 5)):
                plan = {"ask": {}}
                area = self.area(c)
                plan_response(self.draw, area == "wild", plan)
                plan.pop("leaves", None)
                sent.append(self.exchange(c, plan, area))
            before = self.setting.shaky
            try:
                c.send("".join("\r\n".join(x.head("GET")) + "\r\n\r\n" for x in sent).encode())
            except (ssl.SSLError, ConnectionError):
                pass  # the first of them was cut while the last was sent: what came is read
            for x in sent:
                if not self.finish("pipeline", x, "GET", before):
                    break
        finally:
            c.leave(self.draw.choice(["bye", "fin", "rst"]))

    def uploads(self):
        c = self.connect()
        try:
            for _ in range(self.draw.randint(1, 4)):
                plan = {"ask": {}}
                area = self.area(c)
                plan_response(self.draw, area == "wild", plan)
                length = plan["ask"]["up"] = size(self.draw)
                if self.draw.random() < 0.1:
                    plan["leaves"] = ("up", self.draw.randint(0, length + 500))
                x = self.exchange(c, plan, area)
                body = body_of(x.id, "up", length)
                chunked = self.draw.random() < 0.5
                expects = self.draw.random() < 0.1
                lines = x.head(self.draw.choice(["POST", "PUT"])) + ["Transfer-Encoding: chunked" if chunked else f"Content-Length: {length}"]
                if expects:
                    lines += ["Expect: 100-continue"]
                if chunked:
                    # Of extensions a request may have only so many bytes.
                    most = max(self.draw.choice([100, 5000, 100000]), length // 500)
                    parts = (body[at : at + most] for at in range(0, length, most))
                    body = b"".join(b"%x%s\r\n%s\r\n" % (len(part), self.draw.choice([b"", b";x=y"]), part) for part in parts) + b"0\r\n\r\n"
                before = self.setting.shaky
                head = ("\r\n".join(lines) + "\r\n\r\n").encode()
                leaves = plan["leaves"][1] if plan.get("leaves", ("",))[0] == "up" else len(head + body)
                refused = False
                try:
                    going = leaves
                    for part in (head, body) if expects else (head + body,):
                        c.send(part[: max(0, going)])
                        going -= len(part)
                        if expects and part is head:
                            time.sleep(self.draw.random() * 0.01)
                except (ssl.SSLError, OSError) as error:
                    if isinstance(error, TimeoutError):
                        raise Wrong(f"{x}: nothing was taken for too long") from error
                    refused = True  # it may have said why
                if leaves < len(head + body):
                    raise Left
                good = self.finish("uploads", x, "POST", before)
                if refused and good and x.area in ("calm", "tight"):
                    raise Wrong(f"{x}: the upload was refused")
                if not good:
                    break
        finally:
            c.leave(self.draw.choice(["bye", "fin", "rst"]))

    def old(self):
        """HTTP/1.0: where there is no length, the end of TLS tells a whole body from a cut one."""
        c = self.connect()
        try:
            plan = {"ask": {}}
            area = self.area(c)
            plan_response(self.draw, area == "wild", plan)
            plan["ask"].pop("hint", None)
            plan["fields"] = []
            x = self.exchange(c, plan, area)
            before = self.setting.shaky
            c.send(("\r\n".join(x.head("GET", "1.0")) + "\r\n\r\n").encode())
            self.finish("old", x, "GET", before, old=True)
        finally:
            c.leave(self.draw.choice(["bye", "fin", "rst"]))

    def tunnel(self):
        c = self.connect()
        try:
            area = "known" if c.who != "none" and self.draw.random() < 0.5 else self.draw.choice(["calm", "wild"])
            length = self.draw.randint(1, 300000)
            plan = {"ask": {"f": "length", "tunnel": length, "how": self.draw.choice(["fin", "rst"])},
                    "fields": ["Connection: upgrade", "Upgrade: websocket"]}
            x = self.exchange(c, plan, area)
            before = self.setting.shaky
            c.send(("\r\n".join(x.head("GET")) + "\r\n\r\n").encode())
            try:
                outcome = x.read_response("GET")
            except Cut as cut:
                if area == "wild":
                    self.setting.count("tunnel", "cut")
                    return
                raise Wrong(f"{x}: cut: {cut}") from cut
            x.check_admission(outcome, before, self.setting.shaky)
            self.setting.count("tunnel", outcome)
            if outcome == "tunnel":
                self.echo(c, x, area, length)
        finally:
            c.leave(self.draw.choice(["bye", "fin", "rst"]))

    def echo(self, c, x, area, length):
        """As many bytes as the backend echoes, or fewer; slowly, sometimes, so that a revocation finds it open."""
        want = body_of(x.id, "up", length)
        slow = self.draw.random() < 0.3
        gives_up = self.draw.randint(0, length) if self.draw.random() < 0.3 else None
        at, due = 0, None
        while at < length:
            n = self.draw.randint(1, max(1, length // 20) if slow else 60000)
            piece = want[at : at + n]
            try:
                c.sock.sendall(piece)
                if gives_up is not None and at >= gives_up:
                    raise Left
                while len(c.held) < len(piece):
                    if not c.read():
                        raise Cut("closed")
            except (Cut, ssl.SSLError, OSError) as cut:
                if isinstance(cut, TimeoutError):
                    raise Wrong(f"{x}: a tunnel stands still") from cut
                if not want[at:].startswith(c.held):
                    raise Wrong(f"{x}: the tunnel of another: {c.held[:60]!r}") from cut
                if area == "calm" or (area == "known" and c.who == "good"):
                    if x.plan["ask"]["how"] != "rst" or at + len(piece) < length:
                        raise Wrong(f"{x}: a tunnel was cut at {at} of {length}: {cut!r}") from cut
                return
            got, c.held = c.held[: len(piece)], c.held[len(piece) :]
            if got != piece:
                raise Wrong(f"{x}: the tunnel of another: {got[:60]!r}")
            at += len(piece)
            if slow:
                time.sleep(self.draw.random() * 0.3)
            state = self.setting.shaky
            if area == "known" and c.who == "shaky" and state is not None and not state[0]:
                due = due or state[1] + TUNNEL_ENDS
                if time.monotonic() > due:
                    raise Wrong(f"{x}: the tunnel of a revoked client goes on")

    def knock(self):
        """Comes, says something that is no whole request, or no TLS at all, and goes."""
        raw = socket.socket()
        raw.settimeout(PATIENCE)
        raw.connect(("127.0.0.1", self.setting.port))
        if self.draw.random() < 0.5:
            raw.sendall(self.draw.randbytes(self.draw.randint(1, 400)))
        else:
            try:
                c = self.setting.contexts["good", False].wrap_socket(raw, server_hostname="localhost")
            except ssl.SSLError as error:
                raise Wrong(f"no handshake: {error!r}") from error
            c.sendall(b"POST /calm/r?id=x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n"[: self.draw.randint(1, 80)])
            raw = c
        if self.draw.random() < 0.5:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raw.close()
        self.setting.count("knock")


