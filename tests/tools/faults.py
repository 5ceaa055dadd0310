#!/usr/bin/python3
"""What a client can do wrong, and the alert that it gets. Prints "ok WHAT" or "not ok WHAT<TAB>WHY"; tests/server/faults.test states it.

    faults.py LAB LONG off=PORT request=PORT require=PORT

Each row of FAULTS is what the client does, and the alert by RFC 8446 section 6.2 (RFC 5246 section 7.2.2); of GOOD, what is odd
and served all the same. LONG is a file that each listener serves as /long.txt: more than some full records.
"""
import select
import sys
import time

import tls_by_hand as tls
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from tls_by_hand import (CCS, DATA, HANDSHAKE, KEY_UPDATE, Alert, Closed, Keys13, Tls12, Tls13, TlsError, expand, extension,
                         number, psk_of, vector)  # fmt: skip

LAB = sys.argv[1]
PORTS = {name: int(port) for name, _, port in (word.partition("=") for word in sys.argv[3:])}
ALICE = tls.load_identity(LAB + "/client.crt", LAB + "/client.key")
with open(sys.argv[2], "rb") as f:
    LONG = f.read()
FAULTS, GOOD = [], []


def fault(what, alert):
    def add(act):
        FAULTS.append((what, alert, act))
        return act

    return add


def good(what):
    def add(act):
        GOOD.append((what, act))
        return act

    return add


def names(*listed, kind=0):
    """The extension server_name."""
    return extension(0, vector(2, b"".join(number(kind, 1) + vector(2, one) for one in listed)))


class Late(AssertionError):
    """It took too long, or not long enough: whoever was held up meanwhile saw no more."""


def again(act):
    """Once more, when it was late: what the server does wrong, it does each time."""

    def acts(*args, **named):
        for _ in range(4):
            try:
                return act(*args, **named)
            except Late:
                pass
        return act(*args, **named)

    return acts


def wait(c):
    """Reads until the alert, or the end, comes."""
    c.more_time()
    while True:
        kind, data = c.read_record()
        if kind == tls.ALERT:
            c._alert(data)


def hello13(port, compressions=b"\0", **hello):
    c = Tls13(port)
    c.compressions = compressions
    c.hello(**hello)
    c.server()
    return c


def hello12(port, compressions=b"\0", **hello):
    c = Tls12(port)
    c.compressions = compressions
    c.hello(**hello)
    c.server()
    return c


# ---- the hello -------------------------------------------------------------------------------------------------------

for hello, version in ((hello13, "1.3"), (hello12, "1.2")):

    def both(what, alert, hello=hello, version=version, **how):
        fault("%s: %s" % (version, what), alert)(lambda: hello(PORTS["off"], **how))

    both("two server names", "illegal_parameter", sni=None, extra=names(b"a.example", b"b.example"))
    both("the same server name twice", "illegal_parameter", sni=None, extra=names(b"localhost", b"localhost"))
    both("a server name of 256 bytes", "unrecognized_name", sni=b"a" * 256)
    both("an empty list of names", "decode_error", sni=None, extra=extension(0, b"\0\0"))
    both("an empty server name", "decode_error", sni=b"")
    both("an extension twice", "illegal_parameter", extra=extension(23) + extension(23), **({} if version == "1.3" else {"ems": False}))
    both("no protocol in common", "no_application_protocol", extra=extension(16, vector(2, vector(1, b"h3") + vector(1, b"x\ny"))))
    both("an extension that ends too early", "decode_error", extra=extension(16, b"\0\4\2h"))
    both("no compression that is none", "illegal_parameter", compressions=b"\1")

fault("1.3: compression null and deflate", "illegal_parameter")(lambda: hello13(PORTS["off"], compressions=b"\0\1"))
fault("1.3: compression null twice", "illegal_parameter")(lambda: hello13(PORTS["off"], compressions=b"\0\0"))
fault("1.3: PSKs that are not last", "illegal_parameter")(
    lambda: hello13(PORTS["off"], psks=[tls.Psk(b"x" * 100)], last=extension(21, b"\0"))
)
fault("1.2: no suite in common", "handshake_failure")(lambda: hello12(PORTS["off"], suites=(0x0035,)))
fault("1.3: a share that is on no curve", "illegal_parameter")(lambda: hello13(PORTS["off"], point=b"\4" + b"\1" * 64))
fault("1.3: a share of zeros", "illegal_parameter")(lambda: hello13(PORTS["off"], point=b"\4" + b"\0" * 64))
fault("1.3: a share of another form", "illegal_parameter")(lambda: hello13(PORTS["off"], point=b"\3" + b"\1" * 64))
fault("1.3: a share that is too short", "illegal_parameter")(lambda: hello13(PORTS["off"], point=b"\4" + b"\1" * 63))

