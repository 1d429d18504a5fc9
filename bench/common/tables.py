# SPDX-License-Identifier: GPL-2.0-or-later
"""How figures are written, on a terminal and in docs/benchmarks.md."""


def usec(nanoseconds):
    """Microseconds, with three digits that count."""
    if nanoseconds < 1e6:
        return f"{nanoseconds / 1000:.{2 if nanoseconds < 10000 else 1}f}"
    return f"{nanoseconds / 1000:,.0f}"


def msec(nanoseconds):
    return f"{nanoseconds / 1e6:.2f}"


def number(value, digits):
    return f"{value:,.{digits}f}"


def ratio_text(ratio):
    """1.23 (1.20-1.30)"""
    if not ratio:
        return "-"
    digits = 2 if ratio["p90"] < 100 else 0
    median, low, high = (number(ratio[name], digits) for name in ("median", "p10", "p90"))
    return f"{median} ({low}-{high})"


class Table:
    """Rows of text under a title; the first columns, so many of them, are words."""

    def __init__(self, title, columns, rows, left=1):
        self.title, self.columns, self.rows, self.left = title, columns, rows, left

    def text(self):
        """For a terminal."""
        widths = [max(len(row[i]) for row in [self.columns, *self.rows])
                  for i in range(len(self.columns))]
        return "\n".join([self.title, *(
            "  ".join(f"{text:{'<' if i < self.left else '>'}{width}}"
                      for i, (text, width) in enumerate(zip(row, widths))).rstrip()
            for row in [self.columns, *self.rows])])

    def markdown(self):
        rule = ["---" if i < self.left else "--:" for i in range(len(self.columns))]
        return "\n".join([self.title + ":", "",
                          *("| " + " | ".join(row) + " |" for row in [self.columns, rule, *self.rows])])


def under_title(under):
    """What a variant is called: a name, or a name and the watch backend."""
    name, _, backend = under.partition(":")
    title = {"native": "native", "bare": "bare notification", "minimal": "minimal swap",
             "blind": "minimal swap, address not read",
             "pass": "reseat", "pass-swapped": "reseat, after a swap",
             "swap": "reseat", "reseat": "reseat"}.get(name, name)
    return f"{title}, {backend}" if backend else title
