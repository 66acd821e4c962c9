#!/usr/bin/env python3
"""Save and restore what cannot be computed again: keys, the archive, change records, the audit,
settings, and Alertmanager's silences. docs/backup.md says when and how; it needs Python alone.

    python3 backup.py save BACKUP --keys /etc/alarm-fatigue/secrets \\
        --archive /var/lib/alarm-fatigue/archive \\
        --also /etc/alarm-fatigue/settings.yaml /var/lib/alarm-fatigue/audit \\
        --alertmanager http://127.0.0.1:9093
    python3 backup.py check BACKUP
    python3 backup.py restore BACKUP --alertmanager http://127.0.0.1:9093
    python3 backup.py silences BACKUP --alertmanager http://127.0.0.1:9093

The last one makes the silences alone, where Alertmanager starts after the files are back.
BACKUP is a folder. Keys are in a file of their own, keys.tar, so that it can be kept apart from
the data.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PARTS = ("keys", "archive", "also")
MANIFEST, SILENCES = "manifest.json", "silences.json"
FORMAT = 1
SECONDS = 20.0
"""How long Alertmanager may take to answer."""
_UNUSED = frozenset({"_locks"})
"""Folders of the archive that hold nothing."""


class BackupError(Exception):
    """One line: what is wrong with which file."""


def save(folder: Path, parts: dict[str, list[Path]], alertmanager: str | None) -> list[str]:
    """Writes a backup into `folder`, which must not exist or be empty, and reads it again. Returns
    a line for each part.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BackupError(f"{folder}: expected a new folder")
    for path in (one for paths in parts.values() for one in paths):
        if not path.exists():
            raise BackupError(f"{path}: no such file or folder")
    silences = None if alertmanager is None else _ask(alertmanager, "silences")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found: dict[str, Any] = {"format": FORMAT, "made_at": _now().isoformat(), "parts": {}}
    for name, paths in parts.items():
        if paths:
            files = _pack(folder / f"{name}.tar", paths)
            found["parts"][f"{name}.tar"] = {"files": files, "sha256": _sum(folder / f"{name}.tar")}
    if silences is not None:
        lasting = [one for one in silences if one["status"]["state"] != "expired"]
        _write(folder / SILENCES, json.dumps(lasting, indent=1).encode())
        found["parts"][SILENCES] = {"files": len(lasting), "sha256": _sum(folder / SILENCES)}
    _write(folder / MANIFEST, json.dumps(found, indent=1).encode())
    return check(folder)


