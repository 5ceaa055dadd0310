#!/usr/bin/env python3
"""Who may only read a file locks it for reading, as far as the locks that are there leave room, and keeps that.

Usage: readlock.py FILE FIRST LAST     each byte from FIRST to LAST by itself, then all behind: prints how many were had of those,
                                       and waits to be ended
"""
import fcntl
import os
import signal
import sys


def lock(file, start, length):
    try:
        fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, length, start)
    except OSError:
        return 0
    return 1


opened = os.open(sys.argv[1], os.O_RDONLY)
first, last = int(sys.argv[2]), int(sys.argv[3])
had = sum(lock(opened, byte, 1) for byte in range(first, last + 1))
print(had + lock(opened, last + 1, 0), flush=True)
signal.alarm(300)
signal.pause()