# RFC 7748 section 6.1: points of small order have a secret of zero, however they are written.
PRIME = 2**255 - 19
ORDER_8 = (325606250916557431795983626356110631294008115727848805560023387167927233504,
           39382357235489614581723060781553021112529911719440698176882885853963445705823)  # fmt: skip
for number_of, u in enumerate((0, 1, *ORDER_8, PRIME - 1, PRIME, PRIME + 1, 2**255, 2**255 + 1, *(2**255 + u for u in ORDER_8), 2**256 - 20)):
    fault("1.3: a share of X25519 with a secret of zero, %d" % number_of, "illegal_parameter")(
        lambda u=u: hello13(
            PORTS["off"], share=None, groups=(29,),
            extra=extension(51, vector(2, number(29, 2) + vector(2, u.to_bytes(32, "little")))),
        )
    )  # fmt: skip

# ---- the key exchange and the certificate ----------------------------------------------------------------------------


def exchange(body):
    c = hello12(PORTS["off"])
    c.message(tls.CLIENT_KEY_EXCHANGE, body)
    wait(c)


POINT = b"\4" + b"\1" * 64
for what, body, alert in (
    ("that is on no curve", vector(1, POINT), "illegal_parameter"),
    ("of zeros", vector(1, b"\4" + b"\0" * 64), "illegal_parameter"),
    ("of another form", vector(1, b"\5" + b"\1" * 64), "illegal_parameter"),
    ("of an even length", vector(1, POINT[:-1]), "illegal_parameter"),
    ("of another length", vector(1, POINT + b"\1\1"), "illegal_parameter"),
    ("of one byte", vector(1, b"\4"), "illegal_parameter"),
    ("without a byte", vector(1, b""), "decode_error"),
    ("that ends too early", vector(1, POINT)[:-1], "decode_error"),
    ("with a byte behind it", vector(1, POINT) + b"\0", "decode_error"),
    ("that does not begin", b"", "decode_error"),
):
    fault("1.2: a point " + what, alert)(lambda body=body: exchange(body))


def verified(version, mode="request", **verify):
    """Alice's certificate, with another CertificateVerify."""
    c = (hello13 if version == "1.3" else hello12)(PORTS[mode])
    c.certificate(ALICE.chain)
    if version == "1.2":
        c.key_exchange()
    c.certificate_verify(**verify)
    c.finished()
    wait(c)


for version in ("1.3", "1.2"):
    for what, alert, verify in (
        ("that is no DER", "decrypt_error", {"signature": b"no signature"}),
        ("without a byte", "illegal_parameter" if version == "1.3" else "decrypt_error", {"signature": b""}),
        ("by another key", "decrypt_error", {"key": ec.generate_private_key(ec.SECP256R1())}),
        ("with numbers of zero", "decrypt_error", {"signature": b"\x30\6\2\1\0\2\1\0"}),
        ("by an algorithm that was not asked for", "illegal_parameter", {"signature": b"x" * 64, "scheme": 0x0203}),
        ("by an algorithm that nobody knows", "illegal_parameter", {"signature": b"x" * 64, "scheme": 0x7777}),
    ):
        fault("%s: a signature %s" % (version, what), alert)(lambda version=version, verify=verify: verified(version, **verify))


# ---- certificates that GnuTLS cannot read ----------------------------------------------------------------------------


def with_names(name, der):
    """A SAN of these bytes."""
    return tls.own_identity(name, extensions=[x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), der)])


def of_version(identity, version):
    der = identity.chain[0]
    assert der.count(b"\xa0\3\2\1\2") == 1
    return tls.Identity([der.replace(b"\xa0\3\2\1\2", b"\xa0\3\2\1" + number(version, 1))], identity.key)


