# SPDX-License-Identifier: GPL-2.0-or-later
"""What adapters share."""

import fnmatch
import pathlib
import re
import subprocess

PROGRAMS = pathlib.Path(__file__).resolve().parent.parent / "programs"


class Unavailable(Exception):
    """The suite cannot be run here; the text says what is missing and what to do."""


class Command:
    """A process of a suite. read(text, status): {test: outcome} from its output and exit status."""

    def __init__(self, arguments, read, folder=None, environment=None):
        self.arguments = [str(argument) for argument in arguments]
        self.read = read
        self.folder = folder
        self.environment = environment or {}


def select(names, quick, patterns):
    """Those of {group: whether it is quick} that are asked for."""
    return [name for name, is_quick in names.items() if (is_quick or not quick) and
            (not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns))]


def plain(text):
    """A message without what is another one in each run: addresses, ports, times, folders."""
    text = re.sub(r"0x[0-9a-f]+", "N", text.strip())
    text = re.sub(r"/tmp/\S+", "/tmp/N", text)
    return re.sub(r"\d+", "N", text)[:160]


def need(path, package):
    """The path, if it is there."""
    if not pathlib.Path(path).exists():
        raise Unavailable(f"{path} is missing (package {package}): sudo tools/bootstrap suites")
    return pathlib.Path(path)


def build(command, folder):
    """Run a command that builds; what it says is shown if it fails."""
    done = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)
    if done.returncode:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise Unavailable(f"{command[0]}: {end}")
