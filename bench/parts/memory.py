# SPDX-License-Identifier: GPL-2.0-or-later
"""What the supervisor holds, after how many swaps."""
import os
import secrets
import time

from common.dialog import Dialog
from common.stats import BenchError, aim
from common.tables import Table, under_title
from common.target import Target

NAME = "memory"
TITLE = "The supervisor's memory and descriptors, by the number of swaps"

MARK = "RESEAT_BENCH"
NAMES = ("reseat-worker", "reseat-guard")
LIMIT = 4096            # KiB resident
GROWTH = 0              # KiB of anonymous memory from the first reading after 1000 swaps
WATCHED, ITEMS = 10, 1


class Server(Dialog):
    """bench/server.c, which takes connections while they are made."""

    name = "unused"

    def __init__(self, options):
        super().__init__("server", [os.path.join(options.build, "bench", "server"), "0"],
                         options.patience)
        self.port = self.wait_ready()[0]

    def drain(self):
        pass


def processes(reseat, mark):
    """The processes of that program with our mark in their environment, by their names."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if not os.path.samefile(f"/proc/{pid}/exe", reseat):
                continue
            with open(f"/proc/{pid}/environ", "rb") as file:
                if f"{MARK}={mark}".encode() not in file.read().split(b"\0"):
                    continue
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                found.setdefault(file.read().strip(), []).append(int(pid))
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            # Gone, or none of ours.
            continue
    return found


def supervisors(options, mark):
    """The processes of one `reseat run`, by their names; they take these a moment after they start."""
    deadline = time.monotonic() + options.patience
    while True:
        found = processes(options.reseat, mark)
        if {name: len(pids) for name, pids in found.items()} == dict.fromkeys(NAMES, 1):
            return {name: pids[0] for name, pids in found.items()}
        if time.monotonic() > deadline:
            raise BenchError(f"the supervisor's processes are {found or 'none'}, not one each of {NAMES}")
        time.sleep(0.01)


def fields(path):
    with open(path, encoding="utf-8") as lines:
        return {words[0].rstrip(":"): int(words[1]) for words in map(str.split, lines)
                if len(words) > 2 and words[2] == "kB"}


def reading(pid):
    """KiB and counts. From smaps, which counts pages; those in status are off by up to some 100 KiB."""
    memory = fields(f"/proc/{pid}/smaps_rollup")
    return {"rss": memory["Rss"], "pss": memory["Pss"], "anonymous": memory["Anonymous"],
            "peak": fields(f"/proc/{pid}/status")["VmHWM"],
            "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
            "threads": len(os.listdir(f"/proc/{pid}/task"))}


def points(count):
    """After how many swaps there is a reading: 0, 1000, 10,000, ..., the last."""
    return sorted({0, count, *(10**power for power in range(3, 9) if 10**power < count)})


class Subject:
    """A target that swaps, and its supervisor's processes."""

    def __init__(self, options, server, backend):
        mark = secrets.token_hex(8)
        self.under = f"swap:{backend}"
        self.target = Target(options, server, self.under, WATCHED, ITEMS,
                             env={**os.environ, MARK: mark})
        self.done = 0
        self.seconds = 0.0
        self.rows = []
        try:
            self.target.wait_ready()
            self.target.check()
            self.pids = supervisors(options, mark)
        except BaseException:
            self.target.close()
            raise

    def swap_until(self, count):
        """Swap, in pieces that each take a moment, and read."""
        began = time.monotonic()
        while self.done < count:
            piece = min(count - self.done, 10000)
            replaced = int(self.target.ask(f"many {piece}")[0])
            if replaced != piece:
                raise BenchError(f"{self.target}: {replaced} of {piece} sockets were swapped")
            self.done += piece
        self.seconds += time.monotonic() - began
        for name, pid in self.pids.items():
            self.rows.append({"under": self.under, "process": name, "swaps": count, **reading(pid)})


def measure(options):
    count = options.count or {"smoke": 2000, "quick": 10**4, "full": 2 * 10**4}[options.mode]
    server = Server(options)
    subjects = []
    try:
        for backend in options.backends:
            subjects.append(Subject(options, server, backend))
        for point in points(count):
            for subject in subjects:
                subject.swap_until(point)
    finally:
        for subject in subjects:
            subject.target.close()
        server.close()
    aims = []
    for subject in subjects:
        backend = subject.under.partition(":")[2]
        rows = [row for row in subject.rows if row["process"] == "reseat-worker"]
        warm, last = next(row for row in rows if row["swaps"] >= 1000), rows[-1]
        aims += [
            aim(f"at most {LIMIT} KiB resident after {count:,} swaps, worker",
                last["rss"], LIMIT, backend=backend),
            aim(f"no growth from {warm['swaps']:,} to {count:,} swaps, KiB of anonymous memory",
                last["anonymous"] - warm["anonymous"], GROWTH, backend=backend),
            aim(f"no growth from {warm['swaps']:,} to {count:,} swaps, descriptors",
                max(0, last["descriptors"] - warm["descriptors"]), 0, backend=backend),
        ]
    return {"swaps": count, "watched": WATCHED, "items": ITEMS,
            "seconds": {subject.under: round(subject.seconds, 1) for subject in subjects},
            "results": [row for subject in subjects for row in subject.rows], "aims": aims}


def tables(section):
    return [Table(
        f"{TITLE}, KiB",
        ["under", "process", "swaps", "Rss", "Pss", "anonymous", "peak", "descriptors",
         "threads"],
        [[under_title(row["under"]), row["process"], f"{row['swaps']:,}",
          *(f"{row[name]:,}" for name in ("rss", "pss", "anonymous", "peak")),
          str(row["descriptors"]), str(row["threads"])]
         for row in sorted(section["results"],
                           key=lambda row: (row["under"], row["process"], row["swaps"]))],
        left=2)]
