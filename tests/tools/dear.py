#!/usr/bin/python3
"""Certificate chains that are dear to whoever reads or verifies them, one of each kind that a stranger could send.

    dear.py DIR [N]

Writes DIR/root.pem and DIR/root.key, the CA that is trusted; DIR/chains.tsv, a row for each chain: NAME, of which layer
(honest, key, issuer, path, name, constraint, extension, size), WHAT; DIR/NAME.pem, leaf first; DIR/NAME.key when the leaf has a key that
can sign; and for what the root really leads to, DIR/NAME.leaves: N (16) leaves that differ in the serial number alone, so that no
server knows the next one (64 N of the honest ones). In the others the serial number of the leaf begins with the bytes "DEAR"; whoever sends them
changes the eight bytes that follow.

All DER is written here, so that any structure and any size is possible. Chains have up to 32 KiB, those of the layer "size"
more. Two runs differ in keys and random bytes alone."""
import base64
import datetime
import os
import random
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from der_by_hand import bits, integer, oid, seq, tlv

BOUND = 32768 - 256  # bytes of DER in a chain that is within the server's bound
rng = random.Random(11)  # what is random here need not be secret, and is cheaper so


# ---- DER -----------------------------------------------------------------------------------------------------------


def long_form(tag, *parts):
    """With a length that is longer than it needs to be: BER, which some readers take."""
    body = b"".join(parts)
    return bytes((tag, 0x84)) + len(body).to_bytes(4, "big") + body


def set_(*parts):
    return tlv(0x31, *parts)


def octets(*parts):
    return tlv(4, *parts)


def utf8(text):
    return tlv(12, text if isinstance(text, bytes) else text.encode())


def explicit(n, *parts):
    return tlv(0xA0 | n, *parts)


def implicit(n, body):
    return tlv(0x80 | n, body)


NULL = b"\5\0"
TRUE = b"\1\1\xff"


# ---- names, extensions -----------------------------------------------------------------------------------------------

CN, O, OU = "2.5.4.3", "2.5.4.10", "2.5.4.11"


def attribute(kind, value):
    return seq(oid(kind), utf8(value))


def name(*rdns):
    """Each RDN is a text (a common name), (kind, text), or the finished SET."""
    out = []
    for rdn in rdns:
        if isinstance(rdn, str):
            rdn = (CN, rdn)
        out.append(rdn if isinstance(rdn, bytes) else set_(attribute(*rdn)))
    return seq(*out)


def extension(kind, value, critical=False):
    return seq(oid(kind), TRUE if critical else b"", octets(value))


def san(*names):
    return extension("2.5.29.17", seq(*names))


def dns(text):
    return implicit(2, text.encode())


def key_usage(*numbers):
    value = 0
    for n in numbers:
        value |= 0x80 >> n
    return extension("2.5.29.15", tlv(3, bytes((7 - max(numbers), value))), True)


def ca_basic(path_len=None):
    return extension("2.5.29.19", seq(TRUE, b"" if path_len is None else integer(path_len)), True)


CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"


def eku(*kinds):
    return extension("2.5.29.37", seq(*map(oid, kinds)))


def fill(make, room, most=10**6):
    """make(0), make(1), ... as many as have room."""
    out = []
    for i in range(most):
        one = make(i)
        room -= len(one)
        if room < 0:
            break
        out.append(one)
    return out


# ---- keys ----------------------------------------------------------------------------------------------------------

ECDSA_SHA256 = seq(oid("1.2.840.10045.4.3.2"))
ECDSA_SHA512 = seq(oid("1.2.840.10045.4.3.4"))
RSA_SHA256 = seq(oid("1.2.840.113549.1.1.11"), NULL)
RSA_SHA512 = seq(oid("1.2.840.113549.1.1.13"), NULL)
ED25519 = seq(oid("1.3.101.112"))
ED448 = seq(oid("1.3.101.113"))
DSA_SHA256 = seq(oid("2.16.840.1.101.3.4.3.2"))
RSA_KEY = seq(oid("1.2.840.113549.1.1.1"), NULL)
SHA256 = seq(oid("2.16.840.1.101.3.4.2.1"), NULL)
PSS_PARAMETERS = seq(
    explicit(0, SHA256), explicit(1, seq(oid("1.2.840.113549.1.1.8"), SHA256)), explicit(2, integer(32))
)
PSS = seq(oid("1.2.840.113549.1.1.10"), PSS_PARAMETERS)
EC = "1.2.840.10045.2.1"
P256, P384, P521 = "1.2.840.10045.3.1.7", "1.3.132.0.34", "1.3.132.0.35"


def spki(algorithm, key):
    return seq(algorithm, bits(key))


def rsa_spki(n, e, algorithm=RSA_KEY):
    return spki(algorithm, seq(integer(n), integer(e)))


def ec_spki(curve, point):
    return spki(seq(oid(EC), curve if isinstance(curve, bytes) else oid(curve)), point)


def junk(n):
    return rng.getrandbits(8 * n).to_bytes(n, "big") if n else b""


def odd(n):
    """A random odd number of n bits."""
    return rng.getrandbits(n) | 1 << (n - 1) | 1


class Key:
    """A public key, what it signs with (for a false one: bytes that look like it), and its private key in PEM, if any."""

    def __init__(self, public, algorithm=RSA_SHA256, sign=None, pem=None, size=256):
        self.spki = public
        self.algorithm = algorithm
        self.sign = sign or (lambda data: junk(size))
        self.pem = pem
        self.id = public[-20:]

    @property
    def real(self):
        return self.pem is not None


def pem_of(private):
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def real_key(private, algorithm, *how):
    public = private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return Key(public, algorithm, lambda data: private.sign(data, *how), pem_of(private))


def p256():
    return real_key(ec.generate_private_key(ec.SECP256R1()), ECDSA_SHA256, ec.ECDSA(hashes.SHA256()))


def p521():
    return real_key(ec.generate_private_key(ec.SECP521R1()), ECDSA_SHA512, ec.ECDSA(hashes.SHA512()))


def ed():
    return real_key(ed25519.Ed25519PrivateKey.generate(), ED25519)


