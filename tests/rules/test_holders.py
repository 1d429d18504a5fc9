#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Others who hold a socket when it connects: processes, messages in flight, io_uring.

With `shared: swap` a swap is made and the verdict says that something goes on with the old socket; with
`shared: pass` the connect is left alone, as far as /proc shows it. What holds nothing costs nothing:
the verdict is exact. RING names the program ring.c.
"""
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(HERE, ".."))
import backends  # noqa: E402
from slow import slowly  # noqa: E402

RESEAT = os.path.abspath(os.environ.get("RESEAT", os.path.join(HERE, "../../build/reseat")))
RING = os.environ.get("RING", os.path.join(HERE, "../../build/tests/rules/ring"))
DEADLINE = slowly(20)
MAP = ("--map", "127.0.0.0/8=::ffff:0:0/96")

# `prepare` runs first, with the unconnected socket s; hold() makes a child that has everything.
CLIENT = """
import array, os, socket, sys
s = socket.socket()
def hold():
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    os.close(read)
    return child
def in_flight():
    a, b = socket.socketpair()
    socket.send_fds(a, [b"x"], [s.fileno()])
    return a, b
kept = None
%s
s.connect(("127.0.0.1", int(sys.argv[1])))
print(s.recv(100).decode())
"""

# The numbers of processes begin again from below while there are relatives with late ones and with early ones.
AGAIN = CLIENT % """
greatest = int(open("/proc/sys/kernel/pid_max").read()) - 1
with open("/proc/sys/kernel/ns_last_pid", "w") as last:
    last.write(str(greatest - 4))
hold()
s.connect(("127.0.0.1", int(sys.argv[1])))
s.recv(100)
s.close()
children = [hold() for _ in range(8)]
assert min(children) < 1000 and max(children) > greatest - 4, children
s = socket.socket()
"""

# As many processes as /proc is not searched for.
CROWD = """
import os, sys
children = 0
for _ in range(20):
    if os.fork() == 0:
        os.read(0, 1)
        os._exit(0)
    children += 1
print(children, flush=True)
os.read(0, 1)
"""

# The socket is watched by an instance that is handed over and closed.
OUTSIDE = """
import select, socket, sys
s = socket.socket()
e = select.epoll()
e.register(s, select.EPOLLIN | select.EPOLLOUT)
u = socket.socket(socket.AF_UNIX)
u.connect(sys.argv[2])
socket.send_fds(u, [b"x"], [e.fileno()])
u.recv(1)
e.close()
s.connect(("127.0.0.1", int(sys.argv[1])))
assert s.recv(100, socket.MSG_PEEK | socket.MSG_WAITALL)
u.sendall(b"x")
u.recv(1)
print(s.recv(100).decode())
"""


class Holders(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="reseat-holders-")
        os.chmod(self.folder, 0o777)
        self.addCleanup(shutil.rmtree, self.folder)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.port = str(self.listener.getsockname()[1])
        threading.Thread(target=self.serve, daemon=True).start()
        self.runs = 0

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(b"served")

    def reseat(self, options, *command, lines=1, env=None, prefix=(), all_of_them=False):
        """A run's output, and the first record of its trace (None where none is expected), or all of them."""
        self.runs += 1
        trace = os.path.join(self.folder, f"trace{self.runs}")
        done = subprocess.run(
            [*prefix, RESEAT, "run", *MAP, *options, "--trace=json", "--trace-output", trace, "--", *command],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE, text=True,
            env={**os.environ, **(env or {})})
        self.assertEqual((done.stderr, done.returncode), ("", 0))
        end = time.monotonic() + DEADLINE
        records = []
        while len(records) < lines and time.monotonic() < end:
            with open(trace) as file:
                records = [json.loads(line) for line in file if line.endswith("\n")]
            time.sleep(0.01)
        self.assertGreaterEqual(len(records), lines)
        return done.stdout.strip(), records if all_of_them else records[0] if records else None

    def client(self, prepare, *options):
        out, record = self.reseat(options, sys.executable, "-I", "-c", CLIENT % prepare, self.port)
        self.assertEqual(out, "served")
        return record

    def test_swap(self):
        for prepare in ("hold()", "kept = in_flight()"):
            record = self.client(prepare)
            self.assertEqual((record["how"], record["verdict"]), ("swap", "approximate"), prepare)
            self.assertIn("something else holds the old socket", record["why"])

    def test_exact(self):
        for prepare in ("", "kept = os.dup(s.fileno())", "in_flight()", "hold()\ns = socket.socket()",
                        "if os.fork() == 0: os._exit(0)\nos.wait()"):
            for option in ((), ("--shared=pass",)):
                record = self.client(prepare, *option)
                self.assertEqual((record["how"], record["verdict"], record["why"]),
                                 ("swap", "exact", ""), (prepare, option))

    def test_pass(self):
        record = self.client("hold()", "--shared=pass")
        self.assertEqual((record["how"], record["verdict"], record["why"]),
                         ("pass", "exact", "another process has the socket as well"))

    def test_pass_in_the_child(self):
        record = self.client("if os.fork(): os.wait(); os._exit(0)", "--shared=pass")
        self.assertEqual((record["how"], record["why"]),
                         ("pass", "another process has the socket as well"))

    def test_pass_does_not_see_messages(self):
        record = self.client("kept = in_flight()", "--shared=pass")
        self.assertEqual((record["how"], record["verdict"]), ("swap", "approximate"))


