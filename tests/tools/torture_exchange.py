"""One connection to the server under torture, and one exchange on it: what is asked, and what must come of it."""
import socket
import ssl
import sys
import time
from urllib.parse import urlencode

sys.dont_write_bytecode = True
from torture_backend import FAULTS, body_of, reset  # noqa: E402

PATIENCE = 40
HOSTS = ["localhost", "app.localhost"]


class Wrong(Exception):
    """Something that the server must not do."""


class Cut(Exception):
    """The response ended early, and it can be seen."""


class Left(Exception):
    """The client goes, as it had planned."""


# ---- a connection -----------------------------------------------------------------------------------------------------------


class Connection:
    """How it sends and reads comes from a source of its own: however much it needs of that, the plans stay the same."""

    def __init__(self, setting, draw, wire, who, session=None):
        self.setting, self.draw, self.who, self.held, self.closes = setting, wire, who, b"", False
        tls12 = draw.random() < 0.3
        raw = socket.socket()
        raw.settimeout(PATIENCE)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if draw.random() < 0.2:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        host, resumes = draw.choice(HOSTS), draw.random() < 0.7
        raw.connect(("127.0.0.1", setting.port))
        self.kind = (who, tls12, host)
        session = session[1] if session and session[0] == self.kind and resumes else None
        self.sock = setting.contexts[who, tls12].wrap_socket(raw, server_hostname=host, suppress_ragged_eofs=False, session=session)

    def session(self):
        return (self.kind, self.sock.session)

    def send(self, data):
        """In records of any size."""
        most = self.draw.choice([100, 1500, 16384, 65536]) if len(data) > 2000 else self.draw.choice([7, 100, 65536])
        at = 0
        while at < len(data):
            n = self.draw.randint(1, most)
            self.sock.sendall(data[at : at + n])
            at += n
            if self.draw.random() < 0.01:
                time.sleep(self.draw.random() * 0.05)

    def read(self):
        try:
            data = self.sock.recv(65536)
        except ssl.SSLZeroReturnError:
            data = b""
        except ConnectionError as error:
            raise Cut(repr(error)) from error
        except ssl.SSLError as error:
            if isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING":  # as Pythons call it
                raise Cut(repr(error)) from error
            raise
        except TimeoutError as error:
            raise Wrong("nothing came for too long") from error
        self.held += data
        return len(data)

    def until(self, mark):
        while mark not in self.held:
            if not self.read():
                raise Cut("the connection was closed")
        text, _, self.held = self.held.partition(mark)
        return text

    def leave(self, how):
        """fin: without goodbye; rst; bye: as one should."""
        try:
            if how == "rst":
                reset(self.sock)
            elif how == "bye":
                self.sock.settimeout(1)
                self.sock = self.sock.unwrap()
        except (OSError, ValueError):
            pass
        self.sock.close()


# ---- an exchange ------------------------------------------------------------------------------------------------------------


def field(lines, name):
    found = [line.split(": ", 1)[1] for line in lines if line.lower().startswith(name.lower() + ":")]
    return found[0] if len(found) == 1 else found or None


class Body:
    """What came of a body so far; each piece is looked at as it comes."""

    def __init__(self, number, length):
        self.want, self.got, self.number = body_of(number, "down", length), bytearray(), number

    def add(self, piece):
        at = len(self.got)
        self.got += piece
        if len(self.got) > len(self.want):
            self.want = body_of(self.number, "down", 2 * len(self.got))
        if piece != self.want[at : at + len(piece)]:
            wrong = next(i for i in range(len(piece)) if piece[i] != self.want[at + i])
            raise Wrong(f"the body is not its own from {at + wrong} on: {bytes(piece[wrong : wrong + 40])!r}")


class Page(Body):
    """One of the server's own."""

    def __init__(self):
        self.got = bytearray()

    def add(self, piece):
        self.got += piece


