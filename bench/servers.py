"""The servers that bench/run compares: equal configurations, started on loopback, measured through /proc.

Each kind of server is one class: what it is called, what it needs installed, its configuration. Everything is written
to the scratch folder, and only processes started here are stopped."""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

PATIENCE = 30  # seconds for anything that should happen at once


class Failure(Exception):
    """Something that the user has to read; no traceback."""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def processor_seconds(pid):
    """The scheduler's exact clock of a process: all its threads, user and system, dead ones too (clock_getcpuclockid)."""
    return time.clock_gettime((~pid << 3) | 2)


def children(pid):
    found = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as f:
            found += [int(child) for child in f.read().split()]
    return found


class Setting:
    """What the servers of one run have in common."""

    def __init__(self, scratch, lab, mtlsd, load):
        self.scratch = pathlib.Path(scratch)
        self.lab = pathlib.Path(lab)
        self.mtlsd = mtlsd
        self.load = load
        self.www = self.scratch / "www"
        self.answers = {}  # path -> (header fields, body) as mtlsd gives them, for the others to copy
        self.certificates = []  # (name, certificate, key) of more servers by name


class Server:
    name = program = package = None
    rows = None  # paths it cannot do are not asked for
    can_mutual = True

    def __init__(self, setting, workers=1, cpus=None):
        self.setting = setting
        self.workers = workers
        self.cpus = cpus
        self.process = None
        self.folder = None

    @classmethod
    def missing(cls):
        if shutil.which(cls.program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            return None
        return f"{cls.program} is not installed (Debian: {cls.package})"

    @classmethod
    def find(cls):
        return shutil.which(cls.program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")

    @classmethod
    def version(cls):
        done = subprocess.run([cls.find(), "-v"], capture_output=True, text=True)
        return (done.stdout + done.stderr).strip().splitlines()[0]

    # ---- to be filled in ----

    def write(self):
        """Writes the configuration into self.folder; returns the command."""
        raise NotImplementedError

    # ---- life ----

    def start(self, wait=True):
        n = 0
        while (self.setting.scratch / f"{self.name}.{n}").exists():
            n += 1
        self.folder = self.setting.scratch / f"{self.name}.{n}"
        self.folder.mkdir()
        self.ports = {"oneway": free_port(), "mutual": free_port()}
        command = self.write()
        self.output = open(self.folder / "output", "wb")
        cpus = self.cpus

        def in_child():
            # Whatever ends the benchmark ends the servers.
            ctypes.CDLL(None).prctl(1, signal.SIGTERM)
            if cpus:
                os.sched_setaffinity(0, cpus)

        self.process = subprocess.Popen(
            command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=self.output, stderr=self.output, preexec_fn=in_child
        )
        if wait:
            self.wait_ready()
        return self

    def accepts(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.ports["oneway"])) == 0

    def wait_ready(self):
        end = time.monotonic() + PATIENCE
        while not self.accepts():
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failure(f"{self.name} does not start:\n{self.messages()}")
            time.sleep(0.01)
        time.sleep(0.1)  # nginx's workers come after its socket
        self.pids = self.tree()

    def messages(self):
        texts = [p.read_text(errors="replace") for p in (self.folder / "output", self.folder / "error.log") if p.exists()]
        return "\n".join(texts)[-3000:]

    def tree(self):
        pids, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            pids.append(pid)
            todo += children(pid)
        return pids

    def stop(self):
        if not self.process:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            for pid in self.tree():
                os.kill(pid, signal.SIGKILL)
            self.process.wait()
        self.output.close()
        self.process = None

    # ---- looking at it ----

    def cpu(self):
        return sum(processor_seconds(pid) for pid in self.pids)

    def threads(self):
        """Nanoseconds of processor time of each thread."""
        times = {}
        for pid in self.pids:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                    times[task] = int(f.read().split()[0])
        return times

    def resident(self):
        """Bytes in memory; what processes share counts once."""
        total = 0
        for pid in self.pids:
            with open(f"/proc/{pid}/smaps_rollup") as f:
                total += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
        return total * 1024


class Mtlsd(Server):
    name = "mtlsd"

    @classmethod
    def missing(cls):
        return None

    @classmethod
    def version(cls):
        return "as built"

    def write(self):
        lab = self.setting.lab
        certificates = [str(lab / "server.crt"), str(lab / "server.key")]
        for _, crt, key in self.setting.certificates:
            certificates += [str(crt), str(key)]
        listed = ", ".join(f'"{c}"' for c in certificates)
        (self.folder / "conf").write_text(f"""
workers = {self.workers}
document_root = "{self.setting.www}"
access_log = "{self.folder}/access.log"
error_log = "{self.folder}/error.log"
idle_timeout = 10m
listen "oneway" {{
    address = "127.0.0.1:{self.ports['oneway']}"
    certificate = {{ {listed} }}
    client_auth = off
}}
listen "mutual" {{
    address = "127.0.0.1:{self.ports['mutual']}"
    certificate = {{ "{lab}/server.crt", "{lab}/server.key" }}
    client_auth = require
    client_ca = {{ "{lab}/root.crt" }}
}}
""")
        return [self.setting.mtlsd, "serve", "-c", str(self.folder / "conf")]


class Nginx(Server):
    name = program = package = "nginx"

    # What mtlsd says of a connection and nginx has a variable for.
    VARIABLES = {
        "version": "$ssl_protocol",
        "cipher_suite": "$ssl_cipher",
        "group": "$ssl_curve",
        "alpn": "$ssl_alpn_protocol",
        "server_name": "$ssl_server_name",
        "resumed": "$ssl_session_reused",
    }

    def locations(self):
        text = ""
        for path, (fields, body) in self.setting.answers.items():
            text += f"location = {path} {{\n"
            for name, value in fields.items():
                if name.lower() == "content-type":
                    # default_type carries no parameters into `return`, so this is the whole of it.
                    text += f'default_type "{value}";\n'
                elif name.lower() not in self.OWN_FIELDS:
                    text += f'add_header {name} "{value}";\n'
            if body is not None:
                text += f"return 200 '{self.with_variables(path, body)}';\n"
            text += "}\n"
        return text

    OWN_FIELDS = {"date", "connection", "server", "content-length", "etag", "last-modified", "accept-ranges"}

    def with_variables(self, path, body):
        if path != "/api/tls":
            return body
        facts = json.loads(body)
        facts.update(self.VARIABLES)
        facts["client_hello"]["cipher_suites"] = ["$ssl_ciphers"]
        facts["client_hello"]["groups"] = ["$ssl_curves"]
        return json.dumps(facts, indent=2) + "\n"

    def write(self):
        lab, here = self.setting.lab, self.folder
        tls = f"""
ssl_certificate {lab}/server.crt;
ssl_certificate_key {lab}/server.key;
"""
        more = "".join(
            f"server {{ listen 127.0.0.1:{self.ports['oneway']} ssl backlog=4096; server_name {name};"
            f" ssl_certificate {crt}; ssl_certificate_key {key}; }}\n"
            for name, crt, key in self.setting.certificates
        ).replace(" backlog=4096", "")
        (here / "conf").write_text(f"""
{"user root;" if os.geteuid() == 0 else ""}
daemon off;
pid {here}/pid;
error_log {here}/error.log;
worker_processes {self.workers};
worker_rlimit_nofile 20000;
events {{ worker_connections 20000; }}
http {{
    access_log {here}/access.log;
    client_body_temp_path {here}/t1; proxy_temp_path {here}/t2; fastcgi_temp_path {here}/t3;
    uwsgi_temp_path {here}/t4; scgi_temp_path {here}/t5;
    sendfile on;
    keepalive_requests 1000000000;
    keepalive_timeout 10m;
    server_names_hash_max_size 8192;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_tickets on;
    ssl_session_timeout 6h;
    root {self.setting.www};
    server {{
        listen 127.0.0.1:{self.ports['oneway']} ssl default_server backlog=4096;
        {tls}
        {self.locations()}
    }}
    {more}
    server {{
        listen 127.0.0.1:{self.ports['mutual']} ssl backlog=4096;
        {tls}
        ssl_client_certificate {lab}/root.crt;
        ssl_verify_client on;
        ssl_verify_depth 5;
        {self.locations()}
    }}
}}
""")
        return [self.find(), "-c", str(here / "conf")]

    def reload_pids(self):
        self.pids = self.tree()


PEERS = {kind.name: kind for kind in (Nginx,)}
