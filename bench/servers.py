"""The servers that bench/run compares: equal configurations, started on loopback, measured through /proc.

Each kind of server is one class: what it is called, what it needs installed, its configuration. Everything is written
to the scratch folder, and only processes started here are stopped."""
import ctypes
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import time

PATIENCE = 30  # seconds for anything that should happen at once


# Header fields that every server makes itself; the rest is copied from mtlsd.
OWN_FIELDS = {"date", "connection", "server", "content-length", "etag", "last-modified", "accept-ranges"}


def place(cpus, batch=False):
    """In a new process: where it runs. With `batch` nobody is interrupted by whoever wakes up: each goes on until it has
    nothing to do, or its turn is over."""
    if cpus:
        os.sched_setaffinity(0, cpus)
    if batch:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def enter(root, scratch):
    """In a new process: from here on `root` is all that there is, and the scratch folder in it, at the same path."""
    libc = ctypes.CDLL(None, use_errno=True)
    steps = (
        (libc.unshare, 0x20000),  # CLONE_NEWNS: what is mounted here is seen by nobody else, and goes with the process
        (libc.mount, None, b"/", None, ctypes.c_ulong(0x44000), None),  # MS_REC | MS_PRIVATE
        (libc.mount, os.fsencode(scratch), os.fsencode(f"{root}{scratch}"), None, ctypes.c_ulong(0x1000), None),  # MS_BIND
    )
    for call, *arguments in steps:
        if call(*arguments):
            raise OSError(ctypes.get_errno(), call.__name__)
    os.chroot(root)


TCP_KINDS = {"tcp", "tcp-idle", "tcp-handshakes"}  # rows of bytes that go on as they are
H2_KINDS = {"streams", "proxied-streams"}  # rows of HTTP/2


class Failure(Exception):
    """Something that the user has to read; no traceback."""


class NotStarted(Failure):
    pass


def free_ports(number):
    """All of them are held until there are enough: none comes twice."""
    held = [socket.socket() for _ in range(number)]
    try:
        for s in held:
            s.bind(("127.0.0.1", 0))
        return [s.getsockname()[1] for s in held]
    finally:
        for s in held:
            s.close()


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

    def __init__(self, scratch, lab, mtlsd, load, certs):
        self.scratch = pathlib.Path(scratch)
        self.lab = pathlib.Path(lab)
        self.mtlsd = mtlsd
        self.load = load
        self.certs = certs
        self.www = self.scratch / "www"
        self.answers = {}  # path -> (header fields, body) as mtlsd gives them, for the others to copy
        self.written = 0  # certificates
        self.certificates = []  # (name, PEM file) of more servers by name
        self.listeners = 1  # one-way ones, among which the certificates are dealt out
        self.environment = {}  # of the servers that are started from now on
        self.patience = PATIENCE
        self.connections = 20000  # at most, of a worker
        self.origin = None  # the application behind them: its port

    def write_certificates(self, number):
        """So many certificates with keys, of clients or servers; their folder."""
        folder = self.scratch / "certs"
        if number > self.written:
            folder.mkdir(exist_ok=True)
            self.written = number
            subprocess.run([self.certs, folder, str(number), self.lab / "intermediate.crt", self.lab / "intermediate.key"], check=True)
        return folder


def prepare(scratch, mtlsd, load, certs):
    """A practice PKI and files to serve, in the scratch folder."""
    setting = Setting(scratch, f"{scratch}/lab", mtlsd, load, certs)
    subprocess.run([setting.mtlsd, "lab", str(setting.lab)], check=True, stdout=subprocess.DEVNULL)
    setting.www.mkdir()
    for name, size in (("1k.bin", 1 << 10), ("100k.bin", 100 << 10), ("10m.bin", 10 << 20)):
        (setting.www / name).write_bytes(os.urandom(size))
    return setting


