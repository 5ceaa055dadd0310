#!/usr/bin/env python3
"""The clients, backends and reloads of tests/torture.

Usage: torture.py FOLDER LAB [--seed TEXT] [--seconds N] [--clients N]

Starts the backends, writes FOLDER/mtlsd.conf and "ready" to its output, reads a line "PID PORT" of the server that was started
with it, and torments that for so long. What was done is a line in FOLDER/done.NAME, what was wrong lines in FOLDER/wrong.NAME.

FOLDER has shaky.crt and shaky.key, a client that is.crl lets in and was.crl does not, beside what the lab has.

Each client (torture_clients.py) takes one turn after the other. Requests, plans for the backend (torture_backend.py) and for itself
are drawn from a source that is the seed's, the client's and the turn's: the same seed gives the same turns, whatever came of those
before; only who is first is another's to say. A request's id is client-turn-number.

Behind /calm/, /tight/ and /known/ nothing goes wrong but what clients do: everything has to be answered whole. Behind /wild/ servers
are ended and begun again, hang, reset, and say nonsense: an answer is whole, or can be seen to be cut, or is a problem page of the
server's own, where somebody has caused it. Never has a response, or a part of one, another's id (torture_exchange.py).
"""
import collections
import os
import random
import signal
import ssl
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from torture_backend import SILENCE  # noqa: E402
from torture_clients import Client  # noqa: E402
from torture_exchange import HOSTS, PATIENCE  # noqa: E402

SPEAKERS = {"calm": ["one", "two"], "wild": ["three", "four", "tls", "unix"]}
# The interpreter's own backends may stand still for a while where the machine is busy.
LONG = 60


# ---- the setting ------------------------------------------------------------------------------------------------------------


