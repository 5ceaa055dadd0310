#!/usr/bin/python3
"""Client certificates that GnuTLS cannot read, at the wire. Prints "ok WHAT" or "not ok WHAT<TAB>WHY"; tests/server/unreadable.test
states it.

    unreadable.py LAB PID all|served NAME=PORT...

LAB is a folder of `mtlsd lab`, each NAME a client_auth, with 12 behind it when it gives tickets of TLS 1.2; PID that of the
server, which is told to reload. Served: of a server that gives tickets after every handshake and sends no alerts, what it serves.

They are issued by the lab's intermediate CA and would be good but for what makes them unreadable: where a bad one is served it
must be reported, as its client sent it, and nothing may let its client in. KINDS is the table; the rest are the ways of somebody
who wants to be taken for another by what stands in for such a certificate (src/tls/stand_in.h).
"""
import datetime
import hashlib
import json
import os
import random
import signal
import sys
import time

import tls_by_hand as tls
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from der_by_hand import seq, tlv
from tls_by_hand import Alert, Closed, Identity, Tls12, Tls13, TlsError, psk_of, vector

LAB, PID = sys.argv[1], int(sys.argv[2])
PORTS = {name: int(port) for name, _, port in (word.partition("=") for word in sys.argv[4:])}
ALONE = sys.argv[3] == "served"
ALICE = tls.load_identity(LAB + "/client.crt", LAB + "/client.key")
CA = tls.load_identity(LAB + "/intermediate.crt", LAB + "/intermediate.key")
CONNECT = {"1.2": tls.connect12, "1.3": tls.connect13}
REFUSING = () if ALONE else ("optional", "require")
NEW = {"1.2": Tls12, "1.3": Tls13}

# ---- certificates, put together octet by octet -----------------------------------------------------------------------


ECDSA = seq(bytes.fromhex("06082a8648ce3d040302"))
ECDSA_384 = seq(bytes.fromhex("06082a8648ce3d040303"))
ISSUER = x509.load_der_x509_certificate(CA.chain[0]).subject.public_bytes()
NOW = datetime.datetime.now(datetime.timezone.utc)
DATES = [(NOW + datetime.timedelta(days=days)).strftime("%y%m%d%H%M%SZ").encode() for days in (-1, 30)]
SAN, ISSUER_SAN = b"\x06\3\x55\x1d\x11", b"\x06\3\x55\x1d\x12"
X400 = tlv(0xA3, b"\5\0")
serials = 0


def ext(oid, value, critical=b""):
    return seq(oid, critical, tlv(4, value))


def usual(*more, usage=b"\3\2\7\x80"):
    key_id = x509.load_der_x509_certificate(CA.chain[0]).extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    return [
        ext(b"\x06\3\x55\x1d\x23", seq(tlv(0x80, key_id))),
        ext(b"\x06\3\x55\x1d\x0e", tlv(4, b"\1" * 20)),
        ext(b"\x06\3\x55\x1d\x0f", usage, b"\1\1\xff"),
        ext(b"\x06\3\x55\x1d\x25", seq(bytes.fromhex("06082b06010505070302"))),
        *more,
    ]


def spki_of(key):
    return key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def issue(name, extensions, version=2, key=None, spki=None, outer=ECDSA, dates=DATES):
    """Issued by the CA; version None: none is written, which is 1."""
    global serials
    serials += 1
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = seq(tlv(0x31, seq(b"\x06\3\x55\4\3", tlv(12, name.encode()))))
    tbs = seq(
        b"" if version is None else tlv(0xA0, bytes([2, 1, version])),
        tlv(2, b"\x2a" + serials.to_bytes(4, "big")),
        ECDSA, ISSUER,
        seq(*(tlv(0x17, date) for date in dates)),
        subject,
        spki or spki_of(key),
        tlv(0xA3, seq(*extensions)) if extensions else b"",
    )  # fmt: skip
    signature = CA.key.sign(tbs, ec.ECDSA(hashes.SHA256()))
    return Identity([seq(tbs, outer, tlv(3, b"\0", signature)), CA.chain[0]], key)


def names(*parts):
    return ext(SAN, seq(*parts))


