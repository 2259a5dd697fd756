#!/usr/bin/env python3
"""Plays the host: what works, what the guest refuses, and hosts that leave in the middle. Ends the guest.

usage: check.py DIR SCRATCH
"""
import hashlib
import os
import queue
import sys

from vmlink import Guest, PortEvents, Refused, connect, progress_bar

folder, scratch = sys.argv[1:]
events = queue.Queue()


def say(text):
    print(text, flush=True)


def told(name, is_open):
    say(f"event: the guest has {'opened' if is_open else 'closed'} {name}")
    events.put((name, is_open))


def expect_event(name, is_open):
    found = events.get(timeout=60)
    assert found == (name, is_open), found


def script(name, text):
    path = os.path.join(scratch, name)
    with open(path, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\n" + text)
    return path


def run(guest, *words):
    """Status and output of a program in the guest."""
    blocks = []
    status = guest.run(*words, output=blocks.append)
    return status, b"".join(blocks)


def refused(word, call):
    try:
        call()
    except Refused as error:
        assert error.word == word, error
        say(f"refused, as it should be: {error}")
    else:
        raise AssertionError(f"not refused: {word}")


def commands_and_files(guest):
    big = os.path.join(scratch, "big")
    with open(big, "wb") as file:
        file.write(os.urandom(3_000_001))
    checksum = guest.put(big, progress=progress_bar("big", sys.stdout))
    expect_event("vm.data", True)
    expect_event("vm.data", False)
    guest.put(script("sum", 'sha256sum <"$1"\n'))
    status, output = run(guest, "sum", "big")
    assert status == 0 and output.decode().split()[0] == checksum, (status, output)
    say(f"the guest's own checksum of big: {output.decode().split()[0]}")

    guest.put(script("job", 'echo "job has $# words: $*"; echo "and complains" >&2; exit 7\n'))
    status, output = run(guest, "job", "one", "two")
    assert (status, output) == (7, b"job has 2 words: one two\nand complains\n"), (status, output)
    say(f"job: exit {status}, {output.decode().splitlines()}")

    guest.put(script("much", "seq 1 40000\n"))
    status, output = run(guest, "much")
    assert output == "".join(f"{number}\n" for number in range(1, 40001)).encode() and status == 0
    say(f"much: {len(output)} bytes of output")


def what_is_refused(guest):
    job = os.path.join(scratch, "job")
    refused("verb", lambda: guest.ask("sing"))
    refused("syntax", lambda: guest.put(job, name="../job"))
    refused("syntax", lambda: guest.ask("put", "job", "-1", "0" * 64))
    refused("too-big", lambda: guest.ask("put", "job", str(2**30), "0" * 64))
    refused("checksum", lambda: guest.put(job, checksum="0" * 64))
    refused("idle", lambda: guest.ask("stop"))
    guest.control.sendall(b"x" * 5000 + b"\n")
    # Answers to what has no id are for nobody; the next request is served.
    guest.ask("hello")
    assert run(guest, "job") == (7, b"job has 0 words: \nand complains\n"), "a failed put changes nothing"
    status, output = run(guest, "none")
    assert status == 127 and b"No such file" in output, (status, output)


def stopping(guest):
    guest.put(script("sleeper", "echo asleep; sleep 1000\n"))
    with_id = guest.send("run", "sleeper")
    answers = guest.answers(with_id)
    assert next(answers)[0] == "output"
    refused("busy", lambda: guest.run("job"))
    stopped = guest.send("stop")
    # Both answers come; in which order is the guest's affair, so each is looked for from here on.
    lines = {}
    while {with_id, stopped} - lines.keys():
        name, text = guest.lines.readline().rstrip("\n").split(" ", 1)
        lines[name] = text
    assert lines == {with_id: "ok signal 9", stopped: "ok"}, lines
    say("sleeper: stopped")


def hosts_that_leave():
    with Guest(folder) as guest:
        request = guest.send("put", "half", "2000000", "0" * 64)
        assert next(guest.answers(request))[0] == "ready"
        with connect(guest.data_path, 20) as data:
            data.sendall(bytes(1_000_000))
    say("a host has left in the middle of a file")
    with Guest(folder) as guest:
        request = guest.send("put", "little", "10", hashlib.sha256(bytes(10)).hexdigest())
        answers = guest.answers(request)
        assert next(answers)[0] == "ready"
        with connect(guest.data_path, 20) as data:
            try:
                data.sendall(bytes(1_000_000))
            except ConnectionError:
                pass
        assert next(answers)[0] == "ok"
    say("a host has sent more than it had said")
    with Guest(folder) as guest:
        guest.put(os.path.join(scratch, "big"), name="again")
        assert run(guest, "sum", "again") == run(guest, "sum", "big")
        say("the next host has put its file")
        answers = guest.answers(guest.send("run", "sleeper"))
        assert next(answers)[0] == "output"
        guest.control.sendall(b"half a req")
    say("a host has left while its program ran")
    with Guest(folder) as guest:
        guest.put(script("count", "ps | grep -c '[s]leep 1000'\n"))
        status, output = run(guest, "count")
        assert output == b"0\n", output
        say("the next host finds no program of it")


PortEvents(os.path.join(folder, "control.sock")).call(told)
with Guest(folder, patience=90) as first:
    say("the guest's daemon answers")
    expect_event("vm.ctl", True)
    commands_and_files(first)
    what_is_refused(first)
    stopping(first)
hosts_that_leave()
with Guest(folder) as last:
    # In a session of its own, or it would end with its program.
    last.put(script("end", "setsid sh -c '(sleep 1; poweroff -f) &' </dev/null >/dev/null 2>&1\n"))
    assert run(last, "end") == (0, b"")
say("all of it worked")
