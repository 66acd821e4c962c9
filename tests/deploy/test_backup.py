"""What cannot be computed again is saved and restored: keys, archive, change records, silences."""

from __future__ import annotations

import importlib.util
import stat
import sys
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from streams.archive import Archive
from tests.harness.alertmanagers import Alertmanager
from tests.harness.archives import Place
from tests.harness.gateways import Gateway

SCRIPT = Path(__file__).parents[2] / "deploy" / "backup.py"


@pytest.fixture(scope="module")
def backup() -> ModuleType:
    spec = importlib.util.spec_from_file_location("backup", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["backup"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A hospital's folder: keys, an archive and change records."""
    site = tmp_path / "site"
    (site / "secrets").mkdir(parents=True)
    key = site / "secrets" / "pseudonym_key"
    key.write_text("5" * 64)
    key.chmod(0o600)
    Place().archived(site / "archive")
    day = next((site / "archive").rglob("rows.parquet"))
    day.with_name(".rows.parquet.17").write_text("a draft of a writer that was killed")
    (site / "changes.jsonl").write_text('{"at": "2026-03-20T07:00:00Z"}\n')
    return site


def saved(backup: ModuleType, site: Path, to: Path, *more: str) -> int:
    status: int = backup.main(
        [
            *("save", str(to), "--keys", str(site / "secrets")),
            *("--archive", str(site / "archive"), "--also", str(site / "changes.jsonl"), *more),
        ]
    )
    return status


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".") and "_locks" not in path.parts
    }


def test_everything_comes_back_on_a_new_machine(
    backup: ModuleType, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at, new = tmp_path / "backup", tmp_path / "new"
    assert saved(backup, site, at) == 0
    assert {path.name for path in at.iterdir()} == {
        *("keys.tar", "archive.tar", "also.tar", "manifest.json")
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in at.iterdir()} == {0o600}
    assert "keys.tar: 1 files" in capsys.readouterr().out
    assert backup.main(["restore", str(at), "--into", str(new)]) == 0
    back = new / site.relative_to("/")
    assert contents(back) == contents(site)
    assert stat.S_IMODE((back / "secrets" / "pseudonym_key").stat().st_mode) == 0o600
    archive = Archive(back / "archive")
    [facility] = archive.facilities("episodes")
    assert archive.days("episodes", facility)


def test_a_damaged_backup_restores_nothing(
    backup: ModuleType, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at, new = tmp_path / "backup", tmp_path / "new"
    saved(backup, site, at)
    whole = (at / "archive.tar").read_bytes()
    (at / "archive.tar").write_bytes(whole[:2000] + b"x" + whole[2001:])
    assert backup.main(["check", str(at)]) == 1
    assert backup.main(["restore", str(at), "--into", str(new)]) == 1
    assert "archive.tar: not as it was made on " in capsys.readouterr().err
    assert not new.exists()
    (at / "archive.tar").unlink()
    assert backup.main(["check", str(at)]) == 1


def test_keys_may_be_kept_elsewhere(backup: ModuleType, site: Path, tmp_path: Path) -> None:
    at, new = tmp_path / "backup", tmp_path / "new"
    saved(backup, site, at)
    (at / "keys.tar").rename(tmp_path / "keys.tar")
    assert backup.main(["restore", str(at), "--into", str(new)]) == 0
    back = contents(new / site.relative_to("/"))
    assert not [name for name in back if name.startswith("secrets")]
    assert "changes.jsonl" in back


def test_a_file_that_differs_is_replaced_on_request_only(
    backup: ModuleType, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    at = tmp_path / "backup"
    saved(backup, site, at)
    key = site / "secrets" / "pseudonym_key"
    assert backup.main(["restore", str(at)]) == 0, "the same content is no difference"
    key.write_text("7" * 64)
    (site / "changes.jsonl").unlink()
    assert backup.main(["restore", str(at)]) == 1
    assert "is there with other content" in capsys.readouterr().err
    assert not (site / "changes.jsonl").exists()
    assert backup.main(["restore", str(at), "--force"]) == 0
    assert key.read_text() == "5" * 64


def test_a_wrong_path_is_named_and_leaves_no_half_backup(
    backup: ModuleType, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (site / "changes.jsonl").unlink()
    assert saved(backup, site, tmp_path / "backup") == 1
    assert "changes.jsonl: no such file or folder" in capsys.readouterr().err
    assert not (tmp_path / "backup").exists()


def test_silences_that_have_not_ended_are_made_once(
    backup: ModuleType, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Gateway() as gateway:
        old = Alertmanager(tmp_path / "old", gateway)
        new = Alertmanager(tmp_path / "new", gateway)
        try:
            old.silence("facility=H01", "unit=MICU", "alertname=~UnitOverload.*")
            now = datetime.now(UTC)
            ended = old.call(
                "silences",
                {
                    "matchers": [{"name": "unit", "value": "CCU", "isRegex": False}],
                    "startsAt": now.isoformat(),
                    "endsAt": (now + timedelta(hours=1)).isoformat(),
                    "createdBy": "house supervisor",
                    "comment": "over",
                },
            )
            expire(old, ended["silenceID"])
            address = f"http://{old.server.address}"
            at = tmp_path / "backup"
            assert saved(backup, site, at, "--alertmanager", address) == 0
            target = f"http://{new.server.address}"
            options = ["restore", str(at), "--into", str(tmp_path / "n"), "--alertmanager", target]
            assert backup.main(options) == 0
            assert "silences.json: 1 made, 0 were there, 0 have ended" in capsys.readouterr().out
            alone = ["silences", str(at), "--alertmanager", target]
            assert backup.main(alone) == 0
            assert "silences.json: 0 made, 1 were there, 0 have ended" in capsys.readouterr().out
            assert [told(one) for one in new.call("silences")] == [
                told(one) for one in old.call("silences") if one["status"]["state"] == "active"
            ]
        finally:
            old.server.stop()
            new.server.stop()


def told(silence: dict[str, Any]) -> dict[str, Any]:
    return {
        "matchers": sorted(silence["matchers"], key=lambda one: str(one["name"])),
        **{name: silence[name] for name in ("endsAt", "createdBy", "comment")},
    }


def expire(alertmanager: Alertmanager, number: str) -> None:
    request = urllib.request.Request(
        f"http://{alertmanager.server.address}/api/v2/silence/{number}", method="DELETE"
    )
    urllib.request.urlopen(request, timeout=10).close()


def test_an_alertmanager_that_does_not_answer_is_named(
    backup: ModuleType, site: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert saved(backup, site, tmp_path / "backup", "--alertmanager", "http://127.0.0.1:9") == 1
    assert "http://127.0.0.1:9: expected an answer of Alertmanager" in capsys.readouterr().err
    assert not (tmp_path / "backup").exists()