def half_point(key):
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    return seq(spki_of(key)[2:23], tlv(3, b"\0", point))


def alone(identity):
    return Identity(identity.chain[:1], identity.key)


EC, RSA = ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 2048)
GOOD_NAME = tlv(0x82, b"alice.example")

# what, who, a code
KINDS = (
    ("an empty DNS name", issue("empty-dns", usual(names(GOOD_NAME, tlv(0x82)))), "unreadable_for_tls"),
    ("an x400Address", issue("x400", usual(names(GOOD_NAME, X400))), "unreadable_for_tls"),
    ("an ediPartyName", issue("edi", usual(names(tlv(0xA5, tlv(0xA1, tlv(12)))))), "unreadable_for_tls"),
    ("an x400Address of its issuer", issue("issuer-x400", usual(ext(ISSUER_SAN, seq(X400)))), "unreadable_for_tls"),
    ("version 2 and extensions", issue("version-2", usual(), 1), "unreadable_for_tls"),
    ("version 1 and extensions", issue("version-1", usual(), None), "unreadable_for_tls"),
    ("an extension twice", issue("twice", usual(names(GOOD_NAME), names(GOOD_NAME))), "malformed_certificate"),
    ("two signature algorithms", issue("two-algorithms", usual(), outer=ECDSA_384), "malformed_certificate"),
    ("an x400Address and a key of RSA", issue("x400-rsa", usual(names(X400)), key=RSA), "unreadable_for_tls"),
    ("an x400Address and 600 octets more", issue("x400-long", usual(names(X400), ext(b"\x06\3\x2a\3\4", b"\0" * 600))), "unreadable_for_tls"),
    ("an x400Address and no chain", alone(issue("x400-alone", usual(names(X400)))), "unreadable_for_tls"),
    ("an identifier with a number of 65 bits", issue("huge-oid", usual(ext(b"\x06\x0b\x2b\x82" + b"\x80" * 8 + b"\0", b"\5\0"))), "unreadable_for_tls"),
    ("an identifier of 152 characters", issue("long-oid", usual(ext(b"\x06\x32\x2b" + b"\x2a" * 49, b"\5\0"))), "unreadable_for_tls"),
)
X400_CLIENT, TWICE = KINDS[1][1], KINDS[6][1]

# Of these nobody can be made: they have no key that GnuTLS could verify with, or are no certificate.
HOPELESS = (
    ("bytes that are none", Identity([b"\x30\3\2\1\1"], EC)),
    ("no byte", Identity([b""], EC)),
    ("half a point for a key", issue("half-point", usual(), key=EC, spki=half_point(EC))),
    ("a curve that GnuTLS does not know", issue("brainpool", usual(), key=ec.generate_private_key(ec.BrainpoolP256R1()))),
    ("a date with an offset", issue("offset", usual(), dates=[DATES[0][:-1] + b"+0100", DATES[1]])),
)

