#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What each kind of rule does to a real connection.

The test moves into a network namespace of its own, which has no IPv4 but loopback. IPv6 addresses with
an IPv4 address in them are its own, so what a NAT64 would receive arrives here:

    here    lo  64:ff9b::198.51.100.0/120 and 2001:db8::/64, local as a whole; servers listen on [::]
    other   lo  198.51.100.0/24, local as a whole; servers listen on 0.0.0.0   (named by its path in /proc)

Each server answers a connection with one line: the address that it was reached at.
"""
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
RESEAT = os.path.abspath(os.environ.get("RESEAT", os.path.join(HERE, "../../build/reseat")))
CLONE_NEWNET = 0x40000000
DEADLINE = 20
libc = ctypes.CDLL(None, use_errno=True)

# Connects, reads the line, and tells what the program sees: peer, own address, domain. Each argument is an
# address; the errno of a failure is told instead.
CLIENT = """
import errno, json, os, socket, sys
told = []
for argument in sys.argv[1:]:
    host, port = argument.rsplit(":", 1)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as s:
        try:
            s.connect((host, int(port)))
        except OSError as error:
            told.append(errno.errorcode[error.errno])
            continue
        told.append([s.recv(200).decode(), s.getpeername()[:2], s.getsockname()[0],
                     s.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN)])
