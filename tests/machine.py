"""A machine of its own for a test: this one's Debian with systemd, without anything that is not Debian's.

It is made of namespaces: mounts, processes, network and host name. Its root is an overlay over this one,
in memory: what Debian does not own is hidden, nothing that it writes stays, and its only network is loopback.
Needs root and systemd.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from tests.conftest import lacking, needs
from tests.waiting import SAFETY_SECONDS, until

ROOT = Path(__file__).resolve().parents[1]
# Folders of the root that a Debian has; all others are empty on the machine.
_DEBIAN = "bin|boot|dev|etc|lib|lib32|lib64|libx32|proc|sbin|sys|usr|var"
_BOOT = f"""
set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
cd "$1"
mkdir upper work root
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
cd root
for folder in *; do
    case "$folder" in
        {_DEBIAN}) ;;
        *) if [ -d "$folder" ] && ! [ -L "$folder" ]; then mount -t tmpfs -o mode=755 tmpfs "$folder"; fi ;;
    esac
done
chmod 1777 tmp
mkdir opt/python mnt/shared mnt/packages mnt/old
mount --bind "$2" mnt/shared
mount --bind -o ro "$3" opt/python
mount --bind -o ro "$4" mnt/packages
# Its shared library is not found where it was built for.
echo /opt/python/lib >etc/ld.so.conf.d/00-python.conf
ldconfig -r .
mount -t proc proc proc
mount --rbind /dev dev
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup sys/fs/cgroup
tr -d - </proc/sys/kernel/random/uuid >etc/machine-id
hostname office
pivot_root . mnt/old
umount -l mnt/old
exec env -i container=test PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --unit=basic.target
"""
# What the tests' interpreter is called there.
PYTHON = f"/opt/python/bin/python3.{sys.version_info.minor}"
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG": "C.UTF-8", "HOME": "/"}


class Machine:
    """A running one; `shared` is a folder that it has as /mnt/shared."""

    def __init__(self, pid: int, shared: Path) -> None:
        self.shared = shared
        self._enter = ["nsenter", "--target", str(pid), "--mount", "--net", "--pid", "--ipc", "--uts"]
        self._enter += ["--root", "--wdns=/"]

    def run(self, *command: str, user: str = "root", check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program there; `check`: it must succeed."""
        as_user = [] if user == "root" else ["runuser", "-u", user, "--"]
        done = subprocess.run(
            [*self._enter, *as_user, *command],
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SAFETY_SECONDS,
        )
        if check and done.returncode:
            journal = self.run("journalctl", "--no-pager", "--lines=30", check=False).stdout
            raise AssertionError(f"{command}: {done.stdout}\n{done.stderr}\n{journal}")
        return done

    def sh(self, script: str, user: str = "root") -> str:
        """The output of a shell script that must succeed."""
        return self.run("sh", "-ec", script, user=user).stdout


@contextmanager
def booted(folder: Path) -> Iterator[Machine]:
    """Boot a machine with systemd; it ends with this, and leaves what is in folder/shared."""
    systemd = Path("/lib/systemd/systemd")
    if not systemd.exists():
        lacking("systemd: install the package systemd")
    for program in ("unshare", "nsenter", "runuser", "setpriv"):
        needs(program, "util-linux")
    if os.geteuid() != 0:
        lacking("root, for namespaces and mounts")
    root, shared = folder / "root", folder / "shared"
    root.mkdir(exist_ok=True)
    shared.mkdir(exist_ok=True)
    packages = Path(metadata.distribution("django").locate_file(""))
    names = ["--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--propagation", "private"]
    # It ends with the tests, however they end.
    own = ["setpriv", "--pdeathsig", "KILL", "unshare", "--kill-child", *names]
    command = [*own, "sh", "-c", _BOOT, "sh", root, shared, sys.base_prefix, packages]
    with (folder / "boot.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as outer:
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
        pid = 0
        try:
            pid = int(until(lambda: outer.poll() is not None or children.read_text()))
            machine = Machine(pid, shared)
            until(lambda: outer.poll() is not None or _is_up(pid, machine), interval=0.1)
            assert outer.poll() is None, (folder / "boot.log").read_text()
            yield machine
        finally:
            # With its first process all others end, and with them its mounts.
            if pid and outer.poll() is None:
                os.kill(pid, 9)
            outer.kill()


def _is_up(pid: int, machine: Machine) -> bool:
    """Whether systemd has started what it starts."""
    if not Path(f"/proc/{pid}/comm").read_text().startswith("systemd"):
        return False
    state = machine.run("systemctl", "is-system-running", check=False).stdout.strip()
    return state in ("running", "degraded")


def install_wheel(machine: Machine, wheel: Path, prefix: str = "/opt/newsletter") -> None:
    """Make an environment at `prefix`, and let pip install the wheel; pip checks what it requires.

    The packages of requirements-run.lock are there already, and no others: a .pth file leads to links to
    them, so that 200 MB need not be copied.
    """
    lock = (ROOT / "requirements-run.lock").read_text("utf-8")
    _link(machine.shared / "packages", re.findall(r"^([a-z0-9._-]+)==\S+( ;)?", lock, re.MULTILINE))
    _link(machine.shared / "pip", [("pip", "")])
    shutil.copy(wheel, machine.shared)
    machine.run(PYTHON, "-m", "venv", "--without-pip", prefix)
    machine.sh(f"echo /mnt/shared/packages >$(echo {prefix}/lib/python3*/site-packages)/packages.pth")
    pip = [f"{prefix}/bin/python", "-m", "pip", "--isolated", "--quiet", "--disable-pip-version-check"]
    install = [*pip, "install", "--no-index", f"/mnt/shared/{wheel.name}"]
    machine.run("env", "PYTHONPATH=/mnt/shared/pip", *install)


def _link(folder: Path, packages: Iterable[tuple[str, str]]) -> None:
    """Links to the files of these packages, as the machine has them.

    Each is a name, and whether it is needed on some systems only.
    """
    folder.mkdir(exist_ok=True)
    for name, conditional in packages:
        try:
            files = metadata.distribution(name).files or []
        except metadata.PackageNotFoundError:
            assert conditional, f"{name} is not installed"
            continue
        for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
            link = folder / top
            if not link.is_symlink():
                link.symlink_to(Path("/mnt/packages") / top)
