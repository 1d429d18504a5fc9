# SPDX-License-Identifier: GPL-2.0-or-later
"""Connects per second and their latency, against native and against other tools."""
import statistics

from common.lab import MICROSOCKS, Lab
from common.stats import BenchError, ratio, spread
from common.tables import Table, ratio_text, usec
from common.turns import take_turns

NAME = "connects"
TITLE = "Connects per second, and how long one takes"

LOADS = (("threads", 1), ("threads", 2), ("threads", 8), ("threads", 64), ("processes", 8))
PERCENTILES = ("p10", "median", "p90", "p99")
FAILED_MAX = 0.01       # of all connections of a variant


class Variant:
    """One way, under one load."""

    def __init__(self, way, client, load, milliseconds):
        self.way, self.client, self.load = way, client, load
        self.command = f"{load[0]} {load[1]} {milliseconds}"
        self.rounds = []
        self.failed = 0

    def run(self):
        count, failed, took, *times = map(int, self.client.ask(self.command))
        if not count:
            raise BenchError(f"{self.client}: not one connection under {self.load}")
        self.failed += failed
        self.rounds.append({"count": count, "rate": count / took * 1e9,
                            "connect_ns": dict(zip(PERCENTILES, times[:4])),
                            "first_byte_ns": dict(zip(PERCENTILES, times[4:]))})

    def each(self, name, percentile=None):
        return [turn[name][percentile] if percentile else turn[name] for turn in self.rounds]

    def row(self, native, native_ipv6):
        count = sum(self.each("count"))
        if self.failed > count * FAILED_MAX:
            raise BenchError(f"{self.client}: {self.failed} of {count + self.failed} connections failed")
        row = {"way": self.way.name, "title": self.way.title, "load": self.load[0],
               "parallel": self.load[1], "connections": count, "failed": self.failed,
               "rate": spread(self.each("rate"))}
        for name in "connect_ns", "first_byte_ns":
            row[name] = {percentile: round(statistics.median(self.each(name, percentile)))
                         for percentile in PERCENTILES}
        for other, title in (native, "native"), (native_ipv6, "native_ipv6"):
            if other is self:
                continue
            row[f"rate_to_{title}"] = ratio(self.each("rate"), other.each("rate"))
            row[f"first_byte_to_{title}"] = ratio(self.each("first_byte_ns", "median"),
                                                  other.each("first_byte_ns", "median"))
        return row


def measure(options):
    rounds = {"smoke": 1, "quick": 2, "full": 8}[options.mode]
    milliseconds = {"smoke": 20, "quick": 150, "full": 200}[options.mode]
    loads = LOADS[1::3] if options.mode == "smoke" else LOADS
    with Lab(options) as lab:
        ways, missing = lab.ways(MICROSOCKS)
        port = lab.start_server()
        variants = {(way.name, load): Variant(way, client, load, milliseconds)
                    for way in ways
                    for client in [lab.start_client(way, port)]
                    for load in loads}
        if options.mode != "smoke":
            for variant in variants.values():
                variant.run()
                variant.rounds.clear()
        take_turns(variants.values(), rounds)
    return {
        "rounds": rounds, "milliseconds": milliseconds, "left_out": missing,
        "results": [variant.row(variants["native", load], variants["native-ipv6", load])
                    for (_, load), variant in variants.items()],
        "aims": [],
    }


def load_title(load, parallel):
    return "1 thread" if (load, parallel) == LOADS[0] else f"{parallel} {load}"


def tables(section):
    rows = [(load_title(*load), row)
            for load in LOADS for row in section["results"] if (row["load"], row["parallel"]) == load]
    return [
        Table("Connects per second",
              ["by", "way", "p10", "median", "p90", "x native IPv4", "x native IPv6"],
              [[by, row["title"], *(f"{row['rate'][name]:,.0f}" for name in ("p10", "median", "p90")),
                ratio_text(row.get("rate_to_native")), ratio_text(row.get("rate_to_native_ipv6"))]
               for by, row in rows], left=2),
        Table("How long a connect takes, and until the first byte of the server has come, us",
              ["by", "way", "connect", "p90", "p99", "first byte", "p90", "p99", "x native IPv4",
               "x native IPv6"],
              [[by, row["title"],
                *(usec(row["connect_ns"][name]) for name in ("median", "p90", "p99")),
                *(usec(row["first_byte_ns"][name]) for name in ("median", "p90", "p99")),
                ratio_text(row.get("first_byte_to_native")),
                ratio_text(row.get("first_byte_to_native_ipv6"))]
               for by, row in rows], left=2)]
