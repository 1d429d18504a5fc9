# SPDX-License-Identifier: GPL-2.0-or-later
"""`reseat observe`: nothing is changed, and the report says what would have been."""
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import unittest

import support
from support import RESEAT, each_model, python, wait_until

MAP = ("--map", "127.0.0.0/8=::ffff:0:0/96")

# Connects a socket that was made ready, and tells what it is before and after.
CLIENT = """
import json, os, select, socket, sys
def look():
    return [os.fstat(s.fileno()).st_ino, s.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN)]
s = socket.socket()
%s
before = look()
s.connect(("127.0.0.1", int(sys.argv[1])))
after = look()
print(json.dumps({"same": before == after, "domain": after[1], "peer": s.getpeername()[0],
                  "local": s.getsockname()[0], "read": s.recv(100).decode()}))
"""

NATIVE = {"same": True, "domain": socket.AF_INET, "peer": "127.0.0.1", "local": "127.0.0.1",
          "read": "served 127.0.0.1"}

# A one-shot item that has fired.
FIRED = """
e = select.epoll()
e.register(s, select.EPOLLIN | select.EPOLLONESHOT)
e.poll(1)
"""

CHILD = """
read, write = os.pipe()
if os.fork() == 0:
    os.close(write)
    os.read(read, 1)
    os._exit(0)
os.close(read)
"""

# Leaves a daemon behind that connects when it is told to, by a FIFO.
DAEMON = """
import os, socket, sys
def connect():
    with socket.socket() as s:
        s.connect(("127.0.0.1", int(sys.argv[1])))
connect()
if os.fork() == 0:
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    with open(sys.argv[2]):
        connect()
"""


