"""paths.py: writes questions for `mtlsd verify --batch` with known answers, one JSON object a line: besides chain, ca, at and
certificate_form those of `expected` (accept or refuse) and `says`, the code that the answer must hold, or "" for none; where it is given
also `never`, a code that it must not hold, `value`, one of its values, and `hint`, a part of one of its hints.

The certificates are put together octet by octet, for most of these no tool makes. CASES is the table.
"""

import base64
import json
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, padding, rsa
from der_by_hand import bits, integer, oid, seq, tlv

AT = "2030-06-01T00:00:00Z"
BEFORE, AFTER = "300101000000Z", "310101000000Z"

# ---- names: "CN=alice,O=example", the type of string before the value where it is not UTF8String: "CN=p:alice"

TYPES = {"CN": "2.5.4.3", "O": "2.5.4.10", "OU": "2.5.4.11", "C": "2.5.4.6", "E": "1.2.840.113549.1.9.1"}
STRINGS = {"u": (12, "utf-8"), "p": (19, "ascii"), "i": (22, "latin-1"), "b": (30, "utf-16-be"), "t": (20, "latin-1")}


def name(text):
    rdns = b""
    for part in text.split(",") if text else []:
        kind, value = part.split("=", 1)
        letter = "u"
        if len(value) > 1 and value[1] == ":" and value[0] in STRINGS:
            letter, value = value[0], value[2:]
        tag, encoding = STRINGS[letter]
        rdns += tlv(0x31, seq(oid(TYPES[kind]), tlv(tag, value.encode(encoding))))
    return seq(rdns)


def dns(text):
    return tlv(0x82, text.encode("latin-1"))


def mail(text):
    return tlv(0x81, text.encode())


def uri(text):
    return tlv(0x86, text.encode())


def ip(*octets):
    return tlv(0x87, bytes(octets))


def directory(text):
    return tlv(0xA4, name(text))


def registered(text):
    return tlv(0x88, oid(text)[2:])


# ---- extensions


def ext(number, value, critical=False):
    return seq(oid(number), tlv(1, b"\xff") if critical else b"", tlv(4, value))


def ca(length=None, critical=True):
    return ext("2.5.29.19", seq(tlv(1, b"\xff"), integer(length) if length is not None else b""), critical)


def usage(*which, critical=True):
    value = 0
    for bit in which:
        value |= 0x80 >> bit
    return ext("2.5.29.15", bits(bytes([value])), critical)


def eku(*purposes, critical=False):
    return ext("2.5.29.37", seq(*map(oid, purposes)), critical)


def san(*names, critical=False):
    return ext("2.5.29.17", seq(*names), critical)


def constraints(permitted=(), excluded=(), critical=True):
    lists = b""
    for tag, bases in ((0xA0, permitted), (0xA1, excluded)):
        if bases:
            lists += tlv(tag, *[seq(base) for base in bases])
    return ext("2.5.29.30", seq(lists), critical)


def policies(*which):
    return ext("2.5.29.32", seq(*[seq(oid(one)) for one in which]))


def mappings(*pairs):
    return ext("2.5.29.33", seq(*[seq(oid(a), oid(b)) for a, b in pairs]), True)


def policy_constraints(explicit=None, mapping=None, critical=True):
    parts = b""
    for tag, value in ((0x80, explicit), (0x81, mapping)):
        if value is not None:
            parts += bytes([tag, 1, value])
    return ext("2.5.29.36", seq(parts), critical)


CLIENT, SERVER, ANY = "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1", "2.5.29.37.0"
A, B, C, ANY_POLICY = "1.2.3.65", "1.2.3.66", "1.2.3.67", "2.5.29.32.0"
SIGN, CERT_SIGN, CRL_SIGN, ENCIPHER = 0, 5, 6, 2

# ---- certificates

KEYS = {}


def key(label, kind="ec"):
    if label not in KEYS:
        KEYS[label] = {
            "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
            "rsa": lambda: rsa.generate_private_key(65537, 2048),
            "ed448": ed448.Ed448PrivateKey.generate,
            "brainpool": lambda: ec.generate_private_key(ec.BrainpoolP256R1()),
            "secp256k1": lambda: ec.generate_private_key(ec.SECP256K1()),
        }[kind]()
    return KEYS[label]


