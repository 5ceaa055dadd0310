#!/usr/bin/python3
"""A TLS client by hand, versions 1.2 and 1.3: for tests that send what no library would send.

Every byte of a hello, and every message of the client's flight, is the caller's. The client trusts whoever answers: it checks
the server's Finished (so that its own idea of the handshake is right) and nothing of the server's certificate. It speaks
P-256 with TLS_AES_128_GCM_SHA256 (1.3) and ECDHE_ECDSA, ECDHE_RSA with AES_128_GCM_SHA256 (1.2).

    c = Tls13(port)                          c = Tls12(port)
    c.hello(psks=[Psk(identity, age)])       c.hello(ticket=bytes)
    c.server()                               c.server()        # False: the ticket resumes
    c.certificate(identity.chain)            c.certificate([]); c.key_exchange()
    c.certificate_verify(identity.key)       c.certificate_verify(identity.key)
    c.finished()                             c.finished(); c.server_finished()
    c.get("/api/peer"), c.tickets

An alert is raised as Alert, the end of the connection as Closed, what makes no sense as Wrong: all three are a TlsError.
Each operation ends after PATIENCE seconds, each connection after MOST bytes. Needs Debian's python3-cryptography.
"""
import collections
import datetime
import hashlib
import hmac
import os
import socket
import threading
import time

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PATIENCE = 20.0  # seconds that a connection and each request may take
MOST = 4 << 20  # bytes that a connection may receive
MOST_MESSAGE = 1 << 18  # bytes of one handshake message
MOST_RECORD = 1 << 14  # bytes of it in one record (RFC 8446 section 5.1)

# Content types and handshake types (RFC 8446 sections 5.1 and 4, RFC 5246 section 7.4)
CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
CLIENT_HELLO, SERVER_HELLO, NEW_SESSION_TICKET, END_OF_EARLY_DATA, ENCRYPTED_EXTENSIONS = 1, 2, 4, 5, 8
CERTIFICATE, SERVER_KEY_EXCHANGE, CERTIFICATE_REQUEST, SERVER_HELLO_DONE = 11, 12, 13, 14
CERTIFICATE_VERIFY, CLIENT_KEY_EXCHANGE, FINISHED, KEY_UPDATE, COMPRESSED_CERTIFICATE = 15, 16, 20, 24, 25
MESSAGE_HASH = 254

# Extensions
X_SERVER_NAME, X_GROUPS, X_POINTS, X_SIGNATURES, X_ALPN = 0, 10, 11, 13, 16
X_EXTENDED_MASTER_SECRET, X_TICKET, X_PSK, X_EARLY_DATA, X_VERSIONS, X_COOKIE = 23, 35, 41, 42, 43, 44
X_MODES, X_KEY_SHARE, X_RENEGOTIATION = 45, 51, 0xFF01

AES_128_GCM_SHA256 = 0x1301  # TLS 1.3
ECDHE_ECDSA, ECDHE_RSA = 0xC02B, 0xC02F  # TLS 1.2, both with AES_128_GCM_SHA256
P256 = 23
ECDSA_P256, RSA_PSS, RSA_PKCS1 = 0x0403, 0x0804, 0x0401

# The random of a ServerHello that is a HelloRetryRequest (RFC 8446 section 4.1.3)
RETRY = hashlib.sha256(b"HelloRetryRequest").digest()

ALERTS = {
    0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 21: "decryption_failed", 22: "record_overflow",
    40: "handshake_failure", 41: "no_certificate", 42: "bad_certificate", 43: "unsupported_certificate",
    44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown", 47: "illegal_parameter",
    48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error", 70: "protocol_version",
    71: "insufficient_security", 80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled",
    100: "no_renegotiation", 109: "missing_extension", 110: "unsupported_extension", 112: "unrecognized_name",
    113: "bad_certificate_status_response", 115: "unknown_psk_identity", 116: "certificate_required",
    120: "no_application_protocol",
}  # fmt: skip


class TlsError(Exception):
    """Whatever ends a handshake or a connection."""


class Alert(TlsError):
    """The server's alert."""

    def __init__(self, level, number):
        self.level, self.number, self.name = level, number, ALERTS.get(number, str(number))
        super().__init__("alert " + self.name)


class Closed(TlsError):
    """The connection ended, or its time was over, without an alert."""


class Wrong(TlsError):
    """The server's bytes are not what the protocol says."""


