# SPDX-License-Identifier: GPL-2.0-or-later
"""What it takes to start a program that never connects: `true`."""
import os
import statistics
import subprocess

from common.stats import BenchError, aim, ratio, spread
from common.tables import Table, msec, ratio_text, under_title
from common.turns import take_turns

NAME = "startup"
TITLE = "Start-up of `true`, from before it is started until it has ended"

RUNS = 5                # in one turn
LIMIT = 5               # ms more than without reseat


class Variant:
    """`true`, started in one way."""

    def __init__(self, options, under, argv):
        self.options, self.under = options, under
        self.argv = [os.path.join(options.build, "bench", "spawn"), str(RUNS), *argv, "true"]
        self.rounds = []

    def run(self):
        done = subprocess.run(self.argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=self.options.patience)
        if done.returncode:
            raise BenchError(f"{self.under}: {done.stderr.strip()}")
        self.rounds.append([int(word) for word in done.stdout.split()])

    def medians(self):
        return [statistics.median(samples) for samples in self.rounds]

    def row(self, native):
        samples = [sample for samples in self.rounds for sample in samples]
        row = {"under": self.under, "n": len(samples),
               **{f"{name}_ns": value for name, value in spread(samples).items()}}
        if self is not native:
            row["more_ns"] = spread([mine - theirs for mine, theirs in
                                     zip(self.medians(), native.medians())])
            row["to_native"] = ratio(self.medians(), native.medians())
        return row


def measure(options):
    rounds = {"smoke": 1, "quick": 20, "full": 60}[options.mode]
    rule = "--map=198.51.100.0/24=64:ff9b::/96"
    variants = [
        Variant(options, "native", []),
        Variant(options, "bare", [os.path.join(options.build, "bench", "bare")]),
        # Without a name it is as everybody starts it; a backend may be loaded only when it is needed.
        Variant(options, "reseat", [options.reseat, "run", rule, "--"]),
        *(Variant(options, f"reseat:{backend}",
                  [options.reseat, "run", rule, f"--watch-backend={backend}", "--"])
          for backend in options.backends)]
    take_turns(variants, rounds)
    rows = [variant.row(variants[0]) for variant in variants]
    return {"rounds": rounds, "results": rows,
            "aims": [aim(f"`reseat run -- true` takes at most {LIMIT} ms more than `true`",
                         {name: round(value / 1e6, 3) for name, value in rows[2]["more_ns"].items()},
                         LIMIT)]}


def tables(section):
    return [Table(
        TITLE + ", ms",
        ["under", "n", "p10", "median", "p90", "more", "p10", "p90", "x native"],
        [[under_title(row["under"]), str(row["n"]),
          *(msec(row[name]) for name in ("p10_ns", "median_ns", "p90_ns")),
          *(msec(row["more_ns"][name]) if "more_ns" in row else "-"
            for name in ("median", "p10", "p90")), ratio_text(row.get("to_native"))]
         for row in section["results"]])]
