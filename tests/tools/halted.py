"""A server that stands still, for tests in which several things are there at once when it goes on (SIGCONT)."""
import os
import signal
import time


def all_threads(pid, state):
    """Each of the process's is in it: S sleeps, T is stopped (t: by who traces it)."""
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/stat", encoding="utf-8") as stat:
            if stat.read().rpartition(") ")[2][0].upper() != state:
                return False
    return True


def halt(pid, patience=20):
    """Returns when all of it stands still, or `patience` seconds have passed."""
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + patience
    while not all_threads(pid, "T") and time.monotonic() < end:
        time.sleep(0.001)
