# SPDX-License-Identifier: GPL-2.0-or-later
"""Ordinary users: no_new_privs, set-user-ID programs; a program that changes its user."""
import os
import pwd
import shutil
import subprocess
import unittest

import support
from support import each_model

# bash connects, and says what came of it: nothing else that any system has can do that.
CONNECT = "(exec 3<>/dev/tcp/127.0.0.1/1) 2>&1 | grep -o 'Connection refused' | head -n 1"


@unittest.skipUnless(os.geteuid() == 0, "needs root, to become somebody else")
class OrdinaryUser(support.ProcessTest):
    def fresh(self):
        super().fresh()
        # The tree need not be accessible to others.
        self.program = self.path("reseat")
        shutil.copy(support.RESEAT, self.program)
        os.chmod(self.program, 0o755)
        self.nobody = pwd.getpwnam("nobody").pw_uid

    def run_as_nobody(self, model, *command, options=("--pass", "10.0.0.0/8")):
        result = subprocess.run(
            [self.program, "run", f"--process-model={model}", *options, "--", *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=support.as_nobody, cwd="/", env=self.environment(), timeout=support.DEADLINE)
        self.assert_helpers_end()
        return result

    @each_model
    def test_runs(self, model):
        result = self.run_as_nobody(model, "sh", "-c", "id -u; exit 7")
        self.assertEqual((result.returncode, result.stdout, result.stderr), (7, f"{self.nobody}\n", ""))

    @each_model
    def test_connects(self, model):
        result = self.run_as_nobody(model, "bash", "-c", CONNECT)
        self.assertEqual((result.returncode, result.stdout, result.stderr),
                         (0, "Connection refused\n", ""))

    @each_model
    def test_daemon(self, model):
        out = self.path("out")
        script = f"(exec </dev/null >{out} 2>/dev/null; setsid bash -c \"{CONNECT}\" &) & wait"
        self.assertEqual(self.run_as_nobody(model, "bash", "-c", script).returncode, 0)
        with open(out) as file:
            self.assertEqual(file.read(), "Connection refused\n")

    @each_model
    def test_set_user_id(self, model):
        program = self.path("set-user-id")
        shutil.copy(shutil.which("id"), program)
        os.chmod(program, 0o4755)
        result = self.run_as_nobody(model, program, "-u")
        self.assertEqual((result.returncode, result.stdout), (0, f"{self.nobody}\n"))
        self.assertRegex(result.stderr,
                         r"^reseat: warning: '.*' is set-user-ID; .*no_new_privs.*\n$")

    @each_model
    def test_no_new_privs(self, model):
        command = ("sh", "-c", "grep NoNewPrivs: /proc/self/status")
        self.assertEqual(self.run_as_nobody(model, *command).stdout.split()[1], "1")
        self.assertEqual(self.run_in(model, *command).stdout.split()[1], "0")

    @each_model
    def test_changes_user(self, model):
        """Root starts a program that becomes an ordinary user."""
        if not shutil.which("setpriv"):
            self.skipTest("no setpriv")
        result = self.run_in(model, "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
                             "bash", "-c", f"id -u; {CONNECT}", cwd="/")
        self.assertEqual((result.returncode, result.stdout, result.stderr),
                         (0, f"{self.nobody}\nConnection refused\n", ""))

    @each_model
    def test_trace_output_of_another(self, model):
        path = self.path("trace")
        with open(path, "w"):
            os.chmod(path, 0o600)
        result = self.run_as_nobody(model, "true",
                                    options=["--trace-output", path, "--pass", "10.0.0.0/8"])
        self.assertEqual(result.returncode, 125)
        self.assertEqual(result.stderr, f"reseat: --trace-output '{path}': Permission denied\n")


if __name__ == "__main__":
    support.main(user=True)