def spki(private):
    return private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_id(private):
    digest = hashes.Hash(hashes.SHA1())  # an identifier, no protection
    digest.update(spki(private))
    return digest.finalize()


SHA256 = oid("2.16.840.1.101.3.4.2.1")


def sign(private, data, salt=None, written_salt=None):
    if isinstance(private, ed448.Ed448PrivateKey):
        return lambda algorithm: private.sign(data), seq(oid("1.3.101.113"))
    if isinstance(private, rsa.RSAPrivateKey):
        parameters = seq(
            tlv(0xA0, seq(SHA256)),
            tlv(0xA1, seq(oid("1.2.840.113549.1.1.8"), seq(SHA256))),
            tlv(0xA2, integer(written_salt if written_salt is not None else salt)),
        )
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=salt)
        return lambda _: private.sign(data, pss, hashes.SHA256()), seq(oid("1.2.840.113549.1.1.10"), parameters)
    return lambda _: private.sign(data, ec.ECDSA(hashes.SHA256())), seq(oid("1.2.840.10045.4.3.2"))


class Cert:
    serial = 0x1000

    def __init__(self, subject, issuer=None, *extensions, label=None, kind="ec", version=3, ids=True, serial=None, issuer_name=None,
                 before=BEFORE, after=AFTER, salt=None, written_salt=None, spoil=None, subject_key=None, algorithm=None):
        Cert.serial += 1
        self.subject = name(subject)
        self.key = key(label or subject, kind)
        signer = issuer or self
        body = [seq(oid("1.3.101.113"))]
        listed = list(extensions)
        if ids and version == 3:
            listed.append(ext("2.5.29.14", tlv(4, key_id(self.key))))
            listed.append(ext("2.5.29.35", seq(tlv(0x80, key_id(signer.key)))))
        algorithm = algorithm or sign(signer.key, b"", salt, written_salt)[1]
        body = [
            tlv(0xA0, integer(version - 1)) if version > 1 else b"",
            integer(Cert.serial if serial is None else serial),
            algorithm,
            name(issuer_name) if issuer_name is not None else signer.subject,
            seq(*[tlv(0x17 if len(date) == 13 else 0x18, date.encode()) for date in (before, after)]),
            self.subject,
            subject_key or spki(self.key),
            tlv(0xA3, seq(*listed)) if listed else b"",
        ]
        tbs = seq(*body)
        make, _ = sign(signer.key, tbs, salt, written_salt)
        signature = make(algorithm)
        if spoil is not None:
            signature = spoil(signature)
        self.der = seq(tbs, algorithm, bits(signature))

    @property
    def pem(self):
        return "-----BEGIN CERTIFICATE-----\n" + base64.encodebytes(self.der).decode() + "-----END CERTIFICATE-----\n"


CA_USAGE = usage(CERT_SIGN, CRL_SIGN)
LEAF = (usage(SIGN), eku(CLIENT))
ROOT = Cert("CN=Root,O=paths", None, ca(), CA_USAGE)
CASES = []


def case(what, expected, says, chain, anchors=(ROOT,), form="standard", **more):
    CASES.append({"id": what, "purpose": "client", "chain": [c.pem for c in chain], "ca": [c.pem for c in anchors], "crl": [], "at": AT,
                  "certificate_form": form, "expected": expected, "says": says, **more})


def both(what, says, chain, anchors=(ROOT,)):
    """What only the form forbids: a warning, or an error where it is strict."""
    case(what, "accept", says, chain, anchors)
    case(what + ", strict", "refuse", says, chain, anchors, "strict")


def leaf(issuer=ROOT, *more, subject="CN=alice", **options):
    return Cert(subject, issuer, *LEAF, *more, **options)


def below(what, expected, says, extensions, *more, subject="CN=alice,O=paths", **options):
    """A leaf below an intermediate with these extensions."""
    inter = Cert("CN=" + what.replace(",", " ").replace("=", " "), ROOT, ca(), CA_USAGE, *extensions)
    case(what, expected, says, [leaf(inter, *more, subject=subject, **options), inter])


