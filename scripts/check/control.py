"""Talks to a daemon's control socket with programs that are not ours, and holds what it says against the schema.

usage: control.py SOCKET SCHEMA PORT

QEMU's own library (qemu.qmp) does the talking, jsonschema looks at the answers and events, prometheus_client reads the
metrics. Every command is given once. PORT is one of the daemon's. The daemon ends with the last command.
"""

import asyncio
import json
import sys

import jsonschema
from prometheus_client.parser import text_string_to_metric_families
from qemu.qmp import QMPClient
from qemu.qmp.error import QMPError


class Schema:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.whole = json.load(file)
        jsonschema.Draft202012Validator.check_schema(self.whole)

    def check(self, value, *place):
        """Holds a value against the definition at a place."""
        pointer = "/".join(("#", "$defs") + place)
        jsonschema.Draft202012Validator({"$defs": self.whole["$defs"], "$ref": pointer}).validate(value)

    def names(self, kind):
        return set(self.whole["$defs"][kind])


async def main(socket, schema, port):
    client = QMPClient("check")
    events = []

    async def listen():
        async for event in client.events:
            schema.check(event["data"], "events", event["event"])
            events.append(event["event"])

    await client.connect(socket)
    listener = asyncio.create_task(listen())
    schema.check(client.greeting._asdict(), "greeting")

    async def execute(command, **arguments):
        answer = await client.execute(command, {name.replace("_", "-"): value for name, value in arguments.items()})
        schema.check(answer, "returns", command)
        return answer

    commands = {command["name"] for command in await execute("query-commands")}
    assert commands == schema.names("returns"), commands ^ schema.names("returns")
    await execute("query-version")
    status = await execute("query-status")
    assert status["sandbox"]["seccomp"] in ("kill", "trap"), status
    assert port in [one["id"] for one in await execute("query-ports")]

    families = {family.name: family for family in text_string_to_metric_families((await execute("query-metrics"))["text"])}
    assert families["vhost_user_serial_port_to_host_seconds"].type == "histogram"
    labels = {sample.labels.get("port") for family in families.values() for sample in family.samples}
    assert port in labels, labels

    directory = socket.rpartition("/")[0]
    await execute("port-add", id="added", clients_absent="discard", logfile=f"{directory}/added.log", log_size="1M")
    await execute("port-set", id="added", clients_absent="buffer", buffer_size="4K", rate="1M")
    added = {one["id"]: one for one in await execute("query-ports")}["added"]
    assert added["settings"]["buffer-size"] == 4096, added
    assert added["server"] is True and added["type"] == "stream", added
    assert added["settings"]["rate"] == 1 << 20 and added["transcript-lost"] == 0, added
    _, writer = await asyncio.open_unix_connection(added["path"])
    while not any(one["clients"] for one in await execute("query-ports") if one["id"] == "added"):
        await asyncio.sleep(0.01)
    await execute("client-disconnect", id="added")
    writer.close()
    await execute("port-remove", id="added")
    await execute("log-level", level="debug")
    capture = await execute("capture-start", stream=True, ports=[port])
    await execute("capture-stop", **capture)

    for command, arguments in (("nope", {}), ("port-remove", {"id": "nope"}), ("query-ports", {"x": 1})):
        try:
            await client.execute(command, arguments)
        except QMPError as error:
            schema.check(error.error._asdict() if hasattr(error.error, "_asdict") else
                         {"class": error.error_class, "desc": str(error)}, "error")
        else:
            raise AssertionError(f"{command} {arguments} is no error")

    await execute("system-shutdown")
    await asyncio.sleep(0)
    try:
        await client.disconnect()
    except EOFError:
        pass
    listener.cancel()
    expected = {"PORT_ADDED", "CLIENT_CONNECTED", "CLIENT_DISCONNECTED", "PORT_REMOVED"}
    assert expected <= set(events), events
    print(f"{len(commands)} commands, events: {' '.join(sorted(set(events)))}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Schema(sys.argv[2]), sys.argv[3]))
