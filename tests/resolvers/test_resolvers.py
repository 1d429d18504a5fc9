#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Names are resolved on a host that has only IPv6, by resolvers that know of an IPv4 server alone.

    here   lo  64:ff9b::198.51.100.0/120, local as a whole: dnsmasq answers at 64:ff9b::198.51.100.53

/etc/resolv.conf, in a mount namespace of the test's own, names 198.51.100.53. Each resolver has its own
way with sockets, as strace(1) shows them:

    glibc    connect, sendmmsg of A and AAAA together, recvfrom with an address
    c-ares   connect, send, recvfrom with an address, of which it makes sure
    musl     no connect: bind, sendto, recvfrom with an address, of which it makes sure
    dig      connect, sendmsg, recvmmsg
"""
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../rules"))
import network  # noqa: E402

SERVER = "198.51.100.53"
MAPPED = "64:ff9b::c633:6435"
CONNECTS = ["--map", "198.51.100.0/24=64:ff9b::/96"]
SENDS = [*CONNECTS, "--udp-send=swap"]
CLONE_NEWNS = 0x00020000
MS_REC_PRIVATE = 0x4000 | 0x40000
MS_BIND = 0x1000


def mount(source, target, flags):
    if network.libc.mount(source.encode(), target.encode(), None, flags, None) < 0:
        raise OSError(network.ctypes.get_errno(), "mount")


def missing(what):
    if os.environ.get("RESEAT_NO_SKIP"):
        raise AssertionError(f"missing: {what}")
    raise unittest.SkipTest(what)


def setUpModule():
    global dnsmasq, folder
    if not shutil.which("dnsmasq", path="/usr/sbin:/usr/bin"):
        missing("dnsmasq (package dnsmasq-base)")
    network.set_up()
    folder = tempfile.mkdtemp(prefix="reseat-resolvers-")
    resolv = os.path.join(folder, "resolv.conf")
    with open(resolv, "w") as file:
        file.write(f"nameserver {SERVER}\noptions timeout:2 attempts:2\n")
    if network.libc.unshare(CLONE_NEWNS) < 0:
        raise OSError(network.ctypes.get_errno(), "unshare")
    mount("none", "/", MS_REC_PRIVATE)
    mount(resolv, os.path.realpath("/etc/resolv.conf"), MS_BIND)
    # An address, for a socket to be bound to; the route makes it only reachable.
    subprocess.run(["ip", "address", "add", f"{MAPPED}/128", "dev", "lo", "nodad"], check=True)
    dnsmasq = subprocess.Popen(
        ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=", "--pid-file=",
         "--user=root", "--bind-interfaces", f"--listen-address={MAPPED}", "--local=/test/",
         "--address=/www.test/198.51.100.10", "--address=/www.test/198.51.100.11"],
        stdin=subprocess.DEVNULL)
    end = time.monotonic() + network.DEADLINE
    while not listening():
        if time.monotonic() > end or dnsmasq.poll() is not None:
            raise AssertionError("dnsmasq does not answer")
        time.sleep(0.01)


def listening():
    """Whether somebody has the server's port: then nobody else can."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((MAPPED, 53))
        except OSError:
            return True
    return False


def tearDownModule():
    dnsmasq.terminate()
    dnsmasq.wait()
    shutil.rmtree(folder)


class Resolvers(network.Case):
    def build(self, compiler, source, *options):
        program = os.path.join(folder, f"{source}-{compiler}")
        if not shutil.which(compiler):
            missing(compiler)
        if not os.path.exists(program):
            path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"{source}.c")
            done = subprocess.run([compiler, "-O", "-o", program, path, *options],
                                  capture_output=True, text=True)
            if done.returncode:
                missing(f"{compiler} of {source}.c: {done.stderr.splitlines()[0]}")
        return program

    def run_it(self, options, *command, status=0):
        done = subprocess.run(
            [network.RESEAT, "run", *options, "--trace=json", "--trace-output", self.trace, "--",
             *command], capture_output=True, text=True, timeout=network.DEADLINE)
        self.assertEqual((done.returncode, done.stderr), (status, ""), done.stdout)
        return sorted(done.stdout.split())

    def look_up(self, options, program):
        """Both names, the second of which does not exist; the server has been asked for them over IPv6."""
        self.assertEqual(self.run_it(options, program, "www.test"), ["198.51.100.10", "198.51.100.11"])
        made = {line["made"] for line in self.traced(1)}
        self.assertIn(f"[{MAPPED}]:53", made)
        self.assertEqual(self.run_it(options, program, "none.test", status=1),
                         sorted("no such name".split()))

    def test_natively(self):
        """Nobody answers: without reseat none of this could work."""
        program = self.build("cc", "lookup")
        done = subprocess.run([program, "www.test"], capture_output=True, timeout=network.DEADLINE)
        self.assertEqual(done.returncode, 1)

    def test_glibc(self):
        for options in (CONNECTS, SENDS, [*SENDS, "--recvmsg=translate"]):
            with self.subTest(options=options):
                self.look_up(options, self.build("cc", "lookup"))

    def test_ares(self):
        for options in (CONNECTS, SENDS):
            with self.subTest(options=options):
                self.look_up(options, self.build("cc", "lookup-ares", "-lcares"))

    def test_musl(self):
        self.look_up(SENDS, self.build("musl-gcc", "lookup", "-static"))

    @unittest.skipUnless(shutil.which("dig"), "dig is not installed")
    def test_dig(self):
        for options in (CONNECTS, [*SENDS, "--recvmsg=translate"]):
            with self.subTest(options=options):
                self.assertEqual(self.run_it(options, "dig", "+short", "www.test", "A"),
                                 ["198.51.100.10", "198.51.100.11"])

    @unittest.skipUnless(shutil.which("curl"), "curl is not installed")
    def test_curl(self):
        """A name, its address, and a connection there."""
        told = self.run_it(CONNECTS, "curl", "--silent", "--http0.9", "http://www.test:80/")
        self.assertIn(told[0], ("64:ff9b::c633:640a", "64:ff9b::c633:640b", "80"))


if __name__ == "__main__":
    network.main()
