#!/usr/bin/python3
"""Who is let in by a ticket? Prints "ok WHAT" or "not ok WHAT<TAB>WHY" for each attempt; tests/server/tickets.test states it.

    tickets.py LAB LOG WALKS all|few NAME=PORT...

LAB is a folder of `mtlsd lab`, LOG what the server writes, WALKS how many random orders to try; few: not every kind of
Certificate with each way. Each NAME is the listener's client_auth, with 12 behind it when it gives tickets of TLS 1.2;
"/secure/" wants a verified certificate.

The victim is the lab's good client. The attacker has what of it went over the wire, and the victim's certificate, which is
public: no key. However he offers the ticket and whatever he sends for a certificate, he must end with an alert, or as somebody
without a certificate, or with his own; also when he comes again with the tickets that he got by it; and neither the log nor
/api/rejections may name the victim for him.
"""
import collections
import json
import os
import random
import socket
import ssl
import sys

import tls_by_hand as tls
from tls_by_hand import Psk, Tls12, Tls13, TlsError, Wrong, extension, psk_of

LAB, LOG, WALKS = sys.argv[1], sys.argv[2], int(sys.argv[3])
PORTS = {name: int(port) for name, _, port in (word.partition("=") for word in sys.argv[5:])}
VICTIM = tls.load_identity(LAB + "/client.crt", LAB + "/client.key")
SECOND = tls.load_identity(LAB + "/client-wrong-eku.crt")  # a chain that is refused by itself
STRANGER = tls.own_identity("stranger")
VICTIM_NAME, STRANGER_NAME = "CN=alice,O=Example", "CN=stranger"
HALF = 1 << 31
ATTACKER = "127.0.0.2"  # whom the log and the rejections know by this

attempts = collections.defaultdict(list)  # local port of each of the attacker's connections -> the attempts' names
connections = 0
current = ""
counts = collections.Counter()


def state(what, why=None):
    print("not ok %s\t%s" % (what, why) if why else "ok " + what, flush=True)


# ---- the attacker's connections --------------------------------------------------------------------------------------

opened = []


def note(c):
    global connections
    connections += 1
    if current not in attempts[c.address[1]]:
        attempts[c.address[1]].append(current)
    opened.append(c)
    return c


def new13(port):
    return note(Tls13(port, source=ATTACKER))


def new12(port):
    return note(Tls12(port, source=ATTACKER))


def end_all():
    while opened:
        opened.pop().close()


# What is sent where a certificate is asked for: chain None leaves the message out.
Manner = collections.namedtuple("Manner", "name chain key signature kind body", defaults=(None, None, None, 11, None))
EMPTY = Manner("an empty Certificate", [])
MANNERS = [
    EMPTY,
    Manner("no Certificate"),
    Manner("the victim's chain unsigned", VICTIM.chain),
    Manner("the victim's chain, a stranger's signature", VICTIM.chain, STRANGER.key),
    Manner("the victim's chain, noise for a signature", VICTIM.chain, None, bytes(range(70))),
    Manner("the victim's chain as type 25", [], None, None, 25, b"\0\2\0\0\40" + tls.vector(3, bytes(32))),
    Manner("a CertificateVerify alone", None, STRANGER.key),
    Manner("a certificate of his own", STRANGER.chain, STRANGER.key),
]
if sys.argv[4] == "few":
    MANNERS = [EMPTY, MANNERS[1], MANNERS[4], MANNERS[-1]]


def flight(c, manner):
    """The client's messages from its Certificate on."""
    if isinstance(c, Tls12) and c.resumed:
        c.finished()  # the server's came before it
        if c.guessed:
            to_the_end(c)
        return
    if c.requested and (manner.chain is not None):
        c.certificate(manner.chain, manner.body, manner.kind)
    if isinstance(c, Tls12):
        c.key_exchange()
    if c.requested and (manner.key or manner.signature):
        c.certificate_verify(manner.key, manner.signature)
    c.finished()
    if isinstance(c, Tls12):
        c.server_finished()


