#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What each kind of rule does to a real connection; network.py draws where."""
import json
import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.dont_write_bytecode = True
import network  # noqa: E402
from network import DEADLINE, RESEAT, listen  # noqa: E402

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


def setUpModule():
    global other_path
    other_path = network.set_up()


class Rules(network.Case):
    def run_client(self, options, *destinations, client=CLIENT, limits=()):
        return super().run_client(options, *destinations, client=client, limits=limits)

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

    def test_netns_many_rules(self):
        """However many rules name a namespace, it is one."""
        path = os.path.join(self.folder, "policy")
        rules = [f"  - {{dest: 10.{i >> 8}.{i & 255}.0/24, netns: {other_path}}}"
                 for i in range(4200)]
        rules.append(f"  - {{dest: 198.51.100.0/24, netns: {other_path}}}")
        with open(path, "w") as file:
            file.write("\n".join(["rules:", *rules, ""]))
        told = self.run_client(["--policy", path], "198.51.100.10:80")
        self.assertEqual(told[0][0], "198.51.100.10 80")

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

    def test_options_on_the_wire(self):
        """IP-level options act on packets over IPv6, set before connect, after it, and after another."""
        client = """
import json, socket, sys
def send(s, tos, ttl):
    for name, value in ((socket.IP_TOS, tos), (socket.IP_TTL, ttl)):
        s.setsockopt(socket.IPPROTO_IP, name, value)
told = []
s = socket.socket()
send(s, 0x28, 33)
s.connect(("198.51.100.10", 7))
for tos, ttl in ((0x28, 33), (0x48, 44), (0, 64)):
    send(s, tos, ttl)
    s.sendall(b"x")
    told.append(json.loads(s.recv(100)))
told.append(s.getsockopt(socket.IPPROTO_IP, 14))
print(json.dumps(told))
"""
        listener = socket.socket(socket.AF_INET6)
        self.addCleanup(listener.close)
        for name in (socket.IPV6_RECVTCLASS, socket.IPV6_RECVHOPLIMIT):
            listener.setsockopt(socket.IPPROTO_IPV6, name, 1)
        listener.bind(("::", 7))
        listener.listen()
        mtu = []

        def serve_options():
            connection, _ = listener.accept()
            mtu.append(connection.getsockopt(socket.IPPROTO_IPV6, 24))
            with connection:
                while connection.recv(1):
                    # What the last packet had (IPV6_2292PKTOPTIONS): control messages.
                    told = {}
                    rest = connection.getsockopt(socket.IPPROTO_IPV6, 6, 256)
                    while len(rest) >= 20:
                        length, level, kind, value = struct.unpack("=QiiI", rest[:20])
                        told[kind] = value
                        rest = rest[(length + 7) // 8 * 8:]
                    connection.sendall(json.dumps([told[socket.IPV6_TCLASS],
                                                   told[socket.IPV6_HOPLIMIT]]).encode())

        thread = threading.Thread(target=serve_options, daemon=True)
        thread.start()
        told = self.run_client(["--map", "0.0.0.0/0=64:ff9b::/96"], client=client)
        thread.join(DEADLINE)
        self.assertEqual(told[:3], [[0x28, 33], [0x48, 44], [0, 64]])
        # What still goes through once it has IPv6's longer header.
        self.assertEqual(told[3], mtu[0] - 20)

    def test_control_group(self):
        """A socket is accounted to the group of who makes it: said of a thread that moved elsewhere."""
        with open("/proc/mounts") as mounts:
            roots = [line.split()[1] for line in mounts if line.split()[2] == "cgroup2"]
        group = os.path.join(roots[0], f"reseat-test-{os.getpid()}") if roots else None
        try:
            os.mkdir(group or "/nowhere/at/all")
        except OSError as error:
            if os.environ.get("RESEAT_NO_SKIP"):
                raise
            self.skipTest(f"no control group of version 2 can be made: {error}")
        self.addCleanup(os.rmdir, group)
        client = "import os\n" + CLIENT.replace("told = []\n", f"""
told = []
with open("{group}/cgroup.procs", "w") as procs:
    procs.write(str(os.getpid()))
""", 1)
        told = self.run_client(["--map", "0.0.0.0/0=64:ff9b::/96"], "198.51.100.10:80", client=client)
        self.assertEqual(told, [["64:ff9b::c633:640a 80", ["198.51.100.10", 80], "192.0.0.2", 2]])
        line = self.traced(1)[0]
        self.assertEqual((line["how"], line["verdict"], line["why"]),
                         ("swap", "approximate", "the socket is accounted to reseat's control group"))

    def test_listens_where_it_was_bound(self):
        """A socket that was bound to one address, swapped, and listens, is bound to no other."""
        client = """
import ctypes, json, socket
def bound(path):
    with open(path) as file:
        return [line.split()[1] for line in file if line.split()[1].endswith(":1E70")]
s = socket.socket()
s.bind(("127.0.0.1", 0x1e70))
told = [s.connect_ex(("198.51.100.10", 81)), s.getsockname()]
ctypes.CDLL(None).connect(s.fileno(), bytes(16), 16)
told.append(s.getsockname())
s.listen()
told += [s.getsockname(), bound("/proc/net/tcp"), bound("/proc/net/tcp6")]
print(json.dumps(told))
"""
        here = ["127.0.0.1", 0x1e70]
        told = self.run_client(["--map", "0.0.0.0/0=64:ff9b::/96"], client=client)
        self.assertEqual(told, [111, here, here, here, ["0100007F:1E70"], []])

    def test_reject_of_a_send_that_connects(self):
        """With data that cannot be read, too: the kernel connects before it looks at it."""
        client = """
import ctypes, errno, json, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
address = struct.pack("=H", socket.AF_INET) + struct.pack("!H", 80) + bytes((198, 51, 100, 10)) + bytes(8)
told = []
for nonblocking in (0, socket.SOCK_NONBLOCK):
    for data in (b"x", ctypes.c_void_p(0x1000)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM | nonblocking) as s:
            r = libc.sendto(s.fileno(), data, 1, 0x20000000, address, 16)
            told.append(errno.errorcode[ctypes.get_errno()] if r < 0 else r)
print(json.dumps(told))
"""
        told = self.run_client(["--reject", "198.51.100.10"], client=client)
        self.assertEqual(told, ["ECONNREFUSED"] * 4)

    def test_lost_options(self):
        """What nothing tells of once it is set is seen when it is set, and not lost unseen."""
        client = """
import errno, json, socket, struct
told = []
for level, name, value in (
        # TCP_MD5SIG: a key for 198.51.100.10.
        (6, 14, struct.pack("=HH4s120sBBHI80s", 2, 0, socket.inet_aton("198.51.100.10"), b"", 0, 0, 3, 0, b"abc")),
        (6, 1, struct.pack("=i", 1))):
    with socket.socket() as s:
        s.setsockopt(level, name, value)
        told.append(errno.errorcode.get(s.connect_ex(("198.51.100.10", 80)), "connected"))
print(json.dumps(told))
"""
        told = self.run_client(["--map", "0.0.0.0/0=64:ff9b::/96"], client=client)
        self.assertEqual(told, ["ENETUNREACH", "connected"])
        self.assertEqual([(line["how"], line["why"]) for line in self.traced(2)], [
            ("pass", "TCP_MD5SIG is set, which cannot be taken along"), ("swap", "")])

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
        self.assertEqual(told, ["EACCES", "EACCES", "EACCES", "bound"])

    def test_no_privilege_by_namespace(self):
        """A port that takes no privilege here, and does in the rule's namespace, is had by nobody there."""
        path = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
        client = """
import errno, json, os, socket
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
told = []
for port in (81, 8181):
    with socket.socket() as s:
        s.bind(("", port))
        told.append(errno.errorcode.get(s.connect_ex(("198.51.100.10", 80)), "connected"))
print(json.dumps(told))
"""
        with open(path, "w") as file:
            file.write("0")
        try:
            told = self.run_client(["--netns", f"198.51.100.0/24={other_path}"], client=client)
        finally:
            with open(path, "w") as file:
                file.write("1024")
        self.assertEqual(told, ["ENETUNREACH", "connected"])

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
    network.main()
