"""The fuzzer's corpus: every input kept, those that once broke a rule among them, through its
target. `make fuzz` draws new ones.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.facts import check_detail
from tests.fuzz.interface import ask_interface
from tests.fuzz.plain import plain
from tests.fuzz.requests import answers
from tests.fuzz.rows import fuzz_rows
from tests.fuzz.targets import CORPUS, TARGETS, corpus

pytestmark = pytest.mark.slow

FILES = [
    pytest.param(name, path, id=f"{name}/{path.name}") for name in TARGETS for path in corpus(name)
]


@pytest.mark.parametrize(("target", "path"), FILES)
def test_an_input_of_the_corpus_breaks_no_rule(target: str, path: Path) -> None:
    TARGETS[target].one(path.read_bytes())


def test_the_corpus_is_small_and_has_some_for_each_target() -> None:
    assert sum(path.stat().st_size for name in TARGETS for path in corpus(name)) < 1_000_000
    assert all(10 <= len(corpus(name)) <= 99 for name in TARGETS)
    assert {path.name for path in CORPUS.iterdir()} == TARGETS.keys()


def test_the_interface_answers_as_it_is_described() -> None:
    assert ask_interface(200, seed=7) is None


@pytest.mark.parametrize("target", ["hl7", "frames"])
def test_changed_messages_and_frames_break_no_rule(target: str) -> None:
    assert plain(target, 1000, seed=7) is None


def test_rows_of_tables_become_facts_or_are_rejected() -> None:
    assert fuzz_rows(4000, seed=7) is None


@pytest.mark.parametrize(
    "detail",
    [
        "at: Zq7patient",
        "at: expected Zq7patient",
        "name: expected text",
        "at: expected a\nline",
        "expected",
    ],
)
def test_a_detail_that_holds_a_value_is_seen(detail: str) -> None:
    with pytest.raises(AssertionError):
        check_detail(detail)


def test_answers_are_told_apart_and_wrong_framing_is_seen() -> None:
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
    chunked = b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"
    assert [(status, body) for status, _, body in answers(ok + chunked + ok[:20])] == [
        (200, b"ok\n"),
        (400, b"no"),
    ]
    with pytest.raises(AssertionError):
        answers(b"x" + ok)
