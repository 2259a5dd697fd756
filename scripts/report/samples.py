"""Raw data: what Tests/Benchmark/Measure/Sample.swift writes, one JSON object per line."""

import json
import os
import statistics
from dataclasses import dataclass

SUITES = ("native", "guest", "synthetic")
# The synthetic suite again, with something and without it: read as suites of their own.
COSTS = ("sandbox", "polling")
# What README.md recommends and QEMU's own device has: what is compared unless something else is said.
USUAL_SIZE = 128
# Samples are left out when others used more of a processor meanwhile, unless a device has none but such.
OTHERS_LIMIT = 0.5


@dataclass(frozen=True)
class Device:
    """What tells one column from another."""

    name: str
    variant: str = ""
    size: int = 0

    @property
    def label(self):
        words = {"builtin": "built-in", "ours": "ours", "vsock": "vhost-device-vsock", "limit": "limit"}
        label = words.get(self.name, self.name)
        if self.name == "ours" and self.size not in (0, USUAL_SIZE):
            label += f" {self.size}"
        return label + (f", {spoken(self.variant)}" if self.variant else "")


def spoken(variant):
    """A variant's label for people."""
    if variant.startswith("poll="):
        return f"polling {variant[5:]} µs"
    return variant


@dataclass(frozen=True)
class Work:
    name: str
    size: int

    @property
    def label(self):
        size = f"{self.size} B" if self.size < 1024 else f"{self.size // 1024} KiB"
        return {
            "to-host": f"guest → host, {size}",
            "to-host-pieces": f"guest → host, {size} in 16 pieces",
            "to-guest": f"host → guest, {size}",
            "both": f"both at once, {size}",
            "round-trip": f"round trip, {size}",
            "console": f"console output, {size}",
            "eight-ports": f"eight ports at once, {size}",
            "small-beside-bulk": f"{size} beside a saturating port",
            "idle": "idle",
        }.get(self.name, f"{self.name}, {size}")


# The order of tables and plots.
WORK_ORDER = [
    "to-host", "to-host-pieces", "to-guest", "both", "eight-ports", "console", "round-trip", "small-beside-bulk",
    "idle",
]


class Spread:
    """The median of some values, and how far they reach."""

    def __init__(self, values):
        self.values = list(values)
        self.median = statistics.median(self.values)
        self.low, self.high = min(self.values), max(self.values)

    def text(self, unit=""):
        if len(self.values) == 1:
            return f"{number(self.median)}{unit}"
        return f"{number(self.median)}{unit} [{number(self.low)}..{number(self.high)}]"


def number(value):
    """Three digits are what the spread allows."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


class Sample:
    def __init__(self, index, suite, fields):
        self.index = index
        self.suite = suite
        self.round = fields["round"]
        self.device = Device(fields["device"], fields["variant"], fields["queueSize"])
        self.work = Work(fields["work"], fields["byteCount"])
        self.measures = fields["measures"]

    def value(self, measure):
        """A measure by name, or one of two sums: `device-cpu` (QEMU and back-end) and `all-cpu`, in s per GiB."""
        prefix = "cpu_s_per_gib."
        processes = {"device-cpu": ("qemu", "daemon"), "all-cpu": ("qemu", "daemon", "peer")}.get(measure)
        if processes is None:
            return self.measures.get(measure)
        values = [self.measures[prefix + name] for name in processes if prefix + name in self.measures]
        return sum(values) if values else None


class Samples:
    def __init__(self, folder):
        self.all = []
        for suite in (*SUITES, *COSTS):
            path = os.path.join(folder, f"{suite}.jsonl")
            if os.path.exists(path):
                with open(path) as file:
                    self.all += [Sample(i, suite, json.loads(line)) for i, line in enumerate(file) if line.strip()]
        quiet = [sample for sample in self.all if sample.measures.get("others_load", 0) <= OTHERS_LIMIT]
        kept = {(sample.suite, sample.device, sample.work) for sample in quiet}
        disturbed = [s for s in self.all if s not in quiet and (s.suite, s.device, s.work) in kept]
        self.left_out = {suite: sum(s.suite == suite for s in disturbed) for suite in (*SUITES, *COSTS)}
        self.all = [sample for sample in self.all if sample not in disturbed]

    def suites(self):
        return [suite for suite in SUITES if self.has(suite)]

    def has(self, suite):
        return any(sample.suite == suite for sample in self.all)

    def others_load(self, suite):
        """How much of a processor others used meanwhile."""
        loads = [s.measures["others_load"] for s in self.all if s.suite == suite and "others_load" in s.measures]
        return Spread(loads) if loads else None

    def works(self, suite):
        works = {sample.work for sample in self.all if sample.suite == suite}
        return sorted(works, key=lambda work: (
            WORK_ORDER.index(work.name) if work.name in WORK_ORDER else len(WORK_ORDER), work.size))

    def devices(self, suite, usual_only=True):
        """Built-in first, then ours by variant and size, then the others. Usual ones have one variant at most."""
        order = ["builtin", "ours", "vsock", "limit"]
        devices = {sample.device for sample in self.all if sample.suite == suite}
        if usual_only:
            devices = {device for device in devices if " " not in device.variant
                       and (device.size == USUAL_SIZE if device.name == "ours" else not device.variant)}
        return sorted(devices, key=lambda device: (order.index(device.name), device.variant, device.size))

    def of(self, suite, device, work):
        return [s for s in self.all if s.suite == suite and s.device == device and s.work == work]

    def spread(self, suite, device, work, measure):
        values = [sample.value(measure) for sample in self.of(suite, device, work)]
        values = [value for value in values if value is not None]
        return Spread(values) if values else None

    def ratio(self, suite, device, work, measure, against="builtin", variant=""):
        """Each sample divided by the one of `against` that was taken next to it in the same round."""
        others = [s for s in self.all if s.suite == suite and s.work == work
                  and s.device.name == against and s.device.variant == variant]
        ratios = []
        for sample in self.of(suite, device, work):
            peers = [other for other in others if other.round == sample.round and other.value(measure)]
            value = sample.value(measure)
            if peers and value is not None:
                nearest = min(peers, key=lambda other: abs(other.index - sample.index))
                ratios.append(value / nearest.value(measure))
        return Spread(ratios) if ratios else None
