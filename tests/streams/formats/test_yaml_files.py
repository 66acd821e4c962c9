"""YAML with a key that occurs twice is refused, wherever people write YAML for the service."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from streams.formats.yaml_files import BaseLoader, RepeatedKey, SafeLoader
from tests.harness.workers import run


@pytest.mark.parametrize("loader", [SafeLoader, BaseLoader])
def test_a_repeated_key_is_refused_with_its_line(loader: type[SafeLoader | BaseLoader]) -> None:
    with pytest.raises(RepeatedKey) as caught:
        yaml.load("a:\n  b: 1\n  c: 2\n  b: 3\n", loader)  # it is a safe one
    assert caught.value.problem == "b is given twice"
    assert caught.value.problem_mark is not None
    assert caught.value.problem_mark.line == 3


def test_one_key_in_two_mappings_and_a_merged_one_are_no_repetition() -> None:
    text = "a: &a {x: 1}\nb: &b {<<: *a, x: 2}\nc: [{<<: *b, x: 3}, {x: 4}]\n"
    assert yaml.load(text, SafeLoader) == {  # it is a safe one
        "a": {"x": 1},
        "b": {"x": 2},
        "c": [{"x": 3}, {"x": 4}],
    }


def test_settings_mappings_and_profiles_name_the_key(tmp_path: Path) -> None:
    written = tmp_path / "twice.yml"
    table = tmp_path / "table.csv"
    table.write_text("a,b,c\n1,2,3\n")
    written.write_text("policy: {fleeting: 20s}\npolicy: {min_classified: 9}\n")
    done = run("config", "check", "--config", written)
    assert (done.status, done.out) == (1, b"")
    assert done.err == f"error: {written}, line 2: policy is given twice\n"
    commands = [
        ("import", "--mapping", written, table, "--out", tmp_path / "facts"),
        ("hl7", "check", table, "--profiles", written),
    ]
    for command in commands:
        done = run(*command)
        assert (done.status, done.out) == (2, b"")
        assert done.err == f"error: {written}: policy is given twice (line 2)\n"


def test_a_mapping_that_is_none_is_named(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,b,c\n1,2,3\n")
    done = run("import", "--mapping", table, table, "--out", tmp_path / "facts")
    assert (done.status, done.err) == (
        2,
        f"error: {table}: expected a mapping, as `name: value`\n",
    )
