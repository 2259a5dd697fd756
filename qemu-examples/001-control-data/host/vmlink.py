#!/usr/bin/env python3
"""The host's half: commands and files for the guest's daemon, over the sockets of vm.ctl and vm.data.

As a program, with DIR the folder of the sockets:

    vmlink.py DIR hello                 whether the guest answers
    vmlink.py DIR put FILE…             files, with a progress bar and a checksum
    vmlink.py DIR run NAME [WORD…]      a program that was put; prints what it prints, exits as it does
    vmlink.py DIR events                who opens and closes ports in the guest, until interrupted

As a module: Guest and PortEvents. README.md has the protocol.
"""
import base64
import hashlib
import json
import os
import secrets
import socket
import sys
import threading


class Refused(Exception):
    """The guest's daemon has answered with an error; `word` is for programs, the text for people."""

    def __init__(self, word, text):
        super().__init__(f"{word}: {text}")
        self.word = word


def connect(path, patience):
    port = socket.socket(socket.AF_UNIX)
    port.settimeout(patience)
    port.connect(path)
    return port


class Guest:
    """A connection to the guest's daemon, which has answered. One at a time: the next waits until this one is closed."""

    def __init__(self, folder, patience=20):
        self.data_path = os.path.join(folder, "vm.data")
        self.patience = patience
        self.control = connect(os.path.join(folder, "vm.ctl"), patience)
        self.lines = self.control.makefile("r", encoding="ascii", newline="\n")
        # Ends what somebody before us may have left: the middle of a line, and a program.
        self.control.sendall(b"\n")
        self.ask("hello")

    def close(self):
        # The file keeps the socket open too.
        self.lines.close()
        self.control.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, *words):
        """Sends a request and returns its id. Answers to others, and to requests of hosts before us, have other ids."""
        request = secrets.token_hex(4)
        self.control.sendall((" ".join((request, *words)) + "\n").encode("ascii"))
        return request

    def answers(self, request):
        """The answers to a request as (status, text), until the last one."""
        for line in self.lines:
            name, status, *text = line.rstrip("\n").split(" ", 2)
            if name != request:
                continue
            text = "".join(text)
            if status == "error":
                raise Refused(*text.split(" ", 1))
            yield status, text
            if status == "ok":
                return
        raise ConnectionError("the port has ended")

    def ask(self, *words):
        """A request with one answer."""
        return [text for _, text in self.answers(self.send(*words))][-1]

    def put(self, path, name=None, progress=lambda done, size: None, checksum=None):
        """Sends a file and returns its SHA-256, which the guest has found too. (Another `checksum` is for tests.)"""
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            checksum = checksum or hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            for status, _ in self.answers(self.send("put", name or os.path.basename(path), str(size), checksum)):
                if status != "ready":
                    continue
                # The guest has opened its data port for us.
                with connect(self.data_path, self.patience) as data:
                    done = 0
                    while block := file.read(65536):
                        data.sendall(block)
                        done += len(block)
                        progress(done, size)
        return checksum

    def run(self, name, *words, output=lambda block: None):
        """Runs a program and returns its exit status, or minus the signal that has ended it."""
        for status, text in self.answers(self.send("run", name, *words)):
            if status == "output":
                output(base64.b64decode(text, validate=True))
        how, number = text.split()
        return int(number) if how == "exit" else -int(number)


class PortEvents:
    """What the daemon's control socket says of the guest's ports: (name, whether a program in the guest has opened it)."""

    def __init__(self, path):
        self.control = connect(path, None)
        self.lines = self.control.makefile("r", encoding="utf-8")
        json.loads(self.lines.readline())
        self.control.sendall(b'{"execute": "qmp_capabilities"}\n')
        json.loads(self.lines.readline())

    def __iter__(self):
        for line in self.lines:
            event = json.loads(line)
            if event.get("event") == "VSERPORT_CHANGE":
                yield event["data"]["id"], event["data"]["open"]

    def call(self, function):
        """Calls a function for each event, from a thread that ends with the program."""
        threading.Thread(target=lambda: [function(*event) for event in self], daemon=True).start()


def progress_bar(name, stream=sys.stderr):
    """A function for Guest.put: a bar on a terminal; anywhere else one line at the end."""

    def show(done, size):
        share = done / size if size else 1
        if not stream.isatty() and done < size:
            return
        bar = "#" * int(30 * share)
        end = "\n" if done == size else ""
        start = "\r" if stream.isatty() else ""
        print(f"{start}{name} [{bar:<30}] {share:4.0%} {done / 2**20:.1f} MiB", end=end, file=stream, flush=True)

    return show


def main(folder, action, *words):
    if action == "events":
        for name, is_open in PortEvents(os.path.join(folder, "control.sock")):
            print(f"the guest has {'opened' if is_open else 'closed'} {name}", flush=True)
        return 0
    with Guest(folder) as guest:
        if action == "hello":
            print("ok")
        elif action == "put" and words:
            for path in words:
                checksum = guest.put(path, progress=progress_bar(os.path.basename(path)))
                print(f"{checksum}  {os.path.basename(path)}")
        elif action == "run" and words:
            guest.control.settimeout(None)
            status = guest.run(*words, output=lambda block: (sys.stdout.buffer.write(block), sys.stdout.flush()))
            return status if status >= 0 else 128 - status
        else:
            print(__doc__, file=sys.stderr)
            return 64
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except (Refused, OSError) as error:
        print(f"vmlink: {error}", file=sys.stderr)
        sys.exit(1)
