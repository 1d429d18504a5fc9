# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs in the company of others: traced by strace, debugged by gdb, in a sandbox of bubblewrap's, looked at by ss.

Each runs natively and with every socket swapped, and what it and its company print is compared.
"""
import os
import re
import shutil
import socket
import subprocess
import threading
import unittest

import support
from support import PYTHON, RESEAT

MAP = ("--map", "127.0.0.0/8=::ffff:0:0/96")
NETNS = ("--netns", "127.0.0.0/8=self")

# Registers, connects, waits, is answered, and tells all of it.
CLIENT = """
import select, socket, sys
with socket.socket() as s, select.epoll() as ep:
    s.setblocking(False)
    ep.register(s, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
    print(ep.poll(0))
    print(s.connect_ex(("127.0.0.1", int(sys.argv[1]))))
    print(ep.poll(5))
    print(s.getpeername()[0], s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    s.send(b"q")
    s.setblocking(True)
    print(s.recv(1))
    if len(sys.argv) > 2:
        print("ready", flush=True)
        sys.stdin.readline()
"""


class Server:
    """Answers each connection with a byte, and holds it."""

    def __init__(self, test):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = str(self.socket.getsockname()[1])
        self.accepted = []
        threading.Thread(target=self._serve, daemon=True).start()
        test.addCleanup(self.close)

    def _serve(self):
        try:
            while True:
                peer = self.socket.accept()[0]
                self.accepted.append(peer)
                if peer.recv(1):
                    peer.send(b"a")
        except OSError:
            pass

    def close(self):
        # close(2) does not end accept(2).
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for peer in self.accepted:
            peer.close()


def needs(program):
    def wrap(test):
        def run(self):
            if not shutil.which(program):
                text = f"{program} is missing: sudo tools/bootstrap test"
                self.fail(text) if os.environ.get("RESEAT_NO_SKIP") == "1" else self.skipTest(text)
            test(self)
        return run
    return wrap


class Company(support.ProcessTest):
    def setUp(self):
        super().setUp()
        self.server = Server(self)

    def client(self, *more):
        # A file, for gdb hands a command line on in its own way.
        path = self.path("client.py")
        with open(path, "w") as file:
            file.write(CLIENT)
        return [PYTHON, "-I", path, self.server.port, *more]

    def plain(self, text):
        """What is another in each run: ports, addresses, process ids, colours, the order of a set."""
        text = text.replace(self.server.port, "PORT")
        text = re.sub(r"0x[0-9a-f]+", "ADDRESS", text)
        text = re.sub(r"^\d+ +", "N ", text, flags=re.M)
        # Of which Python sets the lower half.
        text = re.sub(r"u64=\d+", "u64=N", text)
        return re.sub(r"\b(process|LWP|Inferior \d+ \(process) \d+", r"\1 N", text)

    def run_once(self, command, policy, log=None):
        """(output, what the company wrote to `log`) of a run; policy None natively."""
        trace = self.path("trace")
        prefix = [RESEAT, "run", *policy, "--trace=json", "--trace-output", trace, "--"] if policy else []
        connections = len(self.server.accepted)
        done = subprocess.run([*prefix, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=support.DEADLINE, env=self.environment())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(len(self.server.accepted), connections + 1)
        if policy:
            # The last line may be written after the command has ended.
            self.assert_helpers_end()
            with open(trace) as file:
                said = file.read()
            self.assertRegex(said, r'"how":"swap".*"verdict":"exact"')
            os.unlink(trace)
        text = ""
        if log:
            with open(log) as file:
                text = file.read()
            os.unlink(log)
        return self.plain(done.stdout), self.plain(text)

    def same(self, command, log=None):
        """The run is the same natively and under both policies. Its native result is returned."""
        native = self.run_once(command, None, log)
        for policy in (NETNS, MAP):
            with self.subTest(policy=policy[0]):
                self.assertEqual(self.run_once(command, policy, log), native)
        return native

    def test_alone(self):
        output, _ = self.same(self.client())
        self.assertEqual(output.splitlines()[-2:], ["127.0.0.1 0", "b'a'"])

    @needs("strace")
    def test_strace(self):
        log = self.path("log")
        calls = "connect,epoll_ctl,epoll_wait,getpeername,sendto,recvfrom"
        _, text = self.same(["strace", "-f", "-e", f"trace={calls}", "-e", "signal=all", "-o", log, *self.client()], log)
        self.assertRegex(text, r"connect\(3, \{sa_family=AF_INET, sin_port=htons\(PORT\), sin_addr=inet_addr\(\"127.0.0.1\"\)\}, 16\) "
                               r"= -1 EINPROGRESS")

    @needs("gdb")
    def test_gdb(self):
        # Stopped at the call and after it; then to the end.
        script = ["-ex", "set confirm off", "-ex", "set debuginfod enabled off", "-ex", "set startup-with-shell off",
                  "-ex", "catch syscall connect", "-ex", "run", "-ex", "continue", "-ex", "info proc", "-ex", "print $rax",
                  "-ex", "continue"]
        output, _ = self.same(["gdb", "--nx", "--batch", "--quiet", *script, "--args", *self.client()])
        self.assertIn("returned from syscall connect", output)

    @needs("bwrap")
    def test_bubblewrap(self):
        sandbox = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc",
                   "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent"]
        self.same([*sandbox, *self.client()])

    def test_unshare(self):
        self.same(["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", *self.client()])

    @needs("ss")
    def test_ss(self):
        """One connection, of the program's own, with its number and its name; the ends belong together."""
        for policy in (None, NETNS, MAP):
            with self.subTest(policy=policy):
                prefix = [RESEAT, "run", *policy, "--"] if policy else []
                process = subprocess.Popen([*prefix, *self.client("stay")], stdin=subprocess.PIPE, text=True,
                                           stdout=subprocess.PIPE, env=self.environment())
                while process.stdout.readline() not in ("ready\n", ""):
                    pass
                listed = subprocess.run(["ss", "-Htnp", "state", "established", "dst", f"127.0.0.1:{self.server.port}"],
                                        capture_output=True, text=True).stdout.splitlines()
                with process:
                    process.communicate("\n", timeout=support.DEADLINE)
                self.assertEqual(process.returncode, 0)
                self.assertEqual(len(listed), 1, listed)
                self.assertRegex(listed[0], r'users:\(\("python[0-9.]*",pid=\d+,fd=3\)\)')


if __name__ == "__main__":
    support.main()
