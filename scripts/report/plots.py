"""Plots of the report, as SVG and PNG, in the colours of Okabe and Ito: colour-blind people can tell them apart."""

import os

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.patches import Patch  # noqa: E402
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter, NullLocator  # noqa: E402

from samples import number  # noqa: E402

INK, QUIET, RULE = "#222222", "#666666", "#dddddd"
BUILTIN, OURS, VSOCK = "#9a9a9a", "#0072B2", "#E69F00"
VARIANTS = ["#56B4E9", "#009E73", "#CC79A7", "#F0E442"]
PROCESS_COLOURS = {"qemu": "#9a9a9a", "daemon": "#0072B2", "peer": "#E69F00"}
PROCESS_LABELS = {"qemu": "QEMU", "daemon": "back-end", "peer": "host's program"}
TITLES = {
    "native": "Native speed: the rings driven directly",
    "guest": "Real guest, emulated processor",
    "synthetic": "Without QEMU",
}

plt.rcParams.update({
    "font.family": "DejaVu Sans", "font.size": 10, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": QUIET,
    "xtick.color": INK, "ytick.color": QUIET, "axes.spines.top": False, "axes.spines.right": False,
    "axes.titlelocation": "left", "axes.titlesize": 11, "axes.titleweight": "bold", "axes.titlepad": 12,
    "figure.facecolor": "white", "savefig.facecolor": "white", "svg.hashsalt": "vhost-user-serial",
    "legend.frameon": False,
})


def colours(devices):
    """One colour for each device of a plot."""
    fixed = {"builtin": BUILTIN, "vsock": VSOCK, "limit": INK}
    variants = [device for device in devices if device.name == "ours" and device.variant]
    result = {}
    for device in devices:
        if device in variants:
            result[device] = VARIANTS[variants.index(device) % len(VARIANTS)]
        else:
            result[device] = fixed.get(device.name, OURS)
    return result


def save(figure, folder, name):
    figure.savefig(os.path.join(folder, f"{name}.svg"), metadata={"Date": None}, bbox_inches="tight", pad_inches=0.15)
    figure.savefig(os.path.join(folder, f"{name}.png"), dpi=144, bbox_inches="tight", pad_inches=0.15)
    plt.close(figure)


def short(work):
    """A work's label on two lines."""
    direction, _, size = work.label.partition(", ")
    return f"{direction.replace('ports at once', 'ports')}\n{size.replace(' in 16 pieces', ' in 16')}"


def times(ratio):
    return f"{ratio:.2f}×" if ratio < 2 else f"{ratio:.1f}×"


def grid(axes, axis="y"):
    axes.grid(axis=axis, color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(length=0)


def panels(count, height, width=10.5):
    figure, axes = plt.subplots(count, 1, figsize=(width, height * count), squeeze=False)
    figure.subplots_adjust(hspace=0.5)
    return figure, [row[0] for row in axes]


def throughput(samples, folder):
    """Bars by message size and device; the limit is a line above them."""
    names = ["to-host", "to-host-pieces", "to-guest", "both", "eight-ports"]
    suites = [suite for suite in ("native", "guest") if suite in samples.suites()]
    if not suites:
        return False
    figure, all_axes = panels(len(suites), 3.7)
    for axes, suite in zip(all_axes, suites):
        works = [work for work in samples.works(suite) if work.name in names]
        devices = [d for d in samples.devices(suite) if any(samples.spread(suite, d, w, "mib_per_s") for w in works)]
        bars = [device for device in devices if device.name != "limit"]
        palette, width = colours(devices), 0.8 / max(1, len(bars))
        top, written = 0, []
        for place, work in enumerate(works):
            limit = next((samples.spread(suite, d, work, "mib_per_s") for d in devices if d.name == "limit"), None)
            for number_of_bar, device in enumerate(bars):
                spread = samples.spread(suite, device, work, "mib_per_s")
                if not spread:
                    continue
                x = place - 0.4 + width * (number_of_bar + 0.5)
                axes.bar(x, spread.median, width * 0.92, color=palette[device],
                         label=device.label if place == 0 else None)
                axes.plot([x, x], [spread.low, spread.high], color=INK, linewidth=0.9)
                top = max(top, spread.high)
                ratio = samples.ratio(suite, device, work, "mib_per_s")
                if device.name == "ours" and not device.variant and ratio:
                    written.append((x, spread.high, limit, times(ratio.median)))
            if limit:
                axes.plot([place - 0.42, place + 0.42], [limit.median] * 2, color=INK, linewidth=1.6,
                          linestyle=(0, (3, 2)), label="the machine's limit" if place == 0 else None)
                top = max(top, limit.median)
        for x, y, limit, text in written:
            # Never on the line of the limit.
            if limit and y < limit.median < y + 0.09 * top:
                y = limit.median
            axes.annotate(text, (x, y), xytext=(0, 3), textcoords="offset points", ha="center", va="bottom",
                          fontsize=8.5, fontweight="bold")
        axes.set_title(TITLES[suite])
        axes.set_ylabel("MiB/s")
        axes.set_ylim(0, top * 1.12)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        axes.set_xticks(range(len(works)), [short(work) for work in works], fontsize=9)
        axes.set_xlim(-0.55, len(works) - 0.45)
        grid(axes)
        axes.spines["left"].set_visible(False)
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=len(devices), fontsize=9, handlelength=1.4,
                    columnspacing=1.4, borderpad=0)
    save(figure, folder, "throughput")
    return True


