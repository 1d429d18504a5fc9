# SPDX-License-Identifier: GPL-2.0-or-later
"""What a swap costs, against the least that one can: by the number of epoll items to repair."""
from common.backends import beside_procfs
from common.stats import aim
from common.tables import Table, ratio_text, under_title, usec
from common.target import Call, Targets
from common.turns import take_turns

NAME = "swap"
TITLE = "A swap in a program with 10 watched descriptors"

WATCHED = 10
ITEMS = (0, 1, 4)
LIMIT = 1.25


def unders(backends):
    """Which are measured with each of ITEMS; and which with one item alone."""
    return ["native", "minimal", *(f"swap:{backend}" for backend in backends)], ["blind"]


def measure(options):
    rounds = {"smoke": 2, "quick": 15, "full": 60}[options.mode]
    each, once = unders(options.backends)
    with Targets(options) as targets:
        variants = {(under, items): Call(targets.start(under, WATCHED, items), "connect")
                    for under, items in [*((under, items) for under in each for items in ITEMS),
                                         *((under, 1) for under in once)]}
        for variant in variants.values():
            variant.warm_up()
        take_turns(variants.values(), rounds)
    rows = [variant.row(to_native=variants["native", items] if under != "native" else None,
                        to_minimal=variants["minimal", items]
                        if under not in ("native", "minimal") else None)
            for (under, items), variant in variants.items()]
    return {
        "rounds": rounds,
        "results": rows,
        "aims": [aim(f"a swap with one item within {LIMIT} of the minimal swap",
                     variants[f"swap:{backend}", 1].ratio(variants["minimal", 1]), LIMIT, backend=backend)
                 for backend in beside_procfs(options.backends)],
    }


def tables(section):
    return [Table(
        TITLE + ", us",
        ["under", "items", "n", "p10", "median", "p90", "x native", "x minimal"],
        [[under_title(row["under"]), str(row["items"]), str(row["n"]), usec(row["p10_ns"]),
          usec(row["median_ns"]), usec(row["p90_ns"]), ratio_text(row.get("to_native")),
          ratio_text(row.get("to_minimal"))]
         for row in sorted(section["results"], key=lambda row: row["items"])])]
