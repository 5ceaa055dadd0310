"""More servers to compare with, for those who have them: bench/run --peers caddy,haproxy,lighttpd,stunnel. None of them can put
together an answer out of variables, so they send /api/tls as a file; they are not asked to reload."""
import os
import resource
import shutil
import subprocess

from servers import H2_KINDS, OWN_FIELDS, TCP_KINDS, Server


def extra_fields(fields):
    return [(name, value) for name, value in fields.items() if name.lower() not in OWN_FIELDS | {"content-type"}]


class Peer(Server):
    def answers_as_files(self):
        """Every path with a fixed answer becomes a file, in a folder of this server's own beside links to the others."""
        root = self.folder / "www"
        shutil.copytree(self.setting.www, root, copy_function=os.link)
        for path, (_, body) in self.setting.answers.items():
            if body is not None:
                file = root / path.lstrip("/")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(body)
        return root


class Lighttpd(Peer):
    name = program = "lighttpd"
    kinds = Peer.kinds - {"proxied"}
    package = "lighttpd lighttpd-mod-openssl"

    def write(self):
        root, here = self.answers_as_files(), self.folder
        tls = f'''
    ssl.engine = "enable"
    ssl.pemfile = "{self.pem}"
'''
        paths = ""
        for path, (fields, _) in self.setting.answers.items():
            listed = ", ".join(f'"{name}" => "{value}"' for name, value in extra_fields(fields))
            paths += f'$HTTP["url"] == "{path}" {{ setenv.set-response-header = ({listed}) }}\n'
        (here / "conf").write_text(f'''
server.modules = ("mod_openssl", "mod_accesslog", "mod_setenv")
server.document-root = "{root}"
server.bind = "127.0.0.1"
server.port = {self.ports["oneway"]}
server.errorlog = "{here}/error.log"
accesslog.filename = "{here}/access.log"
server.max-keep-alive-requests = 1000000000
server.max-keep-alive-idle = 600
server.max-read-idle = 600
server.max-fds = 20000
server.max-connections = 10000
server.listen-backlog = 4096
{f"server.max-worker = {self.workers}" if self.workers > 1 else ""}
mimetype.assign = ("" => "application/octet-stream")
{tls}
$SERVER["socket"] == "127.0.0.1:{self.ports["mutual"]}" {{
    {tls}
    ssl.verifyclient.activate = "enable"
    ssl.verifyclient.enforce = "enable"
    ssl.verifyclient.depth = 5
    ssl.verifyclient.ca-file = "{self.setting.lab}/root.crt"
}}
{paths}
''')
        return [self.find(), "-D", "-f", str(here / "conf")]


class Relay(Peer):
    """The floor: bench/relay, which passes on what comes, unseen. It serves nothing by itself, and asks for no certificate."""

    name = "relay"
    kinds = {"proxied"}
    program = None  # of the build folder

    @classmethod
    def missing(cls):
        return None if os.access(cls.program, os.X_OK) else f"{cls.program} is not there: make bench/relay"

    @classmethod
    def version(cls, setting):
        return "relay: bench/relay, the floor of requests to a backend"

    def can(self, path):
        return path.startswith("/app/")

    def write(self):
        return [self.program, str(self.ports["oneway"]), str(self.setting.origin), str(self.pem)]