# ---- form
case("good", "accept", "", [leaf()])
both("version 1", "old_version", [Cert("CN=v1", ROOT, version=1)])
both("version 2", "old_version", [Cert("CN=v2", ROOT, version=2)])
both("no key identifiers", "key_identifier", [leaf(ids=False)])
both("serial number zero", "serial_number", [leaf(serial=0)])
both("negative serial number", "serial_number", [leaf(serial=-5)])
both("serial number of 21 octets", "serial_number", [leaf(serial=1 << 160)])
both("GeneralizedTime before 2050", "date_form", [leaf(after="20310101000000Z")])
both("keyCertSign in a leaf", "key_usage_form", [Cert("CN=alice", ROOT, usage(SIGN, CERT_SIGN), eku(CLIENT))])
both("a CA as a leaf", "ca_as_leaf", [Cert("CN=alice", ROOT, ca(), eku(CLIENT))])
both("no name", "empty_subject", [leaf(subject="")])
both("a SAN that is not critical instead of a name", "empty_subject", [leaf(ROOT, san(dns("a.example")), subject="")])
case("a critical SAN instead of a name", "accept", "", [leaf(ROOT, san(dns("a.example"), critical=True), subject="")])
for text, made in (("underscore", dns("a_b.example")), ("space", dns("first last")), ("address", dns("192.0.2.1")),
                   ("Latin-1", dns("\xe4.example")), ("mail without @", mail("alice")), ("URI without scheme", uri("alice")),
                   ("URI with a space", uri("http://a.example/b c"))):
    both("a name that is none: " + text, "name_form", [leaf(ROOT, san(made))])
case("a name that is none: nothing, which GnuTLS cannot read", "refuse", "unreadable_for_tls", [leaf(ROOT, san(dns("")))])
for text, identifier in (("of 20 numbers", "1.3" + ".4" * 18), ("with a number of 63 bits", f"1.3.{2**63 - 1}"), ("of 126 characters", "1.3" + ".42" * 41)):
    case(f"an extension's identifier {text}", "accept", "", [leaf(ROOT, ext(identifier, b"\5\0"))])
for text, identifier in (("with a number of 65 bits", f"1.3.{2**64}"), ("of 180 characters", "1.3" + ".42" * 59)):
    case(f"an extension's identifier {text}, which GnuTLS cannot read", "refuse", "unreadable_for_tls", [leaf(ROOT, ext(identifier, b"\5\0"))])
case("a NUL in a name", "refuse", "malformed_certificate", [leaf(ROOT, san(dns("a.example\0.b")))])
case("an address of 5 octets", "refuse", "malformed_certificate", [leaf(ROOT, san(ip(1, 2, 3, 4, 5)))])
case("an extension twice", "refuse", "malformed_certificate", [leaf(ROOT, san(dns("a.example")), san(dns("b.example")))])
case("unknown critical extension", "refuse", "unsupported_critical_extension", [leaf(ROOT, ext("1.2.3.4.5", b"\5\0", True))])
case("a path length in a leaf", "refuse", "malformed_certificate", [leaf(ROOT, ext("2.5.29.19", seq(integer(0)), True))])
INTER = Cert("CN=Soft CA", ROOT, ca(critical=False), CA_USAGE)
both("basic constraints that are not critical", "critical_flag", [leaf(INTER), INTER])
INTER = Cert("CN=CA without key usage", ROOT, ca())
case("a CA without key usage", "accept", "", [leaf(INTER), INTER])
INTER = Cert("CN=CA with a large length", ROOT, ca(1 << 70), CA_USAGE)
case("a path length of 2^70", "accept", "", [leaf(INTER), INTER])
INTER = Cert("CN=CA with a long zero", ROOT, ext("2.5.29.19", seq(tlv(1, b"\xff"), tlv(2, b"\0\0\0\0\0\0")), True), CA_USAGE)
case("a path length of zero, in six octets", "refuse", "malformed_certificate", [leaf(INTER), INTER])
for purposes, expected in (((CLIENT,), "accept"), ((ANY,), "accept"), ((SERVER,), "refuse"), (("1.3.6.1.5.5.7.3.4",), "refuse")):
    INTER = Cert("CN=CA for " + purposes[0], ROOT, ca(), CA_USAGE, eku(*purposes))
    case("a CA for " + purposes[0], expected, "" if expected == "accept" else "wrong_purpose", [leaf(INTER), INTER])