class Origin:
    """The application behind the servers: one process of bench/origin for a whole run."""

    def __init__(self, program, cpus=None):
        def in_child():
            ctypes.CDLL(None).prctl(1, signal.SIGTERM)
            place(cpus)

        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=in_child)
        line = self.process.stdout.readline()
        if not line.strip().isdigit():
            raise NotStarted(f"{program} does not start")
        self.port = int(line)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Server:
    name = program = package = None
    root = None  # the folder of the system that it is installed in and runs in, where that is not this one
    kinds = {"requests", "proxied", "handshakes", "memory", "beside", "workers", "start"}  # of rows that it can do

    def __init__(self, setting, workers=1, cpus=None, batch=False, proxy=False, tcp=False, h2=False):
        self.setting = setting
        self.proxy = proxy  # whether /app/ and /identity/ are the application's
        self.tcp = tcp  # whether all that comes is, as bytes
        self.h2 = h2  # whether clients may speak HTTP/2, on the one-way port
        self.workers = workers
        self.cpus, self.batch = cpus, batch
        self.process = self.folder = None
        self.seen = 0  # clients, in rows where they take turns

    version_option = "-v"
    closely = True  # whether resident() counts shared pages once, for all servers alike

    @classmethod
    def find(cls):
        if cls.root:
            found = shutil.which(cls.program, path=f"{cls.root}/usr/bin:{cls.root}/usr/sbin")
            return found and found.removeprefix(cls.root)
        return shutil.which(cls.program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")

    @classmethod
    def missing(cls):
        where = f" in {cls.root}" if cls.root else ""
        return None if cls.find() else f"{cls.program} is not installed{where} (Debian: {cls.package})"

    @classmethod
    def version(cls, setting):
        command = ["chroot", cls.root] if cls.root else []
        done = subprocess.run([*command, cls.find(), cls.version_option], capture_output=True, text=True)
        return (done.stdout + done.stderr).strip().splitlines()[0] + cls.system()

    @classmethod
    def system(cls):
        """What os-release(5) calls the system it runs in."""
        release = pathlib.Path(cls.root or "/") / "etc/os-release"
        lines = release.read_text().splitlines() if cls.root and release.exists() else []
        return "".join(f", {value.strip(chr(34))}" for key, _, value in (line.partition("=") for line in lines) if key == "PRETTY_NAME")

    def can(self, path):
        """Whether it can answer this path as the others do."""
        return True

    @classmethod
    def lacks(cls, row_kind):
        """What has to be installed for such rows, besides the program; None: nothing."""
        return None

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
        self.pem = self.folder / "server.pem"
        self.pem.write_text("".join((self.setting.lab / f"server.{e}").read_text() for e in ("crt", "key")))
        oneway, mutual, *more = free_ports(1 + self.setting.listeners)
        self.ports = {"oneway": oneway, "mutual": mutual}
        # Of each one-way listener: its port, and more certificates.
        dealt = self.setting.certificates
        self.oneway = [(port, dealt[n :: self.setting.listeners]) for n, port in enumerate([oneway, *more])]
        command = self.write()
        self.output = open(self.folder / "output", "wb")

        def in_child():
            # Whatever ends the benchmark ends the servers.
            ctypes.CDLL(None).prctl(1, signal.SIGTERM)
            place(self.cpus, self.batch)
            if self.root:
                enter(self.root, self.setting.scratch)
                os.chdir(self.folder)

        self.process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=os.environ | self.setting.environment,
            stdin=subprocess.DEVNULL,
            stdout=self.output,
            stderr=self.output,
            start_new_session=True,  # lighttpd with several workers signals its whole process group when it ends
            preexec_fn=in_child,
        )
        if wait:
            self.wait_ready()
        return self

    def accepts(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.ports["oneway"])) == 0

    def wait_ready(self):
        end = time.monotonic() + self.setting.patience
        while not self.accepts():
            if self.process.poll() is not None or time.monotonic() > end:
                raise NotStarted(f"{self.name} does not start:\n{self.messages()}")
            time.sleep(0.01)
        time.sleep(0.1)  # nginx's workers come after its socket
        self.pids = self.tree()

    def messages(self):
        texts = [p.read_text(errors="replace") for p in (self.folder / "output", self.folder / "error.log") if p.exists()]
        return "\n".join("\n".join(texts).splitlines()[-5:])

    def tree(self):
        pids, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            pids.append(pid)
            todo += children(pid)
        return pids

    def stop(self, patience=10):
        if not self.process:
            return
        self.process.terminate()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            for pid in self.tree():
                os.kill(pid, signal.SIGKILL)
            self.process.wait()
        self.output.close()
        self.process = None

    def new_certificate(self, number):
        """Puts another certificate in the place of the server's own, as a tool that renews it would."""
        aside = self.folder / "new.pem"
        shutil.copy(self.setting.scratch / f"certs/{number}.pem", aside)
        os.rename(aside, self.pem)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

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
        """Bytes in memory. What processes share counts once; not for users who may not look so closely into a server that
        forbids core dumps."""
        total = 0
        for pid in self.pids:
            name, field = ("smaps_rollup", "Pss:") if Server.closely else ("status", "VmRSS:")
            try:
                with open(f"/proc/{pid}/{name}") as f:
                    total += sum(int(line.split()[1]) for line in f if line.startswith(field))
            except PermissionError:
                Server.closely = False
                return self.resident()
        return total * 1024



