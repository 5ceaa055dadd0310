#!/usr/bin/env python3
"""A gRPC service and its clients (Debian: python3-grpcio), for tests/server/grpc.test. Messages are bytes: no code is generated.

Usage: grpc_app.py serve READY-FILE [CERT KEY]         any service's methods Unary, Down, Up, Talk, Fail, Slow, Who, Counts
       grpc_app.py SCENE PORT ROOT CERT KEY SERVICE    SCENE of SCENES; prints "ok ..." or "not ok ...", or what it is asked for; CERT and KEY "-": none
       grpc_app.py status PORT ROOT CERT KEY SERVICE   the status of a call
"""
import concurrent.futures
import json
import os
import sys
import threading
import time

import grpc

PATIENCE = int(os.environ.get("PATIENCE", "20"))
LARGE = 4 << 20
OPTIONS = [("grpc.max_receive_message_length", 2 * LARGE), ("grpc.max_send_message_length", 2 * LARGE), ("grpc.enable_http_proxy", 0)]

# ---- the service ----------------------------------------------------------------------------------------------------------

cancelled, slow, lock = [0], [0], threading.Lock()


def count(counter):
    with lock:
        counter[0] += 1


def unary(message, context):
    context.send_initial_metadata((("x-initial", "first"),))
    context.set_trailing_metadata((("x-trailing", "last"), ("x-octets-bin", b"\x00\xff")))
    return message


def down(message, _):
    for i in range(int(message)):
        yield b"message %d" % i


def up(messages, _):
    n = octets = 0
    for message in messages:
        n, octets = n + 1, octets + len(message)
    return b"%d %d" % (n, octets)


def talk(messages, _):
    for message in messages:
        yield b"heard " + message


def fail(message, context):
    for i in range(int(message)):
        yield b"message %d" % i
    context.set_trailing_metadata((("x-why", "because"),))
    context.abort(grpc.StatusCode.NOT_FOUND, "nothing here: ü 100%")


def sleepy(_, context):
    """Says one word, and then nothing until the call is over."""
    over = threading.Event()

    def ended():
        count(cancelled)
        over.set()

    context.add_callback(ended)
    count(slow)
    yield b"waits"
    over.wait(10 * PATIENCE)


def who(_, context):
    return json.dumps([[key, value if isinstance(value, str) else value.hex()] for key, value in context.invocation_metadata()]).encode()


def counts(_, __):
    return b"%d %d" % (slow[0], cancelled[0])


METHODS = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary), "Down": grpc.unary_stream_rpc_method_handler(down),
    "Up": grpc.stream_unary_rpc_method_handler(up), "Talk": grpc.stream_stream_rpc_method_handler(talk),
    "Fail": grpc.unary_stream_rpc_method_handler(fail), "Slow": grpc.unary_stream_rpc_method_handler(sleepy),
    "Who": grpc.unary_unary_rpc_method_handler(who), "Counts": grpc.unary_unary_rpc_method_handler(counts),
}


class Service(grpc.GenericRpcHandler):
    def service(self, handler_call_details):
        return METHODS.get(handler_call_details.method.rpartition("/")[2])


def serve(ready, *tls):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(64), (Service(),), options=OPTIONS + [("grpc.so_reuseport", 0)])
    if tls:
        cert, key = (read(name) for name in tls)
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials(((key, cert),)))
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with open(f"{ready}.tmp", "w", encoding="ascii") as file:
        file.write(f"{port}\n")
    os.rename(f"{ready}.tmp", ready)
    server.wait_for_termination()


# ---- its clients ----------------------------------------------------------------------------------------------------------


def read(name):
    with open(name, "rb") as file:
        return file.read()


class Client:
    def __init__(self, port, root, cert, key, service, *more):
        own = () if cert == "-" else (read(key), read(cert))
        credentials = grpc.ssl_channel_credentials(read(root), *own)
        self.channel = grpc.secure_channel(f"127.0.0.1:{port}", credentials, OPTIONS + [("grpc.ssl_target_name_override", "localhost"), *more])
        self.service = service

    def unary(self, method):
        return self.channel.unary_unary(f"/{self.service}/{method}")

    def down(self, method):
        return self.channel.unary_stream(f"/{self.service}/{method}")

    def up(self, method):
        return self.channel.stream_unary(f"/{self.service}/{method}")

    def talk(self, method):
        return self.channel.stream_stream(f"/{self.service}/{method}")


