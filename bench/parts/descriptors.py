# SPDX-License-Identifier: GPL-2.0-or-later
"""What a swap costs by the number of descriptors that the program watches, up to the limit.

Every variant at every size has a target of its own, so that all sizes are measured in the same
rounds; at a million descriptors each takes some 600 MB of the kernel's memory.
"""
import resource
import sys

from common.backends import beside_procfs
from common.stats import BenchError, aim
from common.tables import Table, ratio_text, under_title, usec
from common.target import Call, Targets
from common.turns import take_turns

NAME = "descriptors"
TITLE = "A swap by the number of watched descriptors, one item"

SMALLEST = 10
RESERVE = 64            # descriptors that a target has besides
LIMIT = 1.1
TOO_SLOW = 10           # seconds; of what takes so long there is nothing with more descriptors


def sizes(options):
    """Powers of ten to the limit, and the limit unless it is hardly more than the last."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = options.max or {"smoke": 100, "quick": 10**4, "full": 10**6}[options.mode]
    if wanted + RESERVE > hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, wanted + RESERVE))
            hard = wanted + RESERVE
        except (OSError, ValueError):
            # Without CAP_SYS_RESOURCE, or above fs.nr_open: what there is, if it is nearly that.
            if options.max and hard < 0.9 * options.max:
                raise BenchError(f"{wanted} descriptors do not fit under the hard RLIMIT_NOFILE of "
                                 f"{hard}, and it cannot be raised") from None
    limit = min(wanted, hard - RESERVE)
    found = [10**power for power in range(1, 7) if 10**power <= limit]
    if limit > 1.5 * found[-1]:
        found.append(limit)
    return found


def check_watches(count):
    """epoll counts items for each user; more than that many gives ENOSPC in some target."""
    with open("/proc/sys/fs/epoll/max_user_watches", encoding="utf-8") as value:
        allowed = int(value.read())
    if count > allowed:
        raise BenchError(f"all targets together watch {count} descriptors; set the sysctl "
                         f"fs.epoll.max_user_watches, which is {allowed}, higher")


def measure(options):
    rounds = {"smoke": 2, "quick": 5, "full": 30}[options.mode]
    seconds = options.seconds or {"smoke": 5, "quick": 10, "full": 40}[options.mode]
    unders = ["native", "minimal", *(f"swap:{backend}" for backend in options.backends)]
    watched = sizes(options)
    check_watches(sum(watched) * len(unders))
    with Targets(options) as targets:
        variants, left_out = {}, {}
        for size in watched:
            for under in unders:
                if under in left_out:
                    continue
                if size >= 10**5:
                    print(f"{size:,} descriptors, {under_title(under)}", file=sys.stderr)
                variant = variants[under, size] = Call(targets.start(under, size, 1), "connect")
                took = variant.warm_up()
                if took > TOO_SLOW and size != watched[-1]:
                    left_out[under] = f"no more than {size:,} descriptors: a connect takes {took:.0f} s there"
        done = take_turns(variants.values(), rounds, seconds)
    rows = [variant.row(to_native=variants["native", size] if under != "native" else None,
                        to_minimal=variants["minimal", size] if under.startswith("swap:") else None,
                        to_smallest=variants[under, SMALLEST] if size != SMALLEST else None)
            for (under, size), variant in variants.items()]
    return {
        "rounds": done,
        "watched": watched,
        "left_out": left_out,
        "results": rows,
        "aims": [aim(f"a swap at {most:,} descriptors within {LIMIT} of one at {SMALLEST}",
                     variants[f"swap:{backend}", most].ratio(variants[f"swap:{backend}", SMALLEST]),
                     LIMIT, backend=backend)
                 for backend in beside_procfs(options.backends)
                 for most in [max(size for under, size in variants if under == f"swap:{backend}")]],
    }


def tables(section):
    return [Table(
        TITLE + ", us",
        ["under", "watched", "n", "p10", "median", "p90", "x native", "x minimal", "x at 10"],
        [[under_title(row["under"]), str(row["watched"]), str(row["n"]), usec(row["p10_ns"]),
          usec(row["median_ns"]), usec(row["p90_ns"]), ratio_text(row.get("to_native")),
          ratio_text(row.get("to_minimal")), ratio_text(row.get("to_smallest"))]
         for row in sorted(section["results"], key=lambda row: row["watched"])])]
