# SPDX-License-Identifier: GPL-2.0-or-later
"""Interpreters (interpret.c) that stay, natively or under a supervisor, and execute programs for us."""
import json
import os
import pathlib
import selectors
import signal
import subprocess
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent))
from slow import slowly  # noqa: E402

# One program; most take some milliseconds, those that wait for a time out up to a second.
DEADLINE = slowly(20)
# Ports of the roles: each interpreter has a range of its own, within which it goes round (SLOTS of interpret.c).
FIRST_PORT, PORTS = 10000, 400 * 4


class Hangs(Exception):
    """A program did not end, or an interpreter ended with it; the text says more."""


class Outcome:
    """What a program saw: lines; and the processes that it consisted of, by which a trace names it.

    held, passed: whether the supervisor was held at the point, and the points that it passed.
    """

    def __init__(self, lines, pids, held, passed):
        self.lines = tuple(lines)
        self.pids = pids
        self.held = held
        self.passed = passed


class Interpreter:
    """One that is started when it is needed, and again after it was ended.

    name	who it is: "native", or a policy and backend
    prefix	what stands before its command line
    trace	the file that the prefix has the supervisor write to, or None
    user	whose process it is; None: ours
    control	the file that it shares with a supervisor that can be held, or None
    """
    count = 0

    def __init__(self, program, name, prefix=(), trace=None, user=None, control=None):
        self.identity = {} if user is None else {"user": user, "group": user, "extra_groups": []}
        self.program = program
        self.name = name
        self.prefix = list(prefix)
        self.trace = trace
        self.control = control
        self.ports = FIRST_PORT + Interpreter.count * PORTS
        Interpreter.count += 1
        self.process = None
        self.buffer = b""
        self.records = {}
        self.position = 0
        self.rest = b""

    def start(self):
        environment = {**os.environ, **({"RESEAT_FAULT_POINTS": self.control} if self.control else {})}
        self.process = subprocess.Popen([*self.prefix, self.program, str(self.ports), *([self.control] if self.control else [])],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, cwd="/",
                                        env=environment, **self.identity)
        self.buffer = b""

    def stop(self):
        """End it; what hangs is killed."""
        if not self.process:
            return
        self.process.stdin.close()
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.kill()
        self.process.stdout.close()
        self.process = None

    def kill(self):
        """With all that it started; a supervisor ends when it sees that."""
        for pid in descendants(self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.kill()
        self.process.wait()

    def read_line(self):
        while b"\n" not in self.buffer:
            with selectors.DefaultSelector() as selector:
                selector.register(self.process.stdout, selectors.EVENT_READ)
                if not selector.select(DEADLINE):
                    raise Hangs(f"not done after {DEADLINE} s")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise Hangs(f"the interpreter ended, status {self.process.wait()}")
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode(errors="replace")

    def run(self, program, mode=0, point=None):
        """The Outcome of a program, a list of lines. Hangs where there is none. point: a name, and how often it passes."""
        if not self.process:
            self.start()
        lines = []
        try:
            self.process.stdin.write("\n".join([" ".join(["program", str(mode), *map(str, point or ())]), *program, "end\n"]).encode())
            self.process.stdin.flush()
            while True:
                line = self.read_line()
                if line == "end":
                    break
                lines.append(line)
        except (BrokenPipeError, Hangs) as error:
            self.kill()
            self.process.stdout.close()
            self.process = None
            raise Hangs(str(error)) from error
        pids = {int(word) for word in lines.pop().split()[1:]}
        held, *passed = lines.pop().split()[1:] if self.control else "0"
        return Outcome(lines, pids, held == "1", passed)

    def read_trace(self):
        """New records of the trace, by process."""
        if not self.trace or not os.path.exists(self.trace):
            return
        with open(self.trace, "rb") as file:
            file.seek(self.position)
            data = self.rest + file.read()
            self.position = file.tell()
        *lines, self.rest = data.split(b"\n")
        for line in lines:
            record = json.loads(line)
            self.records.setdefault(record["pid"], []).append(record)

    def records_of(self, outcome):
        self.read_trace()
        return [record for pid in outcome.pids for record in self.records.get(pid, [])]

    def forget(self):
        """Records of programs that have ended: their processes' numbers may come again."""
        self.records = {}


def descendants(pid):
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                for child in file.read().split():
                    found += [int(child), *descendants(int(child))]
    except OSError:
        pass
    return found
