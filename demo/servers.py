# SPDX-License-Identifier: GPL-2.0-or-later
"""What the programs of the demo speak with: server.py, and real daemons for programs that need one.

All of them run in the IPv4-only namespace. Whoever runs the demo has to look at a connection while
it is open, so every server can be held: a client that asks it something waits until release().
server.py is told so. A daemon knows nothing of demos, so it is stopped (SIGSTOP) instead: the kernel
goes on to accept connections and bytes for it, and the unread bytes tell that a client waits.

No server is root. A daemon's state, keys and configuration are made in the run's own folder, it uses
nothing of what the machine keeps for daemons of its kind, and it ends with its namespace.
"""
import glob
import os
import select
import shutil
import signal
import subprocess

from lab import CLIENT_BY_NAT64, ENVIRONMENT, LabError, SERVER, command, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
# Who the daemons run as. A sshd that is not root lets in nobody but its own user, who needs a shell
# for that; of the users that Debian's packages make, the one of PostgreSQL has one.
USER = "postgres"


class OwnServer:
    """server.py: HTTP, DNS and a service that answers one line. It always holds its answers back, so
    there is nothing to be undone if nobody asked."""
    held = False

    def __init__(self, lab):
        self.log = os.path.join(lab.dir, "server.log")
        self.lab = lab
        # A copy: the tree that this is in may be closed to other users.
        program = lab.write("server.py", lab.read(os.path.join(HERE, "server.py")))
        with open(self.log, "w") as errors:
            self.child = subprocess.Popen(
                lab.inside(lab.serving, as_user(["/usr/bin/python3", program, SERVER])),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                env=ENVIRONMENT, cwd="/", bufsize=0, start_new_session=True)
        lab.children.append(self.child)
        if not self.waits(10):
            raise LabError("the server does not start: " + lab.read(self.log).strip())

    def hold(self):
        pass

    def waits(self, seconds):
        """Waits up to so many seconds for a client to wait; says whether one does."""
        if not select.select([self.child.stdout], [], [], seconds)[0]:
            return False
        if not self.child.stdout.read(4096):
            raise LabError("the server ended: " + self.lab.read(self.log).strip())
        return True

    def release(self):
        """Has the server answer all who wait."""
        self.child.stdin.write(b"release\n")


class Daemon:
    """A real server; the subclasses say what is special about each."""
    name = ""
    port = 0

    def __init__(self, lab):
        self.lab = lab
        self.dir = os.path.join(lab.dir, self.name)
        self.held = False
        os.mkdir(self.dir, 0o700)
        try:
            shutil.chown(self.dir, USER, USER)
        except LookupError as error:
            raise LabError(str(error)) from None
        self.prepare()
        self.log = os.path.join(lab.dir, self.name + ".log")
        self.child = lab.start(lab.serving, as_user(self.argv()), self.log)

        def listens():
            if self.child.poll() is not None:
                raise LabError(f"{self.name} does not start: {lab.read(self.log).strip()}")
            return lab.listens(lab.serving, self.port)
        wait_until(listens, f"{self.name} to listen")

    def prepare(self):
        """Makes in self.dir what the daemon needs before it starts."""

    def argv(self):
        raise NotImplementedError

    def hold(self):
        if self.child.poll() is not None:
            raise LabError(f"{self.name} ended: {self.lab.read(self.log).strip()}")
        self.child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.child.pid, os.WSTOPPED)
        self.held = True

    def waits(self, seconds):
        """Waits up to so many seconds for a client to wait; says whether one does."""
        if self.held and self.lab.unread(self.port):
            return True
        select.select([], [], [], seconds)
        return False

    def release(self):
        self.child.send_signal(signal.SIGCONT)
        self.held = False

    # --- for prepare() ----------------------------------------------------------------------

    def run(self, *argv):
        """Runs argv as the daemon's user, in the daemon's folder."""
        words = ["env", f"--chdir={self.dir}", f"HOME={self.dir}", *as_user(argv)]
        return command(*self.lab.inside(self.lab.serving, words))

    def write(self, name, text):
        return self.lab.write(os.path.join(self.name, name), text)


