#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets that go from a program under one reseat to one under another; network.py draws where.

Both keep what the sockets stand for under one name, in a bpffs of the test's own mount namespace. The one that
receives has another policy, in which nothing tells what was asked for.
"""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import network  # noqa: E402
from network import DEADLINE, RESEAT  # noqa: E402

CLONE_NEWNS = 0x20000
MS_REC_PRIVATE = 0x4000 | 0x40000

# Connects to each argument but the first, and sends the sockets to the unix socket that it names.
SENDER = """
import socket, sys
kind, *destinations = sys.argv[2:]
sockets = []
for destination in destinations:
    host, port = destination.rsplit(":", 1)
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, int(kind))
    s.connect((host, int(port)))
    sockets.append(s)
with socket.socket(socket.AF_UNIX) as to:
    to.connect(sys.argv[1])
    socket.send_fds(to, [b"x"], [s.fileno() for s in sockets])
"""

# Listens at the first argument, and tells of the sockets that come when standard input ends.
RECEIVER = """
import json, socket, sys
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(sys.argv[1])
    listener.listen()
    print("ready", flush=True)
    connection, _ = listener.accept()
    _, fds, _, _ = socket.recv_fds(connection, 1, 16)
print("came", flush=True)
sys.stdin.read()
told = []
for fd in fds:
    s = socket.socket(fileno=fd)
    seen = [s.getpeername()[:2], s.getsockname()[0], s.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN)]
    if s.type == socket.SOCK_DGRAM:
        s.send(b"?")
        s.settimeout(20)
        seen.append(s.recvfrom(100)[1][:2])
    told.append(seen)
print(json.dumps(told))
"""

# By tests/rules/network.py: 2001:db8::10 is here.
MANY = ["--to", "192.0.2.0/24=[2001:db8::10]:8080", "--to", "10.0.0.0/8=127.0.0.1:8082",
        "--map", "198.51.100.0/24=64:ff9b::/96", "--local", "192.0.2.9"]
NOTHING = ["--pass", "203.0.113.1"]


def mount_bpffs():
    if network.libc.unshare(CLONE_NEWNS) < 0 or \
            network.libc.mount(None, b"/", None, MS_REC_PRIVATE, None) < 0:
        raise OSError(network.ctypes.get_errno(), "a mount namespace")
    path = tempfile.mkdtemp(prefix="reseat-bpffs-")
    if network.libc.mount(b"bpf", path.encode(), b"bpf", 0, None) < 0:
        raise OSError(network.ctypes.get_errno(), "a bpffs")
    return path


def setUpModule():
    global bpffs
    if os.geteuid() == 0:
        bpffs = mount_bpffs()
        unittest.addModuleCleanup(os.rmdir, bpffs)
        unittest.addModuleCleanup(subprocess.run, ["umount", bpffs], check=True)
    network.set_up()
    network.listen(socket.AF_INET, 8082)
    network.receive(socket.AF_INET, 8082)


class Origins(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="reseat-origins-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.socket = os.path.join(self.folder, "socket")
        self.map = os.path.join(bpffs, "origins")
        self.addCleanup(lambda: os.path.exists(self.map) and os.unlink(self.map))

    def reseat(self, options, program, *arguments):
        process = subprocess.Popen(
            [RESEAT, "run", *options, "--", sys.executable, "-I", "-c", program, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.kill)
        return process

    def hand_over(self, sender, receiver, kind, *destinations):
        """What a receiver tells of the sockets of a sender that has ended."""
        receiving = self.reseat(receiver, RECEIVER, self.socket)
        self.assertEqual(receiving.stdout.readline(), "ready\n")
        sending = self.reseat(sender, SENDER, self.socket, str(int(kind)), *destinations)
        self.assertEqual(sending.communicate(timeout=DEADLINE), ("", ""))
        self.assertEqual(receiving.stdout.readline(), "came\n")
        out, errors = receiving.communicate("", timeout=DEADLINE)
        self.assertEqual(errors, "")
        return json.loads(out)

    def test_stream(self):
        told = self.hand_over([*MANY, "--origins", self.map], [*NOTHING, "--origins", self.map],
                              socket.SOCK_STREAM, "192.0.2.10:5432", "192.0.2.11:5433", "198.51.100.10:80",
                              "::ffff:192.0.2.12:5434", "10.1.2.3:80")
        self.assertEqual(told, [
            [["192.0.2.10", 5432], "192.0.2.9", 2], [["192.0.2.11", 5433], "192.0.2.9", 2],
            [["198.51.100.10", 80], "192.0.2.9", 2],
            [["::ffff:192.0.2.12", 5434], "::ffff:192.0.2.9", 10],
            [["10.1.2.3", 80], "127.0.0.1", 2]])

    def test_datagram(self):
        told = self.hand_over([*MANY, "--origins", self.map], [*NOTHING, "--origins", self.map],
                              socket.SOCK_DGRAM, "192.0.2.10:53", "192.0.2.11:54", "10.1.2.3:55")
        self.assertEqual(told, [
            [["192.0.2.10", 53], "192.0.2.9", 2, ["192.0.2.10", 53]],
            [["192.0.2.11", 54], "192.0.2.9", 2, ["192.0.2.11", 54]],
            [["10.1.2.3", 55], "127.0.0.1", 2, ["10.1.2.3", 55]]])

    def test_same_policy(self):
        told = self.hand_over([*MANY, "--origins", self.map], [*MANY, "--origins", self.map],
                              socket.SOCK_STREAM, "192.0.2.10:5432", "198.51.100.10:80")
        self.assertEqual([line[0] for line in told], [["192.0.2.10", 5432], ["198.51.100.10", 80]])

    def test_not_shared(self):
        """Without the map in common the socket is what it is, and what asks is told so."""
        told = self.hand_over([*MANY, "--origins", self.map], NOTHING, socket.SOCK_STREAM, "192.0.2.10:5432")
        self.assertEqual(told, [[["2001:db8::10", 8080], "::1", 10]])

    def test_a_map_of_others(self):
        path = os.path.join(self.folder, "file")
        open(path, "w").close()
        for name, word in ((path, "no path in a bpffs"), (path + "s", "no path in a bpffs"), (os.path.join(bpffs, "no/where"), "cannot be made there")):
            done = subprocess.run([RESEAT, "run", *NOTHING, "--origins", name, "--", "true"],
                                  stderr=subprocess.PIPE, timeout=DEADLINE, text=True)
            self.assertEqual(done.returncode, 125)
            self.assertIn(name, done.stderr)
            self.assertIn(word, done.stderr)

    def test_relative(self):
        """From the folder that reseat is started in, as any path."""
        done = subprocess.run([RESEAT, "run", *NOTHING, "--origins", "origins", "--", "true"], cwd=bpffs,
                              stderr=subprocess.PIPE, timeout=DEADLINE, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue(os.path.exists(self.map))


if __name__ == "__main__":
    unittest.main(verbosity=2)
