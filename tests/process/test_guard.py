# SPDX-License-Identifier: GPL-2.0-or-later
"""Daemons that outlive COMMAND, and what happens when guard, worker or front are killed."""
import os
import select
import signal
import subprocess

import support
from support import CONNECT, each_model, python

# COMMAND starts a daemon that waits for a line in FIFO, connects, and writes the result to OUT.
DAEMON = CONNECT + """
import os, sys
fifo, out = sys.argv[1:]
if os.fork() == 0:
    os.setsid()
    if os.fork() != 0:
        os._exit(0)
    for fd in (0, 1, 2):
        os.dup2(os.open("/dev/null", os.O_RDWR), fd)
    result = open(out, "w")
    print(os.getpid(), file=result, flush=True)
    open(fifo).readline()
    print(connect(), file=result, flush=True)
    os._exit(0)
os.wait()
print("started", flush=True)
"""
WAIT = "input()\n"

# The daemon waits for a datagram instead, on a socket that is swapped. Calls are dealt with in turn: when its
# other thread's is answered, the first is held.
HELD = DAEMON.replace("open(fifo).readline()", """
    import platform, threading
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(("127.0.0.1", 9))
    recvfrom = {"x86_64": "45", "aarch64": "207"}[platform.machine()]
    def watch():
        while open(f"/proc/self/task/{os.getpid()}/syscall").read().split()[0] != recvfrom:
            pass
        print(s.getsockname()[0], file=result, flush=True)
    threading.Thread(target=watch).start()
    s.recvfrom(10)""")

# The daemon has many children that wait so.
MANY_HELD = DAEMON.replace("open(fifo).readline()", """
    import platform, time
    recvfrom = {"x86_64": "45", "aarch64": "207"}[platform.machine()]
    children = []
    for i in range(200):
        child = os.fork()
        if child == 0:
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.connect(("127.0.0.1", 9))
            s.recvfrom(10)
        children.append(child)
    for child in children:
        while True:
            seen = open(f"/proc/{child}/syscall").read().split()
            if seen[0] == recvfrom:
                break
            time.sleep(0.001)
    # Calls are dealt with in turn: those before this one are held.
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(("127.0.0.1", 9))
    s.getsockname()
    print(*children, file=result, flush=True)
    import signal
    signal.pause()""")

# Tells its pid, and after each line the result of a connect.
CONNECTOR = CONNECT + """
import os, sys
print(os.getpid(), flush=True)
for line in sys.stdin:
    print(connect(), flush=True)
sys.exit(7)
"""


def end_all(pids):
    """Where the guard has not."""
    for pid in pids:
        if not support.process_ended(pid):
            os.kill(pid, signal.SIGKILL)


class Daemons(support.ProcessTest):
    def start_daemon(self, model, script=DAEMON, **how):
        """Start a COMMAND with a daemon; the process of reseat, and the daemon's pid."""
        os.mkfifo(self.path("fifo"))
        process = self.start_in(model, *python(script, self.path("fifo"), self.path("out")), **how)
        self.assertEqual(self.line(process), "started")
        daemon = int(support.wait_until(lambda: self.output(), "the daemon's pid")[0])
        return process, daemon

    def output(self):
        try:
            with open(self.path("out")) as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def let_connect(self):
        with open(self.path("fifo"), "w") as file:
            file.write("\n")

    @each_model
    def test_outlives(self, model):
        process, daemon = self.start_daemon(model)
        self.assertEqual(self.end_of(process), (0, ""))
        self.assertFalse(support.process_ended(daemon))
        self.let_connect()
        support.wait_until(lambda: support.process_ended(daemon), "the daemon ends")
        self.assertEqual(self.output()[1:], ["111"])
        self.assert_helpers_end()

    @each_model
    def test_captured_output_ends(self, model):
        for trace in ([], ["--trace"]):
            command = support.reseat_run(model, "sh", "-c",
                                         "sleep 1000 </dev/null >/dev/null 2>&1 & echo $!",
                                         options=["--pass", "10.0.0.0/8", *trace])
            result = subprocess.run(["sh", "-c", 'x=$("$@" 2>&1); echo "$x"', "sh", *command],
                                    stdout=subprocess.PIPE, timeout=support.DEADLINE,
                                    env=self.environment())
            os.kill(int(result.stdout), signal.SIGKILL)
            self.assert_helpers_end()

    @each_model
    def test_inherited_pipe_ends(self, model):
        """A pipe that COMMAND was given under another number is not kept open either."""
        read, write = os.pipe()
        process = self.start_in(model, *python(f"import os; os.close({write}); input()"),
                                pass_fds=[write])
        os.close(write)
        self.assertTrue(select.select([read], [], [], support.DEADLINE)[0], "the pipe is held open")
        self.assertEqual(os.read(read, 1), b"")
        os.close(read)
        process.stdin.write("\n")
        self.assertEqual(self.end_of(process), (0, ""))

    @each_model
    def test_daemon_ends_with_worker(self, model):
        process, daemon = self.start_daemon(model)
        self.assertEqual(self.end_of(process), (0, ""))
        worker = self.helper("worker")
        os.kill(worker, signal.SIGKILL)
        support.wait_until(lambda: support.process_ended(worker), "the worker ends")
        self.assertFalse(support.process_ended(daemon))
        self.let_connect()
        support.wait_until(lambda: support.process_ended(daemon), "the guard ends the daemon")
        self.assertEqual(self.output()[1:], [])
        self.assert_helpers_end()

    @each_model
    def test_held_daemon_ends_with_worker(self, model):
        """It waits in a call that only the worker would have answered."""
        process, daemon = self.start_daemon(model, HELD,
                                            options=["--map", "127.0.0.0/8=::ffff:0:0/96"])
        self.assertEqual(self.end_of(process), (0, ""))
        support.wait_until(lambda: self.output()[1:], "the daemon waits")
        os.kill(self.helper("worker"), signal.SIGKILL)
        support.wait_until(lambda: support.process_ended(daemon), "the guard ends the daemon")
        self.assert_helpers_end()

    @each_model
    def test_many_held_end_with_worker(self, model):
        process, daemon = self.start_daemon(model, MANY_HELD,
                                            options=["--map", "127.0.0.0/8=::ffff:0:0/96"])
        self.assertEqual(self.end_of(process), (0, ""))
        support.wait_until(lambda: self.output()[1:], "the daemons wait")
        pids = list(map(int, self.output()[1].split()))
        self.addCleanup(end_all, [*pids, daemon])
        os.kill(self.helper("worker"), signal.SIGKILL)
        support.wait_until(lambda: all(map(support.process_ended, pids)), "the guard ends them")
        os.kill(daemon, signal.SIGKILL)
        self.assert_helpers_end()

    @each_model
    def test_other_process_ends(self, model):
        """Another process ends at its next connect, after COMMAND has been ended."""
        process, daemon = self.start_daemon(model, DAEMON + WAIT)
        os.kill(self.helper("worker"), signal.SIGKILL)
        status, errors = self.death_of(process)
        self.assertEqual(status, -signal.SIGKILL)
        self.assertIn("was killed by signal 9 (Killed); ending ", errors)
        self.let_connect()
        support.wait_until(lambda: support.process_ended(daemon), "the guard ends the daemon")
        self.assert_helpers_end()