# A PSK that a hello offers: with its secret the binder is true, without it the binder is `binder`, or random.
Psk = collections.namedtuple("Psk", "identity age secret binder", defaults=(0, None, None))
# A ticket of TLS 1.3 as it came, with its PSK; one of TLS 1.2 with what an abbreviated handshake needs.
Ticket13 = collections.namedtuple("Ticket13", "identity age_add lifetime secret got")
Ticket12 = collections.namedtuple("Ticket12", "ticket lifetime master suite")
# What a client is: chain (a list of DER) and its private key.
Identity = collections.namedtuple("Identity", "chain key")
Hello = collections.namedtuple("Hello", "version random session_id suites extensions")
Answer = collections.namedtuple("Answer", "status body")


# ---- bytes ----------------------------------------------------------------------------------------------------------


def number(n, size):
    return n.to_bytes(size, "big")


def vector(size, data):
    """The data behind its length, which has so many bytes."""
    return number(len(data), size) + data


def extension(kind, data=b""):
    return number(kind, 2) + vector(2, data)


class Reader:
    """Takes bytes apart; Wrong when there are too few."""

    def __init__(self, data):
        self.data, self.at = bytes(data), 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise Wrong("a message ends too early")
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "big")

    def vector(self, size):
        return self.take(self.number(size))

    def __bool__(self):
        return self.at < len(self.data)


def extensions_of(data):
    r, found = Reader(data), {}
    while r:
        kind = r.number(2)
        found[kind] = r.vector(2)
    return found


