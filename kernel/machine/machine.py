# SPDX-License-Identifier: GPL-2.0-or-later
"""A virtual machine that runs one job on another kernel, over this machine's own files.

    kernel = find_kernel("6.12")
    with Machine(kernel, ["uname", "-r"]) as machine:
        status = machine.run()

The guest's root is this machine's, read-only. A folder is shared for writing: the guest finds it at SHARE, and
whoever starts the machine at machine.share. A job has been done when the guest left its exit status there, and
when there is nothing in the kernel's log that a kernel should not say; everything else raises Failed.
"""
import collections
import ctypes
import os
import pathlib
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
BUILD = TOP / "build-kernel"
SHARE = "/run/machine/share"
NOBODY = ("nobody", 65534, 65534)
ROOT = ("root", 0, 0)
PR_SET_PDEATHSIG = 1
# How long a guest gets to say that it runs. One that does not start under KVM says so, or nothing at all.
PROBE_SECONDS = 20

# A tmpfs covers these in the guest.
COVERED = ("/tmp", "/var/tmp", "/run", "/mnt", "/dev", "/proc", "/sys")

# What no kernel should say. A warning panics, unless the command line says otherwise.
COMPLAINT = re.compile(
    r"WARNING:|BUG:|\bOops\b|Kernel panic|general protection fault|possible circular locking|"
    r"possible recursive locking|suspicious RCU usage|INFO: task .* blocked|rcu.*detected .*stall|"
    r"KASAN:|UBSAN:|refcount_t:|Call Trace:")
KCSAN = "BUG: KCSAN:"

# Emulated processors take turns on one of ours: with a thread each, QEMU 7.2 lets a processor run into the int3 by which
# the kernel's text is being patched ("Oops: int3"). A kernel that patches nothing after its start can have a thread for
# each, and its threads really run beside each other.
ACCELERATORS = {
    "kvm": ["-accel", "kvm", "-cpu", "host"],
    "tcg": ["-accel", "tcg,thread=single", "-cpu", "max"],
    "tcg-multi": ["-accel", "tcg,thread=multi", "-cpu", "max"],
    # Time is the number of instructions: one processor, for counting what something costs.
    "icount": ["-accel", "tcg,thread=single", "-cpu", "max", "-icount", "shift=0,sleep=off"],
}

# What a configuration of kernel/build needs on its command line. debug: it often did not come to the end of reading how ACPI
# routes interrupts (_PRT), on an emulated processor, however long it had; everything here has interrupts by message (MSI-X),
# or those of a PC. kcsan: what a kernel does while it starts is nobody's business.
COMMAND_LINE = {"debug": "acpi=noirq", "kcsan": "kcsan.early_enable=0"}

# modules: a folder with lib/modules, or None; package: Debian's, with its version, or None
Kernel = collections.namedtuple("Kernel", "name image modules package", defaults=[None, None])


class Failed(Exception):
    """The machine did not do its job; the text says how."""


def find_kernel(name, modules=None):
    """A kernel by its series, fetched if need be; `patched`, built if need be; or by the path of its image."""
    if name == "patched":
        if subprocess.run([HERE.parent / "build", "plain"]).returncode:
            raise Failed("the patched kernel cannot be built")
        return Kernel(name, BUILD / name / "vmlinuz")
    if re.fullmatch(r"\d+\.\d+", name):
        fetched = subprocess.run([HERE / "fetch", name])
        if fetched.returncode:
            raise Failed(f"no kernel {name}")
        return Kernel(name, BUILD / name / "vmlinuz", BUILD / name, (BUILD / name / "package").read_text().strip())
    image = pathlib.Path(name).resolve()
    if not image.is_file():
        raise Failed(f"no kernel '{name}': neither a series, as 6.12, nor 'patched', nor a file")
    if modules is not None:
        modules = pathlib.Path(modules).resolve()
        if len(list((modules / "lib/modules").glob("*"))) != 1:
            raise Failed(f"{modules}: not one kernel's modules in its lib/modules")
    return Kernel(image.name, image, modules)


def _end_with_us():
    """In a child: die when the parent does, and let a ^C be the parent's affair."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setpgid(0, 0)


def accelerator_for(kernel):
    """kvm where it works, else tcg."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    with tempfile.TemporaryDirectory(prefix="reseat-machine-") as folder:
        initramfs = pathlib.Path(folder, "initramfs")
        make_initramfs(kernel, initramfs)
        return "kvm" if kvm_works(kernel.image, initramfs) else "tcg"


def make_initramfs(kernel, path):
    subprocess.run([HERE / "initramfs", path, *filter(None, [kernel.modules])], check=True)