UNREADABLE = (
    ("an empty DNS name", with_names("empty-dns", b"\x30\2\x82\0")),
    ("an x400Address", with_names("x400", b"\x30\4\xa3\2\5\0")),
    ("an ediPartyName", with_names("edi", b"\x30\6\xa5\4\xa1\2\x0c\0")),
    ("version 2 and extensions", of_version(tls.own_identity("version-2"), 1)),
)
USAGE = x509.KeyUsage(*[False, False, True] + [False] * 6)  # keyEncipherment
ENCIPHERS = tls.own_identity("enciphers", extensions=[USAGE])


def shows(version, identity, mode):
    c = (tls.connect13 if version == "1.3" else tls.connect12)(PORTS[mode], identity)
    answer = c.get("/api/peer")
    return answer


for version in ("1.3", "1.2"):
    for what, identity in UNREADABLE:
        fault("%s: a certificate with %s" % (version, what), "bad_certificate")(
            lambda version=version, identity=identity: shows(version, identity, "require")
        )
    fault(version + ": a certificate of bytes that are none", "bad_certificate")(
        lambda version=version: shows(version, tls.Identity([b"\x30\3\2\1\1"], ALICE.key), "request")
    )
fault("1.2: an intermediate that cannot be read", "bad_certificate")(
    lambda: shows("1.2", tls.Identity(ALICE.chain[:1] + UNREADABLE[0][1].chain, ALICE.key), "require")
)

# ---- after the handshake ---------------------------------------------------------------------------------------------


def key_update(value):
    return number(KEY_UPDATE, 1) + vector(3, number(value, 1))


def update_keys(c, value=0):
    """A KeyUpdate, and the new keys (RFC 8446 section 7.2)."""
    c.send_record(HANDSHAKE, key_update(value))
    c.client_traffic = expand(c.client_traffic, b"traffic upd", b"")
    c.writes = Keys13(c.client_traffic)


@fault("1.3: a flood of KeyUpdates", "unexpected_message")
def _():
    c = tls.connect13(PORTS["off"])
    for _ in range(1000):
        update_keys(c)
    wait(c)


@fault("1.3: a KeyUpdate of another value", "illegal_parameter")
def _():
    c = tls.connect13(PORTS["off"])
    update_keys(c, 2)
    wait(c)


@fault("1.3: a KeyUpdate of two bytes", "decode_error")
def _():
    c = tls.connect13(PORTS["off"])
    c.send_record(HANDSHAKE, number(KEY_UPDATE, 1) + vector(3, b"\0\0"))
    wait(c)


@fault("1.3: a message that does not belong behind the handshake", "unexpected_message")
def _():
    c = tls.connect13(PORTS["off"])
    c.send_record(HANDSHAKE, b"\2\0\0\0")
    wait(c)


@fault("1.3: another hello behind the handshake", "unexpected_message")
def _():
    c = tls.connect13(PORTS["off"])
    c.hello()
    wait(c)


for version, connect in (("1.3", tls.connect13), ("1.2", tls.connect12)):

    @fault(version + ": a ChangeCipherSpec behind the handshake", "unexpected_message")
    def _(connect=connect, version=version):
        c = connect(PORTS["off"])
        if version == "1.3":
            c.writes = None
        c.send_record(CCS, b"\1")
        wait(c)

    @fault(version + ": a record of an unknown type", "unexpected_message")
    def _(connect=connect):
        c = connect(PORTS["off"])
        c.send_record(99, b"x")
        wait(c)

    @fault(version + ": a record that no key opens", "bad_record_mac")
    def _(connect=connect):
        c = connect(PORTS["off"])
        c.send_bytes(b"\x17\3\3\0\x40" + b"x" * 64)
        wait(c)

    @fault(version + ": a record that is too long", "record_overflow")
    def _(connect=connect):
        c = connect(PORTS["off"])
        c.send_bytes(b"\x17\3\3\x48\x01" + b"x" * 100)
        wait(c)


def small(c, times, kind=DATA, data=b""):
    for _ in range(times):
        c.send_record(kind, data)


