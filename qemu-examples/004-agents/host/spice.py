"""The client's end of SPICE's agent protocol, as far as the clipboard needs it.

A message is {protocol 1, type, 0, size} and its data; it travels in chunks {port 1, size}. All little-endian.
"""
import socket
import struct

MONITORS_CONFIG, REPLY, CLIPBOARD, ANNOUNCE_CAPABILITIES, CLIPBOARD_GRAB, CLIPBOARD_REQUEST = 2, 3, 4, 6, 7, 8
CAPABILITIES = [
    "mouse-state", "monitors-config", "reply", "clipboard", "display-config", "clipboard-by-demand", "clipboard-selection",
    "sparse-monitors-config", "guest-lineend-lf", "guest-lineend-crlf", "max-clipboard", "audio-volume-sync",
    "monitors-config-position", "file-xfer-disabled", "file-xfer-detailed-errors", "graphics-device-info",
    "clipboard-no-release-on-regrab", "clipboard-grab-serial",
]
UTF8_TEXT = 1
# A chunk's data, at most.
CHUNK = 2048


class SpiceAgent:
    """A connection to spice-vdagentd behind a port's socket."""

    def __init__(self, path, patience=90):
        self.port = socket.socket(socket.AF_UNIX)
        self.port.settimeout(patience)
        self.port.connect(path)
        self.pending = b""

    def close(self):
        self.port.close()

    def send(self, kind, data):
        message = struct.pack("<IIQI", 1, kind, 0, len(data)) + data
        for at in range(0, len(message), CHUNK):
            chunk = message[at : at + CHUNK]
            self.port.sendall(struct.pack("<II", 1, len(chunk)) + chunk)

    def receive_exactly(self, count):
        received = b""
        while len(received) < count:
            more = self.port.recv(count - len(received))
            if not more:
                raise ConnectionError("the port has ended")
            received += more
        return received

    def take(self, count):
        while len(self.pending) < count:
            _, size = struct.unpack("<II", self.receive_exactly(8))
            self.pending += self.receive_exactly(size)
        taken, self.pending = self.pending[:count], self.pending[count:]
        return taken

    def receive(self):
        """The next message, as type and data."""
        protocol, kind, _, size = struct.unpack("<IIQI", self.take(20))
        assert protocol == 1, protocol
        return kind, self.take(size)

    def expect(self, kind):
        found, data = self.receive()
        assert found == kind, f"message {found} in place of {kind}"
        return data

    def announce(self, request, names):
        bits = sum(1 << CAPABILITIES.index(name) for name in names)
        self.send(ANNOUNCE_CAPABILITIES, struct.pack("<II", request, bits))

    @staticmethod
    def capabilities(data):
        """Whether an answer is wanted, and the names of what the other side can do."""
        request, bits = struct.unpack("<II", data[:8])
        return bool(request), [name for number, name in enumerate(CAPABILITIES) if bits >> number & 1]

    def send_selected(self, kind, data):
        """About the clipboard, which is selection 0."""
        self.send(kind, bytes(4) + data)

    def expect_selected(self, kind):
        data = self.expect(kind)
        assert data[:4] == bytes(4), data[:4]
        return data[4:]