def pi_bits(n):
    """floor(2^n pi), by Machin's formula."""

    def arctan(x):
        one = 1 << (n + 64)
        term = total = one // x
        square, k, sign = x * x, 3, -1
        while term:
            term //= square
            total += sign * (term // k)
            k, sign = k + 2, -sign
        return total

    return (4 * (4 * arctan(5) - arctan(239))) >> 64


def e_bits(n):
    """floor(2^n e)."""
    term = total = 1 << (n + 64)
    k = 1
    while term:
        term //= k
        total += term
        k += 1
    return total >> 64


def known_primes(size):
    """Two primes of so many bits that need no search: those of RFC 3526 and of RFC 7919."""
    modp = {2048: 124476, 4096: 240904}[size]
    ffdhe = {2048: 560316, 4096: 5736041}[size]
    both = []
    for constant, more in ((pi_bits(size - 130), modp), (e_bits(size - 130), ffdhe)):
        both.append((1 << size) - (1 << (size - 64)) - 1 + ((constant + more) << 64))
    return both


def rsa_real(size, e=65537):
    """An RSA key of so many bits whose private key anybody can know."""
    p, q = known_primes(size // 2)
    n = p * q
    d = pow(e, -1, (p - 1) * (q - 1))
    der = seq(*map(integer, (0, n, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))))
    text = base64.encodebytes(der).decode()
    pem = "-----BEGIN RSA PRIVATE KEY-----\n" + text + "-----END RSA PRIVATE KEY-----\n"

    private = serialization.load_pem_private_key(pem.encode(), None)
    return Key(rsa_spki(n, e), RSA_SHA256, lambda data: private.sign(data, padding.PKCS1v15(), hashes.SHA256()), pem)


def rsa_false(n_bits, e, algorithm=RSA_SHA256, kind=RSA_KEY, n=None):
    # nettle multiplies only for signatures that are as long as the modulus, and smaller.
    return Key(rsa_spki(odd(n_bits) if n is None else n, e, kind), algorithm, lambda data: b"\0" + junk(n_bits // 8 - 1))


def ecdsa_junk(size=32):
    return seq(integer(rng.getrandbits(8 * size - 2)), integer(rng.getrandbits(8 * size - 2)))


def ec_false(curve, point, algorithm=ECDSA_SHA256, size=32):
    return Key(ec_spki(curve, point), algorithm, lambda data: ecdsa_junk(size))


def dsa_false(p, q, g, y, algorithm=DSA_SHA256):
    parameters = seq(oid("1.2.840.10040.4.1"), seq(integer(p), integer(q), integer(g)))
    return Key(spki(parameters, integer(y)), algorithm, lambda data: ecdsa_junk(32))


def explicit_curve(size):
    """ECParameters of a prime field (RFC 3279): nothing of it means anything."""
    field = seq(oid("1.2.840.10045.1.1"), integer(odd(8 * size)))
    return seq(integer(1), field, seq(octets(junk(size)), octets(junk(size))), octets(b"\4" + junk(2 * size)),
               integer(odd(8 * size)), integer(1))


# ---- certificates --------------------------------------------------------------------------------------------------

NOW = datetime.datetime.now(datetime.timezone.utc)
FROM, TO = ((NOW + datetime.timedelta(days=d)).strftime("%y%m%d%H%M%SZ").encode() for d in (-2, 400))
VALIDITY = seq(tlv(23, FROM), tlv(23, TO))
serials = iter(range(1, 10**9))


class Name:
    """Somebody who can issue: a name and a key."""

    def __init__(self, subject, key, key_id=None):
        self.subject, self.key, self.id = subject, key, key_id or key.id


def certificate(subject, key, issuer, ca=False, exts=(), serial=None, algorithm=None, signature=None, ids=True):
    who = issuer.key
    algorithm = algorithm or who.algorithm
    if serial is None:
        serial = integer(0x1000000 + next(serials))
    known = [ca_basic(), key_usage(5, 6)] if ca else [key_usage(0), eku(CLIENT_AUTH)]
    if ids is True:
        ids = [extension("2.5.29.14", octets(key.id)), extension("2.5.29.35", seq(implicit(0, issuer.id)))]
    given = set(map(kind_of, exts))
    known = [e for e in known if kind_of(e) not in given]
    ids = [e for e in ids or () if kind_of(e) not in given]
    tbs = seq(explicit(0, integer(2)), serial, algorithm, issuer.subject, VALIDITY, subject, key.spki,
              explicit(3, seq(*known, *ids, *exts)))
    return seq(tbs, algorithm, bits(who.sign(tbs) if signature is None else signature))


def kind_of(ext):
    """The OID of a finished extension, as bytes."""
    at = 2 + (ext[1] & 0x7F if ext[1] & 0x80 else 0)
    return ext[at:at + 2 + ext[at + 1]] if ext[at + 1] < 0x80 else ext[at:]


def marked():
    """A serial number that whoever sends it changes."""
    return tlv(2, b"DEAR" + junk(8))


def pem(*ders):
    return "".join("-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(der).decode() + "-----END CERTIFICATE-----\n"
                   for der in ders)


class World:
    def __init__(self, folder, copies):
        self.folder, self.copies, self.rows = folder, copies, []
        os.makedirs(folder, exist_ok=True)
        self.key = p256()  # of most leaves
        root = p256()
        self.root = Name(name((O, "Dear"), "Dear root"), root)
        self.root_der = certificate(self.root.subject, root, self.root, True)
        inter = p256()
        self.inter = Name(name((O, "Dear"), "Dear intermediate"), inter)
        self.inter_der = certificate(self.inter.subject, inter, self.root, True)
        self.nobody = Name(name((O, "Nobody"), "Nobody's CA"), p256())
        self.write("root.pem", pem(self.root_der))
        self.write("root.key", root.pem)

    def write(self, file, text):
        with open(os.path.join(self.folder, file), "w", encoding="ascii") as out:
            out.write(text)

    def chain(self, title, layer, what, ders, key=None, leaves=None):
        """ders: leaf first. key: that of the leaf, when it can sign. leaves: a function that makes another leaf."""
        size = sum(map(len, ders))
        if (size > BOUND + 256) != (layer == "size"):
            print(f"{title} has {size} bytes", file=sys.stderr)
        self.write(title + ".pem", pem(*ders))
        if key is not None and key.real:
            self.write(title + ".key", key.pem)
        if leaves is not None:
            self.write(title + ".leaves", pem(*(leaves() for _ in range(self.copies if layer != "honest" else 64 * self.copies))))
        self.rows.append(f"{title}\t{layer}\t{what}\n")

    def leaf(self, issuer, key=None, **more):
        more.setdefault("serial", marked())
        return certificate(more.pop("subject", name("leaf")), key or self.key, issuer, **more)

    def good(self, title, layer, what, issuer=None, above=(), key=None, **more):
        """A leaf that is really the issuer's."""
        issuer = issuer or self.inter
        key = key or self.key
        above = above or ([self.inter_der] if issuer is self.inter else [])

        def make():
            return self.leaf(issuer, key, serial=None, **more)

        self.chain(title, layer, what, [make(), *above], key, make)


# ---- the kinds -----------------------------------------------------------------------------------------------------


def honest(w):
    w.good("ordinary", "honest", "leaf and two intermediates on P-256", *under(w, w.inter, [w.inter_der], p256()))
    w.good("ordinary-two", "honest", "leaf and one intermediate on P-256")
    rsa2048 = real_key(rsa.generate_private_key(65537, 2048), RSA_SHA256, padding.PKCS1v15(), hashes.SHA256())
    w.good("ordinary-rsa2048", "honest", "the same, the leaf with RSA 2048", key=rsa2048)


def under(w, issuer, above, key, **more):
    """A CA below the issuer, genuinely signed: the issuer and the chain for its leaves."""
    subject = more.pop("subject", name((O, "Dear"), "CA below"))
    below = Name(subject, key)
    return below, [certificate(subject, key, issuer, True, **more), *above]


def large_keys():
    """(title, what, key) of keys that take long, or are none."""
    for size in (2048, 4096, 8192, 8200, 16384, 32768, 65536, 82000, 110000):
        yield f"rsa-{size}-huge", f"RSA {size}, exponent as long", rsa_false(size, odd(size - 1))
        yield f"rsa-{size}-65537", f"RSA {size}, exponent 65537", rsa_false(size, 65537)
    yield "rsa-200000-65537", "RSA 200,000, exponent 65537", rsa_false(200000, 65537)
    yield "rsa-8192-e32", "RSA 8192, exponent of 32 bits", rsa_false(8192, 0xFFFFFFFF)
    yield "rsa-8192-e64", "RSA 8192, exponent of 64 bits", rsa_false(8192, odd(64))
    yield "rsa-8192-e256", "RSA 8192, exponent of 256 bits", rsa_false(8192, odd(256))
    yield "rsa-120000-65537", "RSA 120,000, exponent 65537", rsa_false(120000, 65537)
    yield "rsa-2048-e200000", "RSA 2048, exponent of 200,000 bits", rsa_false(2048, odd(200000))
    yield "rsa-16384-e200000", "RSA 16384, exponent of 200,000 bits", rsa_false(16384, odd(200000))
    yield "rsa-65536-even-e", "RSA 65536, even exponent as long", rsa_false(65536, odd(65535) - 1)
    yield "rsa-65536-even-n", "RSA 65536, even modulus, exponent as long", rsa_false(65536, odd(65535), n=odd(65536) - 1)
    yield "rsa-e0", "RSA 8192, exponent 0", rsa_false(8192, 0)
    yield "rsa-e1", "RSA 8192, exponent 1", rsa_false(8192, 1)
    yield "rsa-negative-e", "RSA 65536, negative exponent as long", rsa_false(65536, -odd(65535))
    yield "rsa-zero-n", "RSA, modulus 0", rsa_false(8192, odd(65536), n=0)
    yield "rsa-one-n", "RSA, modulus 1", rsa_false(8192, odd(65536), n=1)
    yield "rsa-negative-n", "RSA, negative modulus of 65536 bits, exponent as long", rsa_false(
        8192, odd(65536), n=-odd(65536))
    for size in (8192, 65536, 80000):
        yield f"pss-{size}-huge", f"RSA-PSS {size}, exponent as long", rsa_false(
            size, odd(size - 1), PSS, seq(oid("1.2.840.113549.1.1.10"), PSS_PARAMETERS))
    yield "pss-8192-65537", "RSA-PSS 8192, exponent 65537", rsa_false(
        8192, 65537, PSS, seq(oid("1.2.840.113549.1.1.10"), PSS_PARAMETERS))
    for size, order in ((3072, 256), (8192, 256), (16384, 16384), (60000, 60000)):
        yield f"dsa-{size}-{order}", f"DSA, p of {size} and q of {order} bits", dsa_false(
            odd(size), odd(order), odd(size - 8), odd(size - 8))
    yield "ec-explicit", "EC, explicit parameters of a field of 256 bits", ec_false(explicit_curve(32), b"\4" + junk(64))
    yield "ec-explicit-huge", "EC, explicit parameters of a field of 16,000 bits", ec_false(
        explicit_curve(2000), b"\4" + junk(4000), size=2000)
    yield "ec-unknown", "EC, a curve that nobody knows", ec_false("1.3.132.0.99", b"\4" + junk(64))
    yield "ec-off-curve", "P-256, a point that is not on the curve", ec_false(P256, b"\4" + junk(64))
    yield "ec-infinity", "P-256, the point at infinity", ec_false(P256, b"\0")
    yield "ec-compressed", "P-256, a compressed point", ec_false(P256, b"\2" + junk(32))
    yield "ec-long-point", "P-256, a point of 20,000 octets", ec_false(P256, b"\4" + junk(20000))
    yield "ec-brainpool", "brainpoolP512r1", ec_false("1.3.36.3.3.2.8.1.1.13", b"\4" + junk(128))
    yield "ec-p521-off", "P-521, a point that is not on the curve", ec_false(
        P521, b"\4" + (b"\0" + junk(65)) * 2, ECDSA_SHA512, 65)
    yield "ec-p521", "P-521", p521()
    yield "ec-p384-huge-signature", "P-384, signatures of numbers of 40,000 bits", ec_false(
        P384, b"\4" + junk(96), size=5000)
    yield "ed25519", "Ed25519", ed()
    for kind, number, right, algorithm in (("ed25519", 112, 32, ED25519), ("ed448", 113, 57, ED448),
                                           ("x25519", 110, 32, ED25519), ("x448", 111, 56, ED448)):
        for size in (1, right, 20000):
            if (kind, size) != ("ed25519", 32):
                yield f"{kind}-{size}", f"{kind} of {size} octets", Key(
                    spki(seq(oid(f"1.3.101.{number}")), junk(size)), algorithm, size=114 if number % 2 else 64)
    yield "key-unknown", "a key of a kind that nobody knows, 25,000 octets", Key(
        spki(seq(oid("1.2.3.4.5")), junk(25000)))


def keys(w):
    for title, what, key in large_keys():
        w.chain("leaf-" + title, "key", f"leaf: {what}; issued by nobody", [w.leaf(w.nobody, key)], key)
        if key.real or title in ("rsa-8192-65537", "rsa-8192-e32", "rsa-65536-huge", "rsa-110000-huge", "rsa-200000-65537"):
            w.good(f"good-{title}", "key", f"leaf: {what}; really issued by the trusted CA", key=key)
    big = rsa_real(8192)
    w.good("good-rsa-8192", "key", "leaf: RSA 8192 that signs; really issued", key=big)
    return big


def issuers(w, big):
    for title, what, key in large_keys():
        if len(key.spki) + len(key.sign(b"")) > BOUND - 1500:
            continue  # as a leaf alone
        who = Name(name((O, "Nobody"), "CA " + title), key)
        above = certificate(who.subject, key, w.nobody, True)
        w.chain(f"issuer-{title}", "issuer", f"issuer: {what}; under nobody", [w.leaf(who), above], w.key)
        above = certificate(who.subject, key, w.root, True, signature=ecdsa_junk())
        w.chain(f"rooted-{title}", "issuer", f"issuer: {what}; under the root's name, not its key", [w.leaf(who), above], w.key)
    for size, e, n in ((2048, 2047, 15), (8192, 8191, 9), (8192, 17, 13), (4096, 32, 15)):
        exponent = 65537 if e == 17 else odd(e)
        for top, what in ((w.nobody, "nobody"), (w.root, "the root's name")):
            who = top
            made = []
            for i in range(n):
                key = rsa_false(size, exponent)
                subject = name(f"CA {i}")
                made.insert(0, certificate(subject, key, who, True, signature=None if who is not top else ecdsa_junk()))
                who = Name(subject, key)
            w.chain(f"{n}-issuers-rsa-{size}-e{e}-{'root' if top is w.root else 'nobody'}", "issuer",
                    f"{n} issuers with RSA {size}, exponent of {e} bits, under {what}", [w.leaf(who), *made], w.key)
    # Genuine to the last signature, but under nobody, or the leaf under the root's name with a wrong signature at the top.
    for title, make, n in (("p521", p521, 15), ("rsa8192", lambda: big, 12), ("p256", p256, 15), ("ed25519", ed, 15)):
        for top, what, false in ((w.nobody, "nobody", False), (w.root, "root", True)):
            who, made = top, []
            for i in range(n):
                key = make()
                subject = name(f"Genuine {i}")
                made.insert(0, certificate(subject, key, who, True, signature=ecdsa_junk() if false and who is top else None))
                who = Name(subject, key)
            w.chain(f"genuine-{n}-{title}-{what}", "issuer", f"{n} issuers, each signature right, {title}, under {what}",
                    [w.leaf(who, w.key), *made], w.key)
    # One huge signature.
    for n in (2000, 25000):
        w.chain(f"signature-{n}-p256", "issuer", f"a signature of {n} octets under the root's name",
                [w.leaf(w.root, signature=junk(n))], w.key)
        w.chain(f"signature-{n}-ecdsa", "issuer", f"an ECDSA signature of {n} octets under the root's name",
                [w.leaf(w.root, signature=ecdsa_junk(n // 2))], w.key)
        w.chain(f"signature-{n}-rsa", "issuer", f"an RSA 2048 issuer and a signature of {n} octets",
                [w.leaf(Name(name("R"), rsa_false(2048, 65537)), signature=junk(n)),
                 certificate(name("R"), rsa_false(2048, 65537), w.nobody, True)], w.key)
    w.chain("mismatch-rsa-by-ec", "issuer", "the leaf says RSA, the root has P-256",
            [w.leaf(w.root, algorithm=RSA_SHA256, signature=junk(256))], w.key)
    key = rsa_false(8192, odd(8191))
    w.chain("mismatch-ec-by-rsa", "issuer", "the leaf says ECDSA, the issuer has RSA",
            [w.leaf(Name(name("M"), key), algorithm=ECDSA_SHA256, signature=ecdsa_junk()),
             certificate(name("M"), key, w.nobody, True)], w.key)
    w.chain("false-lab", "issuer", "a leaf of a false intermediate that bears the real one's name and key identifier",
            [w.leaf(Name(w.inter.subject, rsa_false(8192, 65537), w.inter.id)),
             certificate(w.inter.subject, rsa_false(8192, 65537), w.root, True, signature=ecdsa_junk())], w.key)


def recoded(der, n):
    """The same certificate with n octets before a number of its ECDSA signature, which is not part of what is signed."""

    def inside(data):
        size = data[1] & 0x7F if data[1] & 0x80 else 0
        return data[2 + size :]

    def parts(data):
        while data:
            head = 2 + (data[1] & 0x7F if data[1] & 0x80 else 0)
            size = int.from_bytes(data[2:head], "big") if head > 2 else data[1]
            yield data[: head + size]
            data = data[head + size :]

    tbs, algorithm, signature = parts(inside(der))
    r, s = parts(inside(inside(signature)[1:]))
    return seq(tbs, algorithm, bits(seq(tlv(2, bytes(n), inside(r)), s)))


def paths(w):
    p384 = real_key(ec.generate_private_key(ec.SECP384R1()), ECDSA_SHA256, ec.ECDSA(hashes.SHA256()))
    for title, key, size in (("p256", p256(), 32), ("p384", p384, 48)):
        ca = certificate(name((O, "Dear"), "Copied"), key, w.root, True)
        w.chain(f"copies-{title}", "path", f"15 encodings of one good CA on {title}, and a leaf that is not its own",
                [w.leaf(Name(name((O, "Dear"), "Copied"), key), signature=ecdsa_junk(size)), *(recoded(ca, n) for n in range(15))],
                w.key)
    wide = name((O, "Wide"), "Wide CA")
    same = p256()
    for top, what in ((w.nobody, "nobody"), (w.root, "root")):
        for key_name, make in (("p256", p256), ("p521", p521), ("rsa2048", lambda: rsa_false(2048, 65537)),
                               ("rsa4096", lambda: rsa_false(4096, 65537)), ("rsa8192", lambda: rsa_false(8192, 65537))):
            # All under one name, issued by that name: every order of them is a path.
            who = Name(wide, make())
            n = 13 if key_name == "rsa8192" else 15
            more = [certificate(wide, make(), who, True, ids=()) for _ in range(n - 1)]
            last = certificate(wide, make(), top, True, ids=(), signature=ecdsa_junk())
            w.chain(f"wide-{key_name}-{what}", "path", f"{n} CAs of one name that issue each other, {key_name}, under {what}",
                    [w.leaf(who, ids=()), *more, last], w.key)
            flat = [certificate(wide, make(), top, True, ids=(), signature=ecdsa_junk()) for _ in range(n)]
            w.chain(f"flat-{key_name}-{what}", "path", f"{n} CAs of one name, {key_name}, each under {what}",
                    [w.leaf(who, ids=()), *flat], w.key)
    # Layers: 3 x 5 CAs, each of a layer issued by the name of the next.
    for n_layers, each in ((3, 5), (5, 3), (7, 2)):
        for top, what in ((w.nobody, "nobody"), (w.root, "root")):
            made = []
            for i in range(n_layers):
                over = Name(name(f"Layer {i + 1}"), p256()) if i + 1 < n_layers else top
                made += [certificate(name(f"Layer {i}"), p256(), over, True, ids=(), signature=ecdsa_junk()) for _ in range(each)]
            w.chain(f"layers-{n_layers}x{each}-{what}", "path", f"{n_layers} layers of {each} CAs of one name, under {what}",
                    [w.leaf(Name(name("Layer 0"), p256()), ids=()), *made], w.key)
    # The same, but every signature on every path is right but for the topmost.
    for n_layers, each in ((3, 5), (5, 3)):
        layer = [p521() for _ in range(n_layers)]
        made = []
        for i in range(n_layers):
            over = Name(name(f"Genuine layer {i + 1}"), layer[i + 1]) if i + 1 < n_layers else w.root
            made += [certificate(name(f"Genuine layer {i}"), layer[i], over, True, ids=(),
                                 signature=None if over is not w.root else ecdsa_junk()) for _ in range(each)]
        w.chain(f"genuine-layers-{n_layers}x{each}", "path",
                f"{n_layers} layers of {each} P-521 CAs, every signature right but those that say they are the root's",
                [w.leaf(Name(name("Genuine layer 0"), layer[0]), ids=()), *made], w.key)
    one = certificate(name("Equal"), same, w.nobody, True)
    w.chain("equal", "path", "15 times the same CA", [w.leaf(Name(name("Equal"), same)), *([one] * 15)], w.key)
    w.chain("leaf-16", "path", "16 times the same leaf", [w.leaf(w.nobody)] * 16, w.key)
    false_roots = []
    for i in range(15):
        key = p521() if i % 2 else rsa_false(8192, 65537)
        false_roots.append(certificate(w.root.subject, key, w.root, True, signature=ecdsa_junk(),
                                       ids=[extension("2.5.29.14", octets(w.root.id)),
                                            extension("2.5.29.35", seq(implicit(0, w.root.id)))]))
    w.chain("false-roots", "path", "15 false CAs with the root's name and key identifier",
            [w.leaf(w.root, signature=ecdsa_junk()), *false_roots], w.key)
    w.good("good-false-roots", "path", "a good leaf of the root, and 15 false CAs with the root's name and key identifier",
           w.root, false_roots)
    w.good("good-15-more", "path", "a good chain and 14 certificates that it does not need",
           w.inter, [w.inter_der] + [certificate(name(f"Other {i}"), p256(), w.nobody, True) for i in range(14)])
    w.good("good-false-inter", "path", "a good chain behind 14 false intermediates of the same name",
           w.inter, [certificate(w.inter.subject, p256(), w.root, True, ids=(), signature=ecdsa_junk()) for _ in range(14)]
           + [w.inter_der])
    w.good("good-false-inter-rsa", "path", "the same, the false ones with RSA 8192",
           w.inter, [certificate(w.inter.subject, rsa_false(8192, 65537), w.root, True, ids=(), signature=ecdsa_junk())
                     for _ in range(14)] + [w.inter_der])
    # Each of them would make the same paths once more.
    w.good("good-copies", "path", "a good chain, its CA 15 times", w.inter, [w.inter_der] * 15)
    w.good("good-recoded", "path", "a good chain, its CA in 15 encodings", w.inter, [recoded(w.inter_der, n) for n in range(15)])
    below, above = under(w, w.inter, [w.inter_der], p256())
    for n, m in ((4, 4), (7, 7)):
        w.good(f"good-copies-{n}x{m}", "path", f"a good chain, its CAs {n} and {m} times", below, [above[0]] * n + [w.inter_der] * m)
    for issuer, title in ((w.root, "root"), (w.nobody, "nobody")):
        w.chain(f"bad-under-{title}", "path", f"15 intermediates with bad signatures in a row under {title}",
                row_of(w, issuer, 15, p256), w.key)


def row_of(w, top, n, make):
    who, made = top, []
    for i in range(n):
        key = make()
        made.insert(0, certificate(name(f"Bad {i}"), key, who, True, signature=ecdsa_junk()))
        who = Name(name(f"Bad {i}"), key)
    return [w.leaf(who, signature=ecdsa_junk()), *made]


ROOM = 31000  # for what is large in a chain of one or two certificates


def large_names():
    rdns = fill(lambda i: set_(attribute(CN, "")), ROOM)
    yield "rdns", f"{len(rdns)} RDNs", seq(*rdns)
    rdns = fill(lambda i: set_(seq(oid("0.1"), tlv(12))), ROOM)
    yield "rdns-tiny", f"{len(rdns)} RDNs of the smallest kind", seq(*rdns)
    rdns = fill(lambda i: set_(attribute(OU, f"u{i}")), ROOM)
    yield "rdns-ou", f"{len(rdns)} RDNs with text", seq(*rdns)
    rdns = fill(lambda i: set_(attribute(f"1.3.6.1.4.1.{i + 99999}.1", f"u{i}")), ROOM)
    yield "rdns-oids", f"{len(rdns)} RDNs of unknown kinds", seq(*rdns)
    attributes = fill(lambda i: attribute(OU, f"{i:04}"), ROOM)
    yield "attributes", f"one RDN with {len(attributes)} attributes", seq(set_(*attributes))
    attributes = fill(lambda i: seq(oid("0.1"), tlv(12)), ROOM)
    yield "attributes-tiny", f"one RDN with {len(attributes)} attributes of the smallest kind", seq(set_(*attributes))
    yield "value", "one value of 30,000 octets", name("x" * 30000)
    yield "value-escapes", "one value of 30,000 octets that are all escaped", name('",+\\<>;=' * 3700)
    yield "value-controls", "one value of 30,000 control characters", name("\1" * 30000)
    yield "value-utf8", "one value of 10,000 characters of three octets", name("\u20ac" * 10000)
    yield "value-bad-utf8", "one value of 30,000 octets that are no UTF-8", seq(set_(seq(oid(CN), utf8(b"\xff" * 30000))))
    yield "value-bmp", "one BMPString of 15,000 characters", seq(set_(seq(oid(CN), tlv(30, b"\x20\xac" * 15000))))
    yield "value-teletex", "one TeletexString of 30,000 octets", seq(set_(seq(oid(CN), tlv(20, b"\xe4" * 30000))))
    yield "rdns-bmp", "RDNs with BMPStrings", seq(*fill(lambda i: set_(seq(oid(CN), tlv(30, b"\0a" * 4))), ROOM))
    yield "value-oid", "an attribute whose OID has 30,000 octets", seq(
        set_(seq(tlv(6, b"\x55" + b"\xff" * 29998 + b"\x01"), utf8("x"))))
    yield "value-arcs", "an attribute whose OID has 30,000 arcs", seq(set_(seq(tlv(6, b"\x55" + b"\1" * 29999), utf8("x"))))


def names(w):
    for title, what, large in large_names():
        w.chain(f"subject-{title}", "name", f"subject: {what}", [w.leaf(w.nobody, subject=large)], w.key)
        w.good(f"good-subject-{title}", "name", f"subject: {what}; really issued", w.root, subject=large)
        who = Name(large, w.nobody.key)
        w.chain(f"issuer-name-{title}", "name", f"issuer: {what}", [w.leaf(who)], w.key)
        half = certificate(name("Half"), p256(), who, True)
        w.chain(f"issuer-name-{title}-1", "name", f"issuer of the issuer: {what}",
                [w.leaf(Name(name("Half"), p256())), half], w.key)
    # As long as a name may be, and written in many more characters; named in every reason.
    for title, size, n in (("teletex-13", 1000, 13), ("teletex-6", 2250, 6), ("teletex-3", 4060, 3)):
        who = Name(seq(set_(seq(oid(CN), tlv(20, b"\x80" * size)))), p256())
        made = [certificate(who.subject, who.key, who if i % 2 else w.root, ids=False, signature=ecdsa_junk()) for i in range(n)]
        w.chain(f"names-{title}", "name", f"{n} CAs of one name of {size} control characters",
                [w.leaf(who, subject=who.subject, ids=False)] + made, w.key)
    rdns = fill(lambda i: set_(attribute(CN, "")), 1800)
    who = Name(seq(*rdns), p256())
    made = [certificate(who.subject, who.key, who, True, serial=None) for _ in range(7)]
    w.chain("rdns-everywhere", "name", f"8 certificates with two names of {len(rdns)} RDNs each",
            [w.leaf(who, subject=who.subject, signature=ecdsa_junk()), *made], w.key)


def many_names():
    yield "dns", lambda i: dns(f"n{i:05}.example.org")
    yield "dns-short", lambda i: dns("a.b")
    yield "dns-wild", lambda i: dns(f"*.n{i}.org")
    yield "dns-invalid", lambda i: dns("_")
    yield "dns-empty", lambda i: dns("")
    yield "email", lambda i: implicit(1, b"n%d@example.org" % i)
    yield "email-short", lambda i: implicit(1, b"a@b.c")
    yield "ip", lambda i: implicit(7, i.to_bytes(4, "big"))
    yield "ip6", lambda i: implicit(7, i.to_bytes(16, "big"))
    yield "uri", lambda i: implicit(6, b"spiffe://e.org/%d" % i)
    yield "uri-short", lambda i: implicit(6, b"a:b")
    yield "dirname", lambda i: explicit(4, name(f"n{i}"))
    yield "dirname-rdns", lambda i: explicit(4, seq(*[set_(attribute(CN, "a"))] * 30))
    yield "othername", lambda i: tlv(0xA0, oid("1.3.6.1.4.1.311.20.2.3"), explicit(0, utf8(f"u{i}@e.org")))
    yield "othername-xmpp", lambda i: tlv(0xA0, oid("1.3.6.1.5.5.7.8.5"), explicit(0, utf8(f"u{i}@e.org")))
    yield "rid", lambda i: implicit(8, b"\x55\x1d\x11")
    yield "mixed", lambda i: (dns(f"n{i}.org"), implicit(1, b"n@e.org"), implicit(7, b"\n\0\0\1"), implicit(6, b"a:b"))[i % 4]


def alternative_names(w):
    for title, make in many_names():
        many = fill(make, ROOM)
        what = f"{len(many)} names of the kind {title} in the SAN"
        w.chain(f"san-{title}", "name", what, [w.leaf(w.nobody, exts=[san(*many)])], w.key)
        w.good(f"good-san-{title}", "name", what + "; really issued", w.root, exts=[san(*many)])
    for n in (250, 500, 1000, 1400):
        many = [dns(f"h{i:04}.example.org") for i in range(n)]
        what = f"{n} DNS names in the SAN"
        w.chain(f"san-{n}", "name", what, [w.leaf(w.nobody, exts=[san(*many)])], w.key)
        w.chain(f"san-{n}-forged", "name", what + ", as if from the CA", [w.leaf(w.root, w.key, exts=[san(*many)])], w.key)
        w.good(f"good-san-{n}", "name", what + "; really issued", w.root, exts=[san(*many)])
    one = explicit(4, seq(*fill(lambda i: set_(attribute(CN, "")), 30000)))
    w.good("good-san-dirname-one", "name", "one directory name with thousands of RDNs in the SAN", w.root, exts=[san(one)])
    for title, make in many_names():
        if title not in ("dns-short", "dns-empty", "dirname", "ip", "othername"):
            continue
        many = fill(make, ROOM)
        for what, ext in (
            ("san", extension("2.5.29.17", long_form(0x30, *many))),
            ("ian", extension("2.5.29.18", long_form(0x30, *many))),
            ("first", extension("2.5.29.17", seq(long_form(0x82, b"a"), *many))),
        ):
            ders = [w.leaf(w.nobody, exts=[ext])]
            w.chain(f"ber-{what}-{title}", "name", f"{len(many)} names of the kind {title}, {what} not in DER", ders, w.key)
    # Within the bounds, but of kinds that are looked at twice: of whether GnuTLS can read them.
    rids = [implicit(8, bytes((0x2A, 3, i % 128))) for i in range(256)]
    for n, more, each in ((250, 0, 0), (205, 15, 3), (130, 15, 8), (15, 15, 16)):
        for last, title in (([], ""), ([tlv(0xA3, seq())], "-x400")):
            ders = [w.leaf(w.nobody, exts=[san(*rids[:n], *([] if more else last))])]
            ders += [certificate(name(f"Names {i}"), p256(), w.nobody, True, exts=[san(*rids[:each], *(last if i == more - 1 else []))])
                     for i in range(more)]
            w.chain(f"san-rid-{n}-{more}x{each}{title}", "name", f"{n} registered IDs, and {each} in each of {more} more{title}", ders, w.key)
    who = Name(name("BER"), p256())
    many = extension("2.5.29.17", long_form(0x30, *fill(lambda i: dns(""), ROOM)))
    above = certificate(who.subject, who.key, w.root, True, signature=ecdsa_junk(), exts=[many])
    w.chain("ber-issuer", "name", "an issuer with thousands of names, not in DER", [w.leaf(who), above], w.key)
    w.good("good-san-value", "name", "one DNS name of 30,000 octets", w.root, exts=[san(dns("a." * 15000 + "a"))])


def constraints(w):
    """An issuer that is sent along, with many subtrees, and a leaf with as many names: half of the room for each."""

    def subtrees(make, n, tag):
        return tlv(tag, *(seq(make(i)) for i in range(n)))

    kinds = {
        "dns": (lambda i: dns(f"c{i:03}.org"), lambda i: dns(f"n{i:03}.org")),
        "dns-long": (lambda i: dns("c" * 50 + ".org"), lambda i: dns("c" * 49 + "n.org")),
        "email": (lambda i: implicit(1, b"c%d@e.org" % i), lambda i: implicit(1, b"n%d@e.org" % i)),
        "uri": (lambda i: implicit(6, b"c%d.org" % i), lambda i: implicit(6, b"http://n%d.org/" % i)),
        "ip": (lambda i: implicit(7, i.to_bytes(4, "big") + b"\xff" * 4), lambda i: implicit(7, (i + 5000).to_bytes(4, "big"))),
        "dir": (lambda i: explicit(4, name((O, "x"), f"c{i}")), lambda i: explicit(4, name((O, "x"), f"n{i}"))),
        "rid": (lambda i: implicit(8, b"\x55\x1d\x11"), lambda i: implicit(8, b"\x55\x1d\x12")),
    }
    who = Name(name("Constrained"), p256())
    for title, (base, one) in kinds.items():
        for n_bases, n_names, word in ((64, 1000, "64x1000"), (250, 250, "250x250"), (500, 120, "500x120"), (16, 400, "16x400")):
            for tag, way in ((0xA0, "permitted"), (0xA1, "excluded")):
                nc = extension("2.5.29.30", seq(subtrees(base, n_bases, tag)), True)
                names_ = fill(one, 30500 - n_bases * (len(base(n_bases)) + 4), n_names)
                above = certificate(who.subject, who.key, w.root, True, exts=[nc], signature=ecdsa_junk())
                what = f"{n_bases} {way} {title} against {len(names_)} names"
                w.chain(f"nc-{title}-{way}-{word}", "constraint", what, [w.leaf(who, exts=[san(*names_)]), above], w.key)
        for n_bases in (500, 1500):
            both = subtrees(base, n_bases // 2, 0xA0), subtrees(base, n_bases // 2, 0xA1)
            if sum(map(len, both)) > 28000:
                continue
            nc = extension("2.5.29.30", seq(*both), True)
            room = 30500 - len(nc)
            names_ = fill(one, room)
            above = certificate(who.subject, who.key, w.root, True, exts=[nc], signature=ecdsa_junk())
            what = f"{n_bases} permitted and excluded {title} against {len(names_)} names"
            w.chain(f"nc-{title}-{n_bases}", "constraint", what, [w.leaf(who, exts=[san(*names_)]), above], w.key)
    # Many CAs with constraints above many names: all of them are held against all.
    nc = extension("2.5.29.30", seq(subtrees(kinds["dns"][0], 30, 0xA0)), True)
    top, made = w.root, []
    for i in range(14):
        key = p256()
        made.insert(0, certificate(name(f"NC {i}"), key, top, True, exts=[nc], signature=ecdsa_junk()))
        top = Name(name(f"NC {i}"), key)
    room = BOUND - sum(map(len, made)) - 600
    names_ = fill(kinds["dns"][1], room)
    w.chain("nc-14-cas", "constraint", f"14 CAs with 30 constraints each against {len(names_)} names",
            [w.leaf(top, exts=[san(*names_)]), *made], w.key)
    deep = explicit(4, seq(*fill(lambda i: set_(attribute(OU, "")), 14000)))
    nc = extension("2.5.29.30", seq(tlv(0xA0, seq(deep))), True)
    above = certificate(who.subject, who.key, w.root, True, exts=[nc], signature=ecdsa_junk())
    w.chain("nc-dir-deep", "constraint", "a permitted directory name of a thousand RDNs against one like it",
            [w.leaf(who, exts=[san(deep)]), above], w.key)
    wide = explicit(4, seq(set_(*fill(lambda i: attribute(OU, f"{i:03}"), 7000))))
    back = explicit(4, seq(set_(*reversed(fill(lambda i: attribute(OU, f"{i:03}"), 7000)))))
    nc = extension("2.5.29.30", seq(tlv(0xA0, seq(wide))), True)
    above = certificate(who.subject, who.key, w.root, True, exts=[nc], signature=ecdsa_junk())
    w.chain("nc-dir-wide", "constraint", "a permitted directory name with one RDN of hundreds of attributes against its reverse",
            [w.leaf(who, exts=[san(back, back)]), above], w.key)


def extensions(w):
    def both(title, what, *exts):
        w.chain(f"ext-{title}", "extension", what, [w.leaf(w.nobody, exts=exts)], w.key)
        w.good(f"good-ext-{title}", "extension", what + "; really issued", w.root, exts=exts)

    room = ROOM - 200
    for n in (50, 64, 400):
        both(f"{n}", f"{n} extensions", *(extension(f"1.3.6.1.4.1.{99999 + i}", b"\5\0") for i in range(n)))
    many = fill(lambda i: extension(f"1.{i % 39}.{i}", b""), room)
    both("most", f"{len(many)} extensions", *many)
    many = fill(lambda i: extension(f"1.{i % 39}.{i}", b"", True), room)
    both("most-critical", f"{len(many)} critical extensions", *many)
    many = fill(lambda i: extension("1.2.3", b""), room)
    both("twice", f"{len(many)} times the same extension", *many)
    both("unknown-huge", "an unknown extension of 30,000 octets", extension("1.2.3.4", octets(junk(30000))))
    deep = b""
    for _ in range(10000):
        deep = tlv(0x30, deep)
        if len(deep) > 30000:
            break
    both("deep", f"an unknown extension with SEQUENCEs in each other ({len(deep)} octets)", extension("1.2.3.4", deep))
    both("deep-known", "a SAN with SEQUENCEs in each other", extension("2.5.29.17", deep))
    both("deep-indefinite", "a SAN with SEQUENCEs of indefinite length in each other", extension("2.5.29.17", b"\x30\x80" * 15000))
    for title, number, make in (
        ("policies", 32, lambda i: seq(oid(f"1.2.{i}"))),
        ("policies-qualified", 32, lambda i: seq(oid(f"1.2.{i}"), seq(seq(oid("1.3.6.1.5.5.7.2.1"), tlv(22, b"a:b"))))),
        ("policies-one", 32, lambda i: seq(oid("2.5.29.32.0"))),
        ("policies-notices", 32, lambda i: seq(oid(f"1.2.{i}"), seq(seq(oid("1.3.6.1.5.5.7.2.2"), seq(utf8("x")))))),
        ("mappings", 33, lambda i: seq(oid(f"1.2.{i}"), oid(f"1.3.{i}"))),
        ("crldp", 31, lambda i: seq(explicit(0, explicit(0, implicit(6, b"a:b"))))),
        ("crldp-names", 31, lambda i: seq(explicit(0, explicit(0, *[implicit(6, b"a:b")] * 100)))),
        ("freshest", 46, lambda i: seq(explicit(0, explicit(0, implicit(6, b"a:b"))))),
        ("issuer-names", 18, lambda i: dns("a.b")),
        ("directory-attributes", 9, lambda i: seq(oid(f"1.2.{i}"), set_(NULL))),
    ):
        many = fill(make, room)
        both(title, f"{len(many)} {title}", extension(f"2.5.29.{number}", seq(*many)))
    for title, number in (("aia", 1), ("sia", 11)):
        many = fill(lambda i: seq(oid("1.3.6.1.5.5.7.48.1"), implicit(6, b"a:b")), room)
        both(title, f"{len(many)} {title}", extension(f"1.3.6.1.5.5.7.1.{number}", seq(*many)))
    many = fill(lambda i: integer(i % 100), room)
    both("tls-feature", f"{len(many)} TLS features", extension("1.3.6.1.5.5.7.1.24", seq(*many)))
    for title, make in (("eku", lambda i: oid(f"1.2.{i}")), ("eku-one", lambda i: oid("1.2")),
                        ("eku-long", lambda i: tlv(6, b"\x2a" + b"\1" * 100))):
        many = fill(make, room)
        both(title, f"{len(many)} purposes ({title})", extension("2.5.29.37", seq(oid(CLIENT_AUTH), *many)))
    both("eku-huge", "a purpose whose OID has 30,000 octets", extension("2.5.29.37", seq(oid(CLIENT_AUTH), tlv(6, b"\x2a" + b"\1" * 29998))))
    both("oid-huge", "an extension whose OID has 30,000 octets", seq(tlv(6, b"\x2a" + b"\1" * 29998), octets(b"")))
    both("oid-arc", "an extension whose OID has one arc of 30,000 octets", seq(tlv(6, b"\x2a" + b"\xff" * 29998 + b"\1"), octets(b"")))
    both("key-ids", "an issuer in the authority key identifier with thousands of names", extension(
        "2.5.29.35", seq(implicit(0, w.root.id), explicit(1, *fill(lambda i: dns("a.b"), room)), implicit(2, b"\1"))))
    both("key-id-huge", "a subject key identifier of 30,000 octets", extension("2.5.29.14", octets(junk(30000))))
    both("proxy", "a proxy certificate's policy of 30,000 octets", extension(
        "1.3.6.1.5.5.7.1.14", seq(integer(1), seq(oid("1.3.6.1.5.5.7.21.1"), octets(junk(30000))))))
    serial = tlv(2, b"DEAR" + junk(30000))
    w.chain("serial", "extension", "a serial number of 30,000 octets", [w.leaf(w.nobody, serial=serial)], w.key)
    made = []
    for i in range(15):
        many = [extension(f"1.{j % 39}.{j}", b"") for j in range(62 - 4)]
        made.append(certificate(name(f"E {i}"), p256(), w.nobody, True, exts=many))
    w.chain("ext-15-cas", "extension", "15 CAs with 62 extensions each", [w.leaf(w.nobody), *made], w.key)
    made = [certificate(name(f"S {i}"), p256(), w.nobody, True, exts=[san(*fill(lambda i: dns("a.b"), 1500))]) for i in range(15)]
    w.chain("san-15-cas", "extension", "15 CAs with 300 names each", [w.leaf(w.nobody), *made], w.key)
    made = [seq(seq(), seq(), bits(b""))] * 15
    w.chain("hollow", "extension", "15 certificates that are empty SEQUENCEs", [w.leaf(w.nobody), *made], w.key)


def sizes(w):
    """Above the server's bound, up to what fits into a handshake message of 128 KiB."""
    room = 125000
    one = certificate(name("E"), p256(), w.nobody, True)
    w.chain("size-certificates", "size", "hundreds of certificates", [w.leaf(w.nobody), *([one] * (room // len(one)))], w.key)
    leaf = w.leaf(w.nobody)
    w.chain("size-17-rsa", "size", "40 CAs with RSA 16384", [leaf] + [
        certificate(name(f"R {i}"), rsa_false(16384, 65537), w.nobody, True) for i in range(40)], w.key)
    w.chain("size-rdns", "size", "a subject of ten thousand RDNs", [
        w.leaf(w.nobody, subject=seq(*fill(lambda i: set_(attribute(CN, "")), room)))], w.key)
    w.chain("size-san", "size", "twenty thousand names", [
        w.leaf(w.nobody, exts=[san(*fill(lambda i: dns("a.b"), room))])], w.key)
    w.chain("size-extensions", "size", "ten thousand extensions", [
        w.leaf(w.nobody, exts=fill(lambda i: extension(f"1.{i % 39}.{i}", b""), room))], w.key)
    w.chain("size-policies", "size", "ten thousand policies", [
        w.leaf(w.nobody, exts=[extension("2.5.29.32", seq(*fill(lambda i: seq(oid(f"1.2.{i}")), room)))])], w.key)
    big = rsa_false(900000, 65537)
    w.chain("size-rsa", "size", "RSA 900,000, exponent 65537", [w.leaf(w.nobody, big)], big)
    who = Name(name("Big"), big)
    w.chain("size-rsa-issuer", "size", "issuer with RSA 900,000, exponent 65537",
            [w.leaf(who), certificate(who.subject, big, w.nobody, True)], w.key)
    rest = [certificate(name(f"S {i}"), p256(), w.nobody, True, exts=[san(*fill(lambda i: dns("a.b"), 30000))])
            for i in range(4)]
    w.chain("size-second", "size", "a small leaf, then four CAs with 6,000 names each", [leaf, *rest], w.key)


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    w = World(sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 16)
    honest(w)
    big = keys(w)
    issuers(w, big)
    paths(w)
    names(w)
    alternative_names(w)
    constraints(w)
    extensions(w)
    sizes(w)
    w.write("chains.tsv", "".join(w.rows))


if __name__ == "__main__":
    main()
