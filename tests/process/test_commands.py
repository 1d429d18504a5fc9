# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line itself: usage, check, policy test."""
import os
import re
import subprocess

import support
from support import RESEAT

POLICY = """\
rules:
  - dest: 198.51.100.0/24
    map: 64:ff9b::/96
  - dest: 192.0.2.10
    port: 5432
    proto: tcp
    to: "[2001:db8::10]:6432"
  - dest: 10.0.0.0/8
    netns: self
  - dest: 203.0.113.7
    reject: ECONNREFUSED
default: pass
"""


class Commands(support.ProcessTest):
    def reseat(self, *arguments):
        result = subprocess.run([RESEAT, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, timeout=support.DEADLINE,
                                env=self.environment())
        return result.returncode, result.stdout, result.stderr

    def policy(self, text=POLICY):
        path = self.path("policy.yaml")
        with open(path, "w") as file:
            file.write(text)
        return path

    def test_help(self):
        for arguments in (["--help"], ["run", "--help"], ["check", "--help"], ["policy", "--help"]):
            status, out, errors = self.reseat(*arguments)
            self.assertEqual((status, errors), (0, ""))
            self.assertTrue(out.startswith("Usage: reseat "))

    def test_no_room(self):
        """What cannot be written is told of."""
        for arguments in (["--help"], ["--version"], ["run", "--help"], ["check"], ["check", "--options"],
                          ["policy", "test", self.policy(), "192.0.2.10:5432"]):
            with self.subTest(arguments=arguments), open("/dev/full", "w") as full:
                done = subprocess.run([RESEAT, *arguments], stdin=subprocess.DEVNULL, stdout=full,
                                      stderr=subprocess.PIPE, text=True, timeout=support.DEADLINE,
                                      env=self.environment())
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, "reseat: standard output: .*\n$")

    def test_version(self):
        status, out, errors = self.reseat("--version")
        self.assertEqual((status, errors), (0, ""))
        self.assertRegex(out, r"^reseat \d+\.\d+\.\d+\n$")

    def test_no_command(self):
        status, out, errors = self.reseat()
        self.assertEqual((status, out), (2, ""))
        self.assertTrue(errors.startswith("Usage: "))
        status, _, errors = self.reseat("walk")
        self.assertEqual(status, 2)
        self.assertIn("'walk' is not a command", errors)

    def test_run_usage(self):
        for arguments in ([], ["--"], ["--no-such-option", "true"], ["--pass"], ["--trace=xml", "true"],
                          ["--process-model=other", "true"], ["--pass", "nonsense", "true"],
                          ["--default", "nonsense", "true"], ["--local", "nonsense", "true"],
                          ["--landlock=nonsense", "true"]):
            status, out, errors = self.reseat("run", *arguments)
            self.assertEqual((status, out), (125, ""), arguments)
            self.assertTrue(errors.startswith("reseat"), errors)

    def test_options_end_at_command(self):
        status, out, _ = self.reseat("run", "--pass", "10.0.0.0/8", "echo", "--trace", "--", "-x")
        self.assertEqual((status, out), (0, "--trace -- -x\n"))
        status, out, _ = self.reseat("run", "--pass", "10.0.0.0/8", "--", "echo", "-h")
        self.assertEqual((status, out), (0, "-h\n"))

    def test_check(self):
        status, out, errors = self.reseat("check")
        self.assertEqual((status, errors), (0, ""), out)
        lines = out.splitlines()
        self.assertEqual(lines[-1], "reseat run works here")
        for line in lines[:-1]:
            self.assertRegex(line, r"^.{34} (yes|no)\b")
        self.assertEqual(self.reseat("check", "this")[0], 2)

    def test_check_options(self):
        status, out, errors = self.reseat("check", "--options")
        self.assertEqual((status, errors), (0, ""))
        told = {}
        for line in out.splitlines():
            name, level, what = line.split(None, 2)
            self.assertNotIn((name, level), told)
            told[name, level] = what
        for name, level, what in (
                ("SO_KEEPALIVE", "SOL_SOCKET", "copied"),
                ("SO_SNDBUF", "SOL_SOCKET", "copied, with SO_BUF_LOCK"),
                ("IP_TOS", "IPPROTO_IP", "copied, on the IPv6 side as IPV6_TCLASS"),
                ("IP_PKTINFO", "IPPROTO_IP",
                 "copied, on the IPv6 side of datagram sockets as IPV6_RECVPKTINFO"),
                ("SO_TYPE", "SOL_SOCKET", "cannot be set"),
                ("SO_CNX_ADVICE", "SOL_SOCKET", "leaves nothing to copy: acts at once")):
            self.assertEqual(told[name, level], what)
        self.assertRegex(told["TCP_MD5SIG", "IPPROTO_TCP"], "^a connect with it passes: ")
        self.assertRegex(told["IPV6_MULTICAST_ALL", "IPPROTO_IPV6"], "^reseat's own mark: ")

    def test_check_options_complete(self):
        """Every option that the installed headers name is in the table."""
        _, out, _ = self.reseat("check", "--options")
        table = {line.split()[0] for line in out.splitlines()}
        # Names of values, of control messages, and what is the same under another name.
        no_options = re.compile(
            r"SO_(GET_FILTER|DETACH_BPF|TIMESTAMP(NS|ING)?_OLD|(RCV|SND)TIMEO_OLD)|SO_DEVMEM_(LINEAR|DMABUF)|"
            r"IP_(PMTUDISC|DEFAULT)_.*|IP_ORIGDSTADDR|IPV6_ORIGDSTADDR|IP_RECVRETOPTS|MCAST_(EX|IN)CLUDE|"
            r"IPV6_(FL|TLV|PMTUDISC|PREFER|PRIORITY|FLOWINFO_(FLOWLABEL|PRIORITY))_?.*|IPV6_(ADD|DROP)_MEMBERSHIP|"
            r"TCP_(MSS|REPAIR_O|MD5SIG_(MAX|FLAG)|RECEIVE_ZEROCOPY|AO_(MAX|KEYF)).*|TCP_(CM_INQ|ENCAP_.*)|"
            r"UDP_ENCAP_.*")
        folder = "/usr/include"
        names = set()
        for header, pattern in (("asm-generic/socket.h", "SO_"), ("linux/in.h", "IP_|MCAST_"),
                                ("linux/in6.h", "IPV6_"), ("linux/tcp.h", "TCP_"),
                                ("linux/udp.h", "UDP_")):
            with open(os.path.join(folder, header)) as file:
                text = re.sub(r"(?ms)^#if 0.*?^#endif", "", file.read())
            names |= set(re.findall(rf"(?m)^#define[ \t]+((?:{pattern})[A-Z0-9_]+)[ \t]+\S", text))
        self.assertGreater(len(names), 150)
        self.assertEqual({n for n in names - table if not no_options.fullmatch(n)}, set())

    def test_check_says_why(self):
        status, out, _ = self.reseat("run", "--pass", "10.0.0.0/8", RESEAT, "check")
        self.assertEqual(status, 1)
        self.assertRegex(out, r"(?m)^no other seccomp listener +no; ")
        self.assertRegex(out.splitlines()[-1], "^reseat run does not work here: .*listener")

    def test_policy(self):
        path = self.policy()
        for arguments, action, rule in (
                (["198.51.100.10:80"], "map to [64:ff9b::c633:640a]:80", "rule 0 of"),
                (["192.0.2.10:5432"], "to to [2001:db8::10]:6432", "rule 1 of"),
                (["192.0.2.10:5433"], "pass", "the default action"),
                (["--proto=udp", "192.0.2.10:5432"], "pass", "the default action"),
                (["10.1.2.3:1"], "netns to 10.1.2.3:1 from self", "rule 2 of"),
                (["203.0.113.7:443"], "reject with ECONNREFUSED (Connection refused)", "rule 3 of"),
                (["127.0.0.1:80"], "pass", "the special-use address")):
            status, out, errors = self.reseat("policy", "test", *arguments[:-1], path, arguments[-1])
            self.assertEqual((status, errors), (0, ""))
            first, second = out.splitlines()
            self.assertEqual(first, f"action: {action}")
            self.assertTrue(second.startswith(f"decided by: {rule}"), second)

    def test_policy_error(self):
        for text in ("rules:\n  - dest: 198.51.100.0/99\n    pass: true\n", "rules: [", "other: 1\n"):
            status, out, errors = self.reseat("policy", "test", self.policy(text), "192.0.2.1:80")
            self.assertEqual((status, out), (1, ""))
            self.assertTrue(errors.startswith("reseat: "), errors)
        self.assertEqual(self.reseat("policy", "test", self.path("absent"), "192.0.2.1:80")[0], 1)

    def test_policy_usage(self):
        path = self.policy()
        for arguments in ([], ["test"], ["test", path], ["show", path, "192.0.2.1:80"],
                          ["test", path, "192.0.2.1"], ["test", path, "192.0.2.1:"],
                          ["test", path, "192.0.2.1:65536"], ["test", path, "192.0.2.1:-1"],
                          ["test", path, "[::1]:80"], ["test", "--proto=sctp", path, "192.0.2.1:80"],
                          ["test", "--other", path, "192.0.2.1:80"]):
            status, out, errors = self.reseat("policy", *arguments)
            self.assertEqual((status, out), (2, ""), arguments)
            self.assertNotEqual(errors, "")


if __name__ == "__main__":
    support.main()