for version, connect in (("1.3", tls.connect13), ("1.2", tls.connect12)):

    @fault(version + ": records without data", "unexpected_message")
    def _(connect=connect):
        c = connect(PORTS["off"])
        small(c, 1000)
        wait(c)

    @fault(version + ": records without data in a request", "unexpected_message")
    def _(connect=connect):
        c = connect(PORTS["off"])
        c.send_record(DATA, b"GET / HTTP/1.1\r\n")
        small(c, 1000)
        wait(c)

    @fault(version + ": fragments of a message without a byte", "unexpected_message")
    def _(connect=connect):
        c = connect(PORTS["off"])
        small(c, 1000, HANDSHAKE)
        wait(c)

    @fault(version + ": a message behind the handshake in single bytes", "unexpected_message")
    def _(connect=connect):
        c = connect(PORTS["off"])
        c.send_record(HANDSHAKE, b"\x18\1\0\0")
        small(c, 1000, HANDSHAKE, b"\0")
        wait(c)


@fault("1.2: a flood of warning alerts", "unexpected_message")
def _():
    c = tls.connect12(PORTS["off"])
    small(c, 1000, tls.ALERT, b"\1\x5a")
    wait(c)


def warned(times, alert=b"\1\x5a"):
    """A handshake of TLS 1.2 with so many warnings (user_canceled) in the middle of it."""
    c = hello12(PORTS["off"])
    small(c, times, tls.ALERT, alert)
    return c


@fault("1.2: nine warning alerts in the handshake", "unexpected_message")
def _():
    wait(warned(9))


@good("1.2: eight warning alerts in the handshake")
def _():
    c = warned(8)
    c.key_exchange()
    c.finished()
    c.server_finished()
    return c.get("/livez")


@good("1.2: eight warning alerts behind it")
def _():
    c = tls.connect12(PORTS["off"])
    small(c, 8, tls.ALERT, b"\1\x5a")
    return c.get("/livez")


@fault("1.2: requests to renegotiate without end", "unexpected_message")
def _():
    c = tls.connect12(PORTS["off"])
    for _ in range(20):
        c.hello(renegotiation=c.client_data)
    while True:
        c.more_time()
        kind, data = c.read_record()
        if kind != tls.ALERT or data[:1] == b"\2":
            c._alert(data)
        assert data == b"\1\x64", data


@fault("1.3: the stream ends soon behind an alert", "unexpected_message")
@again
def _():
    c = tls.connect13(PORTS["off"])
    c.send_record(99, b"x")
    try:
        wait(c)
    except Alert:
        begin = time.monotonic()
        c.send_bytes(b"more")
        try:
            wait(c)
        except Closed as e:
            assert e.args[0] == "the connection ends", e
        took = time.monotonic() - begin
        if not 0.02 < took < 1.5:
            raise Late(took) from None
        raise


def to_the_end(c, begins):
    """The answer, and soon after it the end of the stream, though nobody here closes anything."""
    text, begin = b"", time.monotonic()
    c.more_time()
    try:
        while True:
            kind, data = c.read_record()
            if kind == tls.ALERT and data != b"\1\0":
                c._alert(data)
            text += data if kind == DATA else b""
    except Closed as e:
        assert e.args[0] == "the connection ends", e
    took = time.monotonic() - begin
    assert text.startswith(begins), text
    if took >= 1.5:
        raise Late(took)
    return tls.Answer(200, b"")


