"""The paths that a command is given: what cannot be read, and what must not be overwritten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from streams.cli.console import WRONG, fail
from streams.files.lines import STDIN


def fault_of(path: Path) -> str | None:
    """Why a path cannot be read as a recorded file; None if it can.

    A pipe is refused because some commands read a file twice. Standard input is spelled `-`.
    """
    if path == STDIN or path.is_file():
        return None
    if path.is_dir():
        return "expected a file, found a directory"
    if path.is_fifo():
        return "expected a file, found a pipe; - reads standard input"
    if path.exists():
        return "expected a file, found a device"
    return "no such file"


def keep_apart(outputs: Mapping[str, Path | None], inputs: Iterable[Path | None]) -> None:
    """Exit with an error if an output, by its option, is a file that the command also reads, or
    is the same file as another output. Either would destroy what somebody wants to keep.
    """
    read = [path for path in inputs if path is not None and path != STDIN]
    written: list[tuple[str, Path]] = []
    for option, path in outputs.items():
        if path is None or _is_device(path):
            continue
        if any(_are_one(path, one) for one in read):
            fail(f"{option}: {path} is read, too; expected another file", WRONG)
        for other, one in written:
            if _are_one(path, one):
                fail(f"{option}: {path} is the file of {other}, too; expected another one", WRONG)
        written.append((option, path))


def _is_device(path: Path) -> bool:
    """Whether nothing can be lost there, such as in /dev/null."""
    return path.exists() and not path.is_file()


def _are_one(path: Path, other: Path) -> bool:
    try:
        return path.samefile(other)  # also by a link, or by another spelling
    except OSError:  # one of them does not exist
        return path.absolute() == other.absolute()
