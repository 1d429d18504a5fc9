# SPDX-License-Identifier: GPL-2.0-or-later
"""`reseat run` as a process: status, signals, standard files, nothing left in the target."""
import ctypes
import json
import os
import resource
import signal
import subprocess

import support
from support import CONNECT, SIGNALS, each_model, python

# Everything that a program can see of what it was started with.
PROBE = """
import json, os, resource, sys
def status(name):
    for line in open("/proc/self/status"):
        if line.startswith(name + ":"):
            return line.partition(":")[2].strip()
def fds():
    folder = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY)
    names = {}
    for n in os.listdir("/proc/self/fd"):
        try:
            if int(n) != folder:
                names[n] = os.readlink("/proc/self/fd/" + n)
        except FileNotFoundError:  # listdir()'s own
            pass
    os.close(folder)
    return names
def tty():
    return open("/proc/self/stat").read().rpartition(")")[2].split()[4]
mask = os.umask(0)
seen = {
    "fds": fds(), "environment": {k: v for k, v in os.environ.items() if k != "_"},
    "order": [k for k in os.environ if k != "_"],
    "cwd": os.getcwd(), "umask": mask, "group": os.getpgrp(), "session": os.getsid(0), "tty": tty(),
    "limits": {n: resource.getrlimit(getattr(resource, n)) for n in dir(resource)
               if n.startswith("RLIMIT_")},
    "nice": os.nice(0), "oom": open("/proc/self/oom_score_adj").read(),
    "children": open("/proc/self/task/%d/children" % os.getpid()).read(),
    "arguments": sys.argv,
    "scheduler": os.sched_getscheduler(0),
    **{n: status(n) for n in ("SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "Uid", "Gid",
                              "Groups", "CapEff", "CapBnd", "CapInh", "CapAmb", "Threads",
                              "NoNewPrivs", "Cpus_allowed")},
}
print(json.dumps(seen))
"""


