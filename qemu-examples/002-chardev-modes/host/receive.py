#!/usr/bin/env python3
"""Prints what comes from a port's socket until the guest closes the port.

usage: receive.py SOCKET
"""
import socket
import sys

if len(sys.argv) != 2:
    sys.exit(__doc__)
with socket.socket(socket.AF_UNIX) as port:
    port.connect(sys.argv[1])
    while received := port.recv(1024):
        print(received.decode(), end="", flush=True)
print()