# ---- trusted CAs
for what, says, root in (
        ("bare", "ca_not_a_ca", Cert("CN=Bare", None, ids=False)),
        ("of version 1", "old_version", Cert("CN=Old", None, version=1)),
        ("with keyCertSign alone", "anchor_form", Cert("CN=Usage", None, CA_USAGE)),
        ("CA:FALSE", "ca_not_a_ca", Cert("CN=No CA", None, ext("2.5.29.19", seq(), True), CA_USAGE)),
        ("with the serial number zero", "", Cert("CN=Zero", None, ca(), CA_USAGE, serial=0)),
        ("with a broken signature", "", Cert("CN=Forged", None, ca(), CA_USAGE, spoil=lambda s: s[:-1] + bytes([s[-1] ^ 1]))),
        ("with a SAN that is empty", "anchor_form", Cert("CN=San", None, ca(), CA_USAGE, san())),
        ("expired", "expired", Cert("CN=Over", None, ca(), CA_USAGE, before="200101000000Z", after="210101000000Z")),
        ("for servers", "wrong_purpose", Cert("CN=Servers", None, ca(), CA_USAGE, eku(SERVER)))):
    case("a root " + what, "refuse" if says in ("ca_not_a_ca", "expired", "wrong_purpose") else "accept", says, [leaf(root)], [root])
PIN = Cert("CN=pinned", None, ca(), eku(CLIENT))
case("a pin, CA:TRUE", "accept", "", [PIN], [PIN])
case("a pin, CA:TRUE, strict", "accept", "", [PIN], [PIN], "strict")
ISSUED = leaf()
case("a pin, issued", "accept", "", [ISSUED], [ISSUED])
case("below a pin that was issued", "refuse", "ca_not_a_ca", [leaf(ISSUED)], [ISSUED])

# ---- names of issuers
TWIN = Cert("CN=Root,O=paths", None, ca(), CA_USAGE, label="twin", ids=False)
BARE_ROOT = Cert("CN=Root,O=paths", None, ca(), CA_USAGE, label="CN=Root,O=paths", ids=False)
case("two keys of one name, the second", "accept", "key_identifier", [leaf(TWIN, ids=False)], [BARE_ROOT, TWIN])
case("two keys of one name, the first", "accept", "key_identifier", [leaf(BARE_ROOT, ids=False)], [BARE_ROOT, TWIN])
case("two keys of one name, neither", "refuse", "signature_invalid",
     [Cert("CN=alice", Cert("CN=Root,O=paths", None, ca(), label="third", ids=False), *LEAF, ids=False)], [BARE_ROOT, TWIN])
for other in ("CN=ROOT,O=PATHS", "CN=p:Root,O=p:paths", "CN= Root ,O=b:paths", "CN=t:Root,O=paths"):
    case("the issuer written " + other, "accept", "", [leaf(issuer_name=other)])
case("the issuer in another order", "refuse", "", [leaf(issuer_name="O=paths,CN=Root")])

# ---- signatures
RSA = Cert("CN=RSA", None, ca(), CA_USAGE, kind="rsa", salt=32)
for salt in (0, 20, 32, 64):
    case(f"RSASSA-PSS with {salt} octets of salt", "accept", "", [leaf(RSA, salt=salt)], [RSA])
case("RSASSA-PSS with another salt than it says", "refuse", "signature_invalid", [leaf(RSA, salt=32, written_salt=20)], [RSA])
ED448 = Cert("CN=Ed448", None, ca(), CA_USAGE, kind="ed448")
case("Ed448", "accept", "", [leaf(ED448)], [ED448])
for last in (0x01, 0x80):
    case(f"Ed448, the last octet {last}", "refuse", "signature_invalid", [leaf(ED448, spoil=lambda s, last=last: s[:-1] + bytes([last]))], [ED448])
OFF = spki(key("CN=alice"))
case("a key that is no point of its curve", "refuse", "malformed_certificate", [leaf(subject_key=OFF[:-1] + bytes([OFF[-1] ^ 1]))])

