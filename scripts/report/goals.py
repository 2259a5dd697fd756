"""What the project wants to reach, and whether the data say that it did."""

from dataclasses import dataclass

from samples import USUAL_SIZE


@dataclass(frozen=True)
class Goal:
    text: str
    suite: str
    work: str
    # The size of a message; None when the suite has one size only.
    size: int | None
    measure: str
    # Divided by this device's value; None when the value itself counts.
    against: str | None
    at_least: float | None = None
    at_most: float | None = None
    polling: bool = False

    def is_met(self, value):
        return value >= self.at_least if self.at_least is not None else value <= self.at_most

    @property
    def bound(self):
        sign = "≥" if self.at_least is not None else "≤"
        value = self.at_least if self.at_least is not None else self.at_most
        return f"{sign} {value:g}{'×' if self.against or self.measure == 'p99_ratio' else ''}"

    def choose(self, samples):
        """The work, and the devices of ours that the goal is about: the usual size, and all sizes."""
        for work in samples.works(self.suite):
            if work.name == self.work and self.size in (None, work.size):
                devices = [
                    device for device in samples.devices(self.suite, usual_only=False)
                    if device.name == "ours" and device.variant.startswith("poll") == self.polling
                    and (self.polling or not device.variant)
                ]
                return work, devices
        return None, []


SPEED, P50 = "mib_per_s", "p50_us"
GOALS = [
    Goal("native, guest → host, 32 KiB buffers", "native", "to-host", 32768, SPEED, "builtin", at_least=1.5),
    Goal("… of the socket's limit", "native", "to-host", 32768, SPEED, "limit", at_least=0.9),
    Goal("native, guest → host, 4 KiB buffers", "native", "to-host", 4096, SPEED, "builtin", at_least=5),
    Goal("… of the socket's limit", "native", "to-host", 4096, SPEED, "limit", at_least=0.65),
    Goal("native, guest → host, 64 KiB in 16 pieces", "native", "to-host-pieces", 65536, SPEED, "builtin",
         at_least=5),
    Goal("… of the socket's limit", "native", "to-host-pieces", 65536, SPEED, "limit", at_least=0.65),
    Goal("native, host → guest, 4 KiB buffers", "native", "to-guest", None, SPEED, "builtin", at_least=6),
    Goal("… of the socket's limit", "native", "to-guest", None, SPEED, "limit", at_least=0.7),
    Goal("native, round trip of 1 B, median", "native", "round-trip", 1, P50, "builtin", at_most=0.8),
    Goal("… with polling", "native", "round-trip", 1, P50, "builtin", at_most=0.6, polling=True),
    Goal("native, processor time per GiB, QEMU and back-end, guest → host 4 KiB", "native", "to-host", 4096,
         "device-cpu", "builtin", at_most=0.3),
    Goal("native, processor time per GiB, QEMU and back-end, host → guest", "native", "to-guest", None,
         "device-cpu", "builtin", at_most=0.15),
    Goal("native, eight ports at once, 4 KiB, sum", "native", "eight-ports", 4096, SPEED, "builtin", at_least=3),
    Goal("… slowest port of the mean", "native", "eight-ports", 4096, "slowest_to_mean", None, at_least=0.8),
    Goal("native, eight ports at once, 32 KiB, sum", "native", "eight-ports", 32768, SPEED, "builtin", at_least=3),
    Goal("… of what plain processes reach", "native", "eight-ports", 32768, SPEED, "limit", at_least=0.9),
    Goal("… slowest port of the mean", "native", "eight-ports", 32768, "slowest_to_mean", None, at_least=0.8),
    Goal("native, 1 B beside a saturating port, p99 to p99 alone", "native", "small-beside-bulk", 1, "p99_ratio", None,
         at_most=3),
    Goal("emulated guest, host → guest", "guest", "to-guest", None, SPEED, "builtin", at_least=2),
    Goal("emulated guest, guest → host, 32 KiB", "guest", "to-host", 32768, SPEED, "builtin", at_least=1.2),
    Goal("emulated guest, round trip of 1 B, median", "guest", "round-trip", 1, P50, "builtin", at_most=1.0),
    Goal("… with polling", "guest", "round-trip", 1, P50, "builtin", at_most=0.7, polling=True),
    Goal("emulated guest, processor time per GiB, all processes, host → guest", "guest", "to-guest", None, "all-cpu",
         "builtin", at_most=0.5),
    Goal("synthetic front-end, processor time per GiB of the bare socket loop's, 4 KiB", "synthetic", "to-host", 4096,
         "device-cpu", "limit", at_most=1.2),
    Goal("idle with 127 open ports, wake-ups in 10 s", "synthetic", "idle", None, "wake_ups_in_10_s", None, at_most=0),
    Goal("… resident, MiB", "synthetic", "idle", None, "resident_mib", None, at_most=16),
    Goal("… start to listening, ms", "synthetic", "idle", None, "start_ms", None, at_most=50),
]


def table(samples):
    """A row for each goal."""
    rows = ["| work | compared with | goal | measured | | best ring size |", "| --- | --- | --- | --- | --- | --- |"]
    names = {"builtin": "built-in", "limit": "limit", None: "–"}
    for goal in GOALS:
        work, devices = goal.choose(samples)
        results = []
        for device in devices:
            if goal.against:
                spread = samples.ratio(goal.suite, device, work, goal.measure, goal.against)
            else:
                spread = samples.spread(goal.suite, device, work, goal.measure)
            if spread:
                results.append((device, spread))
        usual = next((spread for device, spread in results if device.size in (0, USUAL_SIZE)), None)
        start = f"| {goal.text} | {names[goal.against]} | {goal.bound} |"
        if not usual:
            rows.append(f"{start} not measured | | |")
            continue
        unit = "×" if goal.against or goal.measure == "p99_ratio" else ""
        pick = max if goal.at_least is not None else min
        device, best = pick(results, key=lambda result: result[1].median)
        beside = f"{device.size}: {best.text(unit)}" if len(results) > 1 else ""
        verdict = "met" if goal.is_met(usual.median) else "**not met**"
        rows.append(f"{start} {usual.text(unit)} | {verdict} | {beside} |")
    return "\n".join(rows)