for version, connect in (("1.3", tls.connect13), ("1.2", tls.connect12)):

    @good(version + ": the end of the stream behind an answer of the gate")
    @again
    def _(connect=connect):
        c = connect(PORTS["off"])
        c.send_record(DATA, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        return to_the_end(c, b"HTTP/1.1 400 ")

    @good(version + ": the end of the stream behind an answer to a request whose body is not read")
    @again
    def _(connect=connect):
        c = connect(PORTS["off"])
        c.send_record(DATA, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900\r\nExpect: 100-continue\r\n\r\n")
        answer = to_the_end(c, b"HTTP/1.1 405 ")
        # It sends the body all the same, and is not reset for that.
        c.send_record(DATA, b"x" * 900)
        gone = select.poll()
        gone.register(c.socket, 0)
        assert not gone.poll(200), "reset"
        return answer

    @good(version + ": the end of the stream behind the last answer, with another request behind it")
    @again
    def _(connect=connect):
        c = connect(PORTS["off"])
        last = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        c.send_record(DATA, last + last)
        return to_the_end(c, b"HTTP/1.1 200 ")


# ---- odd, and served -------------------------------------------------------------------------------------------------

for version, connect in (("1.3", tls.connect13), ("1.2", tls.connect12)):
    for name in (b"my_app", b"localhost:8443", b"two words", "b\u00fccher.example".encode(), b"\xff\xfe", b"[::1]", b"*.example", b"a\0b"):

        @good("%s: the server name %r" % (version, name))
        def _(connect=connect, name=name):
            return connect(PORTS["off"], sni=name).get("/api/tls", host="localhost")

    @good(version + ": an odd server name where a certificate is asked for")
    def _(connect=connect):
        return connect(PORTS["require"], ALICE, sni=b"my_app").get("/api/peer", host="my_app")


for version in ("1.3", "1.2"):

    @good(version + ": a key usage without digitalSignature where it is only reported")
    def _(version=version):
        answer = shows(version, ENCIPHERS, "request")
        assert b'"code": "key_usage"' in answer.body and b'"FAILED"' in answer.body, answer.body
        return answer

    # In TLS 1.2 the verdict comes first, and that nobody knows the CA is its first reason.
    fault(version + ": a key usage without digitalSignature", "unsupported_certificate" if version == "1.3" else "unknown_ca")(
        lambda version=version: shows(version, ENCIPHERS, "require")
    )


@good("1.3: an odd server name, with a HelloRetryRequest")
def _():
    return tls.connect13(PORTS["off"], sni=b"my_app", retry=True).get("/api/tls", host="localhost")


@good("1.3: an odd server name, and behind the HelloRetryRequest a plain one")
def _():
    c = Tls13(PORTS["off"])
    c.hello(sni=b"my_app", share=False)
    assert not c.server_hello()
    c.hello(sni=b"localhost")
    c.server()
    c.finished()
    return c.get("/api/tls")


@good("1.3: an odd server name, resumed")
def _():
    first = tls.connect13(PORTS["require"], ALICE, sni=b"my_app")
    first.get("/api/peer", host="my_app")
    c = tls.connect13(PORTS["require"], ALICE, sni=b"my_app", psks=[psk_of(first.tickets[0])])
    assert c.resumed
    return c.get("/api/peer", host="my_app")


@good("1.2: an odd server name, resumed")
def _():
    first = tls.connect12(PORTS["off"], sni=b"my_app")
    first.get("/api/tls", host="localhost")
    c = tls.connect12(PORTS["off"], resume=first.tickets[0], sni=b"my_app")
    assert c.resumed
    return c.get("/api/tls", host="localhost")


@good("1.2: compression null and deflate")
def _():
    c = hello12(PORTS["off"], compressions=b"\0\1")
    c.key_exchange()
    c.finished()
    c.server_finished()
    return c.get("/api/tls")


for version, connect in (("1.3", tls.connect13), ("1.2", tls.connect12)):

    @good(version + ": some records without data")
    def _(connect=connect):
        c = connect(PORTS["off"])
        for part in (b"GET /livez HTTP/1.1\r\n", b"Host: localhost\r\n", b"Connection: keep-alive\r\n"):
            small(c, 30)
            c.send_record(DATA, part)
        small(c, 30)
        c.send_record(DATA, b"\r\n")
        while True:
            kind, data = c.read_record()
            if kind == DATA:
                assert data.startswith(b"HTTP/1.1 200"), data
                return tls.Answer(200, b"")

    @good(version + ": a request in records of one byte")
    def _(connect=connect):
        c = connect(PORTS["off"])
        for byte in b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n":
            c.send_record(DATA, bytes([byte]))
        c.send_record(DATA, b"\r\n")
        while True:
            kind, data = c.read_record()
            if kind == DATA:
                assert data.startswith(b"HTTP/1.1 200"), data
                return tls.Answer(200, b"")


for version, connect, limit, most in (
    ("1.2", tls.connect12, extension(1, b"\1"), 512),
    ("1.2", tls.connect12, extension(1, b"\3"), 2048),
    ("1.3", tls.connect13, extension(1, b"\1"), 512),
    ("1.2", tls.connect12, extension(28, number(600, 2)), 600),
    ("1.3", tls.connect13, extension(28, number(600, 2)), 599),
):

    @good("%s: records of %d bytes at most, by extension %d" % (version, most, limit[1]))
    def _(connect=connect, limit=limit, most=most):
        c = connect(PORTS["off"], extra=limit)
        for path in ("/metrics", "/none", "/api"):
            answer = c.get(path, close=False)
            assert answer.status == (404 if path == "/none" else 200), answer
            assert path != "/metrics" or len(answer.body) > 4096
        assert 0 < c.largest <= most, c.largest
        c.send_record(DATA, b"nonsense\r\n\r\n")  # what the gate answers itself
        try:
            wait(c)
        except Alert:
            pass
        assert 0 < c.largest <= most, c.largest
        return answer


@good("1.2: a refused request to renegotiate, and a request behind it")
def _():
    c = tls.connect12(PORTS["off"])
    for _ in range(3):
        c.hello(renegotiation=c.client_data)
        kind, data = c.read_record()
        assert (kind, data) == (tls.ALERT, b"\1\x64"), (kind, data)
        assert c.get("/livez", close=False).status == 200
    return c.get("/livez")


@good("1.3: keys that change now and then")
def _():
    c = tls.connect13(PORTS["off"])
    for value in (0, 1, 0):
        update_keys(c, value)
    c.send_record(DATA, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n")
    update_keys(c)
    c.send_record(DATA, b"Connection: close\r\n\r\n")
    # Section 4.6.3: the server changes its keys, too, before it says anything.
    kind, data = c.read_record()
    while kind == HANDSHAKE and data[0] == tls.NEW_SESSION_TICKET:
        kind, data = c.read_record()
    assert (kind, data) == (HANDSHAKE, key_update(0)), (kind, data)
    return tls.Answer(200, b"")


@good("1.3: keys that change between long answers")
def _():
    c, requests = tls.connect13(PORTS["off"]), b"GET /long.txt HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for values in ((), (0,), (1,), (0, 1, 1), ()):
        for value in values:
            update_keys(c, value)
        c.more_time()
        c.send_record(DATA, requests)
        text, sizes = b"", []
        while len(text.partition(b"\r\n\r\n")[2]) < len(LONG):
            kind, data = c.read_record()
            if kind == HANDSHAKE and data == key_update(0):
                # Once, and before anything else: the answer begins with records that are full.
                assert 1 in values and not sizes, (values, sizes)
                c.server_traffic = expand(c.server_traffic, b"traffic upd", b"")
                c.reads, values = Keys13(c.server_traffic), ()
            elif kind == DATA:
                assert 1 not in values, values
                text += data
                sizes.append(len(data))
        assert text.endswith(LONG) and sizes.count(tls.MOST_RECORD) == len(LONG) // tls.MOST_RECORD, sizes
    return tls.Answer(200, b"")


# ---- before the handshake --------------------------------------------------------------------------------------------

V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\1\x7f\0\0\1\0\1\0\2"
for what, parts in (
    ("version 1", [b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"]),
    ("version 2", [V2]),
    ("version 1 in two parts", [b"PRO", b"XY UNKNOWN\r\n"]),
    ("version 2 in two parts", [V2[:5], V2[5:]]),
):

    @good("a PROXY header that is not expected, " + what + ", ends the connection, and so")
    @again
    def _(parts=parts):
        c = Tls13(PORTS["off"])
        for part in parts:
            c.send_bytes(part)
        begin = time.monotonic()
        try:
            c.hello()
            c.server()
        except Closed:
            if time.monotonic() - begin >= 1.5:
                raise Late("late") from None
            return tls.Answer(200, b"")
        return tls.Answer(0, b"it goes on")


# ---- the walk --------------------------------------------------------------------------------------------------------


def state(what, why=None):
    print("not ok %s\t%s" % (what, why) if why else "ok " + what, flush=True)


def main():
    for what, alert, act in FAULTS:
        why = None
        try:
            act()
            why = "it is accepted"
        except Alert as e:
            if e.name != alert or e.level != 2:
                why = "alert %s, level %d" % (e.name, e.level)
        except (TlsError, AssertionError) as e:
            why = "%s: %s" % (type(e).__name__, e)
        state("%s: alert %s" % (what, alert), why)
    for what, act in GOOD:
        why = None
        try:
            answer = act()
            if answer.status != 200:
                why = "status %d: %r" % (answer.status, answer.body[:200])
        except (TlsError, AssertionError, IndexError) as e:
            why = "%s: %s" % (type(e).__name__, e)
        state(what + " is as it shall be", why)


if __name__ == "__main__":
    main()