class Haproxy(Peer):
    name = program = package = "haproxy"
    kinds = Peer.kinds - {"beside"} | TCP_KINDS | H2_KINDS  # it wants two descriptors for a connection, and 20,000 is a usual limit

    def can(self, path):
        """It answers out of one buffer and serves no files."""
        return not (self.setting.www / path.lstrip("/")).exists() or self.size(path) < 8192

    def proxied(self):
        """Which requests are the application's, and how they go to it."""
        if not self.proxy:
            return "", ""
        uses = "    use_backend app if { path_beg /app/ } or { path_beg /identity/ }"
        return uses, f'''backend app
    option forwardfor
    http-request set-header X-Forwarded-Proto https
    http-request set-header X-Forwarded-Host %[req.hdr(Host)]
    http-request set-header X-Forwarded-Port %[dst_port]
    http-request set-header X-SSL-Client-Cert %[ssl_c_der,base64] if {{ path_beg /identity/ }}
    http-request set-header X-SSL-Client-S-DN %[ssl_c_s_dn] if {{ path_beg /identity/ }}
    server origin 127.0.0.1:{self.setting.origin}
'''

    def size(self, path):
        return (self.setting.www / path.lstrip("/")).stat().st_size

    def write_tcp(self):
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        (self.folder / "conf").write_text(f'''
global
    log stdout format raw local0
    nbthread {self.workers}
    maxconn {min(self.setting.connections // 2, (files - 100) // 2)}
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode tcp
    log global
    option tcplog
    timeout client 1h
    timeout server 1h
    timeout connect 10s
frontend all
    bind 127.0.0.1:{self.ports["oneway"]} ssl crt {self.pem}
    bind 127.0.0.1:{self.ports["mutual"]} ssl crt {self.pem} ca-file {self.setting.lab}/root.crt verify required
    default_backend app
backend app
    server origin 127.0.0.1:{self.setting.origin}
''')
        return [self.find(), "-db", "-f", str(self.folder / "conf")]

    def write(self):
        if self.tcp:
            return self.write_tcp()
        root, here = self.answers_as_files(), self.folder
        returns = ""
        for path, (fields, _) in self.setting.answers.items():
            if not self.can(path):
                continue
            kind = next((value for name, value in fields.items() if name.lower() == "content-type"), "text/plain")
            listed = "".join(f' hdr {name} "{value}"' for name, value in extra_fields(fields))
            returns += (
                f'    http-request return status 200 content-type "{kind}" file "{root}{path}"{listed} if {{ path {path} }}\n'
            )
        uses, backend = self.proxied()
        (here / "conf").write_text(f'''
global
    log stdout format raw local0
    nbthread {self.workers}
    maxconn 4000
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    mode http
    log global
    option httplog
    timeout client 10m
    timeout server 10m
    timeout connect 10s
    timeout http-keep-alive 10m
frontend all
    bind 127.0.0.1:{self.ports["oneway"]} ssl crt {self.pem}{" alpn h2,http/1.1" if self.h2 else ""}
    bind 127.0.0.1:{self.ports["mutual"]} ssl crt {self.pem} ca-file {self.setting.lab}/root.crt verify required
{returns}{uses}
{backend}
''')
        return [self.find(), "-db", "-f", str(here / "conf")]


class Stunnel(Peer):
    """A thread for each connection; it speaks nothing else than bytes."""

    name = "stunnel"
    program = package = "stunnel4"
    kinds = TCP_KINDS - {"tcp-idle"}

    @classmethod
    def version(cls, setting):
        command = ["chroot", cls.root] if cls.root else []
        done = subprocess.run([*command, cls.find(), "-version"], capture_output=True, text=True)
        return next((line for line in done.stderr.splitlines() if line.startswith("stunnel ")), "stunnel") + cls.system()

    def write(self):
        services = "".join(f'''
[{name}]
accept = 127.0.0.1:{self.ports[name]}
connect = 127.0.0.1:{self.setting.origin}
cert = {self.pem}
TIMEOUTidle = 3600
{more}
''' for name, more in (("oneway", ""), ("mutual", f"CAfile = {self.setting.lab}/root.crt\nverifyChain = yes\nrequireCert = yes")))
        (self.folder / "conf").write_text(f'''
foreground = yes
pid =
output = {self.folder}/access.log
sslVersionMin = TLSv1.2
{services}
''')
        return [self.find(), str(self.folder / "conf")]


class Caddy(Peer):
    name = program = package = "caddy"

    version_option = "version"

    def write(self):
        root, here = self.answers_as_files(), self.folder
        site = f'root * {root}\nfile_server\nlog {{\noutput file {here}/access.log\n}}\n'
        for n, (path, (fields, _)) in enumerate(self.setting.answers.items()):
            site += f"@p{n} path {path}\n"
            site += "".join(f'header @p{n} {name} "{value}"\n' for name, value in extra_fields(fields))
        if self.proxy:
            site += self.proxied()
        keys = f"tls {self.pem} {self.pem}"
        (here / "conf").write_text(f'''
{{
    admin off
    auto_https off
    storage file_system {here}
    servers {{
        protocols h1
    }}
}}
https://localhost:{self.ports["oneway"]} {{
    bind 127.0.0.1
    {keys}
    {site}
}}
https://localhost:{self.ports["mutual"]} {{
    bind 127.0.0.1
    {keys} {{
        client_auth {{
            mode require_and_verify
            trusted_ca_cert_file {self.setting.lab}/root.crt
        }}
    }}
    {site}
}}
''')
        return ["env", f"HOME={here}", f"GOMAXPROCS={self.workers}", self.find(), "run", "--adapter", "caddyfile", "--config", str(here / "conf")]

    def proxied(self):
        """X-Forwarded-For, -Proto and -Host it sends by itself."""
        to = f"reverse_proxy 127.0.0.1:{self.setting.origin}"
        return f'''
{to.replace("reverse_proxy", "reverse_proxy /app/*")}
{to.replace("reverse_proxy", "reverse_proxy /identity/*")} {{
    header_up X-SSL-Client-Cert {{http.request.tls.client.certificate_der_base64}}
    header_up X-SSL-Client-S-DN {{http.request.tls.client.subject}}
}}
'''