# ---- algorithms that are not known here: that is what is said, by number, and nothing of a signature that nobody computed
NOBODYS = seq(oid("1.3.6.1.4.1.32473.1"))  # RFC 5612: an example, which no library will know
case("signed with an algorithm that is not known", "refuse", "weak_signature", [leaf(algorithm=NOBODYS)], never="signature_invalid", value="1.3.6.1.4.1.32473.1")
PSS_SHA1 = seq(oid("1.2.840.113549.1.1.10"), seq())
case("signed with RSASSA-PSS and SHA-1", "refuse", "weak_signature", [leaf(algorithm=PSS_SHA1)], never="signature_invalid")
INTER = Cert("CN=Signed with an unknown algorithm", ROOT, ca(), CA_USAGE, algorithm=NOBODYS)
case("below a CA that is signed with an unknown algorithm", "refuse", "weak_signature", [leaf(INTER), INTER], never="signature_invalid")
for CURVE in ("brainpool", "secp256k1"):
    INTER = Cert("CN=CA on " + CURVE, ROOT, ca(), CA_USAGE, kind=CURVE)
    case(f"below a CA with a key on {CURVE}", "refuse", "weak_key", [leaf(INTER), INTER], never="signature_invalid")
    case(f"a key on {CURVE}", "refuse", "unreadable_for_tls", [leaf(subject="CN=Key on " + CURVE, kind=CURVE)], never="signature_invalid", hint="it is the curve of the key")
    OTHER = Cert("CN=Root on " + CURVE, None, ca(), CA_USAGE, kind=CURVE)
    case(f"below a root with a key on {CURVE}", "refuse", "weak_key", [leaf(OTHER)], [OTHER], never="signature_invalid")
case("a key of an unknown algorithm", "refuse", "weak_key", [leaf(subject_key=seq(NOBODYS, bits(bytes(1952))))], value="1.3.6.1.4.1.32473.1")
case("a key of RSA with a negative modulus", "refuse", "malformed_certificate",
     [leaf(subject_key=seq(seq(oid("1.2.840.113549.1.1.1"), tlv(5)), bits(seq(integer(-(1 << 2047)), integer(65537)))))], never="weak_key")
for digest, salt, expected in (("2.16.840.1.101.3.4.2.1", 32, "accept"), ("2.16.840.1.101.3.4.2.1", 20, "accept"),
                               ("2.16.840.1.101.3.4.2.1", 33, "refuse"), ("1.3.14.3.2.26", 20, "refuse")):
    PARAMETERS = seq(tlv(0xA0, seq(oid(digest))), tlv(0xA1, seq(oid("1.2.840.113549.1.1.8"), seq(oid(digest)))), tlv(0xA2, integer(salt)))
    case(f"a key of RSASSA-PSS for {digest} and {salt} octets of salt", expected, "" if expected == "accept" else "weak_key",
         [leaf(subject_key=seq(seq(oid("1.2.840.113549.1.1.10"), PARAMETERS), bits(seq(integer((1 << 2047) + 1), integer(65537)))))])
case("a key of Ed448 with parameters", "refuse", "malformed_certificate",
     [leaf(subject_key=seq(seq(oid("1.3.101.113"), tlv(5)), bits(bytes(57))))])

