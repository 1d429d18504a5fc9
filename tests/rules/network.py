# SPDX-License-Identifier: GPL-2.0-or-later
"""The network in which rules are tried.

The test moves into a network namespace of its own, which has no IPv4 but loopback. IPv6 addresses with
an IPv4 address in them are its own, so what a NAT64 would receive arrives here:

    here    lo  64:ff9b::198.51.100.0/120 and 2001:db8::/64, local as a whole; servers at [::]
    other   lo  198.51.100.0/24, local as a whole; servers at 0.0.0.0   (named by its path in /proc)

Each server answers a connection, or a datagram, with one line: the address that it was reached at.
"""
import contextlib
import ctypes
import json
import os
import resource
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
CLONE_NEWNET = 0x40000000
DEADLINE = slowly(20)
libc = ctypes.CDLL(None, use_errno=True)

def unshare_netns():
    if libc.unshare(CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def local_route(prefix):
    subprocess.run(["ip", "route", "add", "local", prefix, "dev", "lo"], check=True)


def serve(listener):
    """Answer each connection with the address it was reached at."""

    def answer(connection):
        # A client that has gone already takes no other client's server with it.
        with connection, contextlib.suppress(OSError):
            host, port = connection.getsockname()[:2]
            connection.sendall(f"{host} {port}".encode())
            connection.shutdown(socket.SHUT_WR)
            # What was not read when the connection is closed would reset it.
            connection.settimeout(DEADLINE)
            while connection.recv(4096):
                pass

    def run():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=run, daemon=True).start()


def listen(family, port):
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(("", port))
    listener.listen(16)
    serve(listener)


def answer_datagrams(server):
    """Answer each datagram with the address it was reached at, from that address."""
    inet6 = server.family == socket.AF_INET6
    level, name = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO) if inet6 else (socket.IPPROTO_IP, 8)

    def run():
        while True:
            _, controls, _, peer = server.recvmsg(2048, 256)
            info = next(data for l, n, data in controls if (l, n) == (level, name))
            # struct in6_pktinfo: address, index; struct in_pktinfo: index, local, address.
            to = info[:16] if inet6 else info[8:12]
            reply = to + bytes(4) if inet6 else bytes(4) + to + bytes(4)
            text = f"{socket.inet_ntop(server.family, to)} {server.getsockname()[1]}"
            server.sendmsg([text.encode()], [(level, name, reply)], 0, peer)

    threading.Thread(target=run, daemon=True).start()


def receive(family, port):
    server = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        server.setsockopt(socket.IPPROTO_IPV6, 78, 1)   # IPV6_FREEBIND: local by a route alone
    else:
        server.setsockopt(socket.IPPROTO_IP, 8, 1)
    server.bind(("", port))
    answer_datagrams(server)


def set_up():
    """Make the network; returns the path of the other namespace."""
    if os.geteuid() != 0:
        if os.environ.get("RESEAT_NO_SKIP"):
            raise AssertionError("needs root, for network namespaces")
        print("skipped: needs root, for network namespaces", file=sys.stderr)
        sys.exit(77)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    made = threading.Event()
    paths = []

    def other():
        unshare_netns()
        local_route("198.51.100.0/24")
        listen(socket.AF_INET, 80)
        receive(socket.AF_INET, 80)
        paths.append(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net")
        made.set()
        threading.Event().wait()

    # The thread keeps the namespace; the servers in it are this process's.
    threading.Thread(target=other, daemon=True).start()
    if not made.wait(DEADLINE):
        raise AssertionError("the other namespace was not made")
    unshare_netns()
    local_route("64:ff9b::c633:6400/120")
    local_route("2001:db8::/64")
    for port in (80, 8080):
        listen(socket.AF_INET6, port)
        receive(socket.AF_INET6, port)
    return paths[0]


def main():
    """For the scripts: their tests, with each watch backend."""
    backends.for_each(lambda: unittest.main(verbosity=2), RESEAT)


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="reseat-rules-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.trace = os.path.join(self.folder, "trace")

    def run_client(self, options, *destinations, client, limits=()):
        """What the client tells, which is JSON."""

        def limit():
            for what, value in limits:
                resource.setrlimit(what, (value, value))

        done = subprocess.run(
            [RESEAT, "run", *options, "--trace=json", "--trace-output", self.trace, "--",
             sys.executable, "-I", "-c", client, *destinations],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE, text=True,
            preexec_fn=limit)
        self.assertEqual(done.stderr.replace("\n", ""), "".join(
            line for line in done.stderr.splitlines() if "RFC 6052" in line))
        self.assertEqual(done.returncode, 0)
        return json.loads(done.stdout)

    def traced(self, count):
        """The lines of the trace, which may come a moment after the program has ended."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            with open(self.trace) as file:
                lines = [json.loads(line) for line in file if line.endswith("\n")]
            if len(lines) >= count:
                return lines
            time.sleep(0.01)
        self.fail(f"{len(lines)} lines in the trace, not {count}")
