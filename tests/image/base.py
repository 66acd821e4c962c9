"""A stand-in for the base image where no registry can be reached: the same Debian packages, copied
from this machine, as root.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

WANTED = ("apt", "python3", "python3-venv", "ca-certificates", "netbase", "tzdata", "passwd")
"""The packages of the official image beside Debian's essential ones."""
LEFT_OUT = re.compile(r"/usr/share/(doc|man|locale|info|lintian)/.|.*/__pycache__(/|$)")
"""Files that Debian's slim images leave out, too."""
MADE = (
    "/etc/alternatives",
    "/etc/nsswitch.conf",
    "/etc/ssl/certs/ca-certificates.crt",
    "/usr/bin/awk",
)
"""Files that packages create when they are installed."""


def stand_in(folder: Path, wanted: Iterable[str] = WANTED) -> None:
    """Lay out a root with these packages in `folder`; by default, that of the base image. Raises
    `CalledProcessError`.
    """
    names = sorted(closure(installed(), wanted))
    folder.mkdir()
    for merged in ("bin", "lib", "lib64", "sbin"):
        if Path("/", merged).is_symlink():
            (folder / "usr" / merged).mkdir(parents=True)
            (folder / merged).symlink_to(f"usr/{merged}")
    paths = "\0".join(sorted(set(files_of(names)))).encode()
    with subprocess.Popen(
        ["tar", "-C", "/", "-c", "--no-recursion", "--null", "-T", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as packing:
        assert packing.stdin is not None
        assert packing.stdout is not None
        with subprocess.Popen(
            ["tar", "-C", folder, "-x", "--keep-directory-symlink"], stdin=packing.stdout
        ) as unpacking:
            packing.stdin.write(paths)
            packing.stdin.close()
        if packing.wait() or unpacking.returncode:
            raise subprocess.CalledProcessError(1, "tar")
    for name in ("passwd", "group"):
        shutil.copy(f"/usr/share/base-passwd/{name}.master", folder / "etc" / name)
    for path in MADE:
        if Path(path).exists():
            (folder / path[1:]).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-aT", path, folder / path[1:]], check=True)
    (folder / "usr/local/bin").mkdir(parents=True)
    for name in ("python", "python3"):
        (folder / "usr/local/bin" / name).symlink_to("/usr/bin/python3")
    subprocess.run(["ldconfig", "-r", folder], check=True)


def installed() -> dict[str, tuple[bool, list[list[str]]]]:
    """By package of this machine, and by what it provides: whether it is essential, and the
    alternatives of each dependency.
    """
    shown = (
        "${Package}\t${Essential}\t${Pre-Depends}, ${Depends}\t${Provides}\t${db:Status-Status}\n"
    )
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f", shown], capture_output=True, text=True, check=True
    ).stdout
    found: dict[str, tuple[bool, list[list[str]]]] = {}
    for line in listed.splitlines():
        name, essential, needs, provides, status = line.split("\t")
        if status != "installed":
            continue
        wanted = [list(_names(one, "|")) for one in needs.split(",") if one.strip()]
        found[name] = (essential == "yes", wanted)
        for other in _names(provides, ","):
            found.setdefault(other, (False, [[name]]))
    return found


def _names(listed: str, between: str) -> Iterator[str]:
    for one in listed.split(between):
        if words := one.split():
            yield words[0].partition(":")[0]


def closure(known: dict[str, tuple[bool, list[list[str]]]], wanted: Iterable[str]) -> set[str]:
    """The essential and wanted packages, with all that they depend on."""
    found: set[str] = set()
    todo = [*wanted, *(name for name, (essential, _) in known.items() if essential)]
    while todo:
        name = todo.pop()
        if name not in found and name in known:
            found.add(name)
            todo += [next((one for one in any_of if one in known), "") for any_of in known[name][1]]
    return found


def files_of(packages: Iterable[str]) -> Iterator[str]:
    """The files and folders of packages that are there, relative to the root."""
    for name in packages:
        listed = subprocess.run(
            ["dpkg-query", "-L", name], capture_output=True, text=True, check=False
        ).stdout  # a provided name has none
        for line in listed.splitlines():
            if not line.startswith("/") or LEFT_OUT.match(line):
                continue
            path = Path(line)
            path = path.parent.resolve() / path.name  # /bin is /usr/bin
            if path.name and (path.is_symlink() or path.exists()):
                yield str(path)[1:]
