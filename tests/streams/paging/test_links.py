"""Links and their key: what we signed is read back for as long as it was meant to, and nothing else
is.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.paging.links import ExpiredError, ForgedError, Link, Signer, signer_of
from streams.settings import SettingsError, load
from streams.worker.app import create_app

SIGNER = Signer(b"k" * 32)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
LINKS = st.builds(Link, NAMES, NAMES, st.integers(0, 2), st.integers(1, 1 << 33))


def query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


@given(LINKS)
def test_a_link_is_read_back_until_its_time_is_over(link: Link) -> None:
    asked = query(SIGNER.url("https://alarms.example.org/", link))
    assert SIGNER.read(asked, link.expires - 1) == link
    with pytest.raises(ExpiredError):
        SIGNER.read(asked, link.expires)


@given(LINKS, st.sampled_from("futes"), NAMES)
def test_a_changed_link_is_refused(link: Link, which: str, other: str) -> None:
    asked = query(SIGNER.url("https://alarms.example.org", link))
    changed = asked | {which: other}
    if changed != asked:
        with pytest.raises(ForgedError):
            SIGNER.read(changed, 0)
    with pytest.raises(ForgedError):
        SIGNER.read({name: of for name, of in asked.items() if name != which}, 0)
    with pytest.raises(ForgedError):
        SIGNER.read(asked | {"more": other}, 0)


@given(LINKS)
def test_a_link_of_another_key_is_refused(link: Link) -> None:
    with pytest.raises(ForgedError):
        Signer(b"l" * 32).read(query(SIGNER.url("https://a.example", link)), 0)


def test_parts_cannot_be_shifted_into_each_other() -> None:
    one = query(SIGNER.url("https://a.example", Link("H0", "1MICU", 0, 16)))
    with pytest.raises(ForgedError):
        SIGNER.read(one | {"f": "H01", "u": "MICU"}, 0)


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (None, "No such file or directory"),
        ("short", "expected 32 bytes or more, such as `openssl rand -hex 32` makes"),
    ],
)
def test_an_invalid_key_is_one_error_line_without_the_key(
    content: str | None, error: str, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match=f"^paging.key_file: {file}: {error}$"):
        signer_of(file)
    config = tmp_path / "config.yaml"
    config.write_text(
        f"paging: {{key_file: {file}}}\nalertmanager: {{url: 'http://127.0.0.1:9093'}}\n"
        "pseudonyms: false\n"
    )
    with pytest.raises(SettingsError, match=error):
        create_app(load(config))


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"paging": {"url": "https://a.example"}}, "paging: url: expected paging.key_file beside"),
        (
            {"paging": {"url": "https://a.example", "key_file": "k"}},
            "paging.url: expected alertmanager.url beside it",
        ),
        ({"paging": {"url": "a.example", "key_file": "k"}}, "paging: url: expected an address"),
        ({"alertmanager": {"url": "http://u:p@a"}}, "alertmanager: url: expected an address"),
        ({"alertmanager": {"token_file": "t"}}, "alertmanager: token_file: expected alertmanager"),
    ],
)
def test_settings_that_lead_nowhere_are_refused(settings: dict[str, object], error: str) -> None:
    with pytest.raises(SettingsError, match=error):
        load(None, **settings)
