#!/usr/bin/env python3
"""A client of tunnels and of exchanges that stand still, for tests. Prints what it saw, a line for each.

Usage: tunnel.py MODE PORT CA TLS-VERSION [CERTIFICATE KEY]

    half      the backend ends its side (step "half"): what still comes up counts there
    reset     the backend resets the tunnel (step "reset=tunnel"): how it ended
    hold      opens a tunnel, says "up", echoes what stands on its input, line by line, and then how it ended
    begin N   sends the target on its input, the rest of its line a POST's body, of which N bytes are announced (0: a
              GET): says "up", reads to the end, and prints the status, or "-", and how it ended
    stall N   N clients that take nothing of a large response, and N whose upload nobody takes: says "stalled", and
              waits for the end of its input
    rest N    N tunnels through which 200 KB went up and down, then nothing: says "rests", and waits as stall does
"""
import socket
import ssl
import sys

PATIENCE = 20
HEAD = "HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


def connect(port, context, window=0):
    raw = socket.socket()
    raw.settimeout(PATIENCE)
    if window:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    raw.connect(("127.0.0.1", port))
    return context.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False)


def until(sock, mark):
    got = b""
    while mark not in got:
        data = sock.recv(65536)
        if not data:
            break
        got += data
    return got


def half(port, context):
    sock = connect(port, context)
    sock.sendall(f"GET /app/x?half {HEAD}".encode())
    got = until(sock, b"last words")
    print("words" if b"last words" in got else got)
    try:
        print("end" if sock.recv(1) == b"" else "more")
    except ssl.SSLZeroReturnError:
        print("end")
    # Python's TLS closes both sides at once, OpenSSL does not: its writing side still goes.
    sock.sendall(b"behind-the-end")
    raw = sock.unwrap()
    raw.close()
    print("closed")


def reset(port, context):
    sock = connect(port, context)
    sock.sendall(f"GET /app/x?reset=tunnel {HEAD}".encode())
    until(sock, b"\r\n\r\n")
    sock.sendall(b"hello")
    try:
        print("more" if sock.recv(1) else "end")
    except ssl.SSLZeroReturnError:
        print("end")
    except (ssl.SSLError, OSError):
        print("cut")


def hold(port, context):
    sock = connect(port, context)
    sock.sendall(f"GET /app/x?ws {HEAD}".encode())
    until(sock, b"\r\n\r\n")
    print("up", flush=True)
    try:
        for line in sys.stdin:
            if line.strip() == "wait":
                break
            sock.sendall(line.encode())
            print(until(sock, b"\n").decode().strip(), flush=True)
        sock.settimeout(60)
        print("more" if sock.recv(1) else "end")
    except ssl.SSLZeroReturnError:
        print("end")
    except (ssl.SSLError, OSError) as error:
        print("silence" if isinstance(error, TimeoutError) else "cut")


def begin(port, context, n):
    sock = connect(port, context)
    target, _, body = sys.stdin.readline().strip().partition(" ")
    head = f"{'POST' if n else 'GET'} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    sock.sendall((head + (f"Content-Length: {n}\r\n\r\n{body}" if n else "\r\n")).encode())
    print("up", flush=True)
    sock.settimeout(60)
    got, ended = b"", "end"
    try:
        while True:
            data = sock.recv(65536)
            if not data:
                break
            got += data
    except ssl.SSLZeroReturnError:
        pass
    except (ssl.SSLError, OSError) as error:
        ended = "silence" if isinstance(error, TimeoutError) else "cut"
    print(got[9:12].decode() or "-", "last-chunk" if got.endswith(b"\r\n0\r\n\r\n") else ended)


def stall(port, context, n):
    held = []
    for _ in range(n):
        down, up = connect(port, context, 4096), connect(port, context)
        down.sendall(b"GET /app/x?length=9000000 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        up.sendall(b"POST /large/x?early&wait=never HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n")
        up.settimeout(0.2)  # the socket has no room for so long: nobody takes it
        try:
            while True:
                up.sendall(b"x" * 16384)
        except (TimeoutError, ssl.SSLWantWriteError):
            pass
        held += [down, up]
    print("stalled", flush=True)
    sys.stdin.read()


def at_rest(port, context, n):
    held, piece = [], b"x" * 50000
    for _ in range(n):
        sock = connect(port, context)
        sock.sendall(f"GET /app/x?ws {HEAD}".encode())
        until(sock, b"\r\n\r\n")
        for _ in range(4):
            sock.sendall(piece)
            left = len(piece)
            while left > 0:
                left -= len(sock.recv(left)) or sys.exit("it ended")
        held.append(sock)
    print("rests", flush=True)
    sys.stdin.read()


def main(mode, *rest):
    counts = mode in ("stall", "begin", "rest")
    n = int(rest[0]) if counts else 0
    port, ca, version, *own = rest[1:] if counts else rest
    context = ssl.create_default_context(cafile=ca)
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # Python 3.11.2 sets it: a cut would be an end
    context.check_hostname = False
    context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
    if own:
        context.load_cert_chain(*own)
    if counts:
        {"stall": stall, "begin": begin, "rest": at_rest}[mode](int(port), context, n)
    else:
        {"half": half, "hold": hold, "reset": reset}[mode](int(port), context)


if __name__ == "__main__":
    main(*sys.argv[1:])