class Setting:
    def __init__(self, folder, lab, seed, seconds):
        self.folder, self.lab, self.seed = folder, lab, seed
        self.ends = time.monotonic() + seconds
        self.lock = threading.Lock()
        self.done, self.outcomes = collections.Counter(), collections.Counter()
        self.processes, self.at = {}, {}
        self.ended = []  # servers: name, when it was told to end, when it was back (None: not yet)
        # The client whose certificate comes and goes: None while nobody can say; else whether it is let in, and since when.
        self.shaky = (True, 0.0)
        self.contexts = {(who, tls): self.context(who, tls) for who in ("none", "good", "shaky") for tls in (False, True)}
        self.pid = self.port = None

    def going(self):
        return time.monotonic() < self.ends

    def context(self, who, tls12):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)  # Python 3.11.2 sets it: a cut would be an end
        context.load_verify_locations(f"{self.lab}/root.crt")
        context.check_hostname = False  # the lab's certificate has no name of every host
        if tls12:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        if who == "good":
            context.load_cert_chain(f"{self.lab}/client.crt", f"{self.lab}/client.key")
        elif who == "shaky":
            context.load_cert_chain(f"{self.folder}/shaky.crt", f"{self.folder}/shaky.key")
        return context

    def wrong(self, name, text):
        with self.lock, open(f"{self.folder}/wrong.{name}", "a", encoding="utf-8") as file:
            file.write(text + "\n")

    def count(self, name, outcome=None):
        with self.lock:
            self.done[name] += 1
            if outcome:
                self.outcomes[outcome] += 1

    # ---- backends ----

    def start_backend(self, name):
        ready = f"{self.folder}/{name}.ready"
        if os.path.exists(ready):
            os.unlink(ready)
        address = self.at.get(name, f"{self.folder}/app.sock" if name == "unix" else "0")
        command = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "torture_backend.py"), name, self.folder, address]
        if name == "tls":
            command += [f"{self.lab}/server.crt", f"{self.lab}/server.key"]
        with open(f"{self.folder}/{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until = time.monotonic() + PATIENCE
        while not os.path.exists(ready):
            if time.monotonic() > until or self.processes[name].poll() is not None:
                raise SystemExit(f"the backend {name} does not start")
            time.sleep(0.01)
        with open(ready, encoding="ascii") as file:
            self.at[name] = file.read().strip()

    def restart_backend(self, name, how, pause):
        with self.lock:
            self.ended.append([name, time.monotonic(), None])
        self.processes[name].send_signal(how)
        self.processes[name].wait()
        time.sleep(pause)
        self.start_backend(name)
        with self.lock:
            self.ended[-1][2] = time.monotonic()

    def was_ended(self, name, since):
        """Was this server, or any, away since then, or told to end?"""
        with self.lock:
            return any((name or of) == of and (back is None or back >= since) for of, _, back in self.ended)

    def url(self, name):
        return f"unix:{self.at[name]}" if name == "unix" else f"https://localhost:{self.at[name]}" if name == "tls" else f"http://127.0.0.1:{self.at[name]}"

    # ---- the configuration ----

    def configuration(self, draw, listed="is.crl", checks=True):
        """Servers, weights, ways to balance, hosts, lists: any of those that must not make a difference."""
        def backend(name, speakers, silence, more):
            chosen = draw.sample(speakers, draw.randint(1 if speakers is SPEAKERS["calm"] else 2, len(speakers)))
            urls = ", ".join(f'"{self.url(s)} weight={draw.randint(1, 5)}"' for s in chosen)
            balance = draw.choice(["round-robin", "least-connections", "client-address", "client-certificate"])
            ca = f'ca = {{ "{self.lab}/root.crt" }}' if "tls" in chosen else ""
            check = 'check = "/well"\n    check_interval = 1s' if checks and draw.random() < 0.5 else ""
            return f"""backend "{name}" {{
    server = {{ {urls} }}
    balance = {balance}
    response_timeout = {silence}s
    {ca}
    keepalive = {draw.choice([0, 2, 64])}
    {check}
    {more}
}}
"""
        def location(area, backend, needs):
            return f"""location "/{area}/" {{
    backend = "{backend}"
    client_cert = {needs}
    upgrade = {{ "websocket" }}
    set_header = {{ "X-User: ${{subject.cn}}" }}
    max_body = 100m
}}
"""
        host = f"""    host "{HOSTS[1]}" {{
        certificate = {{ "{self.lab}/server.crt", "{self.lab}/server.key" }}
    }}
"""
        return "".join([
            f"""workers = 2
sandbox = off # it forbids the ports of servers that come with a reload
access_log = "{self.folder}/access.log"
access_log_format = json
error_log = "{self.folder}/error.log"
idle_timeout = {2 * LONG}s # counted from what the kernel took: its buffers hold seconds of a slow reader
body_timeout = {2 * LONG}s
""",
            backend("calm", SPEAKERS["calm"], LONG, ""),
            backend("tight", SPEAKERS["calm"], LONG, f"max_connections = 3\n    queue_timeout = {LONG}s"),
            backend("wild", SPEAKERS["wild"], SILENCE, f"fail_timeout = {draw.randint(1, 3)}s\n    connect_timeout = 2s"),
            location("calm", "calm", "none"),
            location("tight", "tight", "none"),
            location("wild", "wild", "none"),
            location("known", "calm", "verified"),
            f"""listen "front" {{
    address = "127.0.0.1:0"
    certificate = {{ "{self.lab}/server.crt", "{self.lab}/server.key" }}
    client_auth = request
    client_ca = {{ "{self.lab}/root.crt" }}
    crl = {{ "{self.lab}/root.crl", "{self.folder}/{listed}" }}
{host if draw.random() < 0.5 else ""}}}
""",
        ])


# ---- what happens meanwhile -------------------------------------------------------------------------------------------------


def heard(setting, before, word):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with open(f"{setting.folder}/error.log", "rb") as file:
            file.seek(before)
            if word in file.read():
                return True
        time.sleep(0.01)
    return False


def reload_with(setting, text, word=b"reloaded:"):
    path = f"{setting.folder}/mtlsd.conf"
    with open(path + ".next", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".next", path)
    before = os.path.getsize(f"{setting.folder}/error.log")
    os.kill(setting.pid, signal.SIGHUP)
    if not heard(setting, before, word):
        setting.wrong("reloads", f"no {word!r} in the log")


def reloads(setting):
    draw = random.Random(f"{setting.seed} reloads")
    listed = "is.crl"
    while setting.going():
        time.sleep(draw.choice([0.02, 0.1, 0.5, 1]))
        if draw.random() < 0.1:
            reload_with(setting, "nonsense", b"the reload failed")
        else:
            new = draw.choice([listed, listed, "is.crl", "was.crl"])
            if new != listed:
                setting.shaky = None
            reload_with(setting, setting.configuration(draw, new))
            if new != listed:
                listed = new
                setting.shaky = (new == "is.crl", time.monotonic())
        setting.count("reloads")
    setting.shaky = None
    reload_with(setting, setting.configuration(draw, checks=False))


def restarts(setting):
    draw = random.Random(f"{setting.seed} restarts")
    while setting.going():
        time.sleep(draw.random() * 3)
        name, how = draw.choice(SPEAKERS["wild"]), draw.choice([signal.SIGTERM, signal.SIGKILL])
        setting.restart_backend(name, how, draw.random())
        setting.count("restarts")


def option(argv, name, default):
    return argv[argv.index(name) + 1] if name in argv else default


def main(folder, lab, *rest):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the servers end, too
    threading.stack_size(512 * 1024)
    seconds = float(option(rest, "--seconds", 60))
    setting = Setting(folder, lab, option(rest, "--seed", "1"), 0)
    try:
        for name in [*SPEAKERS["calm"], *SPEAKERS["wild"]]:
            setting.start_backend(name)
        with open(f"{folder}/mtlsd.conf", "w", encoding="utf-8") as file:
            file.write(setting.configuration(random.Random(setting.seed)))
        print("ready", flush=True)
        pid, port = sys.stdin.readline().split()
        setting.pid, setting.port = int(pid), int(port)
        setting.ends = time.monotonic() + seconds
        threads = [Client(setting, number) for number in range(int(option(rest, "--clients", 24)))]
        threads += [threading.Thread(target=work, args=(setting,), daemon=True) for work in (reloads, restarts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds + 3 * PATIENCE)
            if thread.is_alive():
                setting.wrong("threads", f"{thread.name} does not end")
        for name, number in setting.done.items():
            with open(f"{folder}/done.{name}", "w", encoding="ascii") as file:
                file.write(f"{number}\n")
        print("outcomes", *(f"{name}={number}" for name, number in sorted(setting.outcomes.items())), flush=True)
        sys.stdin.readline()
    finally:
        for process in setting.processes.values():
            process.kill()
            process.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