def kvm_works(image, initramfs):
    """Whether a guest gets as far as its first process: that /dev/kvm is there does not tell."""
    command = ["qemu-system-x86_64", "-M", "pc", *ACCELERATORS["kvm"], "-m", "512", "-smp", "2", "-nodefaults",
               "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", image,
               "-initrd", initramfs, "-append", "console=ttyS0 quiet panic=-1 machine.probe"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               preexec_fn=_end_with_us)
    seen, end = b"", time.monotonic() + PROBE_SECONDS
    try:
        while time.monotonic() < end:
            if not select.select([process.stdout], [], [], end - time.monotonic())[0]:
                return False
            piece = os.read(process.stdout.fileno(), 65536)
            seen += piece
            if b"machine: it runs" in seen:
                return True
            if not piece or b"KVM internal error" in seen:
                return False
        return False
    finally:
        process.kill()
        process.communicate()


class Machine:
    """One boot. As a context manager it leaves no process and no file behind."""

    def __init__(self, kernel, command, user=ROOT, directory="/", environment=None, memory=2048, processors=2,
                 limit=600, accelerator=None, append="", keep=(), races=False):
        """races: KCSAN's reports are the caller's, who finds them in the log; nothing else is forgiven."""
        self.kernel, self.command, self.user = kernel, command, user
        self.directory, self.environment = directory, environment or {}
        self.memory, self.processors, self.limit = memory, processors, limit
        self.accelerator, self.append, self.keep, self.races = accelerator, append, keep, races
        self.process = None

    def __enter__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="reseat-machine-"))
        self.share = self.folder / "share"
        self.share.mkdir()
        # The guest's users look into it too.
        self.folder.chmod(0o755)
        self.share.chmod(0o755)
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder)

    @property
    def log(self):
        """What the kernel said."""
        path = self.folder / "console"
        return path.read_text(errors="replace").replace("\r", "") if path.exists() else ""

    def complaints(self):
        return [line for line in self.log.splitlines() if COMPLAINT.search(line) and not (self.races and KCSAN in line)]

    def run(self, output=None):
        """Boot and run the job; its output goes to the descriptor. Return: its exit status."""
        initramfs = self.folder / "initramfs"
        make_initramfs(self.kernel, initramfs)
        self.accelerator = self.accelerator or accelerator_for(self.kernel)
        self._write_job()
        self.process = subprocess.Popen(self._qemu(initramfs), stdin=subprocess.DEVNULL, stdout=output,
                                        preexec_fn=_end_with_us)
        try:
            self.process.wait(self.limit)
        except subprocess.TimeoutExpired:
            raise Failed(f"not done after {self.limit} s; the last that the kernel said:\n{self._last(5)}") from None
        complaints = self.complaints()
        if complaints:
            raise Failed(f"the kernel complained:\n{self._around(complaints[0])}")
        try:
            return int((self.share / "status").read_text())
        except (OSError, ValueError):
            raise Failed(f"it ended without a result; the last that the kernel said:\n{self._last(15)}") from None

    def _last(self, count):
        return "\n".join(self.log.splitlines()[-count:])

    def _around(self, complaint):
        lines = self.log.splitlines()
        start = lines.index(complaint)
        return "\n".join(lines[max(0, start - 3):start + 40])

    def _write_job(self):
        covered = [str(path) for path in {pathlib.Path(self.directory).resolve(), TOP, BUILD, *self.keep,
                                          *filter(None, [self.kernel.modules])}
                   if any(pathlib.Path(where) in pathlib.Path(path).parents for where in COVERED)]
        # A folder within another one comes with it.
        (self.share / "keep").write_text("".join(f"{path}\n" for path in sorted(covered)))
        (self.share / "modprobe").write_text(f"{self.kernel.modules or '/'}\n")
        (self.share / "user").write_text("{} {} {}\n".format(*self.user))
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in self.environment.items())
        job = self.share / "job"
        job.write_text(f"#!/bin/bash\n{exports}cd {shlex.quote(str(self.directory))} || exit 126\n"
                       f"exec {shlex.join(map(str, self.command))}\n")
        job.chmod(0o755)

    def _qemu(self, initramfs):
        # init makes a warning a panic again, if it has not been told otherwise.
        command_line = ["console=ttyS0", "loglevel=5", "panic=-1", "oops=panic",
                        "panic_on_warn=0 machine.races" if self.races else "panic_on_warn=1", "mitigations=off",
                        "tsc=reliable", "no_timer_check", "nowatchdog", "rcupdate.rcu_cpu_stall_timeout=120", "syscall.x32=y",
                        f"machine.init={HERE}/init", self.append]
        folders = []
        for tag, path, options in (("root", "/", ",readonly=on"), ("share", self.share, "")):
            folders += ["-fsdev", f"local,id={tag},path={path},security_model=none,multidevs=remap{options}",
                        "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
        return ["qemu-system-x86_64", "-M", "pc", *ACCELERATORS[self.accelerator], "-m", str(self.memory),
                "-smp", str(self.processors), "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-serial", f"file:{self.folder}/console", "-serial", "stdio", *folders, "-kernel", self.kernel.image,
                "-initrd", initramfs, "-append", " ".join(filter(None, command_line))]


def end_on_signals():
    """A termination becomes an exception, as a ^C is one already, so that machines are taken down."""
    def end(number, _):
        sys.exit(128 + number)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