# ---- name constraints
for what, expected, permitted, excluded, more in (
        ("permits a DNS name", "accept", [dns("a.example")], [], [san(dns("b.a.example"))]),
        ("permits another DNS name", "refuse", [dns("a.example")], [], [san(dns("b.example"))]),
        ("permits a DNS name, the leaf has none", "accept", [dns("a.example")], [], []),
        ("permits what is below", "accept", [dns(".a.example")], [], [san(dns("b.a.example"))]),
        ("permits what is below, the name itself", "refuse", [dns(".a.example")], [], [san(dns("a.example"))]),
        ("permits a DNS name, a wildcard", "accept", [dns("a.example")], [], [san(dns("*.a.example"))]),
        ("excludes a name of a wildcard", "refuse", [], [dns("b.a.example")], [san(dns("*.a.example"))]),
        ("excludes what is below, of a wildcard", "refuse", [], [dns(".a.example")], [san(dns("*.a.example"))]),
        ("excludes another directory name", "accept", [], [directory("O=other")], []),
        ("excludes the directory name", "refuse", [], [directory("O=paths")], []),
        ("permits the directory name in another type", "accept", [directory("O=b:PATHS")], [], []),
        ("permits another directory name", "refuse", [directory("O=other")], [], []),
        ("permits an address", "accept", [ip(192, 0, 2, 0, 255, 255, 255, 0)], [], [san(ip(192, 0, 2, 9))]),
        ("permits another address", "refuse", [ip(192, 0, 2, 0, 255, 255, 255, 0)], [], [san(ip(192, 0, 3, 9))]),
        ("permits hosts of URIs", "accept", [uri(".a.example")], [], [san(uri("spiffe://b.a.example/c"))]),
        ("permits other hosts of URIs", "refuse", [uri("a.example")], [], [san(uri("spiffe://b.example/c"))]),
        ("permits a mailbox", "accept", [mail("alice@a.example")], [], [san(mail("alice@A.example"))]),
        ("permits a mailbox, of another", "refuse", [mail("alice@a.example")], [], [san(mail("bob@a.example"))]),
        ("excludes a registered identifier that is there", "refuse", [], [registered("1.2.3")], [san(registered("1.2.3"))]),
        ("excludes a registered identifier that is not", "accept", [], [registered("1.2.3")], [san(dns("a.example"))])):
    DN = "O=paths,CN=alice"
    below("it " + what, expected, "" if expected == "accept" else "name_constraint", [constraints(permitted, excluded)], *more, subject=DN)
# What can be read as another name is within nothing, and outside of nothing.
for made in (dns("b.a.example."), dns("*"), dns("*.*.a.example"), dns("b*.a.example"), dns("b.*.example"), dns(" a.example"), dns("a.example:443")):
    for what, permitted, excluded in (("permits", [dns("a.example")], []), ("excludes", [], [dns("a.example")])):
        below(f"it {what} a DNS name, {made[2:].decode()}", "refuse", "name_constraint", [constraints(permitted, excluded)], san(made))
for made in ("x@b.example@a.example", "x@a.example.", "X <x@a.example>"):
    for what, permitted, excluded in (("permits", [mail("a.example")], []), ("excludes", [], [mail("a.example")])):
        below(f"it {what} a host of mail, {made}", "refuse", "name_constraint", [constraints(permitted, excluded)], san(mail(made)))
for what, expected, permitted, made in (
        ("an underscore", "accept", dns("a.example"), dns("x_y.a.example")),
        ("an @ in quotes", "accept", mail("a.example"), mail('"x@b.example"@a.example')),
        ("a trust domain with an underscore", "accept", uri("my_domain"), uri("spiffe://my_domain/x")),
        ("another trust domain with an underscore", "refuse", uri("my_domain"), uri("spiffe://a_domain/x"))):
    below("it permits " + what, expected, "" if expected == "accept" else "name_constraint", [constraints([permitted])], san(made))
HOST = "CN=host.b.example"
below("a common name like a host, beside a SAN", "accept", "", [constraints([dns("a.example")])], san(mail("x@a.example")), subject=HOST)
below("a common name like a host, alone", "refuse", "name_constraint", [constraints([dns("a.example")])], subject=HOST)
below("an empty list of constraints", "refuse", "malformed_certificate", [ext("2.5.29.30", seq(tlv(0xA0)), True)])

# ---- policies
below("a policy that is required, and there", "accept", "", [policies(A), policy_constraints(0)], policies(A))
below("a policy that is required, and another", "refuse", "policy_missing", [policies(A), policy_constraints(0)], policies(B))
below("a policy that is required, and none", "refuse", "policy_missing", [policies(A), policy_constraints(0)])
below("a policy that is required, anyPolicy", "accept", "", [policies(ANY_POLICY), policy_constraints(0)], policies(C))
below("a policy that is mapped", "accept", "", [policies(A), mappings((A, B)), policy_constraints(0)], policies(B))
below("a policy that is mapped away", "refuse", "policy_missing", [policies(A), mappings((A, B)), policy_constraints(0)], policies(A))
below("anyPolicy that is mapped", "refuse", "policy_missing", [policies(A), mappings((ANY_POLICY, B))], policies(B))
below("policies that nobody requires", "accept", "", [policies(A)], policies(B))


def main():
    for one in CASES:
        json.dump(one, sys.stdout)
        sys.stdout.write("\n")


main()
