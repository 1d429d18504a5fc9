# SPDX-License-Identifier: GPL-2.0-or-later
"""Drawings of the results, by gnuplot."""
import subprocess
import xml.etree.ElementTree

from common.stats import BenchError
from common.tables import under_title
from parts import connects

# Seen by people who tell few colours apart, on light and dark pages.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000",
           "#8c6d31", "#b3b3ff")
HEAD = """\
set terminal svg size 760,{height} font "sans-serif,13" background rgb "white"
set border 3
set tics nomirror out
set grid y lc rgb "#dddddd"
set key outside right top Left reverse
set errorbars small lw 1 lc rgb "#333333"
set title "{title}" noenhanced
"""


class NoGnuplot(BenchError):
    """There is nothing to draw with."""


class Plot:
    """A script for gnuplot, made of lines and named blocks of data."""

    def __init__(self, title, height=380):
        self.lines = [HEAD.format(title=title, height=height)]
        self.blocks = []
        self.curves = []

    def set(self, line):
        self.lines.append(line)

    def data(self, rows):
        """Return: the name of a block."""
        name = f"$data{len(self.blocks)}"
        body = "\n".join(" ".join(f'"{cell}"' if isinstance(cell, str) else f"{cell}" for cell in row)
                         for row in rows)
        self.blocks.append(f"{name} << EOD\n{body}\nEOD")
        return name

    def curve(self, block, how, title):
        colour = COLOURS[len(self.curves) % len(COLOURS)]
        self.curves.append(f'{block} {how} lc rgb "{colour}" title "{title}" noenhanced')

    def write(self, path):
        script = "\n".join([*self.blocks, *self.lines, f'set output "{path}"',
                            "plot " + ", ".join(self.curves)]) + "\n"
        try:
            done = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True, timeout=60)
        except FileNotFoundError:
            raise NoGnuplot("gnuplot is not here; tools/bootstrap bench") from None
        # gnuplot reads on after a mistake, and then succeeds.
        if done.returncode or done.stderr:
            raise BenchError(f"gnuplot: {done.stderr.strip() or done.returncode}")
        xml.etree.ElementTree.parse(path)


def unique(values):
    return list(dict.fromkeys(values))


def lines_by(plot, rows, series, title, x, y):
    """A line with bars from p10 to p90 for each value of a field."""
    for name in unique(row[series] for row in rows):
        points = [(row[x], *y(row)) for row in rows if row[series] == name]
        plot.curve(plot.data(points), "using 1:2:3:4 with yerrorlines pt 7 ps 0.5 lw 1.5", title(name))


def bars(plot, groups, series):
    """Clustered bars with p10 to p90. @series: (title, [(median, p10, p90), or None, for each group])"""
    plot.set("set style data histogram")
    plot.set("set style histogram errorbars gap 1.5")
    plot.set(f"set xrange [-0.6:{len(groups) - 0.4}]; set xtics font ',11'")
    plot.set("set style fill solid 0.85 noborder")
    plot.set("set xtics ({})".format(", ".join(f'"{group}" {i}' for i, group in enumerate(groups))))
    for title, values in series:
        rows = [value or ("NaN", "NaN", "NaN") for value in values]
        plot.curve(plot.data(rows), "using 1:2:3", title)


def three(figures, scale=1):
    return tuple(figures[name] * scale for name in ("median", "p10", "p90"))


def plot_descriptors(section, emulated):
    plot = Plot("Cost of a swap by the number of watched descriptors, "
                + (f"ratio to 10 descriptors, {emulated}" if emulated else "us"))
    plot.set("set logscale xy; set format x '10^{%T}'; set xlabel 'watched descriptors'")
    rows = section["results"]
    if emulated:
        rows = [row for row in rows if "to_smallest" in row]
    lines_by(plot, rows, "under", under_title, "watched",
             lambda row: three(row["to_smallest"]) if emulated else
             tuple(row[f"{name}_ns"] / 1000 for name in ("median", "p10", "p90")))
    return plot


def plot_swap(section, _):
    rows = [row for row in section["results"] if row["under"] != "blind"]
    plot = Plot("A swap by the number of epoll items to repair, us")
    plot.set("set yrange [0:*]")
    items = unique(row["items"] for row in rows)
    bars(plot, [f"{count} items" if count != 1 else "1 item" for count in items],
         [(under_title(under), [tuple(row[f"{name}_ns"] / 1000 for name in ("median", "p10", "p90"))
                                for row in rows if row["under"] == under])
          for under in unique(row["under"] for row in rows)])
    return plot


def plot_connects(section, _):
    return by_load(section, Plot("Connects per second"), lambda row: three(row["rate"]))


def plot_latency(section, _):
    plot = Plot("From before connect until the first byte: median, up to p99, us (logarithmic)")
    plot.set("set logscale y")
    return by_load(section, plot, lambda row: tuple(
        row["first_byte_ns"][name] / 1000 for name in ("median", "p10", "p99")))


def by_load(section, plot, value):
    rows = section["results"]
    loads = [load for load in connects.LOADS
             if load in {(row["load"], row["parallel"]) for row in rows}]
    bars(plot, [connects.load_title(*load) for load in loads],
         [(way["title"], [value(row) for load in loads for row in rows
                          if (row["way"], row["load"], row["parallel"]) == (way["way"], *load)])
          for way in {row["way"]: row for row in rows}.values()])
    return plot


def plot_throughput(section, _):
    plot = Plot("Throughput after connect, Gbit/s")
    rows = section["results"]
    plot.set("set yrange [0:*]; unset key; set xtics rotate by -25")
    bars(plot, [row["title"].replace(", once", ",\\nonce") for row in rows],
         [("", [three(row["bits_per_second"], 1e-9) for row in rows])])
    return plot


def plot_memory(section, _):
    plot = Plot("The supervisor's resident memory by the number of swaps, KiB")
    plot.set("set logscale x; set yrange [0:*]; set format x '10^{%T}'; set xlabel 'swaps'")
    rows = [row for row in section["results"] if row["process"] == "reseat-worker" and row["swaps"]]
    for under in unique(row["under"] for row in rows):
        for name, title in ("rss", "Rss"), ("anonymous", "anonymous"):
            points = [(row["swaps"], row[name]) for row in rows if row["under"] == under]
            plot.curve(plot.data(points), "using 1:2 with linespoints pt 7 ps 0.5 lw 1.5",
                       f"{under_title(under)}, {title}")
    return plot


# The drawing's name, the part that it is of.
PLOTS = {"descriptors": ("descriptors", plot_descriptors), "swap": ("swap", plot_swap),
         "connects": ("connects", plot_connects), "latency": ("connects", plot_latency),
         "throughput": ("throughput", plot_throughput), "memory": ("memory", plot_memory)}


def emulation(report):
    """What a reader has to know of an emulated machine; "": it was none."""
    if not report["emulated"]:
        return ""
    return "EMULATED, PATCHED KERNEL" if "kernel" in report["backends"] else "EMULATED"


def draw(report, folder):
    """Draw all that a report has into NAME.svg, NAME-emulated.svg. Return: the paths."""
    paths = []
    for name, (part, function) in PLOTS.items():
        if part not in report["parts"]:
            continue
        path = f"{folder}/{name}{'-emulated' if report['emulated'] else ''}.svg"
        function(report["parts"][part], emulation(report)).write(path)
        paths.append(path)
    return paths