class Mtlsd(Server):
    name = "mtlsd"
    kinds = Server.kinds | H2_KINDS | {"reload", "listeners", "pause", "waiting", "beside-waiting"} | TCP_KINDS

    @classmethod
    def build(cls, setting):
        return setting.mtlsd

    @classmethod
    def missing(cls):
        return None

    @classmethod
    def version(cls, setting):
        return subprocess.run([cls.build(setting), "--version"], capture_output=True, text=True).stdout.strip().replace("\n", ", ")

    def write_tcp(self):
        listeners = "".join(f"""
listen "{name}" {{
    address = "127.0.0.1:{self.ports[name]}"
    mode = tcp
    backend = "app"
    certificate = {{ "{self.pem}" }}
    {more}
}}""" for name, more in (("oneway", ""), ("mutual", f'client_auth = require client_ca = {{ "{self.setting.lab}/root.crt" }}')))
        (self.folder / "conf").write_text(f"""
workers = {self.workers}
access_log = "{self.folder}/access.log"
error_log = "{self.folder}/error.log"
backend "app" {{ server = {{ "tcp://127.0.0.1:{self.setting.origin}" }} }}{listeners}
""")
        return [self.build(self.setting), "serve", "-c", str(self.folder / "conf")]

    def write(self):
        if self.tcp:
            return self.write_tcp()
        lab = self.setting.lab
        listeners = ""
        for n, (port, more) in enumerate(self.oneway):
            listed = ", ".join(f'"{pem}"' for pem in [self.pem] + [pem for _, pem in more])
            listeners += f"""
listen "oneway{n or ''}" {{
    address = "127.0.0.1:{port}"
    certificate = {{ {listed} }}
    client_auth = off
    http2       = {"on" if self.h2 else "off"}
}}"""
        if self.proxy:
            listeners += f"""
backend "app" {{
    server = {{ "http://127.0.0.1:{self.setting.origin}" }}
    response_timeout = 10m
}}
location "/app/" {{
    client_cert = none
    backend = "app"
    upgrade = {{ "websocket" }}
}}
location "/identity/" {{
    backend = "app"
    identity = {{ "client-cert", "x-ssl" }}
}}"""
        (self.folder / "conf").write_text(f"""
workers = {self.workers}
document_root = "{self.setting.www}"
access_log = "{self.folder}/access.log"
error_log = "{self.folder}/error.log"
idle_timeout = 10m{listeners}
listen "mutual" {{
    address = "127.0.0.1:{self.ports['mutual']}"
    certificate = {{ "{self.pem}" }}
    client_auth = require
    client_ca = {{ "{lab}/root.crt" }}
}}
""")
        return [self.build(self.setting), "serve", "-c", str(self.folder / "conf")]


class Before(Mtlsd):
    """Another build of it."""

    name = "before"
    path = None

    @classmethod
    def missing(cls):
        return None if cls.path and os.access(cls.path, os.X_OK) else f"{cls.path or '--before'} is not there"

    @classmethod
    def build(cls, setting):
        return cls.path


