# SPDX-License-Identifier: GPL-2.0-or-later
"""What a program pays for calls that are not swapped."""
from common.stats import aim
from common.tables import Table, ratio_text, under_title, usec
from common.target import Call, Targets
from common.turns import take_turns

NAME = "calls"
TITLE = "Calls that are not swapped"

CALLS = {
    "connect": "connect, non-blocking, loopback",
    "fail": "connect that fails at once",
    "unix": "connect, AF_UNIX",
    "peername": "getpeername, never swapped",
    "sockname": "getsockname, never swapped",
}
LIMIT = 1.2


def measure(options):
    rounds = {"smoke": 2, "quick": 15, "full": 60}[options.mode]
    unders = ["native", "bare", *(f"{name}:{backend}" for backend in options.backends
                                  for name in ("pass", "pass-swapped"))]
    with Targets(options) as targets:
        variants = {(call, under): Call(target, call)
                    for under in unders
                    for target in [targets.start(under, 10, 0)]
                    for call in CALLS}
        for variant in variants.values():
            variant.warm_up()
        take_turns(variants.values(), rounds)
    rows = [variant.row(to_native=variants[call, "native"] if under != "native" else None,
                        to_bare=variants[call, "bare"] if under.startswith("pass") else None)
            for (call, under), variant in variants.items()]
    return {
        "rounds": rounds,
        "results": rows,
        "aims": [aim(f"a pass within {LIMIT} of the bare notification: {CALLS[call]}",
                     variants[call, f"pass:{backend}"].ratio(variants[call, "bare"]), LIMIT,
                     backend=backend)
                 for backend in options.backends for call in ("connect", "fail", "unix")],
    }


def tables(section):
    return [Table(
        TITLE + ", us",
        ["call", "under", "n", "p10", "median", "p90", "x native", "x bare"],
        [[CALLS[row["call"]], under_title(row["under"]), str(row["n"]), usec(row["p10_ns"]),
          usec(row["median_ns"]), usec(row["p90_ns"]), ratio_text(row.get("to_native")),
          ratio_text(row.get("to_bare"))]
         for call in CALLS for row in section["results"] if row["call"] == call], left=2)]
