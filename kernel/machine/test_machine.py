#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""That the machine tells the truth: each way in which a job can fail has to be seen, and nothing is left behind.

    kernel/machine/test_machine.py [--junit FILE] [KERNEL [TEST...]]
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
import machine  # noqa: E402

sys.path.append(str(machine.TOP / "tools"))
import results  # noqa: E402

RUN = machine.HERE / "run"
KERNEL = "6.12"
DEADLINE = 240
# No kernel of Debian's has a module that warns as a test. But pktgen makes a file for each interface beside one of its own,
# and proc_register() warns of a name that is there already.
WARN = """ip link add pgctrl type dummy && ip link set pgctrl up && $(cat /proc/sys/kernel/modprobe) pktgen &&
    echo add_device pgctrl >/proc/net/pktgen/kpktgend_0"""


def run(*words, options=()):
    """(exit status, output, errors) of a command in the machine."""
    done = subprocess.run([RUN, "--limit", str(DEADLINE), *options, KERNEL, "--", *words], capture_output=True,
                          text=True, cwd="/")
    return done.returncode, done.stdout, done.stderr


def machines_of(folder):
    """The QEMU processes that have a path below a folder on their command line."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if words[0].startswith("qemu") and any(folder in word for word in words):
            found.append(int(path.parent.name))
    return found


class Machine(unittest.TestCase):
    def test_status_and_output_come_through(self):
        self.assertEqual(run("sh", "-c", "echo here; exit 7"), (7, "here\n", ""))

    def test_what_it_is(self):
        """An ordinary user, a root that cannot be written, and descriptors up to a million."""
        out = run("sh", "-c", "id -u; ulimit -Hn; touch /etc/x || echo read-only; touch /tmp/x && echo writable",
                  options=["--user"])[1]
        self.assertEqual(out.splitlines()[:2], ["65534", "1000000"])
        self.assertEqual([line for line in out.splitlines() if ":" not in line][2:], ["read-only", "writable"])

    def assert_failed(self, done, why):
        status, _, errors = done
        self.assertEqual(status, 125, errors)
        self.assertIn(why, errors)

    def test_panic(self):
        self.assert_failed(run("sh", "-c", "echo c >/proc/sysrq-trigger"), "the kernel complained")

    def warn(self, first):
        """(as run(), what the kernel said) of a job that a kernel warns of, and that is content itself."""
        with tempfile.TemporaryDirectory(prefix="test-machine-") as folder:
            log = pathlib.Path(folder, "log")
            return run("sh", "-c", f"{first}; {WARN}; echo went on", options=["--log", log]), log.read_text()

    def test_warning_is_a_panic(self):
        done, log = self.warn("true")
        self.assert_failed(done, "WARNING: ")
        self.assertIn("panic_on_warn set", log)
        self.assertNotIn("went on", done[1])

    def test_warning_is_a_failure(self):
        """Also where the kernel goes on after it."""
        done, log = self.warn("echo 0 >/proc/sys/kernel/panic_on_warn")
        self.assert_failed(done, "WARNING: ")
        self.assertNotIn("panic_on_warn set", log)
        self.assertIn("went on", done[1])

    def test_complaint_in_the_log(self):
        """Where a kernel goes on after it, as lockdep does."""
        done = run("sh", "-c", "echo '<3>BUG: as a test' >/dev/kmsg; exit 0")
        self.assert_failed(done, "BUG: as a test")

    def test_end_without_result(self):
        self.assert_failed(run("busybox", "reboot", "-f"), "without a result")

    def test_hang(self):
        self.assert_failed(run("sleep", "1000", options=["--limit", "40"]), "not done after 40 s")

    def ended_by(self, number):
        """Start a machine, end whoever started it when the guest runs: nothing goes on."""
        with tempfile.TemporaryDirectory(prefix="test-machine-") as folder:
            process = subprocess.Popen([RUN, "--limit", str(DEADLINE), KERNEL, "--", "sh", "-c", "echo up; sleep 1000"],
                                       stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": folder}, cwd="/")
            with process.stdout:
                self.assertEqual(process.stdout.readline(), b"up\n")
                running = machines_of(folder)
                process.send_signal(number)
                status = process.wait(DEADLINE)
            end = time.monotonic() + DEADLINE
            while machines_of(folder):
                self.assertLess(time.monotonic(), end, "QEMU runs on")
                time.sleep(0.01)
            return status, len(running), os.listdir(folder)

    def test_interrupt(self):
        self.assertEqual(self.ended_by(signal.SIGINT), (130, 1, []))

    def test_termination(self):
        self.assertEqual(self.ended_by(signal.SIGTERM), (143, 1, []))

    def test_kill(self):
        """Nobody can remove the folder; but QEMU ends."""
        self.assertEqual(self.ended_by(signal.SIGKILL)[:2], (-9, 1))


class Result(unittest.TextTestResult):
    """Keeps what passed as well."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.cases = []

    def stopTest(self, test):
        bad = [name for name, _ in self.failures + self.errors]
        self.cases.append(results.Case(test.id().split(".")[-1], "failed" if test in bad else "passed"))
        super().stopTest(test)


def main():
    global KERNEL
    words = sys.argv[1:]
    junit = None
    if words[:1] == ["--junit"]:
        junit, words = words[1], words[2:]
    KERNEL = words[0] if words else KERNEL
    names = words[1:] or unittest.defaultTestLoader.getTestCaseNames(Machine)
    suite = unittest.TestSuite(map(Machine, names))
    result = unittest.TextTestRunner(verbosity=2, resultclass=Result).run(suite)
    if junit:
        results.write_junit(junit, "machine", result.cases)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
