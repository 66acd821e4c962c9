"""The supply chain: the audit fails closed, the list of dependencies is whole and valid, and the
demo's broker is locked apart.
"""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.harness.needs import lacking

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["audit"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_a_committed_file_can_be_read_and_written_again(audit: ModuleType) -> None:
    text = (ROOT / ".ci" / "audit-last").read_text()
    last = audit.Last.read(text)
    assert audit.Last.read(last.text()) == last
    assert last.since <= date(2027, 1, 1)


@pytest.mark.parametrize(
    ("reached", "today", "fails"),
    [
        (None, date(2026, 12, 27), False),
        (None, date(2026, 12, 28), True),
        (date(2026, 12, 20), date(2027, 1, 19), False),
        (date(2026, 12, 20), date(2027, 1, 20), True),
        (
            date(2026, 12, 20),
            date(2026, 12, 1),
            True,
        ),  # a date that is still to come proves nothing
    ],
)
def test_an_audit_without_data_fails_after_30_days(
    audit: ModuleType, reached: date | None, today: date, fails: bool
) -> None:
    last = audit.Last(date(2026, 11, 27), reached)
    if fails:
        with pytest.raises(audit.AuditError, match="not within 30 days"):
            audit.unreached(last, today)
    else:
        assert audit.unreached(last, today).startswith("not checked: the data is out of reach")


@pytest.mark.parametrize("text", ["", "since 2026-11-27\n", "since x\nreached never\n"])
def test_a_date_that_is_missing_or_wrong_fails(audit: ModuleType, text: str) -> None:
    with pytest.raises(audit.AuditError, match="expected the lines"):
        audit.Last.read(text)


def test_findings_fail_and_need_a_reason_to_be_accepted(audit: ModuleType) -> None:
    found = {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}
    with pytest.raises(audit.AuditError, match="a 1: PYSEC-1, fixed in 2"):
        audit.judged([found])
    assert audit.judged([found | {"vulns": []}])
    assert not audit.judged([{"name": "a", "skip_reason": "not found"}])
    assert audit.accepted("# a comment\nPYSEC-1 not used by us\n\n") == ["PYSEC-1"]
    with pytest.raises(audit.AuditError, match="gives no reason for PYSEC-1"):
        audit.accepted("PYSEC-1\n")


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", (ROOT / lock).read_text(), re.MULTILINE))


def bill(lock: str, folder: Path, *more: str) -> Any:
    """As `make sbom` writes it."""
    program = Path(sys.executable).with_name("cyclonedx-py")
    if not program.exists():
        lacking("cyclonedx-bom (pip)")
    out = folder / "sbom.json"
    command = [program, "requirements", ROOT / lock, *more, "--output-reproducible"]
    subprocess.run([*command, "--of", "JSON", "-o", out], check=True, capture_output=True)
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(out.read_text()) is None
    return json.loads(out.read_text())


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-demo.lock"])
def test_the_list_of_dependencies_is_valid_and_holds_every_pin_with_hashes(
    lock: str, tmp_path: Path
) -> None:
    found = bill(lock, tmp_path)
    assert {one["name"]: one["version"] for one in found["components"]} == pins(lock)
    for one in found["components"]:
        hashes = [each for link in one["externalReferences"] for each in link["hashes"]]
        assert {each["alg"] for each in hashes} == {"SHA-256"}, one["name"]


def test_the_demos_broker_has_a_lock_of_its_own_that_names_its_source() -> None:
    text = (ROOT / "requirements-demo.lock").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    # the worker's packages are in its lock
    demo = [one for one in project["optional-dependencies"]["demo"] if "[worker]" not in one]
    assert [
        f"{name}=={version}" for name, version in pins("requirements-demo.lock").items()
    ] == demo
    assert "# Source: https://" in text
    assert text.count("--hash=sha256:") >= 1
