#!/usr/bin/env python3
"""Shows the strings that a guest writes to a port, one for each Enter. The same as client.c.

usage: client.py SOCKET
"""
import socket
import sys


def strings(port):
    """A port is a stream: one recv can bring half a string, or five. Their ends are the NULs that the guest sends."""
    rest = b""
    while bytes_read := port.recv(512):
        *whole, rest = (rest + bytes_read).split(b"\0")
        yield from whole


if len(sys.argv) != 2:
    sys.exit(__doc__)
with socket.socket(socket.AF_UNIX) as port:
    port.connect(sys.argv[1])
    for text in strings(port):
        print("data:", text.decode(), end="", flush=True)
        if not sys.stdin.readline():
            sys.exit(0)
sys.exit("the daemon has closed the port")