def look(c, name, own=None):
    """What is wrong with being served like this, or None. own: must it be his own certificate? None: either."""
    answer = c.get("/api/connection", close=False)
    counts["page"] += 1
    page = json.loads(answer.body)
    peer = page["peer"]
    seen = "%s, %s, subject %s, resumed %s" % (answer.status, peer["verify"], peer.get("subject"), peer["resumed"])
    if peer["verify"] == "SUCCESS" or peer["presented"] and peer.get("subject") != STRANGER_NAME:
        return "LET IN: " + seen
    # The record tells what was sent, and a chain what he sent behind his own: no claims about who he is.
    page["handshake"], peer["chain"] = None, peer.get("chain", [])[:1]
    if VICTIM_NAME in json.dumps(page):
        return "the page names the victim: " + json.dumps(page)
    if name.startswith("require"):
        return "served without a certificate: " + seen
    if (peer["verify"], peer.get("subject")) not in (("NONE", None), ("FAILED", STRANGER_NAME)):
        return "neither nobody nor himself: " + seen
    if own is not None and own != (peer.get("subject") == STRANGER_NAME):
        return "somebody else's certificate than was sent: " + seen
    if c.get("/secure/").status != 403:
        return "LET IN to /secure/: " + seen
    return None


def refused(e):
    """What is wrong with ending like this, or None."""
    if isinstance(e, Wrong):
        return "the driver: " + str(e)
    if str(e) == "no answer in time":
        return str(e)
    counts["refused"] += 1
    return None


def again(c, name, step):
    """The tickets that he got, with the secret that is his: once more, and from there again."""
    if step > 3 or not c.tickets:
        return None
    port, ticket = PORTS[name], c.tickets[0]
    found = None
    ways = [False] if isinstance(c, Tls13) else [False, True]
    for other in ways:
        try:
            if isinstance(c, Tls13):
                d = new13(port)
                d.hello(psks=[psk_of(ticket)])
                d.server()
            else:
                # As it was, and so that it does not resume.
                d = new12(port)
                d.hello(ticket=ticket.ticket, sni=b"elsewhere" if other else c.sni)
                d.server(ticket.master)
            flight(d, EMPTY)
            found = found or look(d, name) or again(d, name, step + 1)
        except TlsError as e:
            found = found or refused(e)
        if found:
            return "step %d: %s" % (step, found) if not found.startswith("step") else found
    return None


def attempt(what, name, way, manner):
    global current
    current = what
    why = None
    try:
        c = way(PORTS[name])
        flight(c, manner)
        why = look(c, name, bool(manner.key and manner.chain) if c.requested else None) or again(c, name, 2)
    except TlsError as e:
        why = refused(e)
    except (KeyError, ValueError, IndexError) as e:
        why = "%s: %s" % (type(e).__name__, e)
    end_all()
    state(what, why)
    ask_rejections(False)


# ---- what the server says of them ------------------------------------------------------------------------------------

asked = 0


def ask_rejections(now):
    """The server remembers the last hundred refusals: looked at before they are forgotten."""
    global asked
    asked += 1
    if not now and asked % 40:
        return
    c = tls.connect13(PORTS["require"], VICTIM)
    page = json.loads(c.get("/api/rejections", close=False).body)
    last = page["rejections"]
    while page["next"]:
        page = json.loads(c.get(page["next"], close=False).body)
        last += page["rejections"]
    c.close()
    for one in last:
        host, _, port = one["remote"].rpartition(":")
        one["handshake"] = None  # what was sent, as it was sent: no claim about who sent it
        if host == ATTACKER and (VICTIM_NAME in json.dumps(one) or one["verify"] == "SUCCESS"):
            named.setdefault(attempts[int(port)][-1], json.dumps(one))


named = {}


def ask_log():
    with open(LOG, encoding="utf-8", errors="replace") as f:
        for line in f:
            if VICTIM_NAME not in line or ATTACKER not in line or "the refused handshake:" in line:
                continue
            port = line.partition(ATTACKER + ":")[2].partition('"')[0].partition(":")[0]
            named.setdefault(" or ".join(attempts[int(port)]), line.strip())


# ---- what the attacker has -------------------------------------------------------------------------------------------