print(json.dumps(told))
"""


def unshare_netns():
    if libc.unshare(CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def local_route(prefix):
    subprocess.run(["ip", "route", "add", "local", prefix, "dev", "lo"], check=True)


def serve(listener):
    """Answer each connection with the address it was reached at."""

    def run():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                host, port = connection.getsockname()[:2]
                connection.sendall(f"{host} {port}".encode())

    threading.Thread(target=run, daemon=True).start()


def listen(family, port):
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(("", port))
    listener.listen(16)
    serve(listener)


def setUpModule():
    if os.geteuid() != 0:
        if os.environ.get("RESEAT_NO_SKIP"):
            raise AssertionError("needs root, for network namespaces")
        print("skipped: needs root, for network namespaces", file=sys.stderr)
        sys.exit(77)
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    made = threading.Event()

    def other():
        global other_path
        unshare_netns()
        local_route("198.51.100.0/24")
        listen(socket.AF_INET, 80)
        other_path = f"/proc/{os.getpid()}/task/{threading.get_native_id()}/ns/net"
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


class Rules(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="reseat-rules-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.trace = os.path.join(self.folder, "trace")

    def run_client(self, options, *destinations, client=CLIENT, limits=()):
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

    def test_natively(self):
        done = subprocess.run([sys.executable, "-I", "-c", CLIENT, "198.51.100.10:80"],
                              stdout=subprocess.PIPE, timeout=DEADLINE, text=True)
        self.assertEqual(json.loads(done.stdout), ["ENETUNREACH"])

    def test_map(self):
        told = self.run_client(["--map", "0.0.0.0/0=64:ff9b::/96"], "198.51.100.10:80")
        self.assertEqual(told, [["64:ff9b::c633:640a 80", ["198.51.100.10", 80], "192.0.0.2", 2]])
        line = self.traced(1)[0]
        self.assertEqual((line["how"], line["made"], line["dest"], line["verdict"]),
                         ("swap", "[64:ff9b::c633:640a]:80", "198.51.100.10:80", "exact"))

    def test_map_mapped(self):
        """A program's own AF_INET6 socket, to ::ffff:198.51.100.10: in place, also where it blocks."""
        told = self.run_client(["--map", "0.0.0.0/0=64:ff9b::/96"], "::ffff:198.51.100.10:80")
        self.assertEqual(told, [["64:ff9b::c633:640a 80", ["::ffff:198.51.100.10", 80],
                                 "::ffff:192.0.0.2", 10]])
        self.assertEqual(self.traced(1)[0]["how"], "in-place")

    def test_map_unreachable(self):
        told = self.run_client(["--map", "0.0.0.0/0=2001:db8:1::/96"], "198.51.100.10:80")
        self.assertEqual(told, ["ENETUNREACH"])

    def test_map_refused(self):
        told = self.run_client(["--map", "0.0.0.0/0=64:ff9b::/96"], "198.51.100.10:81")
        self.assertEqual(told, ["ECONNREFUSED"])

    def test_local(self):
        told = self.run_client(["--map", "0.0.0.0/0=64:ff9b::/96", "--local", "192.0.2.7"],
                               "198.51.100.10:80")
        self.assertEqual(told[0][2], "192.0.2.7")

    def test_local_of_a_rule(self):
        path = os.path.join(self.folder, "policy")
        with open(path, "w") as file:
            file.write("rules:\n- {dest: 198.51.100.0/24, map: '64:ff9b::/96', local: 192.0.2.9}\n")
        told = self.run_client(["--policy", path], "198.51.100.10:80")
        self.assertEqual(told[0][2], "192.0.2.9")

    def test_to_inet6(self):
        told = self.run_client(["--to", "192.0.2.10:5432=[2001:db8::10]:8080"], "192.0.2.10:5432")
        self.assertEqual(told, [["2001:db8::10 8080", ["192.0.2.10", 5432], "192.0.0.2", 2]])

    def test_to_inet6_many(self):
        """Where several destinations lead to one peer, each program still sees its own."""
        told = self.run_client(["--to", "192.0.2.0/24=[2001:db8::10]:8080"],
                               "192.0.2.10:5432", "192.0.2.11:5433")
        self.assertEqual([line[1] for line in told],
                         [["192.0.2.10", 5432], ["192.0.2.11", 5433]])

    def test_to_inet(self):
        listen(socket.AF_INET, 8081)
        told = self.run_client(["--to", "192.0.2.10=127.0.0.1:8081"], "192.0.2.10:5432")
        self.assertEqual(told, [["127.0.0.1 8081", ["192.0.2.10", 5432], "127.0.0.1", 2]])
        self.assertEqual(self.traced(1)[0]["how"], "in-place")

    def test_netns(self):
        told = self.run_client(["--netns", f"198.51.100.0/24={other_path}"],
                               "198.51.100.10:80", "198.51.100.10:81", "::ffff:198.51.100.10:80")
        self.assertEqual(told, [
            ["198.51.100.10 80", ["198.51.100.10", 80], "198.51.100.10", 2], "ECONNREFUSED",
            ["198.51.100.10 80", ["::ffff:198.51.100.10", 80], "::ffff:198.51.100.10", 10]])

    def test_netns_again(self):
        """A socket that was put there by a rule is ours when it connects again, also elsewhere."""
        client = CLIENT.replace("s.connect((host, int(port)))", """
            try:
                s.connect((host, 81))
            except ConnectionRefusedError:
                pass
            s.connect((host, int(port)))""")
        told = self.run_client(["--netns", f"198.51.100.0/24={other_path}"], "198.51.100.10:80",
                               client=client)
        self.assertEqual(told[0][0], "198.51.100.10 80")

    def test_netns_then_elsewhere(self):
        client = CLIENT.replace("s.connect((host, int(port)))", """
            try:
                s.connect((host, 81))
            except ConnectionRefusedError:
                pass
            s.connect(("192.0.2.1", 80))""")
        told = self.run_client(["--netns", f"198.51.100.0/24={other_path}",
                                "--to", "192.0.2.1=[2001:db8::1]:8080"], "198.51.100.10:80",
                               client=client)
        self.assertEqual(told[0][:2], ["2001:db8::1 8080", ["192.0.2.1", 80]])

    def test_mapped_then_passed(self):
        """A swapped socket that is disconnected, and then connects to what passes, is IPv4 again."""
        listen(socket.AF_INET, 8082)
        client = CLIENT.replace("s.connect((host, int(port)))", """
            s.connect((host, int(port)))
            import ctypes
            ctypes.CDLL(None).connect(s.fileno(), bytes(16), 16)
            s.connect(("127.0.0.1", 8082))""")
        told = self.run_client(["--map", "0.0.0.0/0=64:ff9b::/96"], "198.51.100.10:80",
                               client=client)
        self.assertEqual(told, [["127.0.0.1 8082", ["127.0.0.1", 8082], "127.0.0.1", 2]])

    def test_reject_and_pass(self):
        told = self.run_client(
            ["--reject", "198.51.100.1", "--reject", "198.51.100.2=EHOSTUNREACH",
             "--pass", "198.51.100.3", "--map", "0.0.0.0/0=64:ff9b::/96"],
            "198.51.100.1:80", "198.51.100.2:80", "198.51.100.3:80", "198.51.100.4:80")
        self.assertEqual(told[:3], ["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH"])
        self.assertEqual(told[3][1], ["198.51.100.4", 80])
        self.assertEqual([line["how"] for line in self.traced(4)],
                         ["reject", "reject", "pass", "swap"])

    def test_default_reject(self):
        told = self.run_client(["--default", "reject:EACCES"], "198.51.100.1:80", "127.0.0.1:9")
        self.assertEqual(told, ["EACCES", "ECONNREFUSED"])

    def test_special_use_passes(self):
        told = self.run_client(["--map", "0.0.0.0/0=64:ff9b::/96"], "127.0.0.1:9", "0.0.0.0:9")
        self.assertEqual(told, ["ECONNREFUSED", "ECONNREFUSED"])
        self.assertEqual({line["why"] for line in self.traced(2)}, {"special-use address"})

    def test_bound(self):
        """The bound port comes along; an address that means nothing over there does not."""
        client = CLIENT.replace("        try:\n", """
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 7654))
        try:
""", 1)
        told = self.run_client(["--map", "0.0.0.0/0=64:ff9b::/96"], "198.51.100.10:80",
                               client=client.replace("s.getsockname()[0]", "s.getsockname()[1]"))
        self.assertEqual(told[0][2], 7654)


    def test_limits_of_the_user(self):
        """What bounds the program's stack and files does not end its supervisor."""
        told = self.run_client(["--map", "0.0.0.0/0=64:ff9b::/96"], *["198.51.100.10:80"] * 20,
                               limits=((resource.RLIMIT_STACK, 96 * 1024),
                                       (resource.RLIMIT_FSIZE, 1024)))
        self.assertEqual({line[0] for line in told}, {"64:ff9b::c633:640a 80"})

    def test_signal_of_completion(self):
        """O_ASYNC, set before connect, signals its completion once, through the program's number."""
        client = """
import fcntl, json, os, select, signal, socket, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN})
s = socket.socket()
fcntl.fcntl(s, fcntl.F_SETOWN, os.getpid())
fcntl.fcntl(s, 10, signal.SIGRTMIN)
fcntl.fcntl(s, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
s.connect_ex(("198.51.100.10", 80))
select.select([], [s], [], 10)
told = signal.sigtimedwait({signal.SIGRTMIN}, 10)
print(json.dumps(bool(told)))
fcntl.fcntl(s, fcntl.F_SETFL, 0)
"""
        self.assertTrue(self.run_client(["--map", "0.0.0.0/0=64:ff9b::/96"], client=client))

    def test_mptcp(self):
        """An MPTCP socket cannot carry the mark, and is remembered."""
        client = CLIENT.replace("else socket.AF_INET)", "else socket.AF_INET, socket.SOCK_STREAM, 262)")
        told = self.run_client(["--map", "0.0.0.0/0=64:ff9b::/96"], "198.51.100.10:80", client=client)
        self.assertEqual(told, [["64:ff9b::c633:640a 80", ["198.51.100.10", 80], "192.0.0.2", 2]])

    def test_no_privilege_by_bind(self):
        """The bind of a swapped socket is the supervisor's, and must give nobody a port below 1024."""
        client = """
import ctypes, errno, json, os, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
def bind(fd, port):
    address = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + bytes(12)
    return "bound" if libc.bind(fd, address, 16) == 0 else errno.errorcode[ctypes.get_errno()]
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
s = socket.socket()
s.connect(("198.51.100.10", 80))
libc.connect(s.fileno(), bytes(16), 16)
told = [bind(s.fileno(), 81)]
libc.unshare(0x10000000)
told.append(bind(s.fileno(), 81))
forged = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
forged.setsockopt(41, 30, 1)
forged.setsockopt(41, 29, 0)
told.append(bind(forged.fileno(), 53))
told.append(bind(s.fileno(), 0))
print(json.dumps(told))
"""
        told = self.run_client(["--map", "0.0.0.0/0=64:ff9b::/96"], client=client)
        self.assertEqual(told, ["EACCES", "EACCES", "EINVAL", "bound"])

    @unittest.skipUnless(shutil.which("nft", path="/usr/sbin:/sbin"), "nftables is not installed")
    def test_owner_for_filters(self):
        """What filters by owner sees the target's, not the supervisor's."""
        for command in ("add table inet reseat", "add chain inet reseat out "
                        "{ type filter hook output priority 0; }", "add rule inet reseat out "
                        "meta skuid 65534 tcp dport 80 reject with tcp reset"):
            subprocess.run(["nft", command], check=True)
        self.addCleanup(subprocess.run, ["nft", "delete table inet reseat"], check=True)
        client = CLIENT.replace("told = []\n", """told = []
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
""")
        told = self.run_client(["--map", "0.0.0.0/0=64:ff9b::/96"], "198.51.100.10:80", client=client)
        self.assertEqual(told, ["ECONNREFUSED"])