class Relatives(Holders):
    """Processes that may have an epoll instance which the one that connects has not."""

    test_swap = test_exact = test_pass = None
    test_pass_in_the_child = test_pass_does_not_see_messages = None

    def test_few(self):
        record = self.client("s.close()\nfor _ in range(5): hold()\ns = socket.socket()")
        self.assertEqual((record["how"], record["verdict"], record["why"]), ("swap", "exact", ""))

    def test_many(self):
        """More than /proc is searched for."""
        record = self.client("s.close()\nfor _ in range(20): hold()\ns = socket.socket()")
        self.assertEqual(record["how"], "swap")
        if record["watch"] == "procfs":
            self.assertEqual((record["verdict"], record["why"]),
                             ("approximate", "processes that may watch the socket were not all looked at"))
        else:
            self.assertEqual((record["verdict"], record["why"]), ("exact", ""))

    def test_of_another(self):
        """As many, of another reseat's program, whose parent is none of ours."""
        begun, there = (os.path.join(self.folder, name) for name in ("begun", "there"))
        os.mkfifo(begun)
        os.mkfifo(there)

        def start():
            with open(begun) as file:
                file.read()
            crowd = subprocess.Popen(["sh", "-c", '"$@"; true', "sh", RESEAT, "run", "--pass", "10.0.0.0/8", "--", sys.executable, "-I",
                                      "-c", CROWD], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.addCleanup(crowd.stdout.close)
            self.addCleanup(crowd.wait)
            self.addCleanup(crowd.stdin.close)
            said.append(crowd.stdout.readline())
            with open(there, "w"):
                pass

        said = []
        thread = threading.Thread(target=start)
        thread.start()
        record = self.client(f"open({begun!r}, 'w').close()\nopen({there!r}).read()")
        thread.join()
        self.assertEqual(said, [b"20\n"])
        self.assertEqual((record["how"], record["verdict"], record["why"]), ("swap", "exact", ""))

    def test_beginning_again(self):
        """Processes whose numbers are smaller than those of processes that were there before."""
        if os.getuid() != 0 or not os.path.exists("/proc/sys/kernel/ns_last_pid"):
            self.skipTest("root, and CONFIG_CHECKPOINT_RESTORE")
        out, records = self.reseat((), sys.executable, "-I", "-c", AGAIN, self.port, lines=2,
                                   prefix=("unshare", "--pid", "--fork", "--mount-proc"), all_of_them=True)
        self.assertEqual(out, "served")
        self.assertEqual([(record["how"], record["why"]) for record in records],
                         [("swap", records[0]["why"]), ("swap", "")])

    def test_outside(self):
        """An instance that only a process has which is not under reseat: us."""
        path = os.path.join(self.folder, "instances")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(path)
            listener.listen()
            seen = []
            thread = threading.Thread(target=lambda: seen.append(self.watch(listener)))
            thread.start()
            out, record = self.reseat((), sys.executable, "-I", "-c", OUTSIDE, self.port, path)
            thread.join()
        self.assertEqual((out, record["how"]), ("served", "swap"))
        follows = seen == [[select.EPOLLIN | select.EPOLLOUT]]
        # The kernel tells that there is one, which is searched for, and may not be found.
        if record["watch"] == backends.PATCHED:
            self.assertEqual(record["verdict"], "exact" if follows else "approximate", record["why"])
            return
        self.assertEqual(record["verdict"], "exact")
        self.assertEqual(follows, record["watch"] != "procfs")
        self.assertTrue(follows or seen == [[]], seen)

    def watch(self, listener):
        """What the instance tells that a client sends us, when its socket is connected."""
        connection, _ = listener.accept()
        with connection:
            _, (fd,), _, _ = socket.recv_fds(connection, 1, 1)
            connection.sendall(b"x")
            connection.recv(1)
            with select.epoll.fromfd(fd) as epoll:
                events = [mask for _, mask in epoll.poll(0)]
            connection.sendall(b"x")
        return events


class Ring(Holders):
    """io_uring: denied, or allowed."""

    test_swap = test_exact = test_pass = None
    test_pass_in_the_child = test_pass_does_not_see_messages = None

    def setUp(self):
        if subprocess.run([RING, "abi"], capture_output=True, text=True).stdout.startswith("native ENOSYS"):
            raise unittest.SkipTest("this kernel has no io_uring")
        super().setUp()
        done = subprocess.run([RING, "none", self.port], capture_output=True, text=True)
        self.native = done.stdout.strip()
        if not self.native.startswith("0,"):
            raise unittest.SkipTest(f"io_uring natively: {self.native}")

    def abis(self, *options):
        return dict(line.split() for line in
                    self.reseat(options, RING, "abi", lines=0)[0].splitlines())

    def test_denied(self):
        self.assertEqual(set(self.abis().values()), {"ENOSYS"})
        for what in ("none", "connect"):
            out, record = self.reseat((), RING, what, self.port)
            self.assertEqual(out, "ENOSYS, read: served")
            self.assertEqual((record["how"], record["verdict"]), ("swap", "exact"))

    def test_allowed(self):
        native = dict(line.split() for line in
                      subprocess.run([RING, "abi"], capture_output=True, text=True).stdout.splitlines())
        self.assertEqual(self.abis("--io-uring=allow"), native)

    def test_exact_beside_a_ring(self):
        for what in ("none", "unregistered"):
            out, record = self.reseat(("--io-uring=allow",), RING, what, self.port)
            self.assertEqual(out, self.native)
            self.assertEqual((record["how"], record["verdict"], record["why"]), ("swap", "exact", ""),
                             what)

    def test_ring_holds(self):
        for what in ("registered", "closed", "polled"):
            out, record = self.reseat(("--io-uring=allow",), RING, what, self.port)
            self.assertEqual(out, self.native)
            self.assertEqual((record["how"], record["verdict"], record["why"]),
                             ("swap", "approximate",
                              "an io_uring of the process may hold the old socket"), what)

    def test_connect_by_ring_is_not_seen(self):
        out, record = self.reseat(("--io-uring=allow",), RING, "connect", self.port, lines=0)
        self.assertEqual(out, self.native)
        self.assertIsNone(record)

    @unittest.skipUnless(shutil.which("node"), "node is not installed")
    def test_libuv(self):
        """libuv uses io_uring where it is told to and can."""
        script = """require("net").connect(+process.argv[1], "127.0.0.1").on("data", d =>
            require("fs").readFile("/proc/self/comm", () => console.log(String(d))))"""
        for options in ((), ("--io-uring=allow",)):
            out, record = self.reseat(options, "node", "-e", script, self.port,
                                      env={"UV_USE_IO_URING": "1"})
            self.assertEqual(out, "served")
            self.assertEqual((record["how"], record["verdict"], record["why"]), ("swap", "exact", ""))


if __name__ == "__main__":
    backends.for_each(lambda: unittest.main(verbosity=2), RESEAT)
