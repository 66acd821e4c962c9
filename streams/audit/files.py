"""Files of an audit: brought into order, and checked with the end that was noted beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from streams.audit.chain import LONGEST_LINE, Break, Entries, entry_of, verified
from streams.audit.trail import AuditError, head_of

BESIDE = (".head", ".lock")


def checked(
    paths: Sequence[Path],
    key: bytes | None = None,
    first: int = 1,
    wanted: frozenset[str] = frozenset(),
) -> Entries:
    """Check the files of one chain, in whatever order they are given. The end must be that of
    `FILE.head`. Raises `Break`, `OSError`.
    """
    chosen = [path for path in dict.fromkeys(paths) if not path.name.endswith(BESIDE)]
    heads = [path for path in chosen if path.with_name(f"{path.name}.head").exists()]
    if len(heads) > 1:
        raise Break(f"{heads[0]} and {heads[1]} are of two audits: check them apart")
    numbered = [(_first(path), path) for path in chosen]
    # The file that is being written may be empty after the one before it was put aside.
    ordered = [path for number, path in sorted(numbered, key=lambda one: one[0] or 0) if number]
    if not ordered:
        raise Break(f"{chosen[0] if chosen else paths[0]}: there are no entries")
    end = heads[0] if heads else ordered[-1]
    try:
        head = head_of(end, key)
    except AuditError as error:
        raise Break(str(error)) from None
    looked_for = wanted | (frozenset() if head is None else {head.last.hash})
    found = verified([(str(path), _lines(path)) for path in ordered], key, first, looked_for)
    if head is None:
        raise Break(
            f"{end}.head is missing, so it cannot be seen whether entries after "
            f"{found.last.number} were cut off"
        )
    if head.last.number > found.last.number:
        missing = head.last.number - found.last.number
        raise Break(
            f"{ordered[-1]}: cut: it ends with entry {found.last.number}, but {end}.head says that "
            f"{head.last.number} were written: {missing} missing"
        )
    if head.last.hash not in found.hashes:
        raise Break(f"{end}.head: entry {head.last.number} had another hash: entries were changed")
    return found


def _first(path: Path) -> int | None:
    """The number of the first entry of a file; None: it is empty. A file that begins with no entry
    comes first, so that the check names it.
    """
    line = next(_lines(path), b"")
    if not line:
        return None
    entry = entry_of(line.removesuffix(b"\n"))
    return -1 if entry is None else entry.number


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE):
            yield line