def equal(got, want):
    if got != want:
        raise AssertionError(f"{got!r}"[:500] + ", want " + f"{want!r}"[:500])


def one(client):
    """unary, and metadata of the server"""
    answer, call = client.unary("Unary").with_call(b"hello", timeout=PATIENCE)
    equal(answer, b"hello")
    equal(call.code(), grpc.StatusCode.OK)
    equal(dict(call.initial_metadata()).get("x-initial"), "first")
    trailing = dict(call.trailing_metadata())
    equal((trailing.get("x-trailing"), trailing.get("x-octets-bin")), ("last", b"\x00\xff"))


def nothing(client):
    """a message of no octets"""
    equal(client.unary("Unary")(b"", timeout=PATIENCE), b"")


def server_stream(client):
    """a stream of the server"""
    equal(list(client.down("Down")(b"500", timeout=PATIENCE)), [b"message %d" % i for i in range(500)])
    equal(list(client.down("Down")(b"0", timeout=PATIENCE)), [])


def client_stream(client):
    """a stream of the client"""
    equal(client.up("Up")((b"x" * 1000 for _ in range(500)), timeout=PATIENCE), b"500 500000")
    equal(client.up("Up")(iter(()), timeout=PATIENCE), b"0 0")


class Words:
    """What is said, one after the other, when it is asked for."""

    def __init__(self):
        self.said, self.changed = [], threading.Condition()

    def say(self, word):
        with self.changed:
            self.said.append(word)
            self.changed.notify()

    def __iter__(self):
        return self

    def __next__(self):
        with self.changed:
            self.changed.wait_for(lambda: self.said, 10 * PATIENCE)
            word = self.said.pop(0)
        if word is None:
            raise StopIteration
        return word


def in_turn(client, times, seconds=0):
    """So many questions, each behind the answer to the one before it and so much later."""
    words = Words()
    call = client.talk("Talk")(words, timeout=2 * PATIENCE)
    for i in range(times):
        words.say(b"%d" % i)
        equal(next(call), b"heard %d" % i)
        time.sleep(seconds)
    words.say(None)
    equal(list(call), [])
    equal(call.code(), grpc.StatusCode.OK)


def ping_pong(client):
    """question and answer in turn"""
    in_turn(client, 100)


def pause(client):
    """a conversation with pauses that are longer than body_timeout"""
    in_turn(client, 3, 1.5)


def trickle(client):
    """a client's stream with such pauses, to which there is no answer before its end"""

    def messages():
        for _ in range(3):
            yield b"x"
            time.sleep(1.5)

    equal(client.up("Up")(messages(), timeout=2 * PATIENCE), b"3 3")


def talks(client):
    """twenty conversations at once"""
    conversations = []
    for _ in range(20):
        words = Words()
        conversations.append((words, client.talk("Talk")(words, timeout=2 * PATIENCE)))
    for i in range(5):
        for words, _ in conversations:
            words.say(b"%d" % i)
        for _, call in reversed(conversations):
            equal(next(call), b"heard %d" % i)
    for words, call in conversations:
        words.say(None)
        equal(list(call), [])


def failure(client, messages):
    got = []
    try:
        for message in client.down("Fail")(b"%d" % messages, timeout=PATIENCE):
            got.append(message)
        raise AssertionError("no error")
    except grpc.RpcError as error:
        equal((error.code(), error.details()), (grpc.StatusCode.NOT_FOUND, "nothing here: ü 100%"))
        equal(dict(error.trailing_metadata()).get("x-why"), "because")
    equal(len(got), messages)


def errors(client):
    """an error with its details, alone and behind messages"""
    failure(client, 0)
    failure(client, 3)


def unknown(client):
    """a method that there is not"""
    equal(status_of(client, "Nonsense"), "UNIMPLEMENTED")


def wait_counts(client, what):
    end = time.monotonic() + PATIENCE
    while True:
        numbers = [int(n) for n in client.unary("Counts")(b"", timeout=PATIENCE).split()]
        if what(*numbers):
            return numbers
        if time.monotonic() > end:
            raise AssertionError(f"slow calls, and ended ones: {numbers}")