class Observe(support.ServedTest):
    def serve(self, connection, peer):
        try:
            connection.sendall(b"served " + peer[0].replace("::ffff:", "").encode())
            connection.shutdown(socket.SHUT_WR)
            # Closed with a request unread it would be reset.
            while connection.recv(1000):
                pass
        except OSError:
            pass

    def command(self, model, *command, options=MAP):
        chosen = [f"--process-model={model}"] if model else []
        return [RESEAT, "observe", *chosen, *options, "--", *command]

    def observe(self, model, *command, options=MAP, status=0):
        """Standard output and standard error, less the report; the report."""
        path = self.path("report")
        done = subprocess.run(
            self.command(model, *command,
                         options=(*options, "--report=json", "--report-output", path)),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=support.DEADLINE, env=self.environment())
        self.assertEqual(done.returncode, status, done.stderr)
        if model == "in-place":
            self.assert_helpers_end()
        with open(path) as file:
            return done.stdout, done.stderr, json.load(file)

    def client(self, model, prepare="", options=MAP):
        out, errors, report = self.observe(model, *python(CLIENT % prepare, self.port),
                                           options=options)
        self.assertEqual((json.loads(out), errors), (NATIVE, ""))
        return report

    def line(self, report):
        self.assertEqual(len(report["lines"]), 1, report)
        return report["lines"][0]

    @each_model
    def test_nothing_changes(self, model):
        report = self.client(model)
        line = self.line(report)
        self.assertEqual((report["connects"], report["processes_left"], report["others"]), (1, 0, 0))
        self.assertEqual(
            (line["how"], line["verdict"], line["why"], line["connects"], line["dest"], line["made"]),
            ("swap", "exact", "", 1, f"127.0.0.1:{self.port}", f"[::ffff:127.0.0.1]:{self.port}"))
        self.assertTrue(line["program"].startswith("python"))
        self.assertTrue(line["rule"].startswith("map 127.0.0.0/8="))
        self.assertTrue(0 < line["usec_median"] <= line["usec_max"], line)

    def test_it_would_have(self):
        """The same run, not only observed: what the report says is so."""
        done = self.run_in("front", *python(CLIENT % "", self.port), options=MAP)
        told = json.loads(done.stdout)
        self.assertFalse(told["same"])

    def test_what_follows(self):
        line = self.line(self.client(None, "a, b = s.dup(), s.dup()\ne = select.epoll()\n"
                                           "e.register(s)\ne.register(a)"))
        self.assertEqual((line["items"], line["duplicates"], line["verdict"]), (2, 2, "exact"))

    def test_one_shot(self):
        line = self.line(self.client(None, FIRED))
        if support.follows():
            self.assertEqual((line["how"], line["verdict"], line["items"], line["why"]), ("swap", "exact", 1, ""))
            return
        self.assertEqual((line["how"], line["verdict"], line["items"]), ("swap", "approximate", 1))
        self.assertIn("one-shot", line["why"])

    def test_shared(self):
        line = self.line(self.client(None, CHILD))
        self.assertEqual((line["how"], line["verdict"], line["why"]),
                         ("swap", "approximate", "another process has the socket as well"))
        line = self.line(self.client(None, CHILD, options=(*MAP, "--shared=pass")))
        self.assertEqual((line["how"], line["verdict"]), ("pass", "exact"))

    def test_reject(self):
        line = self.line(self.client(None, options=("--reject", "127.0.0.0/8=EHOSTUNREACH")))
        self.assertEqual((line["how"], line["errno"], line["made"]), ("reject", "EHOSTUNREACH", ""))

    def test_no_way(self):
        """From the loopback device nothing leads to 2001:db8::/96, so nothing is sent there either."""
        prepare = "s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'lo')"
        rule = ("--map", "127.0.0.0/8=2001:db8::/96")
        done = self.run_in("front", *python(CLIENT % prepare, self.port), options=rule)
        self.assertIn("Network is unreachable", done.stderr)
        line = self.line(self.client(None, prepare, options=rule))
        self.assertEqual((line["how"], line["errno"], line["made"]),
                         ("failed", "ENETUNREACH", f"[2001:db8::7f00:1]:{self.port}"))

    def test_datagrams(self):
        script = """
import os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
before = os.fstat(s.fileno()).st_ino
s.connect(("127.0.0.1", int(sys.argv[1])))
print(os.fstat(s.fileno()).st_ino == before, s.getpeername()[0])
"""
        out, errors, report = self.observe(None, *python(script, self.port))
        self.assertEqual((out, errors), ("True 127.0.0.1\n", ""))
        line = self.line(report)
        self.assertEqual((line["how"], line["verdict"], line["made"]),
                         ("swap", "exact", f"[::ffff:127.0.0.1]:{self.port}"))

    def test_fast_open(self):
        script = """
import os, socket, sys
s = socket.socket()
s.sendto(b"x", 0x20000000, ("127.0.0.1", int(sys.argv[1])))
print(s.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN) == socket.AF_INET, s.getpeername()[0],
      s.recv(100).decode())
"""
        out, errors, report = self.observe(None, *python(script, self.port))
        self.assertEqual((out, errors), ("True 127.0.0.1 served 127.0.0.1\n", ""))
        self.assertEqual(self.line(report)["how"], "swap")

    def test_in_place(self):
        line = self.line(self.client(None, options=("--to", f"127.0.0.1:{self.port}=127.0.0.9:1")))
        self.assertEqual((line["how"], line["made"]), ("in-place", "127.0.0.9:1"))

    def test_bound(self):
        """A bound port stays the program's; nothing of it is shared with a second socket."""
        prepare = ("s.bind(('127.0.0.1', 0))\nassert not "
                   "s.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)")
        script = CLIENT % prepare + "\nassert not s.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)"
        out, errors, report = self.observe(None, *python(script, self.port))
        self.assertEqual((json.loads(out), errors), (NATIVE, ""))
        self.assertEqual(self.line(report)["how"], "swap")

    def test_asked_again(self):
        """A connect(2) that asks for the result is no connect of its own."""
        script = """
import select, socket, sys
s = socket.socket()
s.setblocking(False)
s.connect_ex(("127.0.0.1", int(sys.argv[1])))
select.select([], [s], [])
s.connect_ex(("127.0.0.1", int(sys.argv[1])))
"""
        self.assertEqual(self.observe(None, *python(script, self.port))[2]["connects"], 1)

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_curl(self):
        _, errors, report = self.observe(None, "curl", "-s", "--http0.9", f"http://127.0.0.1:{self.port}/")
        line = self.line(report)
        self.assertEqual((line["program"], line["how"], errors), ("curl", "swap", ""))

    @each_model
    def test_text(self, model):
        done = subprocess.run(self.command(model, *python(CLIENT % "", self.port)),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=support.DEADLINE,
                              env=self.environment())
        first, titles, line = done.stderr.splitlines()
        self.assertRegex(first, "^reseat: .*: 1 connect to IPv4 destinations; nothing was changed$")
        self.assertIn("would be", titles)
        self.assertRegex(line, f" swap +map .* 127.0.0.1:{self.port} to .* exact$")

    @each_model
    def test_trace(self, model):
        """The trace is whole before the report begins."""
        script = """
import socket, sys
for _ in range(50):
    with socket.socket() as s:
        s.connect(("127.0.0.1", int(sys.argv[1])))
"""
        done = subprocess.run(
            self.command(model, *python(script, self.port), options=(*MAP, "--trace=json", "--report=json")),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            timeout=support.DEADLINE, env=self.environment())
        *trace, report = [json.loads(line) for line in done.stderr.splitlines()]
        self.assertEqual(len(trace), 50)
        self.assertEqual({(r["how"], r["errno"], r["observed"]) for r in trace}, {("swap", "native", True)})
        self.assertEqual(report["connects"], 50)

    @each_model
    def test_no_room(self, model):
        """A report that comes nowhere is told of; the status is COMMAND's."""
        done = subprocess.run(
            self.command(model, "sh", "-c", "exit 42", options=(*MAP, "--report-output", "/dev/full")),
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=support.DEADLINE,
            env=self.environment())
        self.assertEqual((done.returncode, done.stderr),
                         (42, "reseat: cannot write the report: No space left on device\n"))

    def test_killed(self):
        for number in (signal.SIGKILL, signal.SIGTERM):
            script = CLIENT % "" + f"\nsys.stdout.flush(); os.kill(os.getpid(), {int(number)})"
            _, _, report = self.observe(None, *python(script, self.port), status=-number)
            self.assertEqual(report["connects"], 1)

    def test_front_killed(self):
        path = self.path("report")
        script = CLIENT % "" + "\nsys.stdout.flush(); sys.stdin.read()"
        process = subprocess.Popen(
            self.command("front", *python(script, self.port),
                         options=(*MAP, "--report=json", "--report-output", path)),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self.environment())
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.stdout.close)
        process.stdout.readline()
        process.kill()
        process.wait()
        self.assert_helpers_end()
        with open(path) as file:
            self.assertEqual(json.load(file)["connects"], 1)

    @each_model
    def test_left(self, model):
        """What is left behind is told of, and a file has what came of it in the end."""
        fifo = self.path("fifo")
        os.mkfifo(fifo)
        path = self.path("report")
        done = subprocess.run(
            self.command(model, *python(DAEMON, self.port, fifo),
                         options=(*MAP, "--report=json", "--report-output", path)),
            timeout=support.DEADLINE, env=self.environment())
        self.assertEqual(done.returncode, 0)

        def report():
            with open(path) as file:
                text = file.read()
            return json.loads(text) if text.endswith("\n") else None

        first = wait_until(report, "a report")
        self.assertEqual((first["connects"], first["processes_left"]), (1, 1 if model == "front" else None))
        with open(fifo, "w"):
            pass
        self.assert_helpers_end()
        last = report()
        self.assertEqual((last["connects"], last["processes_left"]), (2, 0))

    def test_read_meanwhile(self):
        """Who reads while the last report takes the place of the first has one of them."""
        for _ in range(8):
            fifo = self.path("fifo")
            os.mkfifo(fifo)
            path = self.path("report")
            done = subprocess.run(
                self.command("front", *python(DAEMON, self.port, fifo),
                             options=(*MAP, "--report=json", "--report-output", path)),
                timeout=support.DEADLINE, env=self.environment())
            self.assertEqual(done.returncode, 0)
            with open(fifo, "w"):
                pass
            end = time.monotonic() + support.DEADLINE
            last = None
            while not last or last["connects"] < 2:
                self.assertLess(time.monotonic(), end, "no last report")
                with open(path) as file:
                    last = json.load(file)
            self.assert_helpers_end()
            os.unlink(fifo)
            os.unlink(path)

    def test_usage(self):
        for command, *arguments in (["run", "--report=json"], ["run", "--report-output", self.path("x")],
                                    ["observe", "--report=xml"], ["observe"],
                                    ["observe", "--report-output", self.path("no/such/folder")]):
            done = subprocess.run([RESEAT, command, *MAP, *arguments, "--",
                                   *(["true"] if arguments else [])],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  timeout=support.DEADLINE, env=self.environment())
            self.assertEqual(done.returncode, 125)
            self.assertRegex(done.stderr, "^reseat: ")

    def test_status(self):
        self.observe(None, "sh", "-c", "exit 42", status=42)
        done = subprocess.run(self.command(None, "no-such-command-here"), stderr=subprocess.PIPE,
                              timeout=support.DEADLINE, env=self.environment())
        self.assertEqual(done.returncode, 127)


if __name__ == "__main__":
    support.main()