def check(folder: Path, missing_keys: bool = False) -> list[str]:
    """A line for each part of a backup that is as it was made. With `missing_keys`, keys.tar may be
    elsewhere.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        raise BackupError(f"{folder / MANIFEST}: expected the list of a backup") from None
    if manifest.get("format") != FORMAT:
        raise BackupError(f"{folder / MANIFEST}: made by another version")
    lines = []
    for name, part in manifest["parts"].items():
        path = folder / name
        if not path.exists() and missing_keys and name == "keys.tar":
            lines.append(f"{name}: not here")
            continue
        if not path.exists():
            raise BackupError(f"{path}: missing")
        if _sum(path) != part["sha256"]:
            raise BackupError(f"{path}: not as it was made on {manifest['made_at']}")
        if name.endswith(".tar"):
            with tarfile.open(path) as tar:
                count = sum(one.isfile() for one in tar)
            if count != part["files"]:
                raise BackupError(f"{path}: {count} files instead of {part['files']}")
        lines.append(f"{name}: {part['files']} {'silences' if name == SILENCES else 'files'}")
    return lines


def restore(folder: Path, root: Path, alertmanager: str | None, force: bool = False) -> list[str]:
    """Puts files back where they were, below `root`, and makes the silences that have not ended.

    Nothing is written if a part is damaged, or if a file is there with other content, unless
    `force`. Returns a line for each part.
    """
    check(folder, missing_keys=True)
    tars = [path for name in PARTS if (path := folder / f"{name}.tar").exists()]
    if not force:
        for path in tars:
            for target in _differing(path, root):
                raise BackupError(f"{target}: is there with other content; --force replaces it")
    lines = []
    for path in tars:
        with tarfile.open(path) as tar:
            # owners and modes as they were, nothing outside `root`
            tar.extractall(root, filter="tar")
        lines.append(f"{path.name}: restored below {root}")
    if alertmanager is not None:
        lines += silence(folder, alertmanager)
    return lines


def silence(folder: Path, alertmanager: str) -> list[str]:
    """Makes the saved silences that have not ended and are not there. Returns a line, or none if
    the backup has none.
    """
    check(folder, missing_keys=True)
    if not (folder / SILENCES).exists():
        return []
    return [_silence(json.loads((folder / SILENCES).read_bytes()), alertmanager)]


def _silence(saved: list[dict[str, Any]], alertmanager: str) -> str:
    there = [
        _key(one) for one in _ask(alertmanager, "silences") if one["status"]["state"] != "expired"
    ]
    lasting = [one for one in saved if datetime.fromisoformat(one["endsAt"]) > _now()]
    new = [one for one in lasting if _key(one) not in there]
    for one in new:
        content = {
            name: one[name] for name in ("matchers", "startsAt", "endsAt", "createdBy", "comment")
        }
        _ask(alertmanager, "silences", content)
    return (
        f"{SILENCES}: {len(new)} made, {len(lasting) - len(new)} were there, "
        f"{len(saved) - len(lasting)} have ended"
    )


def _key(silence: dict[str, Any]) -> str:
    matchers = sorted(json.dumps(one, sort_keys=True) for one in silence["matchers"])
    return json.dumps([matchers, silence["endsAt"]])


def _pack(path: Path, paths: list[Path]) -> int:
    count = 0
    with open(_private(path), "wb") as out, tarfile.open(fileobj=out, mode="w") as tar:
        for one in _files(paths):
            try:
                tar.add(one, arcname=one.absolute().as_posix().lstrip("/"), recursive=False)
            except FileNotFoundError:  # a day that the archiver deletes meanwhile
                continue
            count += one.is_file()
    return count


def _files(paths: list[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(set(folders) - _UNUSED)
            yield Path(folder)
            # hidden files are drafts that replace others when they are whole
            yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _differing(path: Path, root: Path) -> Iterator[Path]:
    with tarfile.open(path) as tar:
        for one in tar:
            target, content = root / one.name, tar.extractfile(one) if one.isfile() else None
            if content is not None and target.exists():
                with content:
                    if target.read_bytes() != content.read():
                        yield target


def _ask(alertmanager: str, path: str, content: Any = None) -> Any:
    request = urllib.request.Request(  # noqa: S310  # the operator's own address
        f"{alertmanager.rstrip('/')}/api/v2/{path}",
        None if content is None else json.dumps(content).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            return json.load(answer)
    except (OSError, ValueError) as error:
        raise BackupError(f"{alertmanager}: expected an answer of Alertmanager: {error}") from None


def _private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _write(path: Path, content: bytes) -> None:
    with open(_private(path), "wb") as out:
        out.write(content)


def _sum(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Save and restore what cannot be computed again.")
    commands = parser.add_subparsers(dest="command", required=True)
    saving = commands.add_parser("save", help="write a backup, and check it")
    checking = commands.add_parser("check", help="check that a backup is as it was made")
    restoring = commands.add_parser("restore", help="put everything back")
    silencing = commands.add_parser("silences", help="make the saved silences, and no more")
    for one in (saving, checking, restoring, silencing):
        one.add_argument("backup", type=Path)
    for name in PARTS:
        saving.add_argument(f"--{name}", type=Path, nargs="+", default=[], metavar="PATH")
    restoring.add_argument("--into", type=Path, default=Path("/"), metavar="ROOT")
    restoring.add_argument("--force", action="store_true", help="replace files that differ")
    for one in (saving, restoring):
        one.add_argument("--alertmanager", metavar="URL")
    silencing.add_argument("--alertmanager", metavar="URL", required=True)
    given = parser.parse_args(arguments)
    try:
        if given.command == "save":
            parts = {name: getattr(given, name) for name in PARTS}
            lines = save(given.backup, parts, given.alertmanager)
        elif given.command == "check":
            lines = check(given.backup)
        elif given.command == "silences":
            lines = silence(given.backup, given.alertmanager)
        else:
            lines = restore(given.backup, given.into, given.alertmanager, given.force)
    except (BackupError, OSError, tarfile.TarError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print("\n".join(lines))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