def cancel(client):
    """a call that is cancelled ends at the backend"""
    _, before = wait_counts(client, lambda *_: True)
    call = client.down("Slow")(b"", timeout=2 * PATIENCE)
    equal(next(call), b"waits")
    call.cancel()
    wait_counts(client, lambda _, ended: ended == before + 1)


def deadline(client):
    """a deadline ends it, here and there"""
    begun, before = wait_counts(client, lambda *_: True)
    try:
        for _ in client.down("Slow")(b"", timeout=1):
            pass
        raise AssertionError("no error")
    except grpc.RpcError as error:
        equal(error.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
    # It may have been over before it came there.
    wait_counts(client, lambda now, ended: now - begun == ended - before)


def large(client):
    """4 MiB up and down"""
    message = os.urandom(LARGE)
    if client.unary("Unary")(message, timeout=4 * PATIENCE) != message:
        raise AssertionError("another message")
    words = [os.urandom(300000) for _ in range(8)]
    equal([len(word) for word in client.talk("Talk")(iter(words), timeout=4 * PATIENCE)], [300006] * 8)


def compressed(client):
    """compressed messages"""
    equal(client.unary("Unary")(b"x" * 100000, timeout=PATIENCE, compression=grpc.Compression.Gzip), b"x" * 100000)


def many(client):
    """1,000 calls, 50 at once, over one connection"""
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda i: client.unary("Unary")(b"%d" % i, timeout=4 * PATIENCE), range(1000)))
    equal(answers, [b"%d" % i for i in range(1000)])


def identity(client):
    """who asks, whatever it says itself"""
    mine = (("x-mine", "yes"), ("x-octets-bin", b"\x00\xfe"), ("x-ssl-client-s-dn", "CN=root"), ("client-cert", ":forged:"))
    got = [tuple(pair) for pair in json.loads(client.unary("Who")(b"", timeout=PATIENCE, metadata=mine))]
    known = dict(got)
    equal((known.get("x-mine"), known.get("x-octets-bin")), ("yes", "00fe"))
    equal([value for key, value in got if key == "x-ssl-client-s-dn"], ["CN=alice,O=Example"])
    equal(known.get("x-ssl-client-verify"), "SUCCESS")
    equal("forged" in str(got), False)


SCENES = {scene.__name__: scene for scene in (one, nothing, server_stream, client_stream, ping_pong, pause, trickle, talks, errors, unknown, cancel, deadline,
                                              large, compressed, many, identity)}


def status_of(client, method="Unary"):
    try:
        client.unary(method)(b"hello", timeout=PATIENCE)
        return "OK"
    except grpc.RpcError as error:
        return error.code().name


def play(name, *client):
    """One of the scenes, or all of them over one connection."""
    client = Client(*client)
    for scene in SCENES.values() if name == "all" else [SCENES[name]]:
        try:
            scene(client)
            print(f"ok {scene.__doc__}", flush=True)
        except (AssertionError, grpc.RpcError, StopIteration) as error:
            code = f"{error.code().name}: {error.details()}" if isinstance(error, grpc.RpcError) else error
            print(f"not ok {scene.__doc__}: {type(error).__name__}: {code}", flush=True)


def hold(*client):
    """Two calls that go on; a line of what comes of each, then how they end."""
    client = Client(*client)
    words = Words()
    calls = [client.down("Slow")(b"", timeout=4 * PATIENCE), client.talk("Talk")(words, timeout=4 * PATIENCE)]
    words.say(b"x")
    print(" ".join(next(call).decode() for call in calls), flush=True)
    ends = []
    for call in calls:
        try:
            for _ in call:
                pass
            ends.append("OK")
        except grpc.RpcError as error:
            ends.append(error.code().name)
    print(" ".join(ends), flush=True)
    os._exit(0)


def status(*client):
    print(status_of(Client(*client)))


if __name__ == "__main__":
    if sys.argv[1] in ("serve", "hold", "status"):
        globals()[sys.argv[1]](*sys.argv[2:])
    else:
        play(*sys.argv[1:])
