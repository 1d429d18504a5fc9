# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests of `reseat run` as a process have in common.

RESEAT names the program under test. Each test that makes sense in both process models is wrapped in
each_model(), which runs it once for each.
"""
import functools
import os
import pwd
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, ".."))
import backends  # noqa: E402
from slow import slowly  # noqa: E402

RESEAT = os.path.abspath(os.environ.get("RESEAT", os.path.join(HERE, "../../build/reseat")))
PYTHON = os.path.realpath(sys.executable)
MODELS = ("in-place", "front")
DEADLINE = slowly(30)
MARK = "RESEAT_TEST_MARK"


def each_model(test):
    """Run a test method once for each process model, given as its argument."""

    @functools.wraps(test)
    def run(self):
        for model in MODELS:
            with self.subTest(model=model):
                self.fresh()
                test(self, model)

    return run


def wait_until(condition, what):
    """Wait for condition() to give a true value, and return it."""
    end = time.monotonic() + DEADLINE
    while True:
        value = condition()
        if value and value != (0, 0):  # os.waitpid() with WNOHANG
            return value
        if time.monotonic() > end:
            raise AssertionError(f"did not happen within {DEADLINE:g} s: {what}")
        time.sleep(0.01)


def reseat_run(model, *command, options=("--pass", "10.0.0.0/8")):
    """The command line that runs a command under reseat."""
    return [RESEAT, "run", f"--process-model={model}", *options, "--", *command]


def python(script, *arguments):
    """The command line that runs a Python script."""
    return [PYTHON, "-I", "-c", script, *arguments]


# A connect that is trapped, and that the policy passes: it fails because nobody listens.
CONNECT = """
import socket
def connect():
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", 1))
"""


# Tells of each signal it gets, of those named in its argument; a line ends it, with a list of all.
SIGNALS = """
import os, select, signal, sys
got = []
out, into = os.pipe()
os.set_blocking(into, False)
signal.set_wakeup_fd(into)
for number in map(int, sys.argv[1].split(",")):
    signal.signal(number, lambda number, frame: None)
os.write(1, b"ready\\n")
while True:
    ready = select.select([0, out], [], [])[0]
    if out in ready:
        for number in os.read(out, 100):
            got.append(number)
            os.write(1, b"got %d\\n" % number)
    elif 0 in ready and os.read(0, 100):
        break
print(",".join(map(str, got)), flush=True)
"""


def process_name(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().rstrip("\n")
    except OSError:
        return None


def process_state(pid):
    """The letter in /proc/PID/stat, or None where there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except OSError:
        return None


def process_ended(pid):
    return process_state(pid) in (None, "Z", "X")


def next_status(process, flag):
    """The next wait status of a child, with os.WUNTRACED or os.WCONTINUED."""
    return wait_until(lambda: os.waitpid(process.pid, flag | os.WNOHANG), "a child changes")[1]


class ProcessTest(unittest.TestCase):
    """A test whose processes carry a mark in their environment, by which they are found."""

    def setUp(self):
        self.fresh()

    def fresh(self):
        """A new mark and an empty folder, which any user may write."""
        self.mark = uuid.uuid4().hex
        self.folder = tempfile.mkdtemp(prefix="reseat-process-")
        os.chmod(self.folder, 0o777)
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def environment(self, **more):
        env = dict(os.environ)
        env.update({MARK: self.mark, "LC_ALL": "C", **more})
        return env

    def marked(self, name):
        """The living processes of this test that have a name (comm)."""
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or process_name(entry) != name:
                continue
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    mine = f"{MARK}={self.mark}".encode() in file.read().split(b"\0")
            except OSError:
                continue
            if mine and not process_ended(entry):
                found.append(int(entry))
        return found

    def helper(self, name):
        """The one guard or worker of the run that is going on."""
        return wait_until(lambda: self.marked(f"reseat-{name}"), f"a {name}")[0]

    def assert_helpers_end(self):
        wait_until(
            lambda: not self.marked("reseat-worker") and not self.marked("reseat-guard"),
            "guard and worker end",
        )

    def run_in(self, model, *command, options=("--pass", "10.0.0.0/8"), env=None, **how):
        """Run a command to its end under reseat; its result as of subprocess.run()."""
        how.setdefault("stdin", subprocess.DEVNULL)
        result = subprocess.run(
            reseat_run(model, *command, options=options),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE,
            env=env or self.environment(),
            **how,
        )
        self.assert_helpers_end()
        return result

    def start_in(self, model, *command, options=("--pass", "10.0.0.0/8"), **how):
        """Start a command under reseat with pipes as its standard files."""
        process = subprocess.Popen(
            reseat_run(model, *command, options=options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=self.environment(),
            **how,
        )

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            for file in (process.stdin, process.stdout, process.stderr):
                if file and not file.closed:
                    file.close()

        self.addCleanup(end)
        return process

    def line(self, process):
        """The next line of a started process's output, within the deadline."""
        ready, _, _ = select.select([process.stdout], [], [], DEADLINE)
        self.assertTrue(ready, "no output")
        return process.stdout.readline().rstrip("\n")

    def death_of(self, process):
        """Wait for a process that does not end by itself; (status, standard error)."""
        process.wait(timeout=DEADLINE)
        return self.end_of(process)

    def end_of(self, process):
        """Give a process no more input and wait for its end; (status, standard error)."""
        _, errors = process.communicate(timeout=DEADLINE)
        return process.returncode, errors


class ServedTest(ProcessTest):
    """A server on loopback, for both families, so that a peer that was changed would show; its port."""

    def setUp(self):
        super().setUp()
        self.listener = socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
        self.addCleanup(self.listener.close)
        self.port = str(self.listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                connection, peer = self.listener.accept()
            except OSError:
                return
            with connection:
                self.serve(connection, peer)

    def serve(self, connection, peer):
        """A connection; it is closed afterwards."""


def as_nobody():
    """For preexec_fn: an ordinary user."""
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)


def follows():
    """Whether the backend of this run lets the kernel do what the others repair."""
    return os.environ.get(backends.CHOSEN) == backends.PATCHED


def main(user=False):
    """For the scripts: their tests, with each watch backend. user: with those that an ordinary one may use."""
    if not os.access(RESEAT, os.X_OK):
        print(f"no {RESEAT}; set RESEAT to the program under test", file=sys.stderr)
        sys.exit(1)
    backends.for_each(lambda: unittest.main(verbosity=2), RESEAT, user)
