# SPDX-License-Identifier: GPL-2.0-or-later
"""Go's standard library: the tests of its network packages, from Debian's source of it, as static binaries."""

import os
import pathlib
import re
import subprocess

from adapters.common import Command, Unavailable, need, plain, select

GO = "/usr/lib/go/bin/go"
PACKAGES = {"net": True, "net/http": False, "net/http/httptest": False, "net/http/httputil": False,
            "net/http/internal": False, "net/rpc": False, "net/rpc/jsonrpc": False, "net/smtp": False,
            "net/textproto": False, "crypto/tls": False, "internal/poll": False, "log/syslog": False,
            "syscall": False, "os": False, "expvar": False}


def read(text, status):
    """{test: outcome} of -test.v. What follows a failure is not told apart from other output, so it is just that."""
    outcomes = {}
    for match in re.finditer(r"^\s*=== RUN +(\S+)|^\s*--- (PASS|FAIL|SKIP): (\S+)", text, re.M):
        if match[1]:
            outcomes.setdefault(match[1], "did not end")
        else:
            outcomes[match[3]] = {"PASS": "ok", "FAIL": "failure", "SKIP": "skipped"}[match[2]]
    panic = re.search(r"^(panic|fatal error): .*", text, re.M)
    if panic and status:
        outcomes["(panic)"] = plain(panic[0])
    return outcomes


class Go:
    def prepare(self, folder, groups):
        go = need(GO, "golang-go")
        self.source = pathlib.Path(subprocess.run([go, "env", "GOROOT"], check=True, capture_output=True, text=True,
                                                  cwd="/").stdout.strip()) / "src"
        need(self.source / "net/dial_test.go", "golang-src")
        self.folder = folder
        environment = {**os.environ, "CGO_ENABLED": "0", "GOCACHE": str(folder / "cache"), "GOFLAGS": "-mod=mod",
                       "GOTOOLCHAIN": "local", "GOROOT": str(self.source.parent)}
        for package in groups:
            if self._binary(package).exists():
                continue
            done = subprocess.run([go, "test", "-c", "-o", self._binary(package), package], env=environment,
                                  cwd=folder, capture_output=True, text=True)
            if done.returncode:
                raise Unavailable(f"go test -c {package}: {done.stderr[-500:]}")

    def _binary(self, package):
        return self.folder / (package.replace("/", "-") + ".test")

    def groups(self, quick, patterns):
        return select(PACKAGES, quick, patterns)

    def commands(self, group, tests, scratch):
        arguments = [self._binary(group), "-test.v", "-test.short", "-test.timeout=10m"]
        if tests is not None:
            # A subtest is run by its test.
            names = sorted({test.split("/")[0] for test in tests})
            arguments.append("-test.run=^(" + "|".join(re.escape(name) for name in names) + ")$")
        yield Command(arguments, read, folder=self.source / group,
                      environment={"GOCACHE": str(self.folder / "cache"), "GOROOT": str(self.source.parent)})
