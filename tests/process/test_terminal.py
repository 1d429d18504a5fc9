# SPDX-License-Identifier: GPL-2.0-or-later
"""Job control: an interactive bash on a terminal of its own starts things under reseat."""
import os
import pty
import re
import select
import shutil
import signal
import time

import support
from support import each_model

PROMPT = "<prompt> "

class Shell:
    """bash on a pseudo-terminal."""

    def __init__(self, environment):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            # The test runner may have been started with signals ignored or blocked.
            signal.pthread_sigmask(signal.SIG_SETMASK, set())
            for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"], environment)
        self.seen = ""
        self.number = 0

    def send(self, text):
        os.write(self.terminal, text.encode())

    def expect(self, pattern):
        """Wait until the output has a match, and forget the output up to its end."""
        end = time.monotonic() + support.DEADLINE
        while True:
            match = re.search(pattern, self.seen)
            if match:
                self.seen = self.seen[match.end():]
                return match
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.terminal], [], [], left)[0]:
                raise AssertionError(f"no {pattern!r} in {self.seen!r}")
            try:
                self.seen += os.read(self.terminal, 65536).decode(errors="replace")
            except OSError:
                raise AssertionError(f"the terminal ended; no {pattern!r} in {self.seen!r}") from None

    def command(self, text):
        """Type a command at the prompt. Keys that send signals make the terminal forget its input,
        so nothing is typed ahead."""
        self.expect(PROMPT)
        self.send(text + "\n")

    def status(self):
        """The status of the last command."""
        self.number += 1
        self.command(f'echo "$?=st""{self.number}"')
        return int(self.expect(rf"(\d+)=st{self.number}").group(1))

    def hang_up(self):
        if self.terminal >= 0:
            os.close(self.terminal)
        self.terminal = -1

    def close(self):
        self.hang_up()
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class Terminal(support.ProcessTest):
    def shell(self, model, **more):
        shell = Shell(self.environment(PS1=PROMPT, TERM="vt100", **more))
        self.addCleanup(shell.close)
        start = " ".join(support.reseat_run(model))
        # Without echo, what is typed is not mistaken for output.
        shell.command("stty -echo columns 80 rows 24")
        shell.command(f"alias r='{start}'")
        return shell

    def script(self, text):
        path = self.path("script")
        with open(path, "w") as file:
            file.write(text)
        return f"{support.PYTHON} -I {path}"

    @each_model
    def test_interrupt_and_quit(self, model):
        shell = self.shell(model)
        for key, number in (("\x03", signal.SIGINT), ("\x1c", signal.SIGQUIT)):
            shell.command("ulimit -c 0; r sh -c 'echo started; exec cat'")
            shell.expect("started\r\n")
            shell.send(key)
            self.assertEqual(shell.status(), 128 + number)

    @each_model
    def test_handled_once(self, model):
        shell = self.shell(model)
        shell.command(f"r {self.script(support.SIGNALS)} 2,3")
        shell.expect("ready\r\n")
        for key, number in (("\x03", signal.SIGINT), ("\x1c", signal.SIGQUIT), ("\x03", signal.SIGINT)):
            shell.send(key)
            shell.expect(f"got {int(number)}\r\n")
        shell.send("end\n")
        shell.expect("^2,3,2\r\n")
        self.assertEqual(shell.status(), 0)

    @each_model
    def test_stop_and_foreground(self, model):
        shell = self.shell(model)
        shell.command("r cat")
        for turn in range(3):
            shell.send(f"line{turn}\n")
            shell.expect(f"line{turn}\r\n")
            shell.send("\x1a")
            shell.expect(r"\[1\]\+ +Stopped")
            self.assertEqual(shell.status(), 128 + signal.SIGTSTP)
            shell.command("fg")
            shell.expect("cat\r\n")
        shell.send("\x04")
        self.assertEqual(shell.status(), 0)

    @each_model
    def test_background_read_stops(self, model):
        shell = self.shell(model)
        shell.command("r cat &")
        shell.expect(r"\[1\] \d+")
        support.wait_until(lambda: self.stopped("cat"), "the background job reads and is stopped")
        shell.command("jobs")
        shell.expect(r"\[1\]\+ +Stopped")
        shell.command("fg")
        shell.expect("cat\r\n")
        shell.send("line\n")
        shell.expect("line\r\n")
        shell.send("\x04")
        self.assertEqual(shell.status(), 0)

    def stopped(self, name):
        return any(support.process_state(pid) == "T" for pid in self.marked(name))

    @each_model
    def test_job_killed(self, model):
        shell = self.shell(model)
        shell.command("r cat")
        shell.send("line\n")
        shell.expect("line\r\n")
        shell.send("\x1a")
        shell.expect(r"\[1\]\+ +Stopped")
        shell.command("kill %1")
        # bash itself does not always tell of it, natively either.
        support.wait_until(lambda: not self.marked("cat") and not self.marked("reseat"), "it ends")
        self.assert_helpers_end()

    @each_model
    def test_shell_inside(self, model):
        shell = self.shell(model)
        shell.command("inside=yes r bash --norc --noprofile --noediting -i")
        shell.command("cat")
        shell.send("line\n")
        shell.expect("line\r\n")
        shell.send("\x1a")
        shell.expect(r"\[1\]\+ +Stopped")
        shell.command("fg")
        shell.expect("cat\r\n")
        shell.send("line\n")
        shell.expect("line\r\n")
        shell.send("\x03")
        self.assertEqual(shell.status(), 128 + signal.SIGINT)
        shell.command("suspend")
        shell.expect(r"\[1\]\+ +Stopped")
        shell.command("echo inside=$inside")
        shell.expect("inside=\r\n")
        shell.command("fg")
        shell.expect("bash.*\r\n")
        shell.send("\n")
        shell.command("echo inside=$inside")
        shell.expect("inside=yes\r\n")
        shell.command("exit 5")
        self.assertEqual(shell.status(), 5)

    @each_model
    def test_editor(self, model):
        if not shutil.which("vi"):
            self.skipTest("no vi")
        shell = self.shell(model)
        path = self.path("text")
        with open(path, "w") as file:
            file.write("first\n")
        shell.command(f"r vi -u NONE -n {path}")
        shell.expect("first")
        shell.send("osecond\x1b")
        shell.expect("second")
        shell.send("\x1a")
        shell.expect(r"\[1\]\+ +Stopped")
        shell.command("fg")
        shell.expect("second")
        shell.send("othird\x1b:wq\n")
        self.assertEqual(shell.status(), 0)
        with open(path) as file:
            self.assertEqual(file.read(), "first\nsecond\nthird\n")

    @each_model
    def test_pager(self, model):
        if not shutil.which("less"):
            self.skipTest("no less")
        shell = self.shell(model, LESS="")
        path = self.path("text")
        with open(path, "w") as file:
            file.writelines(f"number {i}\n" for i in range(1000))
        shell.command(f"r less {path}")
        shell.expect("number 20")
        shell.send("\x1a")
        shell.expect(r"\[1\]\+ +Stopped")
        shell.command("fg")
        shell.expect("number 20")
        shell.send("G")
        shell.expect("number 999")
        shell.send("q")
        self.assertEqual(shell.status(), 0)

    @each_model
    def test_terminal_goes_away(self, model):
        """A hang-up ends what the shell had in the foreground."""
        shell = self.shell(model)
        shell.command("r cat")
        shell.send("line\n")
        shell.expect("line\r\n")
        target = self.marked("cat")[0]
        shell.hang_up()
        support.wait_until(lambda: support.process_ended(target), "COMMAND ends")
        self.assert_helpers_end()


if __name__ == "__main__":
    support.main()