def odd_surroundings():
    """For preexec_fn: signals, limits and a mask that nobody has by default."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGCHLD, signal.SIGRTMIN})
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    os.umask(0o027)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, 300))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 4096))
    os.nice(3)


class Status(support.ProcessTest):
    @each_model
    def test_exit_status(self, model):
        for status in (0, 1, 42, 125, 255):
            self.assertEqual(self.run_in(model, "sh", "-c", f"exit {status}").returncode, status)

    @each_model
    def test_death_by_signal(self, model):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT,
                       signal.SIGPIPE, signal.SIGUSR1, signal.SIGINT, signal.SIGRTMIN + 1):
            result = self.run_in(model, "sh", "-c", f"kill -{int(number)} $$")
            self.assertEqual(result.returncode, -number)
            self.assertEqual(result.stderr, "")

    @each_model
    def test_not_found(self, model):
        for command in ("no-such-command-here", "/no/such/file"):
            result = self.run_in(model, command)
            self.assertEqual(result.returncode, 127)
            self.assertEqual(result.stderr, f"reseat: '{command}': No such file or directory\n")

    @each_model
    def test_not_executable(self, model):
        path = self.path("plain")
        with open(path, "w") as file:
            file.write("text")
        for command in (path, self.folder):
            result = self.run_in(model, command)
            self.assertEqual(result.returncode, 126)
            self.assertIn("Permission denied", result.stderr)

    @each_model
    def test_script_without_interpreter_line(self, model):
        path = self.path("script")
        with open(path, "w") as file:
            file.write('echo "script $1"\n')
        os.chmod(path, 0o755)
        self.assertEqual(self.run_in(model, path, "one").stdout, "script one\n")

    @each_model
    def test_nested(self, model):
        inner = support.reseat_run(model, "touch", self.path("started"))
        result = self.run_in(model, *inner)
        self.assertEqual(result.returncode, 125)
        self.assertIn("another seccomp supervisor already listens", result.stderr)
        self.assertFalse(os.path.exists(self.path("started")))

    @each_model
    def test_new_pid_namespace(self, model):
        """Whose first process is another one than COMMAND; inside it all is as ever."""
        for flags, status in ((["--pid"], 125), (["--pid", "--fork", "--mount-proc"], 0)):
            started = self.path(f"started-{status}-{model}")
            result = subprocess.run(["unshare", *flags, *support.reseat_run(model, "touch", started)],
                                    capture_output=True, text=True, timeout=support.DEADLINE,
                                    # The search for leaks starts a process, too, and would wait for it for ever.
                                    env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
            self.assertEqual(result.returncode, status, result.stderr)
            self.assertEqual("new pid namespace" in result.stderr, status != 0, result.stderr)
            self.assertEqual(os.path.exists(started), status == 0)

    @each_model
    def test_supervisor_cannot_start(self, model):
        for options in (["--watch-backend", "no-such-backend", "--pass", "10.0.0.0/8"],
                        ["--netns", f"10.0.0.0/8={self.path('no-such-namespace')}"],
                        ["--netns", f"10.0.0.0/8={self.folder}"],
                        ["--trace-output", self.path("no/such/folder"), "--pass", "10.0.0.0/8"],
                        ["--policy", self.path("no-such-policy")],
                        ["--map", "10.0.0.0/8=64:ff9b::/95"]):
            result = self.run_in(model, "touch", self.path("started"), options=options)
            self.assertEqual(result.returncode, 125, options)
            self.assertRegex(result.stderr, "(?m)^reseat: .+")
            self.assertFalse(os.path.exists(self.path("started")), options)

    @each_model
    def test_few_descriptors(self, model):
        """It says at once what it takes, or works; and COMMAND has the limits that it was given."""
        told = "import resource; told = resource.getrlimit(resource.RLIMIT_NOFILE); "
        for soft, hard in ((8, 39), (39, 39), (8, 40), (40, 40), (12, 500)):
            command = support.reseat_run(model, *python(told + CONNECT + "connect(); print(told)"),
                                         options=["--netns", "127.0.0.0/8=self"])
            result = subprocess.run(
                ["prlimit", f"--nofile={soft}:{hard}", "--",
                 "setpriv", *(["--bounding-set=-sys_resource"] if os.getuid() == 0 else []), "--", *command],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                timeout=support.DEADLINE, env=self.environment())
            self.assert_helpers_end()
            if hard < 40:
                self.assertEqual((result.returncode, result.stderr),
                                 (125, "reseat: there may be no more than 39 descriptors; raise the hard RLIMIT_NOFILE: "
                                       "it takes 40 descriptors, and one for each network namespace\n"))
            else:
                self.assertEqual((result.returncode, result.stderr, result.stdout.splitlines()[-1]), (0, "", f"({soft}, {hard})"))

    @each_model
    def test_processor_time(self, model):
        """A limit that cannot be lifted for the supervisor is told of, and COMMAND has it as ever."""
        def limit():
            # Of root, too: where it is not in the bounding set, exec does not give it.
            PR_CAPBSET_DROP, CAP_SYS_RESOURCE = 24, 24
            ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0)
            resource.setrlimit(resource.RLIMIT_CPU, (200, 300))
        done = self.run_in(model, "sh", "-c", "ulimit -St; ulimit -Ht", preexec_fn=limit)
        self.assertEqual((done.returncode, done.stdout), (0, "200\n300\n"))
        self.assertRegex(done.stderr, "^reseat: warning: there is a limit of 300 s of processor time .*\n$")

    @each_model
    def test_watch_backend_variable(self, model):
        result = self.run_in(model, "true",
                             env=self.environment(RESEAT_WATCH_BACKEND="no-such-backend"))
        self.assertEqual(result.returncode, 125)
        self.assertIn("no-such-backend", result.stderr)
        # The option wins.
        result = self.run_in(model, "true", options=["--watch-backend=procfs", "--pass=10.0.0.0/8"],
                             env=self.environment(RESEAT_WATCH_BACKEND="no-such-backend"))
        self.assertEqual((result.returncode, result.stderr), (0, ""))


    @each_model
    def test_watch_backend_of_another_kernel(self, model):
        result = self.run_in(model, "touch", self.path("started"),
                             options=["--watch-backend=kernel", "--pass=10.0.0.0/8"])
        works = os.path.exists(self.path("started"))
        self.assertEqual(result.returncode, 0 if works else 125)
        self.assertEqual(os.environ.get("RESEAT_KERNEL") == "patched", works)
        if not works:
            self.assertRegex(result.stderr, "(?m)^reseat: .*'kernel' needs a kernel with the patches of kernel/README.md")


class Signals(support.ProcessTest):
    @each_model
    def test_forwarded_once(self, model):
        numbers = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1,
                   signal.SIGUSR2, signal.SIGWINCH, signal.SIGALRM, signal.SIGTSTP, signal.SIGCONT,
                   signal.SIGRTMIN + 3]
        numbers = [int(number) for number in numbers]
        process = self.start_in(model, *python(SIGNALS, ",".join(map(str, numbers))))
        self.assertEqual(self.line(process), "ready")
        for number in numbers:
            process.send_signal(number)
            self.assertEqual(self.line(process), f"got {number}")
        process.stdin.write("end\n")
        self.assertEqual(self.line(process), ",".join(map(str, numbers)))
        self.assertEqual(self.end_of(process), (0, ""))

    @each_model
    def test_group_signal_arrives_once(self, model):
        numbers = [int(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGCONT)]
        behind = int(signal.SIGRTMIN)  # the kernel hands it out after the others
        process = self.start_in(model, *python(SIGNALS, ",".join(map(str, [*numbers, behind]))),
                                start_new_session=True)
        self.assertEqual(self.line(process), "ready")
        for number in numbers * 5:
            os.killpg(process.pid, number)
            self.assertEqual(self.line(process), f"got {number}")
            # To the front alone: when it arrives, the front has dealt with the one before.
            process.send_signal(behind)
            self.assertEqual(self.line(process), f"got {behind}")
        process.stdin.write("end\n")
        expected = [n for number in numbers * 5 for n in (number, behind)]
        self.assertEqual(self.line(process), ",".join(map(str, expected)))
        self.assertEqual(self.end_of(process), (0, ""))

    @each_model
    def test_queued_value_arrives(self, model):
        script = ("import ctypes, signal\n"
                  "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGRTMIN})\n"
                  "print('ready', flush=True)\n"
                  "info = (ctypes.c_int * 32)(); mask = (ctypes.c_ulong * 16)()\n"
                  "libc = ctypes.CDLL(None); libc.sigaddset(mask, int(signal.SIGRTMIN))\n"
                  "libc.sigwaitinfo(mask, info)\n"
                  "print(info[2], info[4], info[6])\n")
        process = self.start_in(model, *python(script))
        self.assertEqual(self.line(process), "ready")
        libc = ctypes.CDLL(None, use_errno=True)
        libc.sigqueue.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_void_p)
        self.assertEqual(libc.sigqueue(process.pid, int(signal.SIGRTMIN), 4711), 0)
        self.assertEqual(self.line(process), f"-1 {os.getpid()} 4711")

    @each_model
    def test_stop_and_continue(self, model):
        # A group of its own: what calls this may be the leader of a session, whose group is
        # orphaned, and such a group does not stop.
        process = self.start_in(model, *python("import os; print(os.getpid(), flush=True); input()"),
                                preexec_fn=os.setpgrp)
        target = int(self.line(process))
        for number in (signal.SIGSTOP, signal.SIGTSTP):
            os.kill(target, number)
            status = support.next_status(process, os.WUNTRACED)
            self.assertTrue(os.WIFSTOPPED(status))
            self.assertEqual(os.WSTOPSIG(status), number)
            self.assertEqual(support.process_state(target), "T")
            process.send_signal(signal.SIGCONT)
            status = support.next_status(process, os.WCONTINUED)
            self.assertTrue(os.WIFCONTINUED(status))
            support.wait_until(lambda: support.process_state(target) != "T", "COMMAND continues")
        process.stdin.write("\n")
        self.assertEqual(self.end_of(process), (0, ""))

    @each_model
    def test_continued_behind_the_front(self, model):
        process = self.start_in(model, *python("import os; print(os.getpid(), flush=True); input()"))
        target = int(self.line(process))
        os.kill(target, signal.SIGSTOP)
        support.next_status(process, os.WUNTRACED)
        os.kill(target, signal.SIGCONT)
        status = support.next_status(process, os.WCONTINUED)
        self.assertTrue(os.WIFCONTINUED(status))
        process.stdin.write("\n")
        self.assertEqual(self.end_of(process), (0, ""))

    @each_model
    def test_stopped_while_ignored(self, model):
        """A target that ignores SIGTSTP goes on, and so does the front."""
        script = "import signal; signal.signal(signal.SIGTSTP, signal.SIG_IGN)\n"
        process = self.start_in(model, *python(script + "print('ready', flush=True)\ninput()"),
                                preexec_fn=os.setpgrp)
        self.assertEqual(self.line(process), "ready")
        os.killpg(process.pid, signal.SIGTSTP)
        process.stdin.write("\n")
        self.assertEqual(self.end_of(process), (0, ""))


class Surroundings(support.ProcessTest):
    def probe(self, command, **how):
        result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                timeout=support.DEADLINE, cwd=self.folder, **how)
        self.assertEqual(result.returncode, 0)
        seen = json.loads(result.stdout)
        del seen["fds"]["1"]  # a pipe of this run
        return seen

    @each_model
    def test_nothing_left(self, model):
        for preexec in (None, odd_surroundings):
            with open(self.path("inherited"), "w") as file:
                how = {"preexec_fn": preexec, "pass_fds": [file.fileno()]}
                environment = self.environment()
                environment.pop("RESEAT_WATCH_BACKEND", None)
                native = self.probe(python(PROBE), env=environment, **how)
                under = self.probe(support.reseat_run(model, *python(PROBE)),
                                   env={"RESEAT_WATCH_BACKEND": "procfs", **environment}, **how)
            self.maxDiff = None
            self.assertEqual(native, under)

    @each_model
    def test_closed_standard_files(self, model):
        command = '"$@" <&- >&- 2>&-'
        for name, prefix in (("native", []), (model, support.reseat_run(model))):
            out = self.path(name)
            subprocess.run(["sh", "-c", command, "sh", *prefix, "/usr/bin/env", "sh", "-c",
                            'exec 3>"$OUT"; for i in 0 1 2; do [ -e /proc/$$/fd/$i ] && '
                            'echo $i >&3; done; echo end >&3'],
                           env=self.environment(OUT=out), timeout=support.DEADLINE, check=True)
        with open(self.path("native")) as native, open(self.path(model)) as under:
            self.assertEqual(native.read(), under.read())

    def test_same_process(self):
        process = self.start_in("in-place", *python("import os; print(os.getpid(), os.getppid())"))
        self.assertEqual(self.line(process), f"{process.pid} {os.getpid()}")

    @each_model
    def test_standard_files(self, model):
        data = os.urandom(1 << 20)
        result = subprocess.run(support.reseat_run(model, "sh", "-c", "tee /dev/stderr"), input=data,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                timeout=support.DEADLINE, env=self.environment())
        self.assertEqual(result.stdout, data)
        self.assertEqual(result.stderr, data)

    @each_model
    def test_output_closed_by_target(self, model):
        """A reader sees the end when the target closes its output, not when it ends."""
        process = self.start_in(model, *python("import os; os.close(1); input()"))
        self.assertEqual(self.line(process), "")
        process.stdin.write("\n")
        self.assertEqual(self.end_of(process), (0, ""))

    @each_model
    def test_input_closed_by_target(self, model):
        """A writer gets EPIPE when the target closes its input."""
        process = self.start_in(
            model, *python("import os, time; os.close(0); print('closed', flush=True); time.sleep(60)"))
        self.assertEqual(self.line(process), "closed")

        def broken():
            try:
                os.write(process.stdin.fileno(), b"x")
                return False
            except BrokenPipeError:
                return True

        support.wait_until(broken, "EPIPE")

    @each_model
    def test_trapped_call(self, model):
        result = self.run_in(model, *python(CONNECT + "print(connect())"))
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "111\n", ""))

    @each_model
    def test_trace(self, model):
        result = self.run_in(model, *python(CONNECT + "connect()"),
                             options=["--trace", "--pass", "127.0.0.0/8"])
        self.assertEqual(result.returncode, 0)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        path = self.path("trace")
        for lines in (1, 2):
            result = self.run_in(model, *python(CONNECT + "connect()"),
                                 options=["--trace-output", path, "--pass", "127.0.0.0/8"])
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            with open(path) as file:
                self.assertEqual(len(file.readlines()), lines)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)

    @each_model
    def test_trace_is_whole(self, model):
        """No line is lost at the end, nor what the pipe cannot hold at once."""
        result = self.run_in(model, *python(CONNECT + "for i in range(2000): connect()"),
                             options=["--trace", "--pass", "127.0.0.0/8"])
        self.assertEqual(result.returncode, 0)
        self.assertEqual(len(result.stderr.splitlines()), 2000)


if __name__ == "__main__":
    support.main()