class Exchange:
    """One request with its response."""

    def __init__(self, connection, number, area, plan):
        self.c, self.id, self.area, self.plan = connection, number, area, plan
        self.began = time.monotonic()

    def __str__(self):
        return f"{self.id} /{self.area}/ {self.c.kind} {self.plan}, after {time.monotonic() - self.began:.1f} s"

    def head(self, method, version="1.1"):
        query = urlencode({"id": self.id, "who": self.c.who, **self.plan["ask"]})
        lines = [f"{method} /{self.area}/r?{query} HTTP/{version}", f"Host: {self.c.kind[2]}", f"X-Id: {self.id}"]
        if self.c.draw.random() < 0.3:
            lines += ["X-User: forged"]
        return lines + self.plan.get("fields", [])

    # ---- the response ----

    def look(self, body):
        """Between two pieces."""
        leaves, draw = self.plan.get("leaves"), self.c.draw
        if leaves and leaves[0] == "down" and len(body.got) >= leaves[1]:
            raise Left
        if self.plan.get("slow") and draw.random() < 0.1:
            time.sleep(draw.random() * 0.1)

    def take(self, body, length):
        c = self.c
        while length > 0:
            if not c.held and not c.read():
                raise Cut("the connection was closed in the middle")
            piece, c.held = c.held[:length], c.held[length:]
            body.add(piece)
            length -= len(piece)
            self.look(body)

    def read_body(self, lines, body, old):
        """The trailers. Cut: what came until then was looked at."""
        length, coding, c = field(lines, "content-length"), field(lines, "transfer-encoding"), self.c
        if coding == "chunked":
            while (size := int(c.until(b"\r\n"), 16)) > 0:
                self.take(body, size)
                if c.until(b"\r\n") != b"":
                    raise Wrong("a chunk that does not end")
            trailers = []
            while line := c.until(b"\r\n"):
                trailers.append(line)
            return b"\n".join(trailers)
        if length is not None:
            self.take(body, int(length))
            return b""
        if not old:
            raise Wrong(f"no framing: {lines}")
        while c.held or c.read():  # 1.0: until close_notify; anything else is a Cut
            self.take(body, len(c.held))
        return b""

    def read_head(self):
        c = self.c
        while True:
            text = c.until(b"\r\n\r\n").decode("latin-1")
            lines = text.split("\r\n")
            if not lines[0].startswith("HTTP/1.1 "):
                raise Wrong(f"no response: {text[:300]!r}, after {getattr(c, 'last', None)}")
            status = int(lines[0].split(" ")[1])
            if status == 103 and field(lines, "x-hint") != self.id:
                raise Wrong(f"a hint for {field(lines, 'x-hint')}")
            if status not in (100, 103):
                return status, lines

    def read_response(self, method, old=False):
        """What became of it: a word for the statistics."""
        c = self.c
        status, lines = self.read_head()
        c.last = (self.id, method, lines)
        own = field(lines, "x-id")
        if own is not None and own != self.id:
            raise Wrong(f"the response of {own}: {lines}")
        if status == 101:
            if "tunnel" not in self.plan["ask"] or own is None:
                raise Wrong("a tunnel that nobody asked for")
            return "tunnel"
        if (own is None) != (status != 200):
            raise Wrong(f"neither its backend's nor the server's: {lines}")
        body = Body(self.id, int(self.plan["ask"].get("n", 0))) if own else Page()
        trailers = b"" if method == "HEAD" else self.read_body(lines, body, old)
        c.closes = (field(lines, "connection") or "").lower() == "close"
        if own is None:
            self.check_refusal(status, bytes(body.got))
            return str(status)
        if method != "HEAD":
            self.check_whole(len(body.got), field(lines, "x-server"))
        if trailers and self.id.encode() not in trailers:
            raise Wrong(f"the trailers of another: {trailers!r}")
        return "whole"

    # ---- was it right? ----

    def check_whole(self, length, server):
        ask = self.plan["ask"]
        if "bad" in ask or "badchunk" in ask or ("cut" in ask and ask["f"] != "close"):
            raise Wrong("a response that its backend has cut passes for whole")
        if length == int(ask.get("n", 0)):
            return
        # Where the end of the connection ends the body, an ordinary end of it ends it too early, and nobody can tell: that of a server that
        # ends its process, or of one that cuts without a reset. With TLS there is no such end: close_notify is missing.
        ends = ask["f"] == "close" and server != "tls"
        cut = ask.get("cut") == length and (ask["how"] == "fin" or server == "unix")
        if not ends or not (cut or self.c.setting.was_ended(server, self.began)):
            raise Wrong(f"{length} bytes of {ask.get('n')} pass for the whole body, from {server}")

    def check_refusal(self, status, body):
        """A page of the server's own: may there be one?"""
        if body.startswith(b"{") and f'"status": {status}'.encode() not in body:
            raise Wrong(f"{status}, but {body[:200]!r}")
        # What is refused is answered here, where the bound on bodies is another.
        if status in (403, 413) and self.area == "known" and self.c.who != "good":
            return
        if self.area == "wild" and status == 504:
            return
        # 502, 503: by what its backend was told to do, or a server's end.
        if self.area == "wild" and status in (502, 503) and (FAULTS & self.plan["ask"].keys() or self.c.setting.was_ended(None, self.began)):
            return
        raise Wrong(f"{status}: {body[:400]!r}")

    def check_admission(self, outcome, before, after):
        """Of a client whose certificate is revoked now and then: served while it was good, refused while it was not."""
        if self.area != "known" or outcome not in ("whole", "403", "tunnel"):
            return
        if self.c.who == "none" and outcome != "403":
            raise Wrong("somebody without a certificate was served")
        if self.c.who == "shaky" and before == after and before is not None:
            if before[0] != (outcome != "403"):
                raise Wrong(f"let in: {before[0]}, but {outcome}")

    def may_be_cut(self, before):
        """Of its own accord the server cuts nothing that goes well behind it."""
        revoked = self.area == "known" and self.c.who == "shaky" and (self.c.setting.shaky != before or not before or not before[0])
        return self.area == "wild" or revoked