class Nginx(Server):
    name = program = package = "nginx"
    kinds = Server.kinds | H2_KINDS | {"reload", "listeners", "waiting", "beside-waiting"} | TCP_KINDS
    stream = "/usr/lib/nginx/modules/ngx_stream_module.so"  # for TCP; a package of its own

    @classmethod
    def lacks(cls, row_kind):
        there = os.path.exists(f"{cls.root or ''}{cls.stream}")
        return None if there or row_kind not in TCP_KINDS else "its stream module (Debian: libnginx-mod-stream)"

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
                elif name.lower() not in OWN_FIELDS:
                    text += f'add_header {name} "{value}";\n'
            if body is not None:
                text += f"return 200 '{self.with_variables(path, body)}';\n"
            text += "}\n"
        return text

    # What mtlsd tells a backend of a request, and of its client.
    FORWARDED = {
        "Connection": '""',
        "Host": "$http_host",
        "X-Forwarded-For": "$remote_addr",
        "X-Forwarded-Proto": "$scheme",
        "X-Forwarded-Host": "$http_host",
        "X-Forwarded-Port": "$server_port",
    }
    IDENTITY = {"X-SSL-Client-Cert": "$ssl_client_escaped_cert", "X-SSL-Client-S-DN": "$ssl_client_s_dn"}

    UPGRADE = {"Connection": "upgrade", "Upgrade": "$http_upgrade"}

    def proxied(self):
        text = ""
        for path, fields, more in (
            ("/app/", self.FORWARDED, ""),
            ("/app/events", self.FORWARDED, "proxy_buffering off;"),
            ("/app/socket", self.FORWARDED | self.UPGRADE, ""),
            ("/identity/", self.FORWARDED | self.IDENTITY, ""),
        ):
            listed = "".join(f"proxy_set_header {name} {value};\n" for name, value in fields.items())
            text += f"location {path} {{\nproxy_pass http://app;\nproxy_http_version 1.1;\nproxy_read_timeout 10m;\n{more}\n{listed}}}\n"
        return text if self.proxy else ""

    def upstream(self):
        # Its connections are kept for as many requests as those of clients are.
        return f"""
    upstream app {{
        server 127.0.0.1:{self.setting.origin};
        keepalive 64;
        keepalive_requests 1000000000;
    }}""" if self.proxy else ""

    def with_variables(self, path, body):
        if path != "/api/tls":
            return body
        facts = json.loads(body)
        facts.update(self.VARIABLES)
        facts["client_hello"]["cipher_suites"] = ["$ssl_ciphers"]
        facts["client_hello"]["groups"] = ["$ssl_curves"]
        return json.dumps(facts, indent=2) + "\n"

    def write_tcp(self):
        here = self.folder
        servers = "".join(f"""
    server {{
        listen 127.0.0.1:{self.ports[name]} ssl backlog=4096;
        ssl_certificate {self.pem};
        ssl_certificate_key {self.pem};
        {more}
        proxy_pass 127.0.0.1:{self.setting.origin};
    }}""" for name, more in (
            ("oneway", ""),
            ("mutual", f"ssl_client_certificate {self.setting.lab}/root.crt; ssl_verify_client on; ssl_verify_depth 5;"),
        ))
        (here / "conf").write_text(f"""
{"user root;" if os.geteuid() == 0 else ""}
load_module {self.stream};
daemon off;
pid {here}/pid;
error_log {here}/error.log;
worker_processes {self.workers};
worker_rlimit_nofile {resource.getrlimit(resource.RLIMIT_NOFILE)[1]};
events {{ worker_connections {self.setting.connections}; }}
stream {{
    log_format line '$remote_addr [$time_local] $protocol $status $bytes_sent $bytes_received $session_time $upstream_addr';
    access_log {here}/access.log line;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_tickets on;
    ssl_session_timeout 6h;
    proxy_timeout 1h;
    tcp_nodelay on;{servers}
}}
""")
        return [self.find(), "-c", str(here / "conf")]

    def write(self):
        if self.tcp:
            return self.write_tcp()
        lab, here = self.setting.lab, self.folder
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        tls = f"ssl_certificate {self.pem}; ssl_certificate_key {self.pem};"
        more = "".join(
            f"server {{ listen 127.0.0.1:{port} ssl default_server; {tls} {self.locations()} }}\n" for port, _ in self.oneway[1:]
        ) + "".join(
            f"server {{ listen 127.0.0.1:{port} ssl; server_name {name}; ssl_certificate {pem}; ssl_certificate_key {pem}; }}\n"
            for port, certificates in self.oneway
            for name, pem in certificates
        )
        (here / "conf").write_text(f"""
{"user root;" if os.geteuid() == 0 else ""}
daemon off;
pid {here}/pid;
error_log {here}/error.log;
worker_processes {self.workers};
worker_rlimit_nofile {files};
events {{ worker_connections {self.setting.connections}; }}
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
    root {self.setting.www};{self.upstream()}
    server {{
        listen 127.0.0.1:{self.ports['oneway']} ssl {"http2" if self.h2 else ""} default_server backlog=4096;
        {tls}
        {self.locations()}{self.proxied()}
    }}
    {more}
    server {{
        listen 127.0.0.1:{self.ports['mutual']} ssl backlog=4096;
        {tls}
        ssl_client_certificate {lab}/root.crt;
        ssl_verify_client on;
        ssl_verify_depth 5;
        {self.locations()}{self.proxied()}
    }}
}}
""")
        return [self.find(), "-c", str(here / "conf")]