def honest_context(version, suites=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(LAB + "/client.crt", LAB + "/client.key")
    context.minimum_version = context.maximum_version = version
    if suites:
        context.set_ciphers(suites)
    return context


def overheard(port, context, session=None):
    """An honest client by Python's own TLS: (what went up, what came down, its session)."""
    with tls.Relay(port) as relay, socket.create_connection(("127.0.0.1", relay.port), tls.PATIENCE) as plain:
        with context.wrap_socket(plain, server_hostname="localhost", session=session) as s:
            s.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            text = b""
            while data := s.recv(65536):
                text += data
            if b" 200 " not in text[:20]:
                raise Wrong("the honest client got %r" % text[:80])
            session = s.session
    return relay.up, relay.down, session


class Loot:
    """What went by of the victim, at one listener."""

    def __init__(self, name):
        port, self.name = PORTS[name], name
        context = honest_context(ssl.TLSVersion.TLSv1_3)
        _, _, session = overheard(port, context)
        self.up_sha384, _, _ = overheard(port, context, session)
        self.psk_sha384 = tls.seen_psks(self.up_sha384)[0]
        c = tls.connect13(port, VICTIM)
        c.get("/livez")
        c.close()
        with tls.Relay(port) as relay:
            d = tls.connect13(relay.port, VICTIM, psks=[psk_of(c.tickets[0])])
            d.get("/livez")
            d.close()
        self.up = relay.up
        self.psk = tls.seen_psks(self.up)[0]
        self.ticket12 = self.other_suite = self.without_ems = None
        _, down, _ = overheard(port, honest_context(ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"))
        self.ticket12 = tls.seen_ticket12(down)
        _, down, _ = overheard(port, honest_context(ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384"))
        self.other_suite = tls.seen_ticket12(down)
        with tls.Relay(port) as relay:
            c = tls.connect12(relay.port, VICTIM, ems=False)
            c.get("/livez")
            c.close()
        self.without_ems = tls.seen_ticket12(relay.down)

    def late(self, by=HALF):
        """The victim's identity with a false age: no secret, a random binder."""
        return Psk(self.psk.identity, self.psk.age + by)


# ---- the ways in TLS 1.3 ---------------------------------------------------------------------------------------------


def own_ticket13():
    """A ticket of his own, of somebody without a certificate."""
    if not own13:
        c = tls.connect13(PORTS["request"])
        c.get("/livez")
        c.close()
        own13.append(c.tickets[0])
    return psk_of(own13[0])


own13 = []


def once(**hello):
    def way(port):
        c = new13(port)
        c.hello(**hello)
        c.server(*(one.secret for one in own13))
        return c

    return way


def twice(first, second):
    """A hello that is answered by a HelloRetryRequest, and another."""

    def way(port):
        c = new13(port)
        c.hello(**dict({"share": False}, **first))
        if c.server_hello():
            c.rest(*(one.secret for one in own13))
            return c
        c.hello(**second)
        c.server(*(one.secret for one in own13))
        return c

    return way


def to_the_end(c):
    """Of what the server sends under keys that he does not have."""
    c.reads = None
    c.socket.shutdown(socket.SHUT_WR)
    while True:
        c.read_record()


def replay(up):
    """The victim's hello as it was, binder and all: it resumes, and nothing of it can be read."""

    def way(port):
        c = new13(port)
        c.psks = tls.seen_psks(up)
        c.session_id = tls.seen_hellos(up)[0].session_id
        kind, fragment = next(tls.records(up))
        c.transcript = fragment
        c.send_record(kind, fragment)
        c.server_hello()
        if tls.X_PSK not in c.server_extensions:
            raise Wrong("it does not resume")
        # He cannot know the keys: whatever he sends, the server ends it.
        c.writes = tls.Keys13(bytes(32))
        c.message(tls.FINISHED, bytes(32))
        to_the_end(c)

    return way


def ways13(loot, old):
    """(what, way). old is a ticket of TLS 1.2 of the victim."""
    v, seen, own = loot.late(), loot.psk._replace(binder=None), own_ticket13()
    noise = Psk(b"x" * 100, 0)
    as_psk = Psk(old, 0) if old else noise
    in_35 = extension(tls.X_TICKET, old or b"")
    yield "false age", once(psks=[v])
    yield "a little too old", once(psks=[loot.late(7 * 3600 * 1000)])
    yield "the age as seen, a random binder", once(psks=[seen])
    yield "the age and the binder as seen", once(psks=[loot.psk])
    yield "of another suite, the age as seen", once(psks=[loot.psk_sha384])
    yield "of another suite, false age", once(psks=[loot.psk_sha384._replace(age=loot.psk_sha384.age + HALF)])
    yield "of another suite, his own behind", once(psks=[loot.psk_sha384, own])
    yield "of another suite, his own first", once(psks=[own, loot.psk_sha384])
    yield "retry: his own, then of another suite", twice({"psks": [own]}, {"psks": [loot.psk_sha384]})
    yield "the hello as seen", replay(loot.up)
    yield "the other hello as seen", replay(loot.up_sha384)
    yield "noise first", once(psks=[noise, v])
    yield "noise behind", once(psks=[v, noise])
    yield "his own first", once(psks=[own, v])
    yield "his own first, unproved", once(psks=[own._replace(secret=None), v])
    yield "his own behind", once(psks=[v, own])
    yield "his own behind the age as seen", once(psks=[seen, own])
    yield "an unknown mode", once(psks=[v], modes=(7,))
    yield "an unknown mode, the age as seen", once(psks=[seen], modes=(7,))
    yield "the mode without a key exchange", once(psks=[seen], modes=(0,))
    yield "no mode", once(psks=[v], modes=())
    yield "no modes", once(psks=[v], modes=None)
    yield "early data", once(psks=[v], early=True)
    yield "early data, his own first", once(psks=[own, v], early=True)
    yield "no server name", once(psks=[v], sni=None)
    yield "a PSK that is not last", once(psks=[v], last=extension(0xAAAA))
    yield "retry: his own, then the victim's", twice({"psks": [own]}, {"psks": [v]})
    yield "retry: his own, then the victim's as seen", twice({"psks": [own]}, {"psks": [seen]})
    yield "retry: his own, then both", twice({"psks": [own]}, {"psks": [own, v]})
    yield "retry: his own, then both, the victim's first", twice({"psks": [own]}, {"psks": [v, own]})
    yield "retry: his own, then the victim's without a share", twice({"psks": [own]}, {"psks": [v], "share": False})
    yield "retry: the victim's, then his own", twice({"psks": [v]}, {"psks": [own]})
    yield "retry: the victim's, then none", twice({"psks": [v]}, {})
    yield "retry: the victim's as seen, then his own", twice({"psks": [seen]}, {"psks": [own]})
    yield "retry: the victim's in both", twice({"psks": [v]}, {"psks": [v]})
    yield "retry: the victim's in both, an unknown mode", twice({"psks": [v]}, {"psks": [v], "modes": (7,)})
    yield "retry: his own, then early data", twice({"psks": [own], "early": True}, {"psks": [v], "early": True})
    yield "a ticket of TLS 1.2 for a PSK", once(psks=[as_psk])
    yield "a ticket of TLS 1.3 in extension 35", once(extra=extension(tls.X_TICKET, loot.psk.identity))
    if old:
        yield "a ticket of TLS 1.2 in extension 35", once(extra=in_35)
        yield "the same beside his own PSK", once(extra=in_35, psks=[own])
        yield "the same beside the victim's PSK", once(extra=in_35, psks=[v])
        yield "the same with both versions", once(extra=in_35, versions=(0x0304, 0x0303), suites=(0x1301, 0xC02B))
        yield "the same before a retry", twice({"extra": in_35}, {})
        yield "the same after a retry", twice({}, {"extra": in_35})
        yield "the same before and after a retry", twice({"extra": in_35}, {"extra": in_35})
        yield "the same after a retry with his own", twice({"psks": [own]}, {"extra": in_35})


# ---- the ways in TLS 1.2 ---------------------------------------------------------------------------------------------


def only(ticket, **hello):
    def way(port):
        c = new12(port)
        c.hello(ticket=ticket, **hello)
        c.server()
        return c

    return way


def renegotiated(ticket):
    def way(port):
        c = new12(port)
        c.hello()
        c.server()
        flight(c, EMPTY)
        c.hello(ticket=ticket, sni=None, renegotiation=c.client_data)
        c.server()
        return c

    return way


def ways12(loot):
    t = loot.ticket12
    yield "the ticket as it is, another master secret", only(t)
    yield "a suite that is not offered", only(loot.other_suite)
    yield "no server name", only(t, sni=None)
    yield "another server name", only(t, sni=b"elsewhere")
    yield "no extended master secret", only(t, ems=False)
    yield "extended master secret where there was none", only(loot.without_ems)
    yield "no server name, no extended master secret", only(loot.without_ems, ems=False, sni=None)
    yield "a damaged ticket", only(t[:40] + bytes([t[40] ^ 1]) + t[41:])
    yield "half a ticket", only(t[: len(t) // 2])
    yield "a ticket of TLS 1.3", only(loot.psk.identity)
    yield "no server name, both versions", only(t, sni=None, extra=extension(tls.X_VERSIONS, b"\2\3\3"))
    yield "a renegotiation", renegotiated(t)


# ---- at random -------------------------------------------------------------------------------------------------------


def walk(rng, name, loot, others):
    """One order of hellos, PSKs, tickets, certificates, with messages left out or sent twice. None, or what is wrong."""
    own, v = own_ticket13(), loot.late()
    tickets = [one for one in (loot.ticket12, loot.other_suite, loot.without_ems) if one]
    # Most of what a server refuses at once is rare: the orders are to get far.
    pool = [v, v, v, own, own, loot.psk_sha384, Psk(b"x" * 60, 5)] + [Psk(one, 0) for one in tickets[:1]]
    pool += [one.late() for one in others]
    if rng.random() < 0.1:
        pool += [loot.psk, loot.psk._replace(binder=None), own._replace(secret=None)] * 4
    # In TLS 1.2 a chain that is refused by itself is refused, and named, before its proof: the victim's is whole in all of these.
    chains = [[]] * 12 + [VICTIM.chain, VICTIM.chain + STRANGER.chain, STRANGER.chain, STRANGER.chain + VICTIM.chain[:1],
              SECOND.chain]  # fmt: skip

    def often(n):
        """Mostly once."""
        return rng.choices((0, 1, 2), (n, 15, 1))[0]

    def one_certificate(c):
        kind = rng.choices((11, 25), (20, 1))[0]
        chain = rng.choice(chains)
        c.certificate(chain, None, kind)
        return chain

    def one_verify(c):
        if rng.random() < 0.6:
            c.certificate_verify(STRANGER.key)
        else:
            c.certificate_verify(None, rng.randbytes(rng.choice((0, 1, 64, 71))))

    def hello13():
        hello = {"psks": rng.choices(pool, k=rng.choice((0, 1, 1, 2, 3)))}
        hello["modes"] = rng.choices(((1,), (0, 1), (0,), (7,), None), (8, 2, 1, 1, 0.3))[0]
        hello["sni"] = rng.choice((b"localhost", b"localhost", None, b"elsewhere"))
        hello["early"] = rng.random() < 0.1
        if tickets and rng.random() < 0.4:
            hello["extra"] = extension(tls.X_TICKET, rng.choice(tickets))
        return hello

    port = PORTS[name]
    if rng.random() < 0.65:
        c = new13(port)
        c.hello(share=rng.random() < 0.5, **hello13())
        while not c.server_hello():
            c.hello(share=rng.random() < 0.95, **hello13())
        c.rest(*(one.secret for one in own13))
    else:
        c = new12(port)
        ticket = rng.choice(tickets + [b"", b"x" * 100])
        c.hello(sni=rng.choice((b"localhost", None, b"elsewhere")), ems=rng.random() < 0.6, ticket=ticket)
        c.server()
    if isinstance(c, Tls12) and c.resumed:
        return flight(c, EMPTY)
    signs = False
    for _ in range(often(2) if c.requested else rng.random() < 0.1):
        signs = bool(one_certificate(c)) or signs
    if isinstance(c, Tls12):
        # Without it there is no master secret: it is sent, or everything ends here.
        for _ in range(max(1, often(0))):
            c.key_exchange()
    for _ in range(often(2) if signs else rng.random() < 0.1):
        one_verify(c)
    if rng.random() < 0.03:
        one_certificate(c)
    if rng.random() < 0.03:
        return None
    c.finished(None if rng.random() < 0.95 else bytes(12))
    if rng.random() < 0.03:
        c.message(tls.CERTIFICATE, bytes(8), count=False)
    if isinstance(c, Tls12):
        c.server_finished()
    return look(c, name) or again(c, name, 2)


def walks(loots):
    global current
    rng = random.Random(20260731)
    names = list(loots)
    ends = collections.Counter()
    for i in range(WALKS):
        name = rng.choices(names, [1 if one.startswith("require") else 3 for one in names])[0]
        current = "random order %d at %s" % (i, name)
        others = [one for other, one in loots.items() if other != name]
        try:
            why = walk(rng, name, loots[name], others)
            ends["served or ended by the client"] += 1
        except TlsError as e:
            why = refused(e)
            ends[str(e)] += 1
        end_all()
        if why:
            state(current, why)
        ask_rejections(False)
    for end, n in ends.most_common():
        print("# %d random orders: %s" % (n, end))
    state("%d random orders" % WALKS)


# ---- the honest ------------------------------------------------------------------------------------------------------


def expect(what, connect, verify="SUCCESS", resumed=False, alert=None, keep=None):
    why = None
    try:
        c = connect()
        try:
            peer = json.loads(c.get("/api/peer").body)
            got = (peer["verify"], peer["resumed"], peer.get("subject"))
            want = (verify, resumed, VICTIM_NAME if verify == "SUCCESS" else None)
            if alert or got != want:
                why = "%s, want %s" % (got, alert or (want,))
            if keep is not None:
                keep.extend(c.tickets)
        finally:
            c.close()
    except TlsError as e:
        if str(e) != "alert %s" % alert:
            why = "%s, want %s" % (e, alert or verify)
    state("honest, " + what, why)


def honest(name):
    port, gives12 = PORTS[name], name.endswith("12")
    t13, t12, other = [], [], []

    def c13(who=VICTIM, **hello):
        return lambda: tls.connect13(port, who, **hello)

    def c12(who=VICTIM, **hello):
        return lambda: tls.connect12(port, who, **hello)

    expect(name + ": TLS 1.3", c13(), keep=t13)
    if not t13:
        state("honest, %s: a ticket" % name, "none came")
        return
    good = psk_of(t13[0])
    expect(name + ": TLS 1.3, resumed", c13(psks=[good]), resumed=True, keep=other)
    expect(name + ": TLS 1.3, resumed by the ticket of that", c13(psks=[psk_of(other[0])]), resumed=True)
    expect(name + ": TLS 1.3, resumed after a retry", c13(psks=[good], retry=True), resumed=True)
    expect(name + ": TLS 1.3, resumed behind noise", c13(psks=[Psk(b"x" * 90, 0), good]), resumed=True)
    expect(name + ": TLS 1.3, after a retry", c13(retry=True))
    expect(name + ": TLS 1.3, a ticket that is too old", c13(psks=[good._replace(age=good.age + HALF, secret=None)]))
    expect(name + ": TLS 1.3, the same after a retry", c13(retry=True, psks=[good._replace(age=good.age + HALF, secret=None)]))
    expect(name + ": TLS 1.3, noise for a ticket", c13(psks=[Psk(b"x" * 90, 0)]))
    expect(name + ": TLS 1.3, an unknown mode", c13(psks=[good], modes=(7,)))
    # Who leaves his certificate out this time is nobody, and is not held for somebody else.
    late = [good._replace(age=good.age + HALF, secret=None)]
    denied = "certificate_required" if name.startswith("require") else None
    expect(name + ": TLS 1.3, a ticket that is too old, no certificate any more", c13(None, psks=late), "NONE", alert=denied)
    expect(name + ": TLS 1.3, the same after a retry", c13(None, retry=True, psks=late), "NONE", alert=denied)

    expect(name + ": TLS 1.2", c12(), keep=t12)
    expect(name + ": TLS 1.2, without extended master secret", c12(ems=False))
    state("honest, %s: tickets of TLS 1.2 %s" % (name, "come" if gives12 else "do not come"),
          None if bool(t12) == gives12 else "%d came" % len(t12))  # fmt: skip
    if not t12:
        return
    expect(name + ": TLS 1.2, resumed", c12(resume=t12[0]), resumed=True)
    expect(name + ": TLS 1.2, the ticket with no server name", c12(ticket=t12[0].ticket, sni=None))
    expect(name + ": TLS 1.2, the ticket with another server name", c12(ticket=t12[0].ticket, sni=b"elsewhere"))
    expect(name + ": TLS 1.2, the ticket without extended master secret", c12(ticket=t12[0].ticket, ems=False))
    expect(name + ": TLS 1.2, noise for a ticket", c12(ticket=b"x" * 90))
    denied = denied and "handshake_failure"
    lost = c12(None, ticket=t12[0].ticket, sni=b"elsewhere")
    expect(name + ": TLS 1.2, another server name, no certificate any more", lost, "NONE", alert=denied)
    expect(name + ": TLS 1.3, a ticket of TLS 1.2 beside it", c13(extra=extension(tls.X_TICKET, t12[0].ticket)))
    expect(name + ": TLS 1.3, the same after a retry", c13(retry=True, extra=extension(tls.X_TICKET, t12[0].ticket)))


def nobody(name):
    """Somebody without a certificate, whose own ticket does not resume."""
    port = PORTS[name]
    own = own_ticket13()
    late = own._replace(age=own.age + HALF, secret=None)
    denied = "certificate_required" if name.startswith("require") else None
    denied12 = "handshake_failure" if denied else None

    def c13(**hello):
        return lambda: tls.connect13(port, **hello)

    expect(name + ": no certificate in TLS 1.3", c13(), "NONE", alert=denied)
    expect(name + ": no certificate, a ticket that is too old", c13(psks=[late]), "NONE", alert=denied)
    expect(name + ": no certificate in TLS 1.2", lambda: tls.connect12(port), "NONE", alert=denied12)
    if name.endswith("12"):
        c = tls.connect12(PORTS["request12"])
        c.get("/livez")
        c.close()
        if not c.tickets:
            return
        ticket = c.tickets[0].ticket
        expect(name + ": no certificate, a ticket with another server name",
               lambda: tls.connect12(port, ticket=ticket, sni=b"elsewhere"), "NONE", alert=denied12)  # fmt: skip
        expect(name + ": no certificate, a ticket of TLS 1.2 in TLS 1.3",
               c13(extra=extension(tls.X_TICKET, ticket)), "NONE", alert=denied)  # fmt: skip


# ---- what a ticket cannot hold ---------------------------------------------------------------------------------------


def stapled(size):
    """An entry of a Certificate message: a stranger's certificate with an OCSP response of so many bytes."""
    response = extension(5, b"\1" + tls.vector(3, bytes(size)))
    return tls.vector(3, STRANGER.chain[0]) + tls.vector(2, response)


def with_responses(port, size, n, psks=()):
    c = new13(port)
    c.hello(extra=extension(5, b"\1\0\0\0\0"), psks=psks)
    c.server()
    if c.requested:
        c.certificate(body=tls.vector(1, b"") + tls.vector(3, stapled(size) * n))
        c.certificate_verify(STRANGER.key)
    c.finished()
    return c


def large():
    """A ticket has a length of 16 bits, and all of a Certificate message goes into it: nobody gets one that is cut short."""
    port, why = PORTS["request"], None
    try:
        c = with_responses(port, 20000, 2)
        first = json.loads(c.get("/api/peer").body)
        d = with_responses(port, 20000, 2, [psk_of(c.tickets[0])])
        again = json.loads(d.get("/api/peer").body)
        if (again["resumed"], again.get("subject"), first["verify"]) != (True, STRANGER_NAME, "FAILED"):
            why = json.dumps(again)
    except (TlsError, IndexError) as e:
        why = str(e)
    end_all()
    state("OCSP responses of 40 KB: served, and resumed", why)
    # The body has 4 bytes and, for each entry, 13, the certificate and the response.
    fits = (48 * 1024 - 4) // 2 - 13 - len(STRANGER.chain[0])
    try:
        c = with_responses(port, fits, 2)
        c.get("/livez")
        d = with_responses(port, fits, 2, [psk_of(c.tickets[0])])
        again = json.loads(d.get("/api/peer").body)
        why = None if again["resumed"] and again.get("subject") == STRANGER_NAME else json.dumps(again)
    except (TlsError, IndexError) as e:
        why = str(e)
    end_all()
    state("a Certificate message of 48 KiB: served, and resumed", why)
    try:
        with_responses(port, fits + 1, 2).get("/livez")
        why = "served"
    except TlsError as e:
        why = None if str(e) == "alert bad_certificate" else str(e)
    end_all()
    state("two bytes more: refused", why)
    try:
        c = with_responses(port, 40000, 2)
        c.get("/livez")
        with_responses(port, 0, 1, [psk_of(c.tickets[0])]).get("/livez")
        why = "served"
    except TlsError as e:
        why = None if str(e) == "alert bad_certificate" else str(e)
    end_all()
    state("OCSP responses of 80 KB: refused", why)


def ends(what, alert, act):
    """An attempt that has to end with the alert."""
    why = "served"
    try:
        c = new13(PORTS["request"])
        act(c)
        c.get("/livez")
    except TlsError as e:
        why = None if str(e) == "alert " + alert else str(e)
    end_all()
    state(what, why)


def entry(*extensions):
    def act(c):
        c.hello(extra=extension(5, b"\1\0\0\0\0"))
        c.server()
        one = tls.vector(3, STRANGER.chain[0]) + tls.vector(2, b"".join(extensions))
        c.certificate(body=tls.vector(1, b"") + tls.vector(3, one))
        c.certificate_verify(STRANGER.key)
        c.finished()

    return act


def small_records(size):
    """Each handshake message of the client behind its hello in records of so many bytes."""

    def act(c):
        c.hello()
        c.server()
        send = c.send_record

        def split(kind, data):
            for at in range(0, len(data), size):
                send(kind, data[at : at + size])

        c.send_record = split
        c.certificate(STRANGER.chain)
        c.send_record = send
        c.certificate_verify(STRANGER.key)
        c.finished()

    return act


def crowded(**hello):
    def act(c):
        c.hello(**hello)
        c.server()

    return act


def costly():
    """What makes the library lose memory, or read on and on, before anybody has proved anything."""
    response = extension(5, b"\1" + tls.vector(3, bytes(100)))
    ends("two responses in an entry", "unsupported_extension", entry(response, response))
    ends("an extension behind the response", "unsupported_extension", entry(response, extension(77, b"")))
    ends("an extension that was not asked for", "unsupported_extension", entry(extension(18, b"")))
    ends("bytes behind the response", "unsupported_extension", entry(response, b"\0\5\0"))
    ends("a Certificate in records of one byte", "unexpected_message", small_records(1))
    why = None
    try:
        c = new13(PORTS["request"])
        small_records(5)(c)
        c.get("/livez")
    except TlsError as e:
        why = str(e)
    end_all()
    state("a Certificate in records of five bytes: served", why)
    noise = [Psk(os.urandom(16), 0) for _ in range(600)]
    ends("six hundred PSK identities", "handshake_failure", crowded(psks=noise))
    ends("nine thousand suites", "handshake_failure", crowded(suites=[0x1301] + [0xFF00] * 9000))
    ends("five thousand extensions", "handshake_failure",
         crowded(extra=b"".join(extension(0x4000 + i) for i in range(5000))))  # fmt: skip


def old_hello(name):
    c, why = new12(PORTS[name]), "served"
    try:
        c.hello_v2()
        c.server()
    except TlsError as e:
        why = None if str(e) == "alert protocol_version" else str(e)
    end_all()
    state("the hello of SSL 2.0 at %s: refused" % name, why)


# ---- all of it -------------------------------------------------------------------------------------------------------


def main():
    for name in PORTS:
        honest(name)
        nobody(name)
    large()
    costly()
    old_hello("request")
    old_hello("require")
    loots = {name: Loot(name) for name in PORTS}
    gives = [name for name in PORTS if name.endswith("12")]
    if any(loots[name].ticket12 is None for name in gives):
        state("the victim's tickets of TLS 1.2 went by", "not one")
        gives = []
    for name, loot in loots.items():
        old = loots[gives[0]].ticket12 if gives else None
        if name.endswith("12"):
            old = loot.ticket12
        for what, way in ways13(loot, old):
            # A listener with tickets of TLS 1.2 differs from one without by these only.
            if name.endswith("12") and "TLS 1.2" not in what and "the same" not in what:
                continue
            for manner in MANNERS if "hello as seen" not in what else MANNERS[:1]:
                attempt("%s, TLS 1.3: %s; %s" % (name, what, manner.name), name, way, manner)
        if gives:
            # At a listener without them: with those of a listener that gives them.
            for what, way in ways12(loot if name in gives else loots[gives[0]]):
                for manner in MANNERS:
                    attempt("%s, TLS 1.2: %s; %s" % (name, what, manner.name), name, way, manner)
    for name, other in (("require", "request"), ("request", "require"), ("optional", "require")):
        for manner in MANNERS:
            what = "%s, TLS 1.3: a ticket of the listener %s; %s" % (name, other, manner.name)
            attempt(what, name, once(psks=[loots[other].late()]), manner)
    walks(loots)
    ask_rejections(True)
    ask_log()
    for what, text in named.items():
        state("nothing names the victim for: " + what, text)
    state("the log and /api/rejections name the victim for none of %d connections of others" % connections,
          "%d do" % len(named) if named else None)  # fmt: skip
    print("# %d attempts were refused, %d pages were served" % (counts["refused"], counts["page"]))
    # An attacker who never got anywhere would prove nothing.
    state("attempts end in both ways", None if counts["refused"] > 100 and counts["page"] > 50 else str(dict(counts)))


os.environ.pop("SSLKEYLOGFILE", None)
main()
