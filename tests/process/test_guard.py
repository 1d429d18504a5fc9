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

# Runs a command as PID 1 of a namespace, with a /proc of its own, and tells how it ended.
INIT = """
import ctypes, os, subprocess, sys
libc = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWPID = 0x20000, 0x20000000
if libc.unshare(NEWNS | NEWPID) < 0:
    sys.exit(os.strerror(ctypes.get_errno()))
if os.fork() == 0:
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", "/proc"], check=True)
    os.execv(sys.argv[1], sys.argv[1:])
print("status", os.waitstatus_to_exitcode(os.wait()[1]))
"""
# Becomes a subreaper, and then a command.
SUBREAPER = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
# Leaves an orphan behind, and tells whom it waits for until there is nobody.
REAPER = """
import os
read, write = os.pipe()
child = os.fork()
if child == 0:
    orphan = os.fork()
    if orphan == 0:
        os.close(write)
        os.read(read, 1)
        os._exit(5)
    os._exit(4)
os.waitpid(child, 0)
os.close(write)
ended = []
while True:
    try:
        ended.append(os.waitstatus_to_exitcode(os.wait()[1]))
    except ChildProcessError:
        break
print(os.getpid() == 1, ended, flush=True)
"""
# Kills the worker, and tells what becomes of its connects then. An argument: while a child traces it.
FATAL = CONNECT + """
import ctypes, os, signal, sys, time
print(connect(), flush=True)
if sys.argv[1:]:
    read, write = os.pipe()
    if os.fork() == 0:
        SEIZE, CONT, WALL = 0x4206, 7, 0x40000000
        ptrace = ctypes.CDLL(None).ptrace
        os.write(write, b"%d" % ptrace(SEIZE, 1, None, None))
        while True:
            os.waitpid(1, WALL)
            ptrace(CONT, 1, None, None)
    print("traced", os.read(read, 10).decode(), flush=True)
for pid in filter(str.isdigit, os.listdir("/proc")):
    if open(f"/proc/{pid}/comm").read() == "reseat-worker\\n":
        os.kill(int(pid), signal.SIGKILL)
        break
end = time.monotonic() + 5
while time.monotonic() < end and (result := connect()) != 38:
    time.sleep(0.01)
print(result, flush=True)
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


class Adopts(support.ProcessTest):
    """COMMAND is whom orphans come to."""

    def run_script(self, around, script, *arguments):
        """Standard output and standard error of a script under reseat that is started by another."""
        command = support.reseat_run("in-place", *python(script, *arguments))
        done = subprocess.run(python(around, *command), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=support.DEADLINE, env=self.environment())
        self.assert_helpers_end()
        return done.stdout.splitlines(), done.stderr

    def test_waits_as_init(self):
        self.assertEqual(self.run_script(INIT, REAPER), (["True [5]", "status 0"], ""))

    def test_waits_as_subreaper(self):
        self.assertEqual(self.run_script(SUBREAPER, REAPER), (["False [5]"], ""))

    def test_init_ends_with_worker(self):
        out, errors = self.run_script(INIT, FATAL)
        self.assertEqual(out, ["111", "status -9"])
        self.assertRegex(errors, "^reseat: the supervisor .* was killed by signal 9 .*; ending .* \\(pid 1\\)\n$")

    def test_init_that_is_traced(self):
        """It has a tracer, so that nothing from within its namespace ends it."""
        out, errors = self.run_script(INIT, FATAL, "traced")
        self.assertEqual(out, ["111", "traced 0", "38", "status 0"])
        self.assertRegex(errors, "cannot be ended; the calls that reseat answered fail with ENOSYS from now on\n$")


if __name__ == "__main__":
    support.main()
