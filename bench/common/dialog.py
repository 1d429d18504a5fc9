# SPDX-License-Identifier: GPL-2.0-or-later
"""A process that answers commands, a line for a line."""
import os
import select
import subprocess
import time

from common.stats import BenchError


class Dialog:
    """Says "ready" first; ends when its input does."""

    def __init__(self, what, argv, patience, **popen):
        self.what, self.patience = what, patience
        self.rest = b""
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        bufsize=0, **popen)

    def __str__(self):
        return self.what

    def read_line(self):
        """The next line, without its end; None where there is none any more."""
        deadline = time.monotonic() + self.patience
        while b"\n" not in self.rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise BenchError(f"{self}: no answer for {self.patience} s")
            chunk = os.read(self.process.stdout.fileno(), 65536)
            if not chunk:
                return None
            self.rest += chunk
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def ended(self, when):
        self.process.stdin.close()
        try:
            status = self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            status = "none yet"
        return BenchError(f"{self}: it ended {when} (exit status {status})")

    def wait_ready(self):
        """Return: what it says besides."""
        line = self.read_line()
        if line is None or not line.startswith("ready"):
            raise self.ended("before it was ready")
        return line.split()[1:]

    def ask(self, command):
        """Return: the words of the answer."""
        try:
            self.process.stdin.write(command.encode() + b"\n")
            answer = self.read_line()
        except BrokenPipeError:
            answer = None
        if answer is None:
            raise self.ended(f"during '{command}'")
        return answer.split()

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