def apart(places, step):
    """Sorted places on a logarithmic axis, moved until each is `step` times the one below."""
    places = list(places)
    for _ in range(100):
        for index in range(len(places) - 1):
            lower, upper = places[index], places[index + 1]
            if upper < lower * step * 0.999:
                middle = (lower * upper) ** 0.5
                places[index], places[index + 1] = middle / step**0.5, middle * step**0.5
    return places


def latency(samples, folder):
    """Percentiles of the one-byte round trip, a line for each device."""
    suites = [s for s in ("native", "guest") if any(w.name == "round-trip" and w.size == 1 for w in samples.works(s))]
    if not suites:
        return False
    figure, all_axes = plt.subplots(1, len(suites), figsize=(5.4 * len(suites), 4.2), squeeze=False)
    figure.subplots_adjust(wspace=0.55)
    points = [("p50_us", "p50"), ("p90_us", "p90"), ("p99_us", "p99"), ("p999_us", "p99.9")]
    for axes, suite in zip(all_axes[0], suites):
        work = next(w for w in samples.works(suite) if w.name == "round-trip" and w.size == 1)
        devices = [d for d in samples.devices(suite) if samples.spread(suite, d, work, "p50_us")]
        palette, ends, values = colours(devices), [], []
        for device in devices:
            spreads = [samples.spread(suite, device, work, name) for name, _ in points]
            medians = [spread.median for spread in spreads]
            values += medians
            style = (0, (3, 2)) if device.name == "limit" else "-"
            axes.plot(range(len(points)), medians, color=palette[device], linewidth=2.2, linestyle=style, marker="o",
                      markersize=6, zorder=4 if device.name == "ours" else 3)
            ends.append([medians[-1], device])
        axes.set_yscale("log")
        low, high = min(values) / 1.25, max(values) * 1.25
        axes.set_ylim(low, high)
        # Round numbers, three to a decade.
        ticks = [m * 10**e for e in range(-1, 6) for m in (1, 2, 5) if low <= m * 10**e <= high]
        axes.yaxis.set_major_locator(FixedLocator(ticks))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}" if value < 1000 else number(value)))
        axes.set_xticks(range(len(points)), [name for _, name in points])
        axes.set_xlim(-0.2, len(points) - 0.8)
        axes.set_ylabel("µs")
        axes.set_title(TITLES[suite])
        grid(axes)
        axes.spines["left"].set_visible(False)
        ends.sort(key=lambda end: end[0])
        for place, (_, device) in zip(apart([end for end, _ in ends], (high / low) ** 0.062), ends):
            axes.annotate(device.label, (len(points) - 1, place), xytext=(10, 0), textcoords="offset points",
                          va="center", fontsize=9, color=palette[device] if device.name != "builtin" else QUIET,
                          fontweight="bold", annotation_clip=False)
    save(figure, folder, "latency")
    return True


def processors(samples, folder):
    """Processor seconds for one GiB, stacked by process."""
    suites = [suite for suite in ("native", "guest") if suite in samples.suites()]
    chosen = {suite: [w for w in samples.works(suite) if w.name in ("to-host", "to-host-pieces", "to-guest")
                      and w.size >= 4096] for suite in suites}
    suites = [suite for suite in suites if chosen[suite]]
    if not suites:
        return False
    rows = {suite: [(w, d) for w in chosen[suite] for d in samples.devices(suite)
                    if d.name != "limit" and samples.spread(suite, d, w, "all-cpu")] for suite in suites}
    heights = [len(rows[suite]) + len(chosen[suite]) for suite in suites]
    height = 0.3 * sum(heights) + 1.1 * len(suites)
    figure, all_axes = plt.subplots(len(suites), 1, figsize=(10.5, height), squeeze=False,
                                    gridspec_kw={"height_ratios": heights, "hspace": 0.3})
    for axes, suite in zip([row[0] for row in all_axes], suites):
        y, ticks, labels = 0.0, [], []
        widest = max(samples.spread(suite, d, w, "all-cpu").median for w, d in rows[suite])
        for work in chosen[suite]:
            axes.annotate(work.label, (0, y), xytext=(-4, 0), textcoords="offset points", fontsize=9.5,
                          fontweight="bold", va="center", ha="right", annotation_clip=False)
            y += 0.95
            for device in [d for w, d in rows[suite] if w == work]:
                left = 0
                for process, colour in PROCESS_COLOURS.items():
                    spread = samples.spread(suite, device, work, f"cpu_s_per_gib.{process}")
                    if not spread:
                        continue
                    axes.barh(y, spread.median, 0.72, left=left, color=colour, edgecolor="white", linewidth=0.8)
                    left += spread.median
                axes.text(left + widest * 0.01, y, f"{left:.2f}", va="center", fontsize=9)
                ticks.append(y)
                labels.append(device.label)
                y += 0.9
            y += 0.35
        axes.set_ylim(y - 0.3, -0.7)
        axes.set_xlim(0, widest * 1.1)
        axes.set_yticks(ticks, labels, fontsize=9)
        axes.tick_params(axis="y", colors=INK)
        axes.tick_params(axis="x", colors=QUIET)
        axes.set_title(TITLES[suite])
        axes.set_xlabel("processor seconds per GiB")
        grid(axes, "x")
        axes.spines["bottom"].set_visible(False)
        keys = [Patch(color=colour, label=PROCESS_LABELS[process]) for process, colour in PROCESS_COLOURS.items()]
        axes.legend(handles=keys, loc="lower right", bbox_to_anchor=(1, 1.0), ncols=3, fontsize=9, handlelength=1.1,
                    handleheight=1.0, columnspacing=1.4, borderpad=0)
    save(figure, folder, "processors")
    return True