class Discovery(unittest.TestCase):
    """No rule at all: the network's NAT64 prefix, as RFC 7050 says."""

    def reseat(self, *records):
        with tempfile.TemporaryDirectory() as folder:
            hosts, resolv = os.path.join(folder, "hosts"), os.path.join(folder, "resolv.conf")
            with open(hosts, "w") as file:
                file.write("127.0.0.1 localhost\n")
            with open(resolv, "w") as file:
                file.write("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
            server = None
            if records:
                server = subprocess.Popen(
                    ["dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=",
                     "--local=/ipv4only.arpa/",
                     "--listen-address=127.0.0.1", "--bind-interfaces", "--pid-file=", "--user=root",
                     *(f"--host-record=ipv4only.arpa,{record}" for record in records)],
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                self.addCleanup(server.wait)
                self.addCleanup(server.terminate)
                self.addCleanup(server.stdout.close)
                self.await_port(53)
            # A bare system may have neither file; then there is nothing to hide.
            script = ('for file in /etc/hosts /etc/resolv.conf; do '
                      '{ [ ! -e $file ] || mount --bind "$1" $file; } || exit; shift; done; exec "$@"')
            done = subprocess.run(
                ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", hosts,
                 resolv, RESEAT, "run", "--", sys.executable, "-I", "-c", CLIENT,
                 "198.51.100.10:80"],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, text=True)
            if server:
                server.terminate()
                server.wait()
            return done

    @staticmethod
    def await_port(port):
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.01)
        raise AssertionError(f"nobody listens on port {port}")

    @unittest.skipUnless(shutil.which("dnsmasq", path="/usr/sbin:/usr/bin"), "dnsmasq is not installed")
    def test_found(self):
        done = self.reseat("192.0.0.170", "64:ff9b::c000:aa")
        self.assertEqual(done.stderr, "")
        self.assertEqual(json.loads(done.stdout)[0][0], "64:ff9b::c633:640a 80")

    @unittest.skipUnless(shutil.which("dnsmasq", path="/usr/sbin:/usr/bin"), "dnsmasq is not installed")
    def test_no_nat64(self):
        done = self.reseat("192.0.0.170")
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertIn("--map", done.stderr)

    def test_no_answer(self):
        done = self.reseat()
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertIn("--map", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
