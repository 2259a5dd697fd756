#!/usr/bin/env python3
"""Asks both agents of a guest, and prints their answers without what is never the same twice (times, process ids, random
bytes): so two runs on two devices can be compared.

usage: check.py FOLDER VSERIALCTL
"""
import base64
import hashlib
import json
import os
import socket
import struct
import subprocess
import sys

import spice

folder, vserialctl = sys.argv[1:]
agent_name = "org.qemu.guest_agent.0"
agent_path = os.path.join(folder, agent_name)


def say(text):
    print(text, flush=True)


class GuestAgent:
    """The QEMU guest agent, without a tool."""

    def __init__(self):
        self.port = socket.socket(socket.AF_UNIX)
        self.port.settimeout(30)
        self.port.connect(agent_path)
        self.lines = self.port.makefile("rb")
        # 0xFF ends what somebody before us may have left; the agent puts one before its answer. What came before that, an error
        # about the 0xFF among it, is for nobody.
        self.port.sendall(b"\xff")
        self.send("guest-sync-delimited", id=4711)
        line = self.lines.readline()
        while b"\xff" not in line:
            line = self.lines.readline()
        assert json.loads(line[line.rindex(b"\xff") + 1 :]) == {"return": 4711}, line

    def send(self, command, **arguments):
        request = {"execute": command, "arguments": {name.replace("_", "-"): value for name, value in arguments.items()}}
        self.port.sendall(json.dumps(request).encode() + b"\n")

    def ask(self, command, **arguments):
        self.send(command, **arguments)
        return json.loads(self.lines.readline())

    def close(self):
        self.lines.close()
        self.port.close()


def spice_agent():
    # Connected before the guest boots: its first words are for us.
    agent = spice.SpiceAgent(os.path.join(folder, "com.redhat.spice.0"))
    request, names = agent.capabilities(agent.expect(spice.ANNOUNCE_CAPABILITIES))
    say(f"spice: capabilities, request {request}: {' '.join(names)}")
    agent.announce(1, ["monitors-config", "reply", "clipboard-by-demand", "clipboard-selection"])
    request, names = agent.capabilities(agent.expect(spice.ANNOUNCE_CAPABILITIES))
    say(f"spice: capabilities, request {request}: {' '.join(names)}")

    # One monitor: height, width, depth, x, y.
    agent.send(spice.MONITORS_CONFIG, struct.pack("<II5I", 1, 0, 600, 800, 32, 0, 0))
    say(f"spice: reply to a monitor's size: {struct.unpack('<II', agent.expect(spice.REPLY))}")

    # Copied here, pasted there, written in capitals, copied there, pasted here.
    text = "".join(f"line {number} of what the host has copied\n" for number in range(2000)).encode()
    agent.send_selected(spice.CLIPBOARD_GRAB, struct.pack("<I", spice.UTF8_TEXT))
    kind = struct.unpack("<I", agent.expect_selected(spice.CLIPBOARD_REQUEST))[0]
    say(f"spice: the guest wants the clipboard as type {kind}")
    agent.send_selected(spice.CLIPBOARD, struct.pack("<I", kind) + text)
    kinds = agent.expect_selected(spice.CLIPBOARD_GRAB)
    say(f"spice: the guest has copied something of type {struct.unpack('<I', kinds)[0]}")
    agent.send_selected(spice.CLIPBOARD_REQUEST, struct.pack("<I", spice.UTF8_TEXT))
    pasted = agent.expect_selected(spice.CLIPBOARD)
    assert pasted == struct.pack("<I", spice.UTF8_TEXT) + text.upper(), "the clipboard came back changed"
    say(f"spice: clipboard, {len(text)} bytes there and back: {hashlib.sha256(pasted).hexdigest()}")
    return agent


def next_spice_client():
    """spice-vdagentd opens its port anew when its client has gone. What comes while it does is lost with the old opening, so
    the next client asks until it is answered."""
    agent = spice.SpiceAgent(os.path.join(folder, "com.redhat.spice.0"), patience=2)
    for _ in range(15):
        agent.announce(1, ["monitors-config", "reply"])
        try:
            while agent.capabilities(agent.expect(spice.ANNOUNCE_CAPABILITIES))[0]:
                pass  # it asks in its turn, after it has opened the port
        except TimeoutError:
            continue
        say("spice: the next client is answered")
        return agent.close()
    raise TimeoutError("the next client of spice-vdagentd is not answered")


def guest_agent_raw():
    agent = GuestAgent()
    say("agent: in step")
    say(f"agent: ping: {agent.ask('guest-ping')}")
    say(f"agent: nonsense: {agent.ask('guest-sing')}")
    info = agent.ask("guest-info")["return"]
    say(f"agent: version {info['version']}, {len(info['supported_commands'])} commands")

    started = agent.ask(
        "guest-exec", path="/bin/sh", arg=["-c", "echo out; echo err >&2; exit 3"], capture_output=True)
    status = {"exited": False}
    while not status["exited"]:
        status = agent.ask("guest-exec-status", pid=started["return"]["pid"])["return"]
    for name in ("out-data", "err-data"):
        status[name] = base64.b64decode(status[name])
    say(f"agent: exec: {sorted(status.items())}")

    content = os.urandom(300_000)
    handle = agent.ask("guest-file-open", path="/tmp/file", mode="w+")["return"]
    say(agent.ask("guest-file-write", handle=handle, buf_b64=base64.b64encode(content).decode()))
    say(agent.ask("guest-file-seek", handle=handle, offset=0, whence=0))
    back = b""
    while True:
        piece = agent.ask("guest-file-read", handle=handle, count=65536)["return"]
        back += base64.b64decode(piece["buf-b64"])
        if piece["eof"]:
            break
    say(f"agent: {len(back)} bytes of a file there and back, the same: {back == content}")
    say(f"agent: close: {agent.ask('guest-file-close', handle=handle)}")
    agent.close()


def guest_agent_by_tool():
    def agent(*words):
        done = subprocess.run(
            [vserialctl, "agent", agent_name, "--path", agent_path, *words],
            capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr

    say(f"vserialctl: ping: exit {agent('ping')[0]}")
    say(f"vserialctl: info: {agent('info')[1].splitlines()[:1]}")
    say(f"vserialctl: exec: {agent('exec', '--', 'uname', '-sm')}")
    say(f"vserialctl: exec: {agent('exec', '--', '/bin/sh', '-c', 'echo no >&2; exit 3')}")
    here, back = (os.path.join(folder, name) for name in ("file", "file.back"))
    with open(here, "wb") as file:
        file.write(os.urandom(1_000_000))
    say(f"vserialctl: file-put: exit {agent('file-put', here, '/tmp/put')[0]}")
    say(f"vserialctl: file-get: exit {agent('file-get', '/tmp/put', back)[0]}")
    with open(here, "rb") as first, open(back, "rb") as second:
        say(f"vserialctl: the file came back the same: {first.read() == second.read()}")
    say(f"vserialctl: file-get of nothing: exit {agent('file-get', '/tmp/nothing', back)[0]}")


spice_connection = spice_agent()
guest_agent_raw()
guest_agent_by_tool()
# The agents have not been in each other's way.
spice_connection.announce(1, ["monitors-config", "reply"])
say(f"spice: capabilities again: {spice_connection.expect(spice.ANNOUNCE_CAPABILITIES)[:4] == bytes(4)}")
spice_connection.close()
next_spice_client()
