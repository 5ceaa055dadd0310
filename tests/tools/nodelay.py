#!/usr/bin/env python3
"""Whether a server's sockets to a port have TCP_NODELAY: asks them themselves. Prints "N of M"; 77 where the system does not let others
look.

Usage: nodelay.py PID PORT
"""
import ctypes
import os
import socket
import sys

PIDFD_GETFD = 438  # of every architecture


def main():
    pid, port = int(sys.argv[1]), int(sys.argv[2])
    libc = ctypes.CDLL(None, use_errno=True)
    number = good = 0
    try:
        process = os.pidfd_open(pid)
        descriptors = [int(name) for name in os.listdir(f"/proc/{pid}/fd")]
    except OSError:
        return 77
    for descriptor in descriptors:
        ours = libc.syscall(PIDFD_GETFD, process, descriptor, 0)
        if ours < 0:
            return 77
        try:
            with socket.socket(fileno=ours) as sock:
                if sock.getpeername()[1] != port:
                    continue
                number += 1
                good += sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        except (OSError, IndexError, TypeError):
            continue
    print(f"{good} of {number}")
    return 0


sys.exit(main())
