"""Known vulnerabilities of the locked dependencies, by pip-audit.

Fails if there is one that .ci/audit-accepted does not list. Where pip-audit cannot reach its data,
it says so, and fails if that has been so for 30 days: .ci/audit-last holds the day on which an
audit last reached data (`reached`), or `never`, and the day from which the rule counts (`since`).

python .ci/audit.py [--record]    --record writes the day of an audit that reached data
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LOCKS = ("requirements.lock", "requirements-demo.lock")
DAYS = 30


class AuditError(Exception):
    """The audit fails: one line."""


@dataclass(frozen=True)
class Last:
    """What .ci/audit-last says: `reached` is None for `never`."""

    since: date
    reached: date | None

    @classmethod
    def read(cls, text: str) -> Last:
        """Raises `AuditError`."""
        lines = (line.split("#")[0].split() for line in text.splitlines())
        found = {words[0]: words[1] for words in lines if len(words) == 2}
        try:
            reached = found["reached"]
            return cls(
                date.fromisoformat(found["since"]),
                None if reached == "never" else date.fromisoformat(reached),
            )
        except (KeyError, ValueError):
            raise AuditError(
                ".ci/audit-last: expected the lines `since DATE` and `reached DATE` (or never)"
            ) from None

    def text(self) -> str:
        return (
            "# Written by `make audit`: the day on which an audit last reached its data, or never, "
            "and the day\n# from which the rule of 30 days counts.\n"
            f"since {self.since}\nreached {self.reached or 'never'}\n"
        )


def accepted(text: str) -> list[str]:
    """The ids of the findings that are accepted. Raises `AuditError` where a reason is missing."""
    found = []
    for line in text.splitlines():
        words = line.split(maxsplit=1)
        if not words or words[0].startswith("#"):
            continue
        if len(words) == 1:
            raise AuditError(f".ci/audit-accepted gives no reason for {words[0]}")
        found.append(words[0])
    return found


def judged(packages: Sequence[dict[str, Any]]) -> bool:
    """Whether the audit reached data of any package. Raises `AuditError` for findings."""
    known = [package for package in packages if "skip_reason" not in package]
    findings = [
        f"{package['name']} {package['version']}: {one['id']}, fixed in "
        f"{', '.join(one['fix_versions']) or 'no release'}"
        for package in known
        for one in package["vulns"]
    ]
    if findings:
        raise AuditError(
            "; ".join(findings) + " - upgrade (make lock UPGRADE=--upgrade), or accept them in "
            ".ci/audit-accepted with a reason"
        )
    return bool(known)


def unreached(last: Last, today: date) -> str:
    """What to say where no data was reached. Raises `AuditError` if that has lasted too long."""
    days = (today - (last.reached or last.since)).days
    when = f"on {last.reached}" if last.reached else f"never (the rule counts from {last.since})"
    says = f"not checked: the data is out of reach; an audit last reached it {when}"
    if not 0 <= days <= DAYS:
        raise AuditError(f"{says}, which is not within {DAYS} days: run `make audit` where it is")
    return f"{says}; this fails after {DAYS} days"


def audited(lock: Path, ignored: Sequence[str]) -> list[dict[str, Any]]:
    """The packages of a lock file as pip-audit reports them; none if it reached nothing."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "audit.json"
        command = [sys.executable, "-m", "pip_audit", "-r", str(lock), "--disable-pip"]
        command += ["--progress-spinner", "off", "--timeout", "30", "--format", "json"]
        command += ["--output", str(out), *(f"--ignore-vuln={one}" for one in ignored)]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603
        if not out.exists() or not out.stat().st_size:
            return []
        found: list[dict[str, Any]] = json.loads(out.read_text())["dependencies"]
        return found


def main(arguments: Sequence[str] | None = None, root: Path = HERE.parent) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="write the day to .ci/audit-last")
    options = parser.parse_args(arguments)
    today, path = datetime.now(UTC).date(), root / ".ci" / "audit-last"
    try:
        last = Last.read(path.read_text())
        ignored = accepted((root / ".ci" / "audit-accepted").read_text())
        reached = [judged(audited(root / lock, ignored)) for lock in LOCKS]
        if all(reached):
            sys.stdout.write("no known vulnerabilities but those that are accepted\n")
            if options.record:
                path.write_text(Last(last.since, today).text())
        else:
            sys.stdout.write(unreached(last, today) + "\n")
    except AuditError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
