# SPDX-License-Identifier: GPL-2.0-or-later
"""System calls that a filter denies under which reseat is started, as that of a container does."""
import ctypes
import errno
import json
import os
import struct
import subprocess
import unittest

import support
from support import each_model, python, reseat_run

# x86-64's; nothing here is run elsewhere.
CLOSE_RANGE, KCMP, PROCESS_VM_READV, UNSHARE = 436, 312, 310, 272
# <linux/filter.h>, <linux/seccomp.h>, <linux/prctl.h>
LD_W_ABS, JEQ, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2

MAP = ("--map", "127.0.0.0/8=::ffff:0:0/96")
CLIENT = """
import json, os, socket, sys
s = socket.socket()
before = os.fstat(s.fileno()).st_ino
s.connect(("127.0.0.1", int(sys.argv[1])))
print(json.dumps([os.fstat(s.fileno()).st_ino != before, s.getpeername()[0]]))
"""


def deny(number, *numbers):
    """In the calling process: they fail with EPERM from now on."""
    numbers = (number, *numbers)
    lines = [struct.pack("HBBI", LD_W_ABS, 0, 0, 0)]
    for left, one in zip(range(len(numbers) - 1, -1, -1), numbers):
        lines.append(struct.pack("HBBI", JEQ, left + 1, 0, one))
    lines.append(struct.pack("HBBI", RETURN, 0, 0, ALLOW))
    lines.append(struct.pack("HBBI", RETURN, 0, 0, ERRNO | errno.EPERM))
    code = ctypes.create_string_buffer(b"".join(lines))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(lines), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(PR_SET_SECCOMP, MODE_FILTER, program) == 0, os.strerror(ctypes.get_errno())


@unittest.skipUnless(os.uname().machine == "x86_64", "the numbers are those of x86-64")
class Denied(support.ServedTest):
    def run_denied(self, model, *numbers):
        done = subprocess.run(
            reseat_run(model, *python(CLIENT, self.port), options=MAP), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=support.DEADLINE,
            env=self.environment(), preexec_fn=lambda: deny(*numbers))
        self.assert_helpers_end()
        return done

    @each_model
    def test_unshare(self, model):
        """A descriptor table of its own is to be had otherwise."""
        done = self.run_denied(model, UNSHARE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(json.loads(done.stdout), [True, "127.0.0.1"])

    @each_model
    def test_no_table(self, model):
        self.refused(self.run_denied(model, UNSHARE, CLOSE_RANGE), "close_range(2)")

    @each_model
    def test_kcmp(self, model):
        self.refused(self.run_denied(model, KCMP), "kcmp(2)")

    @each_model
    def test_memory(self, model):
        self.refused(self.run_denied(model, PROCESS_VM_READV), "process_vm_readv(2)")

    def refused(self, done, call):
        """Before anything has begun."""
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertIn(call, done.stderr)
        self.assertIn("Operation not permitted", done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1)


if __name__ == "__main__":
    support.main()
