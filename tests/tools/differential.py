"""The same requests through mtlsd and through nginx to one backend that records what comes: differential.py TABLE ROOT READY

The port of the backend is written to READY; then the ports of mtlsd and nginx are expected on one line of stdin.

Each row of TABLE is sent as it stands, on a connection of its own to each of them in turn. What comes of it is one text: the status of
the answer ("none" without one), and behind it what the backend got, if anything: request line, fields in their order, body. What every
request gets (Via, X-Forwarded-*, Connection) is left out, and so is how the body is framed. A row that says "same" wants both texts to
be equal, any other has them both, and why they differ. One line "ok NAME" or "not ok NAME" each; with --show the texts themselves."""
import re
import socket
import ssl
import sys
import threading

PATIENCE = 20
ADDED = {b"via", b"connection", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port"}
FRAMING = {b"content-length", b"transfer-encoding"}


def read_head(stream):
    """Until the empty line; what is there when the connection ends before."""
    lines = []
    while line := stream.readline(65536):
        if line in (b"\r\n", b"\n"):
            break
        lines.append(line.rstrip(b"\r\n"))
    return lines


def read_chunked(stream):
    body = b""
    while size := int(stream.readline().split(b";")[0] or b"0", 16):
        body += stream.read(size)
        stream.readline()
    trailers = read_head(stream)
    return body + (b" trailers: " + b" ".join(trailers) if trailers else b"")


class Recorder:
    """The backend. What came since `take` was called last."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.lock = threading.Lock()
        self.came = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        with connection, connection.makefile("rb") as stream:
            while lines := read_head(stream):
                fields = [line.split(b":", 1) for line in lines[1:]]
                value = {name.lower(): text.strip() for name, text in fields}
                if b"chunked" in value.get(b"transfer-encoding", b""):
                    body = read_chunked(stream)
                else:
                    body = stream.read(int(value.get(b"content-length", 0)))
                kept = [name + b":" + text for name, text in fields if name.lower() not in ADDED | FRAMING]
                with self.lock:
                    self.came.append(b" | ".join([lines[0].rsplit(b" ", 1)[0], *kept]) + (b" || " + body if body else b""))
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" if not lines[0].startswith(b"HEAD ")
                                   else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")

    def take(self):
        with self.lock:
            came, self.came = self.came, []
        return came


def ask(context, port, request):
    """The status lines of all answers, until the server ends the connection (it is told that nothing more comes by Connection: close,
    or ends it by itself) or has answered as many requests as there are."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as tls:
            tls.sendall(request)
            answer = b""
            try:
                while piece := tls.recv(65536):
                    answer += piece
            except (TimeoutError, ConnectionError, ssl.SSLError) as error:
                if not answer:
                    return "none" if not isinstance(error, TimeoutError) else "silence"
    statuses = re.findall(rb"(?:^|\n|ok|</html>|\})HTTP/1\.[01] (\d\d\d)", answer)
    return "+".join(status.decode() for status in statuses) or ("none" if not answer else "text")


def unescape(text):
    return re.sub(rb"\\(x[0-9a-f]{2}|[rnt0\\])|\{(\d+)\*(.)\}", lambda m: m.group(3) * int(m.group(2)) if m.group(2) else
                  {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}.get(m.group(1)) or bytes.fromhex(m.group(1)[1:].decode()),
                  text.encode())


def escape(came):
    text = re.sub(rb"[^ -~]|\\", lambda m: b"\\x%02x" % m.group(0)[0], came)
    return re.sub(r"(.)\1{63,}", lambda m: "{%d*%s}" % (len(m.group(0)), m.group(1)), text.decode())


def main():
    show = "--show" in sys.argv
    table, root, ready = [word for word in sys.argv[1:] if word != "--show"]
    recorder = Recorder()
    with open(ready, "w", encoding="ascii") as file:
        print(recorder.socket.getsockname()[1], file=file)
    mtlsd, nginx = map(int, sys.stdin.readline().split())
    context = ssl.create_default_context(cafile=root)
    for row in open(table, encoding="utf-8"):
        row = row.rstrip("\n")
        if not row or row.startswith("#"):
            continue
        name, request, *want = row.split("\t")
        got = []
        for port in (mtlsd, nginx):
            status = ask(context, port, unescape(request))
            got.append(" > ".join([status, *map(escape, recorder.take())]))
        if show:
            print(name, *(["same", got[0]] if got[0] == got[1] else got), sep="\n    ", flush=True)
        elif got == want[:2] or (want[0] == "same" and got[0] == got[1]):
            print("ok", name, flush=True)
        else:
            print(f"not ok {name}\n# mtlsd: {got[0]}\n# nginx: {got[1]}", flush=True)


main()
