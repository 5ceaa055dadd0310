"""The benchmark's client as bench/run sees it: a process of bench/load."""
import json
import re
import shutil
import subprocess

import servers
from servers import Failure

CERTIFICATES = 3000  # clients that take turns: more than any server remembers


def h2load(bench, server, row):
    """One run of nghttp2's h2load: how many requests were done, in how many seconds. Each must have been answered with 2xx."""
    if not shutil.which("h2load"):
        raise Failure("h2load is not installed (Debian: nghttp2-client)")
    command = ["h2load", "-t", "1", "-c", row.get("connections", "4"), "-m", row.get("streams", "1"), "-D", f"{round(bench.seconds * 1000)}ms",
               "--npn-list=h2", f"https://127.0.0.1:{server.ports['oneway']}{row.get('path')}"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60 + 10 * bench.seconds,
                          preexec_fn=lambda: servers.place(bench.client_cpus))
    found = [re.search(text, done.stdout) for text in (r"(\d+) done", r"status codes: (\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", r"(\d+) failed, (\d+) errored", "Application protocol: h2")]
    if done.returncode or not all(found) or found[2].group(1, 2) != ("0", "0") or found[0][1] == "0":
        raise Failure(f"{server.name}: {' '.join(command)}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return {"done": int(found[0][1]), "seconds": bench.seconds}


class Client:
    """One run of bench/load: ready, measured between go() and the counts, connections kept until close()."""

    def __init__(self, bench, server, mode, row, **options):
        self.server, self.connections = server, options.get("connections", 16)
        lab = bench.setting.lab
        kind = "mutual" if row.get("mutual") else "oneway"
        command = [bench.setting.load, "-c", str(self.connections), "-t", str(options.get("seconds", bench.seconds))]
        if row.get("fresh"):
            command += ["-D", f"{bench.certificates()}:{CERTIFICATES}", "-F", str(server.seen % CERTIFICATES + 1)]
        elif row.get("mutual"):
            command += ["-C", str(lab / "client.crt"), "-K", str(lab / "client.key")]
        command += ["-R"] if row.get("resume") else []
        command += ["-2"] if row.get("tls12") else []
        command += ["-p", row.get("path")] if row.get("path") else []
        command += ["-b", row.get("body")] if row.get("body") else []
        command += ["-l", row.get("length")] if row.get("length") else []
        command += ["-w", row.get("waits")] if row.get("waits") else []
        command += ["-r", str(options["rate"])] if "rate" in options else []
        command += [mode, f"127.0.0.1:{server.ports[kind]}"]
        cpus, batch = options.get("cpus", bench.client_cpus), options.get("batch", False)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=lambda: servers.place(cpus, batch),
        )
        bench.clients.append(self)
        self.bench = bench
        self.negotiated = self.read("ready")

    def read(self, word):
        line = self.process.stdout.readline()
        if not line.startswith(word + " "):
            self.process.kill()
            raise Failure(f"the client failed: {line}{self.process.stderr.read()}")
        return json.loads(line[len(word):])

    def go(self):
        self.say("go\n")

    def say(self, word):
        self.process.stdin.write(word)
        self.process.stdin.flush()

    def counts(self):
        counts = self.read("done")
        # Who was here lately must not be the first to come again.
        self.server.seen += counts["done"] + self.connections
        return counts

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
        self.bench.clients.remove(self)
