"""Token files: who may read them, and what a change in one does while a worker runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.access import Tokens
from streams.settings import SettingsError, WebSettings, load
from tests.harness.workers import run

GOOD, OTHER = "a-good-token-0123456789", "another-token-0123456789"


def written(path: Path, token: str, mode: int = 0o600) -> Path:
    path.write_text(token + "\n")
    path.chmod(mode)
    return path


def settings(**files: Path) -> WebSettings:
    of = {name: {"file": file, "role": "viewer"} for name, file in files.items()}
    return WebSettings.model_validate({"tokens": of})


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def passes(self) -> None:
        self.now += 1.0


def name_of(tokens: Tokens, token: str) -> str | None:
    found = tokens.bearer(token)
    return None if found is None else found.name


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o620, 0o602, 0o666])
def test_a_file_that_others_can_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    file = written(tmp_path / "t", GOOD, mode)
    with pytest.raises(SettingsError) as refused:
        Tokens(settings(nurse=file))
    assert str(refused.value) == (
        f"web.tokens.nurse.file: {file}: others have access to it (mode {mode:04o}); "
        f"run: chmod 600 {file}"
    )


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440, 0o640])
def test_the_owner_and_the_group_may_read_it(tmp_path: Path, mode: int) -> None:
    assert name_of(Tokens(settings(nurse=written(tmp_path / "t", GOOD, mode))), GOOD) == "nurse"


def test_config_check_says_what_is_wrong_with_a_token_in_one_line(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(
        f"web: {{tokens: {{nurse: {{file: {tmp_path}/none, role: viewer}}}}}}\npseudonyms: false\n"
    )
    done = run("config", "check", "--config", config)
    assert (done.status, done.err) == (
        1,
        f"error: web.tokens.nurse.file: {tmp_path}/none: No such file or directory\n",
    )
    written(tmp_path / "none", GOOD)
    done = run("config", "check", "--config", config, "--explain")
    assert done.status == 0
    assert GOOD not in done.out.decode()


def test_two_readers_with_one_token_are_refused(tmp_path: Path) -> None:
    one, two = written(tmp_path / "1", GOOD), written(tmp_path / "2", GOOD)
    with pytest.raises(SettingsError, match="another token is the same"):
        Tokens(settings(a=one, b=two))


def test_a_replaced_token_counts_at_once_and_a_removed_one_no_more(tmp_path: Path) -> None:
    clock, file = Time(), written(tmp_path / "t", GOOD)
    other = written(tmp_path / "o", "the-token-that-stays-1234")
    tokens = Tokens(settings(nurse=file, other=other), clock)
    assert name_of(tokens, GOOD) == "nurse"
    written(tmp_path / "new", OTHER).replace(file)
    clock.passes()
    assert (name_of(tokens, GOOD), name_of(tokens, OTHER)) == (None, "nurse")
    file.unlink()
    clock.passes()
    assert name_of(tokens, OTHER) is None
    written(file, GOOD)
    clock.passes()
    assert name_of(tokens, GOOD) == "nurse"
    file.write_text("")
    clock.passes()
    assert name_of(tokens, GOOD) is None
    written(file, GOOD, 0o644)
    clock.passes()
    assert name_of(tokens, GOOD) is None, "others can read it"
    written(file, "the-token-that-stays-1234")
    clock.passes()
    found = name_of(tokens, "the-token-that-stays-1234")
    assert found in ("nurse", "other"), "one of the two is revoked"
    assert name_of(tokens, "") is None


def test_a_token_alone_lets_its_bearer_read_everything_as_before(tmp_path: Path) -> None:
    file = written(tmp_path / "t", GOOD, 0o644)  # as containers get it
    found = Tokens(WebSettings(token_file=file)).bearer(GOOD)
    assert found is not None
    assert (found.name, found.roles) == ("token", ["admin"])
    assert Tokens(WebSettings(token_file=file)).exposed != []


@pytest.mark.parametrize(
    ("web", "error"),
    [
        (
            {"tokens": {"a": {"file": "f", "role": "boss"}}},
            "web.tokens.a.role: Input should be 'metrics', 'viewer', 'tuner' or 'admin'",
        ),
        (
            {"tokens": {"a": {"file": "f", "role": "viewer", "unit": "MICU"}}},
            "web.tokens.a: unit: expected the facility as well: units of two may share a name",
        ),
        ({"tokens": {"a": {"role": "viewer"}}}, "web.tokens.a.file: Field required"),
        (
            {"certificates": {"a": {"role": "viewer", "subject": "CN=x"}}},
            "web: certificates: expected tls_client_ca_file as well",
        ),
        (
            {"proxy": {"addresses": ["10.0.0.1"]}},
            "web.proxy: expected addresses and groups, or neither",
        ),
        (
            {"names": ["https://alarms.example.org"]},
            "web: names: expected host names without scheme, port and path",
        ),
    ],
)
def test_settings_of_access_that_cannot_be_are_told_in_one_line(
    web: dict[str, object], error: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load(None, web=web)
    assert str(refused.value) == error
