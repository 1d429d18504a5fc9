# SPDX-License-Identifier: GPL-2.0-or-later
"""The measured program of target.c under one supervisor, and calls that it makes."""
import os
import socket
import statistics
import struct
import time

from common.dialog import Dialog
from common.stats import BenchError, ratio, spread

BATCH = 24              # calls of one variant in one round
DISCARDED = 4           # the first of them: what ran before has taken their place in the caches
SLOW = 0.001            # seconds; of calls that take longer, fewer are made
VERY_SLOW = 0.5         # and these are the only one of their round
BATCH_TIME = 0.025      # seconds that a batch of slow calls may take
EMULATED = 20           # times as slow, about, is an emulated machine


class Server:
    """Takes the connections that targets make: between the measurements, never during one."""

    def __init__(self):
        self.name = f"reseat-bench-{os.getpid()}"
        self.sockets = [socket.socket(socket.AF_INET) for _ in range(2)]
        self.sockets[0].bind(("127.0.0.1", 0))
        self.port = self.sockets[0].getsockname()[1]
        self.sockets[1].bind(("127.0.0.2", self.port))
        self.sockets.append(socket.socket(socket.AF_UNIX))
        self.sockets[2].bind("\0" + self.name)
        for listener in self.sockets:
            listener.listen(4096)
            listener.setblocking(False)

    def drain(self):
        """Accept what is there and close it with a reset, so that nothing stays in TIME_WAIT."""
        for listener in self.sockets:
            while True:
                try:
                    connection = listener.accept()[0]
                except BlockingIOError:
                    break
                if listener.family == socket.AF_INET:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                          struct.pack("ii", 1, 0))
                connection.close()

    def close(self):
        for listener in self.sockets:
            listener.close()


class Target(Dialog):
    """One process, and the supervisor that it is under."""

    def __init__(self, options, server, under, watched, items, **popen):
        super().__init__(f"{under}, {watched} watched, {items} items",
                         [*supervisor(options, server, under),
                          os.path.join(options.build, "bench", "target"), str(server.port),
                          server.name, str(watched), str(items)], options.patience, **popen)
        self.server = server
        self.slowness = EMULATED if options.emulated else 1
        self.under, self.watched, self.items = under, watched, items
        self.minimal = under in ("minimal", "blind")
        self.swaps = self.minimal or under.partition(":")[0] == "swap"

    def ask(self, command):
        answer = super().ask(command)
        self.server.drain()
        return answer

    def check(self):
        """The socket was swapped, or not, and its items followed, as is expected of the variant."""
        expected = ["replaced" if self.swaps else "kept",
                    "0" if self.minimal else str(self.items)]
        seen = self.ask("check")
        if seen != expected:
            raise BenchError(f"{self}: socket and items should be {expected}, are {seen}")


def supervisor(options, server, under):
    """The command that a target is started by, for one of:

    native, bare, minimal       without reseat
    blind                       minimal, without even reading the address
    pass:BACKEND                reseat, and 127.0.0.1 passes; names are trapped, because 127.0.0.2 could
                                be asked for
    pass-swapped:BACKEND        the same, for a target that has been told to "swap"
    swap:BACKEND                reseat, and 127.0.0.1 is swapped
    """
    name, _, backend = under.partition(":")
    bench = os.path.join(options.build, "bench")
    run = [options.reseat, "run", f"--watch-backend={backend}"]
    return {
        "native": [],
        "bare": [os.path.join(bench, "bare")],
        "minimal": [os.path.join(bench, "minimal-swap")],
        "blind": [os.path.join(bench, "minimal-swap"), "--blind", str(server.port)],
        "pass": [*run, "--map", "127.0.0.2/32=::ffff:0:0/96", "--"],
        "pass-swapped": [*run, "--map", "127.0.0.2/32=::ffff:0:0/96", "--"],
        "swap": [*run, "--map", "127.0.0.1/32=::ffff:0:0/96", "--"],
    }[name]


class Targets:
    """All that are measured in one part: started and checked together, ended together."""

    def __init__(self, options):
        self.options = options
        self.server = Server()
        self.running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for target in self.running:
            target.close()
        self.server.close()

    def start(self, under, watched, items):
        target = Target(self.options, self.server, under, watched, items)
        self.running.append(target)
        target.wait_ready()
        target.check()
        if under.startswith("pass-swapped"):
            target.ask("swap")
        return target


class Call:
    """A variant: one call, made by one target."""

    def __init__(self, target, call):
        self.target, self.call = target, call
        self.rounds = []        # the samples of each, nanoseconds
        self.count, self.discarded = BATCH, DISCARDED

    def make(self, count):
        return [int(word) for word in self.target.ask(f"{self.call} {count}")]

    def warm_up(self):
        """Make calls until it is known how many of them a turn can be. Return: seconds that one takes."""
        tried = []
        while len(tried) < 3 and sum(tried) < VERY_SLOW:
            began = time.monotonic()
            self.make(1)
            tried.append(time.monotonic() - began)
        took = min(tried)
        if took >= VERY_SLOW * self.target.slowness:
            self.count, self.discarded = 1, 0
        elif took > SLOW * self.target.slowness:
            self.discarded = 1
            batch_time = BATCH_TIME * self.target.slowness
            self.count = self.discarded + max(2, min(BATCH, int(batch_time / took)))
        else:
            self.make(BATCH)
        return took

    def run(self):
        self.rounds.append(self.make(self.count)[self.discarded:])

    def medians(self):
        return [statistics.median(samples) for samples in self.rounds]

    def ratio(self, reference):
        return ratio(self.medians(), reference.medians())

    def row(self, **references):
        """As it goes into the file, with ratios to other variants, by name."""
        samples = [sample for samples in self.rounds for sample in samples]
        times = {f"{name}_ns": value for name, value in spread(samples).items()}
        target = self.target
        return {"call": self.call, "under": target.under, "watched": target.watched,
                "items": target.items, "n": len(samples), **times,
                **{name: {"under": other.target.under, **self.ratio(other)}
                   for name, other in references.items() if other}}