class PostgreSQL(Daemon):
    name = "postgresql"
    port = 5432

    def prepare(self):
        self.binaries = max(glob.glob("/usr/lib/postgresql/*/bin"), default="")
        if not self.binaries:
            raise LabError("there is no PostgreSQL in /usr/lib/postgresql")
        self.run(f"{self.binaries}/initdb", "--pgdata=" + self.dir, "--username=demo", "--auth=trust", "--no-sync")
        self.write("pg_hba.conf", f"host all demo {CLIENT_BY_NAT64}/32 trust\n")

    def argv(self):
        # No shared memory in /dev/shm, where it would stay: this one is ended by SIGKILL.
        return [f"{self.binaries}/postgres", "-D", self.dir, "-F", "-h", SERVER, "-k", "",
                "-c", "dynamic_shared_memory_type=mmap"]


class Redis(Daemon):
    name = "redis"
    port = 6379

    def argv(self):
        return ["redis-server", "--bind", SERVER, "--protected-mode", "no", "--save", "",
                "--dir", self.dir]


class SSH(Daemon):
    """sshd with a host key of its own; the client's key, hosts and configuration are here, too."""
    name = "ssh"
    port = 22

    def prepare(self):
        for key in "host", "user":
            self.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "demo", "-f", key)
        self.write("known_hosts", f"{SERVER} {self.lab.read(self.dir + '/host.pub')}")
        self.write("sshd_config", f"""\
ListenAddress {SERVER}
HostKey {self.dir}/host
AuthorizedKeysFile {self.dir}/user.pub
StrictModes no
UsePAM no
PermitUserRC no
PidFile none
""")
        self.write("config", f"""\
User {USER}
IdentityFile {self.dir}/user
IdentitiesOnly yes
IdentityAgent none
BatchMode yes
StrictHostKeyChecking yes
UpdateHostKeys no
UserKnownHostsFile {self.dir}/known_hosts
GlobalKnownHostsFile none
""")

    def argv(self):
        return ["/usr/sbin/sshd", "-D", "-e", "-f", self.dir + "/sshd_config"]


class Git(Daemon):
    """A repository behind git daemon, which greets whoever fetches from it."""
    name = "git"
    port = 9418

    def prepare(self):
        self.write(".gitconfig", """\
[user]
	name = Demo
	email = demo@example.com
[uploadpack]
	# What it says on standard error git shows to the client.
	packObjectsHook = "echo hello $REMOTE_ADDR, this is git on the IPv4-only server >&2; exec"
""")
        self.write("README", "hello\n")
        for words in "init --quiet", "add README", "commit --quiet --message=hello":
            self.run("git", *words.split())

    def argv(self):
        # Not "git daemon", which is a parent that only waits for this one.
        exec_path = command("git", "--exec-path").strip()
        return ["env", "HOME=" + self.dir, "GIT_CONFIG_NOSYSTEM=1", f"{exec_path}/git-daemon", "--export-all",
                "--base-path=" + self.dir, "--listen=" + SERVER]


def as_user(argv):
    """argv as USER. Should this process be killed outright, the kernel ends that one with it. In the IPC
    namespace goes what PostgreSQL leaves behind when it is killed."""
    return ["unshare", "--ipc", "--", "setpriv", "--reuid=" + USER, "--regid=" + USER, "--clear-groups",
            "--pdeathsig=KILL", "--", *argv]


class Servers:
    """The servers of a run, each started when it is first asked for."""

    def __init__(self, lab):
        self.lab = lab
        self.running = {}

    def get(self, kind):
        if kind not in self.running:
            try:
                self.running[kind] = kind(self.lab)
            except LabError as error:
                self.running[kind] = error
        if isinstance(self.running[kind], LabError):
            raise self.running[kind]
        return self.running[kind]
