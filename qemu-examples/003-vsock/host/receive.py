#!/usr/bin/env python3
"""Takes one greeting from a guest, answers, counts what else comes. The same as receive.c.

usage: receive.py ADDRESS
  unix:PATH     a port's socket: the daemon listens, we connect
  listen:PATH   a vsock port by vhost-device-vsock: it connects to PATH when the guest connects, we listen
  vsock:PORT    a vsock port by the host's kernel (vhost-vsock): the guest connects to CID 2
"""
import os
import socket
import sys


def accept(listener, address):
    with listener:
        listener.bind(address)
        listener.listen(1)
        return listener.accept()[0]


def open_address(address):
    kind, _, rest = address.partition(":")
    if kind == "unix":
        stream = socket.socket(socket.AF_UNIX)
        stream.connect(rest)
        return stream
    if kind == "listen":
        if os.path.exists(rest):
            os.unlink(rest)
        return accept(socket.socket(socket.AF_UNIX), rest)
    if kind == "vsock":
        return accept(socket.socket(socket.AF_VSOCK), (socket.VMADDR_CID_ANY, int(rest)))
    sys.exit(__doc__)


if len(sys.argv) != 2:
    sys.exit(__doc__)
with open_address(sys.argv[1]) as stream:
    greeting = b""
    while not greeting.endswith(b"\n"):
        received = stream.recv(64)
        if not received:
            sys.exit("no greeting")
        greeting += received
    print("Received:", greeting.decode(), end="", flush=True)
    stream.sendall(b"Hello, guest!\n")
    count = 0
    while received := stream.recv(65536):
        count += len(received)
    print(f"Received {count} bytes")
