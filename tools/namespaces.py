# SPDX-License-Identifier: GPL-2.0-or-later
"""Network namespaces of a run's own, and everything that runs in them.

All names carry a prefix of this run's own, all interfaces are born inside the namespaces, and
whatever runs in the namespaces was started by this run. So close() needs no list of what was done
how far: it ends what the namespaces hold and deletes them.
"""
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time

# Nothing of the caller's environment gets in: a proxy variable would change what is shown.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "LANG": "C.UTF-8"}


class LabError(Exception):
    """What the demo stands on could not be built; the text is for the user."""


def wait_until(condition, what, seconds=10):
    """Polls until condition() is true and returns its value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds} s in vain for {what}")
        time.sleep(0.01)
    return value


def command(*argv):
    done = subprocess.run(argv, env=ENVIRONMENT, text=True, capture_output=True)
    if done.returncode:
        raise LabError(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Namespaces:
    """One namespace for each role, each in self.names and with its loopback up."""

    def __init__(self, what, roles):
        prefix = f"reseat-{what}-{secrets.token_hex(3)}"
        self.names = {role: f"{prefix}-{role}" for role in roles}
        self.dir = tempfile.mkdtemp(prefix=prefix + "-")
        # Some of what runs there is another user.
        os.umask(0o022)
        os.chmod(self.dir, 0o755)
        self.children = []

    def add(self, role, ipv6=True):
        """Makes the namespace of a role."""
        namespace = self.names[role]
        command("ip", "netns", "add", namespace)
        # Duplicate address detection would keep each address back for a second.
        self.set(namespace, "ipv6/conf/default/accept_dad", 0)
        self.set(namespace, "ipv6/conf/all/accept_dad", 0)
        # A host without IPv6 may hand that on to its namespaces.
        self.set(namespace, "ipv6/conf/all/disable_ipv6", int(not ipv6))
        self.set(namespace, "ipv6/conf/default/disable_ipv6", int(not ipv6))
        self.ip(namespace, "link set lo up")

    def start_tayga(self, role, device, config):
        """Starts tayga there, attached to its tun device, which is made."""
        namespace = self.names[role]
        if not os.path.exists("/dev/net/tun"):
            raise LabError("tayga needs /dev/net/tun, which is not there "
                           "(modprobe tun; in a container: give it the device)")
        self.ip(namespace, f"tuntap add dev {device} mode tun")
        self.ip(namespace, f"link set {device} up")
        log = os.path.join(self.dir, "tayga.log")
        tayga = self.start(namespace, ["tayga", "-d", "--config", self.write("tayga.conf", config)],
                           output=log)

        def attached():
            if tayga.poll() is not None:
                raise LabError("tayga does not start: " + self.read(log).strip())
            # A tun device has a carrier from the moment that a process holds it.
            return "LOWER_UP" in self.ip(namespace, f"-o link show dev {device}")
        wait_until(attached, "tayga to attach to its tun device")

    def close(self):
        """Ends every process in the namespaces, deletes them, removes the folder."""
        for namespace in self.names.values():
            self.end_all(namespace)
            subprocess.run(["ip", "netns", "del", namespace], env=ENVIRONMENT, capture_output=True)
        for child in self.children:
            child.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    # --- processes --------------------------------------------------------------------------

    @staticmethod
    def inside(namespace, argv):
        # Not "ip netns exec" or "ip -n": they make a mount namespace too, which fails in a plain
        # chroot, and the programs shall have nothing special about them but their network.
        return ["nsenter", f"--net=/run/netns/{namespace}", "--", *argv]

    def start(self, namespace, argv, output, stdin=None):
        """Starts argv in the namespace, in a session of its own: Ctrl-C is for us to handle."""
        with open(output, "w") as out, open(stdin or os.devnull) as given:
            child = subprocess.Popen(self.inside(namespace, argv), stdin=given, stdout=out,
                                     stderr=subprocess.STDOUT, cwd="/", start_new_session=True,
                                     env={**ENVIRONMENT, "HOME": self.dir})
        self.children.append(child)
        return child

    @staticmethod
    def processes(namespace):
        """The ids of the processes that are in the namespace, zombies not counted."""
        done = subprocess.run(["ip", "netns", "pids", namespace], env=ENVIRONMENT, text=True,
                              capture_output=True)
        return [int(pid) for pid in done.stdout.split()]

    def end_all(self, namespace):
        def gone():
            pids = self.processes(namespace)
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return not pids
        wait_until(gone, f"the processes in {namespace} to end")

    # --- small things -----------------------------------------------------------------------

    def ip(self, namespace, arguments):
        return command(*self.inside(namespace, ["ip", *arguments.split()]))

    def set(self, namespace, name, value):
        command(*self.inside(namespace, ["sh", "-c", f"echo {value} > /proc/sys/net/{name}"]))

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    @staticmethod
    def read(path):
        try:
            with open(path, errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def listens(self, namespace, port):
        """Whether anybody listens on a TCP port there."""
        return bool(command(*self.inside(namespace, ["ss", "-Hltn", f"sport = :{port}"])))
