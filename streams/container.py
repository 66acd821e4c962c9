"""Containers: whether this process runs in one, and which of its files go when it is removed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

_MARKS = (Path("/.dockerenv"), Path("/run/.containerenv"))  # of Docker, and of podman
_LAYERED = frozenset({"overlay", "fuse.fuse-overlayfs", "btrfs", "zfs"})
_MOUNTS = Path("/proc/self/mountinfo")


def in_container(
    environment: Mapping[str, str] = os.environ,
    marks: Iterable[Path] = _MARKS,
    mounts: str | None = None,
) -> bool:
    """Whether this process runs in a container of Docker, podman or Kubernetes.

    The mark of Docker alone is none: virtual machines made from images have it as well.
    `mounts` is the text of /proc/self/mountinfo, by default this process's.
    """
    if "KUBERNETES_SERVICE_HOST" in environment:
        return True
    return any(one.exists() for one in marks) and _mount(Path("/"), mounts)[1] in _LAYERED


def goes_with_container(path: Path, mounts: str | None = None) -> bool:
    """Whether a file at `path` is on the container's own layer or in memory, and not on a volume.
    `mounts` as in `in_container`.
    """
    point, kind = _mount(path, mounts)
    return point == Path("/") or kind == "tmpfs"


def _mount(path: Path, mounts: str | None) -> tuple[Path, str]:
    """Where the file system that `path` is on is mounted, and its kind; empty if not known."""
    found, kind = Path("/"), ""
    for point, of in _mounts(mounts):
        # the last of several mounts on one point hides the others
        if path.is_relative_to(point) and len(point.parts) >= len(found.parts):
            found, kind = point, of
    return found, kind


def _mounts(mounts: str | None) -> Iterator[tuple[Path, str]]:
    if mounts is None:
        mounts = _MOUNTS.read_text() if _MOUNTS.exists() else ""
    for line in mounts.splitlines():
        fields, _, rest = line.partition(" - ")
        yield Path(fields.split()[4].replace("\\040", " ")), rest.split()[0]