def headline(samples, folder):
    """How many times the built-in device: one dot for each work, more is better."""
    wanted = [
        ("native", "to-host", 32768, "mib_per_s"), ("native", "to-host", 4096, "mib_per_s"),
        ("native", "to-guest", None, "mib_per_s"), ("native", "eight-ports", 4096, "mib_per_s"),
        ("native", "round-trip", 1, "p50_us"), ("native", "to-guest", None, "device-cpu"),
        ("guest", "to-host", 32768, "mib_per_s"), ("guest", "to-guest", None, "mib_per_s"),
        ("guest", "round-trip", 1, "p50_us"), ("guest", "to-guest", None, "all-cpu"),
    ]
    rows = []
    for suite, name, size, measure in wanted:
        work = next((w for w in samples.works(suite) if w.name == name and size in (None, w.size)), None)
        device = next((d for d in samples.devices(suite) if d.name == "ours" and not d.variant), None)
        ratio = samples.ratio(suite, device, work, measure) if work and device else None
        if not ratio:
            continue
        faster = measure == "mib_per_s"
        values = ratio.values if faster else [1 / value for value in ratio.values]
        values = sorted(values)
        label = work.label.replace(" at once", "")
        if measure == "p50_us":
            label += " (median)"
        elif not faster:
            label = work.label.partition(",")[0] + ", work per processor second"
        baseline = samples.spread(suite, next(d for d in samples.devices(suite) if d.name == "builtin"), work, measure)
        own = samples.spread(suite, device, work, measure)
        unit = {"mib_per_s": "MiB/s", "p50_us": "µs"}.get(measure, "s/GiB")
        middle = ratio.median if faster else 1 / ratio.median
        rows.append((suite, label, middle, values, f"{number(baseline.median)} → {number(own.median)} {unit}"))
    if not rows:
        return False
    figure, axes = plt.subplots(figsize=(9.6, 0.42 * len(rows) + 1.6))
    y, ticks, labels, suite_before = 0.0, [], [], None
    highest = max(values[-1] for *_, values, _ in rows)
    lowest = min(0.8, min(values[0] for *_, values, _ in rows) / 1.1)
    right = max(highest * 1.4, 2.2)
    for suite, label, middle, values, figures in rows:
        if suite != suite_before:
            y += 0.25 if suite_before is None else 0.65
            axes.annotate(TITLES[suite], (lowest, y), xytext=(-4, 0), textcoords="offset points", fontsize=10,
                          fontweight="bold", va="center", ha="right", annotation_clip=False)
            suite_before = suite
            y += 0.8
        colour = OURS if middle >= 1 else "#D55E00"
        axes.plot([1, middle], [y, y], color=colour, linewidth=7, solid_capstyle="butt", zorder=3)
        axes.plot([values[0], values[-1]], [y, y], color=INK, linewidth=1, zorder=4)
        axes.plot(middle, y, "o", color=colour, markersize=10, zorder=5)
        axes.annotate(times(middle), (max(middle, values[-1], 1), y), xytext=(10, 0), textcoords="offset points",
                      va="center", fontsize=10.5, fontweight="bold", zorder=6)
        axes.text(1.02, y, figures, transform=axes.get_yaxis_transform(), va="center", fontsize=9, color=QUIET)
        ticks.append(y)
        labels.append(label)
        y += 0.9
    axes.axvline(1, color=BUILTIN, linewidth=2, zorder=2)
    axes.set_xscale("log")
    axes.set_xlim(lowest, right)
    axes.set_ylim(y - 0.3, -0.3)
    marks = [value for value in (0.25, 0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 10, 15) if lowest <= value <= right]
    axes.xaxis.set_major_locator(FixedLocator(marks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(marks, ["QEMU's own" if value == 1 else f"{value:g}×" for value in marks], color=QUIET)
    axes.set_yticks(ticks, labels)
    axes.tick_params(axis="y", colors=INK)
    axes.set_title("How many times QEMU's built-in virtio-serial; more is better", pad=14)
    grid(axes, "x")
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_visible(False)
    save(figure, folder, "headline")
    return True


ALL = {"throughput": throughput, "latency": latency, "processors": processors, "headline": headline}