def parse_client_hello(body):
    r = Reader(body)
    version, random, session_id = r.number(2), r.take(32), r.vector(1)
    suites = Reader(r.vector(2))
    suites = [suites.number(2) for _ in range(len(suites.data) // 2)]
    r.vector(1)
    return Hello(version, random, session_id, suites, extensions_of(r.vector(2)) if r else {})


def records(data):
    """(content type, fragment) of each whole record of one direction."""
    r = Reader(data)
    while r.at + 5 <= len(r.data):
        kind, _, size = r.number(1), r.number(2), r.number(2)
        if r.at + size > len(r.data):
            return
        yield kind, r.take(size)


def handshakes(data):
    """(type, body) of each handshake message of one direction, as far as they are in the clear."""
    text = b""
    for kind, fragment in records(data):
        if kind in (CCS, DATA):
            break
        if kind == HANDSHAKE:
            text += fragment
    r = Reader(text)
    while r.at + 4 <= len(r.data):
        kind, size = r.number(1), r.number(3)
        if r.at + size > len(r.data):
            return
        yield kind, r.take(size)


def seen_hellos(up):
    """Each ClientHello that went over the wire in the clear."""
    return [parse_client_hello(body) for kind, body in handshakes(up) if kind == CLIENT_HELLO]


def seen_psks(up):
    """The PSK identities of the last hello that went over the wire: without secrets, the binders as they were."""
    for hello in reversed(seen_hellos(up)):
        if X_PSK in hello.extensions:
            r = Reader(hello.extensions[X_PSK])
            identities, binders, found = Reader(r.vector(2)), Reader(r.vector(2)), []
            while identities:
                identity, age = identities.vector(2), identities.number(4)
                found.append(Psk(identity, age, None, binders.vector(1)))
            return found
    return []


def seen_ticket12(down):
    """The ticket of TLS 1.2 that the server sent in the clear; None without one."""
    for kind, body in handshakes(down):
        if kind == NEW_SESSION_TICKET:
            r = Reader(body)
            r.number(4)
            return r.vector(2)
    return None


# ---- keys -----------------------------------------------------------------------------------------------------------


def sha256(data):
    return hashlib.sha256(data).digest()


def mac(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def expand(secret, label, context, size=32):
    """HKDF-Expand-Label (RFC 8446 section 7.1); no output here is longer than a hash."""
    info = number(size, 2) + vector(1, b"tls13 " + label) + vector(1, context)
    return mac(secret, info + b"\1")[:size]


def derive(secret, label, transcript):
    return expand(secret, label, sha256(transcript))


def prf(secret, label, seed, size):
    """RFC 5246 section 5."""
    seed, a, out = label + seed, label + seed, b""
    while len(out) < size:
        a = mac(secret, a)
        out += mac(secret, a + seed)
    return out[:size]


class Keys13:
    """One direction's record protection (RFC 8446 sections 5.2, 5.3)."""

    def __init__(self, secret):
        self.aead, self.iv, self.n = AESGCM(expand(secret, b"key", b"", 16)), expand(secret, b"iv", b"", 12), 0

    def nonce(self):
        self.n += 1
        return bytes(a ^ b for a, b in zip(self.iv, number(self.n - 1, 12)))

    def seal(self, kind, data):
        text = data + number(kind, 1)
        head = b"\x17\3\3" + number(len(text) + 16, 2)
        return head + self.aead.encrypt(self.nonce(), text, head)

    def open(self, head, data):
        text = self.aead.decrypt(self.nonce(), data, head).rstrip(b"\0")
        if not text:
            raise Wrong("a record without a type")
        return text[-1], text[:-1]


class Keys12:
    """The same in TLS 1.2: a part of the nonce is sent (RFC 5288 section 3, RFC 5246 section 6.2.3.3)."""

    def __init__(self, key, salt):
        self.aead, self.salt, self.n = AESGCM(key), salt, 0

    def extra(self, head, size):
        self.n += 1
        return number(self.n - 1, 8) + head + number(size, 2)

    def seal(self, kind, data):
        head, nonce = number(kind, 1) + b"\3\3", number(self.n, 8)
        return head + vector(2, nonce + self.aead.encrypt(self.salt + nonce, data, self.extra(head, len(data))))

    def open(self, head, data):
        if len(data) < 24:
            raise Wrong("an encrypted record is too short")
        return head[0], self.aead.decrypt(self.salt + data[:8], data[8:], self.extra(head[:3], len(data) - 24))


def own_identity(name="stranger", key=None, extensions=()):
    """A self-made certificate that nobody trusts; `extensions` besides."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
    made = made.not_valid_after(now + datetime.timedelta(days=30))
    usage = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH])
    made = made.add_extension(usage, critical=False)
    for one in extensions:
        made = made.add_extension(one, critical=False)
    made = made.sign(key, hashes.SHA256())
    return Identity([made.public_bytes(serialization.Encoding.DER)], key)


def load_identity(crt, key=None):
    """From PEM files: the chain in the file's order, and the key, or None without one."""
    with open(crt, "rb") as f:
        parts = f.read().split(b"-----BEGIN CERTIFICATE-----")[1:]
    chain = [x509.load_pem_x509_certificate(b"-----BEGIN CERTIFICATE-----" + part) for part in parts]
    secret = None
    if key:
        with open(key, "rb") as f:
            secret = serialization.load_pem_private_key(f.read(), None)
    return Identity([one.public_bytes(serialization.Encoding.DER) for one in chain], secret)


def sign(key, scheme, text):
    """(scheme, signature): by what the key can; scheme is for RSA keys."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return ECDSA_P256, key.sign(text, ec.ECDSA(hashes.SHA256()))
    if scheme == RSA_PSS:
        return scheme, key.sign(text, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    return RSA_PKCS1, key.sign(text, padding.PKCS1v15(), hashes.SHA256())


# ---- what both versions share ---------------------------------------------------------------------------------------


class Tls:
    """A connection: records, messages, alerts, requests. The versions are below."""

    def __init__(self, port, host="127.0.0.1", patience=PATIENCE, source=None):
        """source: the address to come from; on the loopback each of 127.0.0.0/8 will do."""
        self.end = time.monotonic() + patience
        self.patience = patience
        bound = (source, 0) if source else None
        self.socket = self._timed(lambda _: socket.create_connection((host, port), patience, bound))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.address = self.socket.getsockname()
        self.raw, self.received, self.messages = b"", 0, b""  # bytes of records, of messages, not yet looked at
        self.reads = self.writes = None  # keys
        self.transcript = b""
        self.random, self.session_id = os.urandom(32), os.urandom(32)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.share = self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.tickets = []
        self.seen = []  # the types of the messages of the server, in their order
        self.requested = False  # did a CertificateRequest come?
        self.resumed = False
        self.server_chain = []
        self.server_extensions = {}
        self.suite = None
        self.sni = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # -- time and bytes

    def _timed(self, act):
        left = self.end - time.monotonic()
        if left <= 0:
            raise Closed("no answer in time")
        try:
            return act(left)
        except socket.timeout:
            raise Closed("no answer in time") from None
        except OSError as e:
            raise Closed(e.strerror or str(e)) from None

    def more_time(self):
        """What comes now may take PATIENCE seconds again."""
        self.end = time.monotonic() + self.patience

    def _receive(self, n):
        while len(self.raw) < n:

            def act(left):
                self.socket.settimeout(left)
                return self.socket.recv(65536)

            data = self._timed(act)
            self.received += len(data)
            if not data:
                raise Closed("the connection ends")
            if self.received > MOST:
                raise Closed("too much comes")
            self.raw += data
        data, self.raw = self.raw[:n], self.raw[n:]
        return data

    def send_bytes(self, data):
        def act(left):
            self.socket.settimeout(left)
            self.socket.sendall(data)

        # A server that refused may have closed already: its alert is what counts, and is read later.
        try:
            self._timed(act)
        except Closed:
            if self.end <= time.monotonic():
                raise

    # -- records

    largest = 0  # bytes in one of the server's records under keys

    def read_record(self):
        """(content type, plaintext). An alert is returned too."""
        head = self._receive(5)
        size = int.from_bytes(head[3:], "big")
        if size > (1 << 14) + 256:
            raise Wrong("a record is too long")
        data = self._receive(size)
        # In TLS 1.3 some stays in the clear: ChangeCipherSpec, and the alert of a server that has no keys.
        if self.reads and (head[0] == DATA or isinstance(self.reads, Keys12)):
            try:
                kind, text = self.reads.open(head, data)
                self.largest = max(self.largest, len(text))
                return kind, text
            except InvalidTag:
                raise Wrong("a record that these keys do not open") from None
        return head[0], data

    def send_record(self, kind, data):
        """In the clear until there are keys."""
        self.send_bytes(self.writes.seal(kind, data) if self.writes else number(kind, 1) + b"\3\3" + vector(2, data))

    # -- messages

    def read_message(self):
        """(type, the whole message), of the next handshake message; in TLS 1.2, (CCS + 256, b"") where the keys change."""
        while True:
            if len(self.messages) >= 4:
                size = 4 + int.from_bytes(self.messages[1:4], "big")
                if size > MOST_MESSAGE:
                    raise Wrong("a message is too long")
                if len(self.messages) >= size:
                    message, self.messages = self.messages[:size], self.messages[size:]
                    self.seen.append(message[0])
                    return message[0], message
            kind, data = self.read_record()
            if kind == ALERT:
                self._alert(data)
            elif kind == CCS:
                if isinstance(self, Tls12):
                    return CCS + 256, b""
            elif kind == HANDSHAKE:
                self.messages += data
            else:
                raise Wrong("content type %d in a handshake" % kind)

    @staticmethod
    def _alert(data):
        if len(data) != 2:
            raise Wrong("an alert of %d bytes" % len(data))
        raise Alert(data[0], data[1])

    def message(self, kind, body, count=True):
        """Sends a handshake message; count=False leaves it out of the transcript."""
        message = number(kind, 1) + vector(3, body)
        if count:
            self.transcript += message
        for at in range(0, len(message), MOST_RECORD):
            self.send_record(HANDSHAKE, message[at : at + MOST_RECORD])
        return message

    def hello_bytes(self, suites, extensions):
        """The body of a ClientHello."""
        listed = b"".join(number(suite, 2) for suite in suites)
        return (
            b"\3\3" + self.random + vector(1, self.session_id) + vector(2, listed)
            + vector(1, self.compressions) + vector(2, extensions)
        )  # fmt: skip

    compressions = b"\0"  # that a hello offers

    def _server_hello(self, message):
        r = Reader(message[4:])
        r.number(2)
        random, session_id, self.suite = r.take(32), r.vector(1), r.number(2)
        r.number(1)
        self.server_extensions = extensions_of(r.vector(2)) if r else {}
        return random, session_id

    def _secret(self, point):
        """The secret of ECDH with the server's share."""
        try:
            public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        except ValueError:
            raise Wrong("the server's key share is none of P-256") from None
        return self.key.exchange(ec.ECDH(), public)

    # -- requests

    def get(self, path="/api/peer", host=None, close=True):
        """Answer(status, body) of one request, for the name that the hello had; tickets that come meanwhile are collected."""
        host = host or (self.sni or b"localhost").decode()
        self.more_time()
        last = "Connection: close\r\n" if close else ""
        self.send_record(DATA, ("GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (path, host, last)).encode())
        text = b""
        while not self._whole(text):
            try:
                kind, data = self.read_record()
            except Closed:
                if not text:
                    raise
                break
            if kind == ALERT:
                if data[-1:] != b"\0" or not text:
                    self._alert(data)
                break
            if kind == HANDSHAKE:
                self._late(data)
            elif kind == DATA:
                text += data
        head, _, body = text.partition(b"\r\n\r\n")
        parts = head.split(b" ", 2)
        if len(parts) < 3 or not parts[1].isdigit():
            raise Wrong("no HTTP response: %r" % text[:40])
        return Answer(int(parts[1]), body)

    @staticmethod
    def _whole(text):
        head, found, body = text.partition(b"\r\n\r\n")
        for field in head.split(b"\r\n")[1:] if found else ():
            name, _, value = field.partition(b":")
            if name.lower() == b"content-length":
                return len(body) >= int(value)
        return False

    def _late(self, data):
        raise Wrong("a handshake message behind the handshake")


# ---- TLS 1.3 --------------------------------------------------------------------------------------------------------


class Tls13(Tls):
    def hello(
        self,
        sni=b"localhost",
        share=True,
        psks=(),
        modes=(1,),
        early=False,
        extra=b"",
        suites=(AES_128_GCM_SHA256,),
        versions=(0x0304,),
        groups=(P256,),
        signatures=(ECDSA_P256, RSA_PSS, RSA_PKCS1),
        last=b"",
        point=None,
    ):
        """Sends a ClientHello; behind a HelloRetryRequest it is the second.

        sni        None: no such extension
        share      True: a share of P-256; False: an empty list, to be asked for one; None: no such extension
        psks       of Psk: they are in the last extension, as section 4.2.11 of RFC 8446 wants it
        modes      of PSK key exchange (1: with (EC)DHE); None: no such extension
        early      the early_data extension
        extra      whole extensions, before the PSKs; last: behind them
        point      the share of P-256, when it is not to be a good one
        """
        out, self.sni = b"", sni
        if sni is not None:
            out += extension(X_SERVER_NAME, vector(2, b"\0" + vector(2, sni)))
        if versions is not None:
            out += extension(X_VERSIONS, vector(1, b"".join(number(one, 2) for one in versions)))
        out += extension(X_GROUPS, vector(2, b"".join(number(one, 2) for one in groups)))
        out += extension(X_SIGNATURES, vector(2, b"".join(number(one, 2) for one in signatures)))
        if share is not None:
            out += extension(X_KEY_SHARE, vector(2, number(P256, 2) + vector(2, self.share if point is None else point) if share else b""))
        if modes is not None:
            out += extension(X_MODES, vector(1, bytes(modes)))
        if X_COOKIE in self.server_extensions:
            out += extension(X_COOKIE, self.server_extensions[X_COOKIE])
        if early:
            out += extension(X_EARLY_DATA)
        out += extra
        binders = [psk.binder or os.urandom(32) for psk in psks]

        def whole():
            offered = b""
            if psks:
                identities = b"".join(vector(2, psk.identity) + number(psk.age & 0xFFFFFFFF, 4) for psk in psks)
                offered = extension(X_PSK, vector(2, identities) + vector(2, b"".join(vector(1, one) for one in binders)))
            return self.hello_bytes(suites, out + offered + last)

        # A binder covers the hello up to the list of the binders, and what came before a HelloRetryRequest
        # (section 4.2.11.2). All of them have their length already.
        body = whole()
        tail = 2 + sum(1 + len(one) for one in binders) + len(last)
        begin = self.transcript + (number(CLIENT_HELLO, 1) + vector(3, body))[: -tail or None]
        for i, psk in enumerate(psks):
            if psk.secret is not None:
                key = derive(mac(b"\0" * 32, psk.secret), b"res binder", b"")
                binders[i] = mac(expand(key, b"finished", b""), sha256(begin))
        self.psks = list(psks)
        return self.message(CLIENT_HELLO, whole())

    def server_hello(self):
        """The next ServerHello: True, or False when it is a HelloRetryRequest."""
        kind, message = self.read_message()
        if kind != SERVER_HELLO:
            raise Wrong("message %d where a ServerHello belongs" % kind)
        random, _ = self._server_hello(message)
        if random == RETRY:
            # Section 4.4.1: the first hello is replaced by its hash.
            self.transcript = number(MESSAGE_HASH, 1) + vector(3, sha256(self.transcript))
        self.transcript += message
        return random != RETRY

    def server(self, *secrets):
        """Reads the server's flight from its ServerHello on. Wrong when that is a HelloRetryRequest.

        The PSK is the one that the server chose, or none. `secrets` are tried besides, should it think otherwise.
        """
        if not self.server_hello():
            raise Wrong("a HelloRetryRequest")
        self.rest(*secrets)

    def rest(self, *secrets):
        """What follows the ServerHello."""
        if X_KEY_SHARE not in self.server_extensions:
            raise Wrong("a ServerHello without a key share")
        r = Reader(self.server_extensions[X_KEY_SHARE])
        if r.number(2) != P256:
            raise Wrong("a key share of another group")
        shared = self._secret(r.vector(2))
        guesses = [b"\0" * 32]
        if X_PSK in self.server_extensions:
            chosen = Reader(self.server_extensions[X_PSK]).number(2)
            if chosen >= len(self.psks):
                raise Wrong("the server chose a PSK that was not offered")
            self.resumed = True
            guesses.insert(0, self.psks[chosen].secret)
        guesses = [one for one in guesses + list(secrets) if one is not None]
        raw, received = self.raw, self.received
        for i, guess in enumerate(guesses):
            self._handshake_keys(guess, shared)
            try:
                kind, message = self.read_message()
                break
            except Wrong:
                # Nothing but the keys was wrong as long as the first record did not open.
                if i + 1 == len(guesses) or self.reads.n != 1:
                    raise
                self.raw, self.received = raw, received
        while True:
            if kind == CERTIFICATE_REQUEST:
                self.requested = True
                self.context = Reader(message[4:]).vector(1)
            elif kind == CERTIFICATE:
                self._server_certificate(message)
            elif kind == FINISHED:
                key = expand(self.server_secret, b"finished", b"")
                if not hmac.compare_digest(mac(key, sha256(self.transcript)), message[4:]):
                    raise Wrong("the server's Finished")
            self.transcript += message
            if kind == FINISHED:
                break
            kind, message = self.read_message()
        self.client_traffic = derive(self.master, b"c ap traffic", self.transcript)
        self.server_traffic = derive(self.master, b"s ap traffic", self.transcript)
        self.reads = Keys13(self.server_traffic)

    context = b""

    def _handshake_keys(self, psk, shared):
        """Section 7.1."""
        early = mac(b"\0" * 32, psk)
        secret = mac(derive(early, b"derived", b""), shared)
        self.client_secret = derive(secret, b"c hs traffic", self.transcript)
        self.server_secret = derive(secret, b"s hs traffic", self.transcript)
        self.master = mac(derive(secret, b"derived", b""), b"\0" * 32)
        self.reads, self.writes = Keys13(self.server_secret), Keys13(self.client_secret)

    def _server_certificate(self, message):
        r = Reader(message[4:])
        r.vector(1)
        r = Reader(r.vector(3))
        while r:
            self.server_chain.append(r.vector(3))
            r.vector(2)

    # -- the client's flight; each message may be left out, or sent twice

    def certificate(self, chain=(), body=None, kind=CERTIFICATE):
        """Of a list of DER, which may be empty; or the raw body; or under another type."""
        if body is None:
            body = vector(1, self.context) + vector(3, b"".join(vector(3, one) + vector(2, b"") for one in chain))
        self.message(kind, body)

    def certificate_verify(self, key=None, signature=None, scheme=None):
        """The key's true signature (section 4.4.3), or any bytes."""
        if signature is None:
            text = b" " * 64 + b"TLS 1.3, client CertificateVerify\0" + sha256(self.transcript)
            made, signature = sign(key, RSA_PSS, text)
            scheme = scheme or made
        self.message(CERTIFICATE_VERIFY, number(scheme or ECDSA_P256, 2) + vector(2, signature))

    def finished(self, data=None):
        key = expand(self.client_secret, b"finished", b"")
        self.message(FINISHED, mac(key, sha256(self.transcript)) if data is None else data)
        self.resumption = derive(self.master, b"res master", self.transcript)
        self.writes = Keys13(self.client_traffic)

    def _late(self, data):
        self.messages += data
        while len(self.messages) >= 4 and len(self.messages) >= 4 + int.from_bytes(self.messages[1:4], "big"):
            kind, message = self.read_message()
            if kind != NEW_SESSION_TICKET:
                continue
            r = Reader(message[4:])
            lifetime, age_add, nonce, identity = r.number(4), r.number(4), r.vector(1), r.vector(2)
            secret = expand(self.resumption, b"resumption", nonce)
            self.tickets.append(Ticket13(identity, age_add, lifetime, secret, time.monotonic()))


def psk_of(ticket, secret=True):
    """A ticket of TLS 1.3 as a hello offers it: with its true age and, unless not wanted, its true binder."""
    age = int((time.monotonic() - ticket.got) * 1000) + ticket.age_add
    return Psk(ticket.identity, age & 0xFFFFFFFF, ticket.secret if secret else None)


# ---- TLS 1.2 --------------------------------------------------------------------------------------------------------


class Tls12(Tls):
    def hello(
        self,
        sni=b"localhost",
        ticket=b"",
        ems=True,
        suites=(ECDHE_ECDSA, ECDHE_RSA),
        extra=b"",
        groups=(P256,),
        signatures=(ECDSA_P256, RSA_PSS, RSA_PKCS1),
        renegotiation=b"",
    ):
        """Sends a ClientHello.

        sni            None: no such extension
        ticket         None: no such extension; empty: one is wanted; else it is offered
        ems            extended master secret (RFC 7627)
        renegotiation  the client's verify_data, for a hello on a connection that is established; None: no such extension
        """
        out, self.sni = b"", sni
        if sni is not None:
            out += extension(X_SERVER_NAME, vector(2, b"\0" + vector(2, sni)))
        out += extension(X_GROUPS, vector(2, b"".join(number(one, 2) for one in groups)))
        out += extension(X_POINTS, b"\1\0")
        out += extension(X_SIGNATURES, vector(2, b"".join(number(one, 2) for one in signatures)))
        if ems:
            out += extension(X_EXTENDED_MASTER_SECRET)
        if ticket is not None:
            out += extension(X_TICKET, ticket)
        if renegotiation is not None:
            out += extension(X_RENEGOTIATION, vector(1, renegotiation))
        self.transcript = b""
        return self.message(CLIENT_HELLO, self.hello_bytes(suites, out + extra))

    def hello_v2(self, suites=(ECDHE_ECDSA, ECDHE_RSA)):
        """Sends the hello of SSL 2.0 that asks for TLS 1.2 (RFC 5246 appendix E.2): it has no extensions."""
        listed = b"".join(number(suite, 3) for suite in suites)
        body = b"\1\3\3" + number(len(listed), 2) + b"\0\0\0\40" + listed + self.random
        self.transcript = body
        self.send_bytes(number(0x8000 | len(body), 2) + body)

    def server(self, master=None):
        """Reads the server's flight: True for a full handshake, False for one that the ticket abbreviates.

        Whether it does shows at the message behind the ServerHello (RFC 5077 section 3.4). Then `master` is the ticket's
        secret; without it the server's Finished is not read.
        """
        kind, message = self.read_message()
        if kind != SERVER_HELLO:
            raise Wrong("message %d where a ServerHello belongs" % kind)
        self.server_random, _ = self._server_hello(message)
        self.ems = X_EXTENDED_MASTER_SECRET in self.server_extensions
        self.transcript += message
        while True:
            kind, message = self.read_message()
            if kind == NEW_SESSION_TICKET:
                self.transcript += message
                self.offered_ticket = message
            elif kind == CCS + 256:
                self.resumed, self.guessed = True, not master
                self.master = master or os.urandom(48)
                self._key_block()
                if master:
                    self.server_finished(True)
                return False
            else:
                self.transcript += message
                if kind == CERTIFICATE:
                    r = Reader(Reader(message[4:]).vector(3))
                    while r:
                        self.server_chain.append(r.vector(3))
                elif kind == SERVER_KEY_EXCHANGE:
                    self._server_key_exchange(message)
                elif kind == CERTIFICATE_REQUEST:
                    self.requested = True
                elif kind == SERVER_HELLO_DONE:
                    return True

    offered_ticket = None
    guessed = False  # the master secret is made up

    def _server_key_exchange(self, message):
        """RFC 8422 section 5.4: a named curve and a point."""
        r = Reader(message[4:])
        if r.number(1) != 3 or r.number(2) != P256:
            raise Wrong("a key exchange by another curve")
        self.server_point = r.vector(1)

    # -- the client's flight

    def certificate(self, chain=(), body=None, kind=CERTIFICATE):
        if body is None:
            body = vector(3, b"".join(vector(3, one) for one in chain))
        self.message(kind, body)

    def key_exchange(self, body=None):
        """The ClientKeyExchange, and with it the master secret; or any bytes in its place."""
        self.message(CLIENT_KEY_EXCHANGE, vector(1, self.share) if body is None else body)
        shared = self._secret(self.server_point)
        if self.ems:
            self.master = prf(shared, b"extended master secret", sha256(self.transcript), 48)
        else:
            self.master = prf(shared, b"master secret", self.random + self.server_random, 48)

    def certificate_verify(self, key=None, signature=None, scheme=None):
        """The key's true signature over all messages so far (RFC 5246 section 7.4.8), or any bytes."""
        if signature is None:
            made, signature = sign(key, RSA_PKCS1, self.transcript)
            scheme = scheme or made
        self.message(CERTIFICATE_VERIFY, number(scheme or ECDSA_P256, 2) + vector(2, signature))

    def _key_block(self):
        block = Reader(prf(self.master, b"key expansion", self.server_random + self.random, 40))
        write, read, write_salt, read_salt = block.take(16), block.take(16), block.take(4), block.take(4)
        self.next_writes, self.reads = Keys12(write, write_salt), Keys12(read, read_salt)

    def finished(self, data=None, change=True):
        """ChangeCipherSpec, unless not wanted, and Finished."""
        if not self.resumed:
            reads = self.reads
            self._key_block()
            self.next_reads, self.reads = self.reads, reads
        if change:
            self.send_record(CCS, b"\1")
            self.writes = self.next_writes
        self.client_data = prf(self.master, b"client finished", sha256(self.transcript), 12)
        self.message(FINISHED, self.client_data if data is None else data)

    def server_finished(self, changed=False):
        """Reads up to the server's Finished, with the ticket that may come before it."""
        while True:
            kind, message = self.read_message()
            if kind == CCS + 256 and not changed:
                self.reads, changed = self.next_reads, True
                continue
            if kind == FINISHED and changed:
                if not hmac.compare_digest(message[4:], prf(self.master, b"server finished", sha256(self.transcript), 12)):
                    raise Wrong("the server's Finished")
                self.server_data = message[4:]
            elif kind == NEW_SESSION_TICKET:
                self.offered_ticket = message
            else:
                raise Wrong("message %d where Finished belongs" % kind)
            self.transcript += message
            if kind == FINISHED:
                break
        if self.offered_ticket:
            r = Reader(self.offered_ticket[4:])
            lifetime = r.number(4)
            self.tickets.append(Ticket12(r.vector(2), lifetime, self.master, self.suite))
            self.offered_ticket = None


# ---- whole handshakes -----------------------------------------------------------------------------------------------


def connect13(port, identity=None, retry=False, **hello):
    """An honest handshake: with the client's certificate when it is asked for one. A PSK in `psks` may resume."""
    c = Tls13(port)
    try:
        if retry:
            c.hello(share=False, **hello)
            if c.server_hello():
                raise Wrong("no HelloRetryRequest")
        c.hello(**hello)
        c.server()
        if c.requested:
            c.certificate(identity.chain if identity else [])
            if identity:
                c.certificate_verify(identity.key)
        c.finished()
        return c
    except BaseException:
        c.close()
        raise


def connect12(port, identity=None, resume=None, **hello):
    """The same in TLS 1.2; `resume` is a Ticket12."""
    c = Tls12(port)
    try:
        if resume:
            hello.setdefault("ticket", resume.ticket)
        c.hello(**hello)
        if c.server(resume.master if resume else None):
            if c.requested:
                c.certificate(identity.chain if identity else [])
            c.key_exchange()
            if c.requested and identity:
                c.certificate_verify(identity.key)
            c.finished()
            c.server_finished()
        else:
            c.finished()
            # The ticket of an abbreviated handshake came before the server's Finished, which was read by now.
        return c
    except BaseException:
        c.close()
        raise


# ---- what goes over the wire ----------------------------------------------------------------------------------------


class Relay:
    """Passes one connection on to 127.0.0.1:PORT and keeps what went by: up to the server, down from it.

    with Relay(port) as relay:
        connect to relay.port
    relay.up, relay.down
    """

    def __init__(self, port, patience=PATIENCE):
        self.to, self.patience = port, patience
        self.up, self.down = b"", b""
        self.open = []

    def __enter__(self):
        self.door = socket.create_server(("127.0.0.1", 0))
        self.door.settimeout(self.patience)
        self.port = self.door.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        # Whoever has his answer has gone through here with it: nothing that counts is lost.
        for one in self.open:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.door.close()
        self.thread.join(2 * self.patience)

    def _run(self):
        try:
            client, _ = self.door.accept()
        except OSError:
            return
        with client:
            try:
                server = socket.create_connection(("127.0.0.1", self.to), self.patience)
            except OSError:
                return
            client.settimeout(self.patience)
            with server:
                self.open = [client, server]
                other = threading.Thread(target=self._pump, args=(client, server, "up"), daemon=True)
                other.start()
                self._pump(server, client, "down")
                other.join(self.patience)

    def _pump(self, source, target, name):
        try:
            while len(getattr(self, name)) < MOST:
                data = source.recv(65536)
                if not data:
                    break
                setattr(self, name, getattr(self, name) + data)
                target.sendall(data)
        except OSError:
            pass
        try:
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass
