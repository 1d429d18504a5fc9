#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the rules do to datagram sockets; network.py draws where."""
import os
import socket
import sys
import unittest

sys.dont_write_bytecode = True
import network  # noqa: E402

# Connects, sends, and tells what the program sees, as test_rules.py's does.
CLIENT = """
import errno, json, os, socket, sys
told = []
for argument in sys.argv[1:]:
    host, port = argument.rsplit(":", 1)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect((host, int(port)))
            s.send(b"x")
            s.settimeout(10)
            answer = s.recv(200).decode()
        except OSError as error:
            told.append(errno.errorcode[error.errno])
            continue
        told.append([answer, s.getpeername()[:2], s.getsockname()[0],
                     s.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN)])
print(json.dumps(told))
"""
MAP = ["--map", "0.0.0.0/0=64:ff9b::/96"]


def setUpModule():
    global other_path
    other_path = network.set_up()


class Datagrams(network.Case):
    def run_client(self, options, *destinations, client=CLIENT):
        return super().run_client(options, *destinations, client=client)

    def test_map(self):
        told = self.run_client(MAP, "198.51.100.10:80")
        self.assertEqual(told, [["64:ff9b::c633:640a 80", ["198.51.100.10", 80], "192.0.0.2", 2]])
        line = self.traced(1)[0]
        self.assertEqual((line["how"], line["made"], line["dest"], line["verdict"]),
                         ("swap", "[64:ff9b::c633:640a]:80", "198.51.100.10:80", "exact"))

    def test_map_mapped(self):
        told = self.run_client(MAP, "::ffff:198.51.100.10:80")
        self.assertEqual(told, [["64:ff9b::c633:640a 80", ["::ffff:198.51.100.10", 80],
                                 "::ffff:192.0.0.2", 10]])
        self.assertEqual(self.traced(1)[0]["how"], "in-place")

    def test_refused(self):
        self.assertEqual(self.run_client(MAP, "198.51.100.10:81"), ["ECONNREFUSED"])

    def test_unreachable(self):
        told = self.run_client(["--map", "0.0.0.0/0=2001:db8:1::/96"], "198.51.100.10:80")
        self.assertEqual(told, ["ENETUNREACH"])

    def test_to_inet6(self):
        told = self.run_client(["--to", "udp/192.0.2.10:53=[2001:db8::10]:8080"], "192.0.2.10:53")
        self.assertEqual(told, [["2001:db8::10 8080", ["192.0.2.10", 53], "192.0.0.2", 2]])

    def test_to_inet(self):
        """In place; what was asked for is remembered, for such a socket carries no mark."""
        network.receive(socket.AF_INET, 8083)
        told = self.run_client(["--to", "192.0.2.0/24=127.0.0.1:8083"], "192.0.2.10:53",
                               "192.0.2.11:54")
        self.assertEqual(told, [["127.0.0.1 8083", ["192.0.2.10", 53], "127.0.0.1", 2],
                                ["127.0.0.1 8083", ["192.0.2.11", 54], "127.0.0.1", 2]])

    def test_to_inet_of_several(self):
        """Without connect, two destinations that lead to one address: each answers as what was asked for."""
        network.receive(socket.AF_INET, 8095)
        client = """
import json, socket, sys
told = []
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for argument in sys.argv[1:]:
        host, port = argument.rsplit(":", 1)
        s.sendto(b"x", (host, int(port)))
        told.append(s.recvfrom(200)[1])
print(json.dumps(told))
"""
        told = self.run_client(["--udp-send=swap", "--to", "192.0.2.0/24=127.0.0.1:8095"],
                               "192.0.2.10:53", "192.0.2.11:54", "192.0.2.10:53", client=client)
        self.assertEqual(told, [["192.0.2.10", 53], ["192.0.2.11", 54], ["192.0.2.10", 53]])

    def test_to_of_several_rules(self):
        """Who answers late is not taken for who was asked last: it shows as somebody whom its own rule sends there."""
        network.receive(socket.AF_INET, 8097)
        network.receive(socket.AF_INET, 8098)
        client = """
import json, socket, sys
told = {}
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    for argument in sys.argv[1:]:
        host, port = argument.rsplit(":", 1)
        s.sendto(b"x", (host, int(port)))
    for argument in sys.argv[1:]:
        text, source = s.recvfrom(200)
        told[text.decode()] = source[0]
print(json.dumps(told))
"""
        told = self.run_client(["--udp-send=swap", "--to", "192.0.2.0/24=127.0.0.1:8097",
                                "--to", "203.0.113.0/24=127.0.0.1:8098"],
                               "192.0.2.10:53", "203.0.113.9:54", client=client)
        self.assertEqual(told["127.0.0.1 8098"], "203.0.113.9")
        self.assertTrue(told["127.0.0.1 8097"].startswith("192.0.2."), told)

    def test_multicast_option_stays(self):
        """On a datagram socket the option that marks TCP sockets has an effect, and is the program's."""
        network.receive(socket.AF_INET, 8084)
        client = CLIENT.replace("            s.send", """
            value = s.getsockopt(socket.IPPROTO_IP, 49)
            s.setsockopt(socket.IPPROTO_IP, 49, 0)
            s.connect((host, int(port)))
            assert (value, s.getsockopt(socket.IPPROTO_IP, 49)) == (1, 0)
            s.send""")
        told = self.run_client(["--to", "192.0.2.10=127.0.0.1:8084"], "192.0.2.10:53", client=client)
        self.assertEqual(told[0][0], "127.0.0.1 8084")

    def test_netns(self):
        told = self.run_client(["--netns", f"198.51.100.0/24={other_path}"], "198.51.100.10:80",
                               "198.51.100.10:81", "::ffff:198.51.100.10:80")
        self.assertEqual(told, [
            ["198.51.100.10 80", ["198.51.100.10", 80], "198.51.100.10", 2], "ECONNREFUSED",
            ["198.51.100.10 80", ["::ffff:198.51.100.10", 80], "::ffff:198.51.100.10", 10]])

    def test_protocol(self):
        """A rule for one protocol leaves the other alone."""
        told = self.run_client(["--reject", "tcp/198.51.100.10=EACCES", *MAP], "198.51.100.10:80")
        self.assertEqual(told[0][0], "64:ff9b::c633:640a 80")
        told = self.run_client(["--reject", "udp/198.51.100.10=EACCES", *MAP], "198.51.100.10:80")
        self.assertEqual(told, ["EACCES"])

    def test_rejected_among_many(self):
        """sendmmsg(2) ends before what is rejected, which then fails as the first of the next call."""
        network.receive(socket.AF_INET, 8096)
        client = """
import ctypes, errno, json, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
told = []
rejected = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
rejected.bind(("127.0.0.5", 8097))
rejected.settimeout(0.2)

def many(s, destinations):
    names = [struct.pack("=H", socket.AF_INET) + struct.pack(">H", port) + socket.inet_aton(host) + bytes(8)
             for host, port in destinations]
    keep = [ctypes.create_string_buffer(name) for name in names]
    byte = ctypes.create_string_buffer(b"x")
    iov = ctypes.create_string_buffer(struct.pack("PN", ctypes.addressof(byte), 1))
    vector = ctypes.create_string_buffer(b"".join(
        struct.pack("PIPNPNi4xI4x", ctypes.addressof(name), 16, ctypes.addressof(iov), 1, 0, 0, 0, 0)
        for name in keep))
    n = libc.sendmmsg(s.fileno(), vector, len(names), 0)
    return n if n >= 0 else errno.errorcode[ctypes.get_errno()]

for argument in sys.argv[1:]:
    host, port = argument.rsplit(":", 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        good, bad = (host, int(port)), ("127.0.0.5", 8097)
        told.append(many(s, [good, good, bad, good]))
        told.append([s.recvfrom(200)[1] == good for _ in range(2)])
        told.append(many(s, [bad, good]))
        s.setblocking(False)
        try:
            told.append(s.recv(200))
        except BlockingIOError:
            told.append(None)
try:
    told.append(rejected.recv(200).decode())
except TimeoutError:
    told.append(None)
print(json.dumps(told))
"""
        told = self.run_client(
            ["--udp-send=swap", "--reject", "127.0.0.5=EACCES", "--map", "198.51.100.0/24=64:ff9b::/96",
             "--netns", f"198.51.100.128/25={other_path}"],
            "127.0.0.1:8096", "198.51.100.10:80", "198.51.100.130:80", client=client)
        self.assertEqual(told, [2, [True, True], "EACCES", None] * 3 + [None])

    def test_again(self):
        """One socket, to one rule's destinations after another, and to one that passes."""
        network.receive(socket.AF_INET, 8085)
        client = CLIENT.replace("            s.send", """
            s.connect(("198.51.100.20", 8080))
            s.send(b"x")
            told.append([s.recv(200).decode(), s.getpeername()])
            s.connect(("127.0.0.1", 8085))
            s.send(b"x")
            told.append([s.recv(200).decode(), s.getpeername()])
            ctypes.CDLL(None).connect(s.fileno(), bytes(16), 16)
            s.connect((host, int(port)))
            s.send""").replace("import errno", "import ctypes, errno")
        told = self.run_client(MAP, "198.51.100.10:80", client=client)
        self.assertEqual(told, [
            ["64:ff9b::c633:6414 8080", ["198.51.100.20", 8080]],
            ["127.0.0.1 8085", ["127.0.0.1", 8085]],
            ["64:ff9b::c633:640a 80", ["198.51.100.10", 80], "192.0.0.2", 2]])

    def test_bound(self):
        client = CLIENT.replace("        try:\n", """
        s.bind(("", 7655))
        try:
""", 1).replace("s.getsockname()[0]", "s.getsockname()")
        told = self.run_client(MAP, "198.51.100.10:80", client=client)
        self.assertEqual(told[0][2], ["192.0.0.2", 7655])

    def test_receives_where_it_was_bound(self):
        """A socket that was bound to one address is bound to no other once it is not connected any more."""
        client = """
import ctypes, json, socket
def bound(path):
    with open(path) as file:
        return [line.split()[1] for line in file if line.split()[1].endswith(":1E71")]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0x1e71))
s.connect(("198.51.100.10", 80))
told = [s.getsockname(), len(bound("/proc/net/udp6"))]
ctypes.CDLL(None).connect(s.fileno(), bytes(16), 16)
told += [s.getsockname(), bound("/proc/net/udp"), bound("/proc/net/udp6")]
print(json.dumps(told))
"""
        here = ["127.0.0.1", 0x1e71]
        told = self.run_client(MAP, client=client)
        self.assertEqual(told, [here, 1, here, ["0100007F:1E71"], []])

    def test_sends_where_it_was_bound(self):
        client = """
import json, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0x1e72))
try:
    s.sendto(b"x", ("198.51.100.10", 80))
except OSError:
    pass
with open("/proc/net/udp6") as file:
    print(json.dumps([line.split()[1] for line in file if line.split()[1].endswith(":1E72")]))
"""
        self.assertEqual(self.run_client([*MAP, "--udp-send=swap"], client=client), [])

    def test_lost_option_stays_known(self):
        """Also after a connect in place, for which something else is remembered of the socket."""
        client = """
import json, socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(0, 35, socket.inet_aton("224.0.0.251") + socket.inet_aton("127.0.0.1"))
told = [s.connect_ex((host, 80)) for host in ("192.0.2.2", "198.51.100.10")]
print(json.dumps(told))
"""
        self.run_client([*MAP, "--to", "udp/192.0.2.2=127.0.0.3"], client=client)
        self.assertEqual([(line["how"], line["why"]) for line in self.traced(2)], [
            ("in-place", ""), ("pass", "IP_ADD_MEMBERSHIP is set, which cannot be taken along")])

    def test_queued(self):
        """What waits is kept with the old socket, or lost: the policy's choice."""
        client = CLIENT.replace("        try:\n", """
        s.bind(("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as early:
            early.sendto(b"early", s.getsockname())
        try:
""", 1)
        self.assertEqual(self.run_client(MAP, "198.51.100.10:80", client=client), ["ENETUNREACH"])
        line = self.traced(1)[0]
        self.assertEqual((line["how"], line["why"]), ("pass", "datagrams wait to be read"))
        told = self.run_client([*MAP, "--udp-queued=drop"], "198.51.100.10:80", client=client)
        self.assertEqual(told[0][0], "64:ff9b::c633:640a 80")

    def test_bindv6only(self):
        """A socket that stands for an AF_INET one goes to IPv4 as well, whatever the system's default."""
        network.receive(socket.AF_INET, 8086)
        path = "/proc/sys/net/ipv6/bindv6only"
        with open(path, "w") as file:
            file.write("1")
        try:
            client = CLIENT.replace("            s.send", """
            s.connect(("127.0.0.1", 8086))
            s.send""")
            told = self.run_client(MAP, "198.51.100.10:80", client=client)
        finally:
            with open(path, "w") as file:
                file.write("0")
        self.assertEqual(told[0][:2], ["127.0.0.1 8086", ["127.0.0.1", 8086]])


if __name__ == "__main__":
    network.main()