class Killed(support.ProcessTest):
    def start_connector(self, model):
        process = self.start_in(model, *python(CONNECTOR))
        target = int(self.line(process))
        process.stdin.write("\n")
        self.assertEqual(self.line(process), "111")
        return process, target

    @each_model
    def test_worker(self, model):
        process, target = self.start_connector(model)
        worker = self.helper("worker")
        os.kill(worker, signal.SIGKILL)
        status, errors = self.death_of(process)
        self.assertEqual(status, -signal.SIGKILL)
        self.assertEqual(errors, f"reseat: the supervisor (pid {worker}) was killed by signal 9 "
                                 f"(Killed); ending {support.PYTHON} (pid {target})\n")
        self.assertTrue(support.process_ended(target))
        self.assert_helpers_end()

    @each_model
    def test_worker_is_not_ended_by_other_signals(self, model):
        process, _ = self.start_connector(model)
        for name in ("worker", "guard"):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE,
                           signal.SIGUSR1, signal.SIGALRM):
                os.kill(self.helper(name), number)
        process.stdin.write("\n")
        self.assertEqual(self.line(process), "111")
        process.stdin.close()
        process.stdin = None
        self.assertEqual(self.end_of(process), (7, ""))
        self.assert_helpers_end()

    @each_model
    def test_guard(self, model):
        process, _ = self.start_connector(model)
        guard = self.helper("guard")
        os.kill(guard, signal.SIGKILL)
        self.assertRegex(process.stderr.readline(),
                         f"^reseat: the guard \\(pid {guard}\\) was killed; ")
        process.stdin.write("\n")
        self.assertEqual(self.line(process), "111")
        process.stdin.close()
        process.stdin = None
        self.assertEqual(self.end_of(process), (7, ""))
        self.assert_helpers_end()

    @each_model
    def test_stop_after_guard(self, model):
        """The worker takes over what the guard did for the front."""
        process, target = self.start_connector(model)
        os.kill(self.helper("guard"), signal.SIGKILL)
        support.wait_until(lambda: not self.marked("reseat-guard"), "the guard ends")
        os.kill(target, signal.SIGSTOP)
        status = support.next_status(process, os.WUNTRACED)
        self.assertEqual(os.WSTOPSIG(status), signal.SIGSTOP)
        process.send_signal(signal.SIGCONT)
        os.kill(target, signal.SIGTERM)
        self.assertEqual(self.death_of(process)[0], -signal.SIGTERM)
        self.assert_helpers_end()

    def test_front(self):
        process, target = self.start_connector("front")
        process.kill()
        self.assertEqual(self.death_of(process)[0], -signal.SIGKILL)
        support.wait_until(lambda: support.process_ended(target), "COMMAND ends")
        self.assert_helpers_end()

    @each_model
    def test_other_signals(self, model):
        """No signal that says nothing of a mistake of its own ends the worker."""
        process, _ = self.start_connector(model)
        worker = self.helper("worker")
        spared = {signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL,
                  signal.SIGFPE, signal.SIGABRT, signal.SIGSYS}
        for number in range(1, signal.SIGRTMAX + 1):
            if number not in spared and not 32 <= number < signal.SIGRTMIN:
                os.kill(worker, number)
        process.stdin.write("\n")
        process.stdin.flush()
        self.assertEqual(self.line(process), "111")
        process.stdin.close()
        self.assertEqual(process.wait(support.DEADLINE), 7)

    def test_front_after_guard(self):
        process, target = self.start_connector("front")
        os.kill(self.helper("guard"), signal.SIGKILL)
        support.wait_until(lambda: not self.marked("reseat-guard"), "the guard ends")
        process.kill()
        support.wait_until(lambda: support.process_ended(target), "COMMAND ends")
        self.assert_helpers_end()

    def test_guard_and_worker(self):
        process, target = self.start_connector("front")
        helpers = [self.helper("guard"), self.helper("worker")]
        for pid in helpers:
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(self.death_of(process)[0], -signal.SIGKILL)
        self.assertTrue(support.process_ended(target))


if __name__ == "__main__":
    support.main()
