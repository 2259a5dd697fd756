"""Tables of the report, as Markdown."""

# What counts for a work: the measure and its unit.
SPEED = ("mib_per_s", "MiB/s")
TIME = ("p50_us", "µs")
LATE = ("p99_us", "µs, p99")


def main_measure(work):
    return {"round-trip": TIME, "small-beside-bulk": LATE}.get(work.name, SPEED)


def rows_of(header, rows):
    return "\n".join(["| " + " | ".join(header) + " |", "| " + " | ".join("---" for _ in header) + " |"]
                     + ["| " + " | ".join(row) + " |" for row in rows])


def measured(samples, suite, devices):
    """Works by devices: median [least..most], and ours as a multiple of the built-in."""
    works = [work for work in samples.works(suite) if work.name not in ("idle", "verify")]
    baseline = "builtin" if any(device.name == "builtin" for device in devices) else "limit"
    works = [work for work in works if any(samples.of(suite, device, work) for device in devices)]
    rows = []
    for work in works:
        measure, unit = main_measure(work)
        row = [f"{work.label} ({unit})"]
        for device in devices:
            spread = samples.spread(suite, device, work, measure)
            cell = spread.text() if spread else "–"
            ratio = samples.ratio(suite, device, work, measure, baseline)
            if spread and ratio and (device.name != baseline or device.variant):
                cell += f"<br>**{ratio.text('×')}**"
            row.append(cell)
        rows.append(row)
    return rows_of(["", *(device.label for device in devices)], rows)


def suite_table(samples, suite):
    return measured(samples, suite, samples.devices(suite))


def twins_table(samples, suite):
    """Plain processes in the device's place, made in different ways: multiples of the one with blocking threads."""
    devices = [device for device in samples.devices(suite, usual_only=False) if device.name == "limit"]
    if len(devices) < 2:
        return "Not measured in this run."
    return measured(samples, suite, devices)


# The variants of each suite that tells what something costs: without it, with it, and without it once more.
COST_VARIANTS = {
    "sandbox": (("outside", "without"), ("inside", "in the sandbox"), ("outside-again", "without, again")),
    "polling": (
        ("left-alone", "without"), ("polled", "asked ten times a second"), ("left-alone-again", "without, again")),
}


def cost_table(samples, suite):
    """What something costs: everything as a multiple of the daemon without it in the same round, and how far two
    daemons without it are apart."""
    (without, title), *names = COST_VARIANTS[suite]
    rows = []
    for work in samples.works(suite):
        measure, unit = ("p50_us", "µs") if work.name == "round-trip" else ("cpu_s_per_gib.daemon", "s per GiB")
        devices = {device.variant: device for device in samples.devices(suite, usual_only=False)}
        row = [f"{work.label} ({unit})", samples.spread(suite, devices[without], work, measure).text()]
        for variant, _ in names:
            row.append(samples.ratio(suite, devices[variant], work, measure, "ours", without).text("×"))
        rows.append(row)
    return rows_of(["", title, *(name for _, name in names)], rows)


def sizes_table(samples, suite):
    """The same with other ring sizes."""
    ours = [device for device in samples.devices(suite, usual_only=False) if device.name == "ours"]
    plain = sorted((device for device in ours if not device.variant), key=lambda device: device.size)
    if len(plain) < 2:
        return "Only one ring size was measured."
    devices = [device for device in samples.devices(suite) if device.name == "builtin"] + plain
    text = measured(samples, suite, devices)
    return text.replace("| ours |", "| ours 128 |", 1)


def latency_table(samples, suite):
    rows = []
    for work in samples.works(suite):
        if work.name != "round-trip":
            continue
        for device in samples.devices(suite):
            spreads = [samples.spread(suite, device, work, name) for name in ("p50_us", "p90_us", "p99_us", "p999_us")]
            if spreads[0]:
                rows.append([work.label, device.label, *(spread.text() if spread else "–" for spread in spreads)])
    return rows_of(["µs", "", "p50", "p90", "p99", "p99.9"], rows)


PROCESSES = ("qemu", "daemon", "peer")


def processor_table(samples, suite):
    """Seconds per GiB, or microseconds per trip, of each process."""
    rows = []
    for work in samples.works(suite):
        for device in samples.devices(suite):
            prefix = "cpu_us_per_trip." if work.name == "round-trip" else "cpu_s_per_gib."
            spreads = [samples.spread(suite, device, work, prefix + process) for process in PROCESSES]
            if not any(spreads):
                continue
            total = sum(spread.median for spread in spreads if spread)
            cells = ["–" if spread is None else f"{spread.median:.2f}" for spread in spreads]
            unit = "µs per trip" if work.name == "round-trip" else "s per GiB"
            rows.append([f"{work.label} ({unit})", device.label, *cells, f"{total:.2f}"])
    return rows_of(["", "", "QEMU", "back-end", "host's program", "sum"], rows)


def machine_table(machine, samples):
    rows = [[key, value] for key, value in machine.items()]
    for suite in samples.suites():
        spread = samples.others_load(suite)
        if spread:
            rows.append([f"processors that others used, {suite}", spread.text()])
        rows.append([f"samples left out, {suite}", f"{samples.left_out[suite]}"])
    return rows_of(["", ""], rows)