# Behind a good certificate; GnuTLS reads them in TLS 1.2.
BROKEN = (
    ("bytes that are none", b"\x30\3\2\1\1"),
    ("no byte", b""),
    ("an x400Address", issue("ca-x400", usual(names(X400))).chain[0]),
    ("half of a certificate", CA.chain[0][: len(CA.chain[0]) // 2]),
    ("text", b"-----BEGIN CERTIFICATE-----\n"),
)

# ---- statements ------------------------------------------------------------------------------------------------------


def state(what, why=None):
    print("not ok %s\t%s" % (what, str(why).replace("\n", " ")[:600]) if why else "ok " + what, flush=True)


def attempt(what, act, *args, **words):
    """States what `act` finds by its assertions."""
    try:
        act(*args, **words)
        state(what)
    except (AssertionError, TlsError, KeyError, IndexError, ValueError) as e:
        state(what, "%s: %s" % (type(e).__name__, e))


def ends_by(alert, act, *args, **words):
    try:
        act(*args, **words)
    except Alert as e:
        assert e.name == alert, e.name
        return
    raise AssertionError("no alert")


def ask(c, path="/api/peer", close=False):
    answer = c.get(path, close=close)
    return answer.status, answer.body


def is_reported(c, identity, code, chain=None, depth=0):
    """The client is served, nowhere let in, and shown as what it sent."""
    status, body = ask(c)
    assert status == 200, status
    peer = json.loads(body)
    leaf = identity.chain[0]
    assert peer["presented"] and peer["verify"] == "FAILED", body
    assert peer["fingerprint_sha256"] == hashlib.sha256(leaf).hexdigest(), body
    assert any(e["code"] == code and e["depth"] == depth for e in peer["errors"]), peer["errors"]
    assert chain is None or len(peer["chain"]) == chain, body
    status, body = ask(c, "/secure/")
    assert status == 403, (status, body)
    return peer


def served(version, port, identity, code, **words):
    c = CONNECT[version](PORTS[port], identity)
    peer = is_reported(c, identity, code, **words)
    return c, peer


# ---- the matrix ------------------------------------------------------------------------------------------------------


def is_served(version, port, identity, code):
    c, peer = served(version, port, identity, code, chain=len(identity.chain))
    assert peer["subject"].startswith("CN=") and peer["issuer"] and peer["serial"].startswith("2a"), peer
    assert any(e["code"] == "unreadable_for_tls" and e["depth"] == 0 for e in peer["errors"]), peer["errors"]
    for ticket in c.tickets:
        again = tls.connect12(PORTS[port], resume=ticket) if version == "1.2" else tls.connect13(PORTS[port], psks=[psk_of(ticket)])
        assert again.resumed
        back = json.loads(ask(again)[1])
        assert back["verify"] == "NONE" and back["subject"] is None, back
        assert ask(again, "/secure/")[0] == 403
    assert bool(c.tickets) == (port.endswith("12") if version == "1.2" else ALONE), c.tickets


def matrix():
    for version in ("1.3", "1.2"):
        for what, identity, code in KINDS:
            for port in ("request", "request12"):
                attempt("%s, %s: %s is reported" % (version, port, what), is_served, version, port, identity, code)
            for port in REFUSING:
                attempt("%s, %s: %s is refused" % (version, port, what),
                        ends_by, "bad_certificate", served, version, port, identity, code)  # fmt: skip
        for what, identity in HOPELESS:
            if what == "no byte" and version == "1.2":
                continue  # some clients say by it that they have none
            for port in ("request", *REFUSING) if REFUSING else ():
                attempt("%s, %s: a certificate with %s is refused" % (version, port, what),
                        ends_by, "bad_certificate", served, version, port, identity, "")  # fmt: skip
    for what, der in BROKEN:
        for where, identity in (
            ("behind a good chain", Identity(ALICE.chain + [der], ALICE.key)),
            ("in it", Identity([ALICE.chain[0], der, CA.chain[0]], ALICE.key)),
        ):
            depth = 1 if where == "in it" else len(ALICE.chain)
            for port in ("request", "request12"):
                attempt("1.2, %s: %s %s is reported" % (port, what, where),
                        served, "1.2", port, identity, "unreadable_for_tls", depth=depth)  # fmt: skip
            for port in REFUSING:
                attempt("1.2, %s: %s %s is refused" % (port, what, where),
                        ends_by, "bad_certificate", served, "1.2", port, identity, "")  # fmt: skip
    several = Identity(X400_CLIENT.chain + [BROKEN[0][1]], X400_CLIENT.key)
    attempt("1.2: of several the first is reported", served, "1.2", "request", several, "unreadable_for_tls", depth=0)


# ---- attacks ---------------------------------------------------------------------------------------------------------


def stand_in(chain, version, body):
    """The message that src/tls/stand_in.c makes of one, for somebody who knows how."""
    spki = spki_of(x509.load_der_x509_certificate(chain[0]))
    before, behind = (7, 2) if version == "1.3" else (6, 0)
    n = len(body) - before - behind
    name, ed = seq(tlv(0x31, seq(b"\x06\3\x55\4\3", tlv(12, b"?")))), seq(b"\x06\3\x2b\x65\x70")
    for serial in range(1, 5):
        date = tlv(0x17, b"700101000000Z")
        tbs = seq(tlv(2, b"\1" * serial), ed, name, seq(date, date), name, spki)
        for zeros in range(n):
            made = seq(tbs, ed, tlv(3, b"\0" * zeros))
            if len(made) == n:
                return body[: before - 6] + (n + 3 + behind).to_bytes(3, "big") + vector(3, made) + b"\0" * behind
    raise ValueError("none")


def flight(version, port, chain, key=None, other=None, signed=True, verify=None, **hello):
    """Certificate to Finished; `other`: what the transcript is told that the Certificate message was."""
    c = NEW[version](PORTS[port])
    c.hello(**hello)
    c.server()
    body = (b"\0" if version == "1.3" else b"") + vector(3, b"".join(vector(3, one) + (b"\0\0" if version == "1.3" else b"") for one in chain))
    seen = c.transcript
    c.certificate(body=body)
    if other:
        c.transcript = seen + bytes([tls.CERTIFICATE]) + vector(3, other(chain, version, body))
    if version == "1.2":
        c.key_exchange()
    if signed:
        c.certificate_verify(key, **(verify or {}))
    c.finished()
    if version == "1.2":
        c.server_finished()
    return c


def whom(c):
    return json.loads(ask(c)[1])


def attacks():
    own = ec.generate_private_key(ec.SECP256R1())
    for version in ("1.3", "1.2"):
        for port in ("request", "request12", "optional", "require"):
            serving = port.startswith("request")

            def shown(*args, **words):
                return whom(flight(version, port, *args, **words))

            def way(what, alert, *args, **words):
                attempt("%s, %s: %s" % (version, port, what), ends_by, alert if serving else "bad_certificate", shown, *args, **words)

            way("another key signs", "decrypt_error", X400_CLIENT.chain, own)
            way("a signature that is none", "decrypt_error", X400_CLIENT.chain, verify={"signature": b"none"})
            way("the transcript has the stand-in", "decrypt_error", X400_CLIENT.chain, X400_CLIENT.key, stand_in)
            if version == "1.2":
                way("nobody signs", "unexpected_message", X400_CLIENT.chain, signed=False)
                stolen = [ALICE.chain[0], b"\x30\3\2\1\1"]
                way("the good chain of another and a broken one, and nobody signs", "unexpected_message", stolen, signed=False)
                way("the same, and another key signs", "decrypt_error", stolen, own)
            else:
                way("nobody signs", "unexpected_message", X400_CLIENT.chain, signed=False)
            # What GnuTLS is shown is, when a client sends it, somebody's own certificate that nobody has issued.
            body = (b"\0" if version == "1.3" else b"") + b"\0" * 700
            made = stand_in(X400_CLIENT.chain, version, body)
            made = made[len(made) - 700 + 6 : -2 or None] if version == "1.3" else made[6:]
            if serving:
                attempt("%s, %s: the stand-in itself" % (version, port), lambda: is_nobody(version, port, made))

    def by_a_ticket(port):
        """Alice's ticket, as it went over the wire, and a certificate of one's own that GnuTLS cannot read."""
        first = tls.connect12(PORTS[port], ALICE)
        assert whom(first)["verify"] == "SUCCESS"
        c = flight("1.2", port, X400_CLIENT.chain, X400_CLIENT.key, ticket=first.tickets[0].ticket, sni=None)
        is_reported(c, X400_CLIENT, "unreadable_for_tls")
        for ticket in c.tickets:
            again = tls.connect12(PORTS[port], resume=ticket, sni=None)
            assert whom(again)["verify"] == "NONE"

    attempt("1.2, request12: the ticket of another beside it", by_a_ticket, "request12")

    def by_a_psk():
        first = tls.connect13(PORTS["request"], ALICE)
        assert whom(first)["verify"] == "SUCCESS"
        c = flight("1.3", "request", X400_CLIENT.chain, X400_CLIENT.key, psks=[tls.Psk(b"x" * 200)])
        is_reported(c, X400_CLIENT, "unreadable_for_tls")
        ends_by("illegal_parameter", lambda: flight("1.3", "request", X400_CLIENT.chain, X400_CLIENT.key, psks=[psk_of(first.tickets[0], False)]))

    attempt("1.3, request: a ticket that is none beside it, and that of another", by_a_psk)

    def twice(version):
        c = NEW[version](PORTS["request"])
        c.hello()
        c.server()
        c.certificate(X400_CLIENT.chain)
        c.certificate(ALICE.chain)
        if version == "1.2":
            c.key_exchange()
        c.certificate_verify(X400_CLIENT.key)
        c.finished()
        whom(c)

    for version in ("1.3", "1.2"):
        attempt(version + ": a second Certificate message", ends_by, "unexpected_message", twice, version)


def is_nobody(version, port, der):
    peer = whom(flight(version, port, [der], X400_CLIENT.key))
    assert peer["verify"] == "FAILED" and peer["subject"] == "CN=?", peer
    assert {"self_signed", "malformed_certificate"} & {e["code"] for e in peer["errors"]}, peer["errors"]


# ---- judged again ----------------------------------------------------------------------------------------------------


def reloads(c):
    """How many reloads there were."""
    lines = ask(c, "/metrics")[1].decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("mtlsd_reloads_total"))


def after_reload():
    other = tls.connect13(PORTS["request"])
    clients = [(CONNECT[version](PORTS["request"], identity), identity, code, depth) for version in ("1.2", "1.3")
               for identity, code, depth in ((X400_CLIENT, "unreadable_for_tls", 0), (TWICE, "malformed_certificate", 0))]  # fmt: skip
    broken = Identity(ALICE.chain + [b"\x30\3\2\1\1"], ALICE.key)
    clients.append((tls.connect12(PORTS["request"], broken), broken, "unreadable_for_tls", len(ALICE.chain)))
    for c, identity, code, depth in clients:
        is_reported(c, identity, code, depth=depth)
    before = reloads(other)
    os.kill(PID, signal.SIGHUP)
    end = time.monotonic() + tls.PATIENCE
    while reloads(other) == before:
        assert time.monotonic() < end, "no reload"
        other.close()  # each takes only so many bytes
        other = tls.connect13(PORTS["request"])
    for c, identity, code, depth in clients:
        is_reported(c, identity, code, depth=depth)


# ---- whatever comes --------------------------------------------------------------------------------------------------


def mutated(rng, der):
    out = bytearray(der)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if not out:
            break
        at = rng.randrange(len(out))
        kind = rng.randrange(4)
        if kind == 0:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            out[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, 0x30, 0x82, 0xA0))
        elif kind == 2:
            del out[at : at + rng.randrange(1, 4)]
        else:
            out[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 4)))
    return bytes(out)


