# SPDX-License-Identifier: GPL-2.0-or-later
"""Source packages of Debian, fetched by apt with a state of its own: the machine's stays as it is."""

import subprocess

from adapters.common import Unavailable, build


KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


def _sources():
    """A deb-src line for the archive of Debian's that this machine has packages from, without its updates."""
    known = subprocess.run(["apt-get", "indextargets", "--format", "$(ORIGIN) $(COMPONENT) $(REPO_URI) $(RELEASE)",
                            "Created-By: Packages"], capture_output=True, text=True).stdout
    lines = {f"deb-src [signed-by={KEYS}] {uri} {release} main\n"
             for origin, component, uri, release in (line.split() for line in known.splitlines() if line.count(" ") == 3)
             if (origin, component) == ("Debian", "main") and "-" not in release}
    if not lines:
        raise Unavailable("apt knows no packages of Debian's: apt-get update")
    return "".join(sorted(lines))


def fetch(folder, package):
    """The unpacked source of a package, in `folder`/source. It is fetched once."""
    source = folder / "source"
    if source.exists():
        return source
    state = folder.parent / "apt"
    (state / "lists/partial").mkdir(parents=True, exist_ok=True)
    listed = state / "debian.list"
    options = ["-o", f"Dir::Etc::sourcelist={listed}", "-o", "Dir::Etc::sourceparts=/nonexistent",
               "-o", f"Dir::State::lists={state / 'lists'}", "-o", "APT::Sandbox::User="]
    if not listed.exists():
        listed.write_text(_sources())
        try:
            build(["apt-get", "--quiet", *options, "update"], folder)
        except Unavailable:
            listed.unlink()
            raise
    build(["apt-get", "--quiet", *options, "source", "--download-only", package], folder)
    description = next(folder.glob("*.dsc"))
    build(["dpkg-source", "--no-check", "-x", description.name, "source.part"], folder)
    subprocess.run(["mv", folder / "source.part", source], check=True)
    return source
