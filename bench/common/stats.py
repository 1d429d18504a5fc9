# SPDX-License-Identifier: GPL-2.0-or-later
"""Medians, spreads, and ratios within rounds."""
import statistics


class BenchError(Exception):
    """What goes wrong and is worth a message, not a traceback."""


def deciles(values):
    """p10, median, p90."""
    if len(values) < 2:
        return [values[0]] * 3
    cuts = statistics.quantiles(values, n=10, method="inclusive")
    return cuts[0], cuts[4], cuts[8]


def spread(values, digits=None):
    """The same by name, rounded."""
    return {name: round(value, digits)
            for name, value in zip(("p10", "median", "p90"), deciles(values))}


def ratio(mine, theirs, digits=3):
    """mine to theirs, each a figure a round: the spread of the ratios within each round.

    What slows the machine down for a while hits both in the rounds that it falls in, and so goes out.
    """
    return spread([one / other for one, other in zip(mine, theirs, strict=True)], digits)


def aim(what, value, limit, **more):
    """An aim, its value a number or a spread; met when it is not above the limit."""
    median = value["median"] if isinstance(value, dict) else value
    return {"aim": what, "value": value, "limit": limit, "met": median <= limit, **more}