EXPECTED = {"bad_certificate", "decrypt_error", "illegal_parameter", "unsupported_certificate", "decode_error"}


def whatever(times):
    """Certificates that were damaged on the way, issued by a CA or not: served as failed, or refused for what they are."""
    rng = random.Random(7)
    counts = {"served": 0}
    seeds = [who for _, who, _ in KINDS] + [ALICE, issue("plain", usual(names(GOOD_NAME)))]
    for i in range(times):
        version = rng.choice(("1.2", "1.3"))
        who = rng.choice(seeds)
        chain = list(who.chain)
        at = rng.choice((0, 0, 0, len(chain) - 1))
        chain[at] = mutated(rng, chain[at])
        if rng.randrange(8) == 0:
            chain.insert(rng.randrange(1, len(chain) + 1), mutated(rng, b"\x30\3\2\1\1"))
        try:
            peer = whom(flight(version, rng.choice(("request", "request12")), chain, who.key))
            good = chain[0] == ALICE.chain[0] or chain == who.chain  # a damaged CA that nobody needs
            assert peer["verify"] == "FAILED" or good and peer["verify"] == "SUCCESS", (i, peer)
            assert not peer["subject"] or peer["fingerprint_sha256"] == hashlib.sha256(chain[0]).hexdigest(), (i, peer)
            counts["served"] += 1
        except Alert as e:
            assert e.name in EXPECTED, (i, e.name)
            counts[e.name] = counts.get(e.name, 0) + 1
        except Closed as e:
            raise AssertionError((i, "closed", e)) from None
    print("# of %d damaged: %s" % (times, counts))
    assert counts["served"] > times // 4, counts


matrix()
attempt("judged again after a reload", after_reload)
if not ALONE:
    attacks()
    attempt("whatever comes", whatever, int(os.environ.get("UNREADABLE_TIMES", "300")))
