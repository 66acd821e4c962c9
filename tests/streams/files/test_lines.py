"""Input files: whatever program wrote them, the same lines come out, or one line says what they
are.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from pathlib import Path

import polars
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.files.lines import MAX_LINE_BYTES, InputError, kind_of, lines
from tests.harness.tables import SPELLINGS
from tests.harness.workers import run

EVENTS = [
    '{"event_id": "e1", "alarm_id": "a1", "phase": "start", "at": 1772352000000, "facility": '
    '"H1", "unit": "HNO-Ä", "bed": "1", "device_id": "m1", "device_type": "monitor", "code": "LO", '
    '"kind": "physiological", "priority": "high", "label": "SpO₂ 😷"}',
    '{"event_id": "e2", "alarm_id": "a1", "phase": "end", "at": 1772352020000, "facility": '
    '"H1", "unit": "HNO-Ä", "bed": "1", "device_id": "m1", "device_type": "monitor", "code": "LO", '
    '"kind": "physiological", "priority": "high"}',
]
TEXT = f"{EVENTS[0]}\n\n{EVENTS[1]}\n"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_gives_the_same_lines_with_the_same_numbers(
    spelling: str, tmp_path: Path
) -> None:
    path = tmp_path / "no name that says anything"
    path.write_bytes(SPELLINGS[spelling](TEXT))
    assert list(lines(path)) == [(1, EVENTS[0].encode()), (3, EVENTS[1].encode())]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_can_be_replayed_from_a_file_and_from_standard_input(
    spelling: str, tmp_path: Path
) -> None:
    path, plain = tmp_path / "alarms.csv.zip", tmp_path / "plain.jsonl"
    path.write_bytes(SPELLINGS[spelling](TEXT))
    plain.write_text(TEXT)
    expected = run("replay", "--alarms", plain)
    from_file = run("replay", "--alarms", path)
    from_input = run("replay", "--alarms", "-", stdin=SPELLINGS[spelling](TEXT))
    assert (from_file, from_input) == (expected, expected)
    assert (expected.status, expected.err) == (0, "")
    assert 'unit="HNO-Ä"'.encode() in expected.out


@given(
    texts=st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=9), max_size=9),
    spelling=st.sampled_from(sorted(SPELLINGS)),
)
def test_any_text_after_the_first_line_comes_out_as_it_went_in(
    texts: list[str], spelling: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("lines") / "file"
    path.write_bytes(SPELLINGS[spelling]("\n".join([EVENTS[0], *texts]) + "\n"))
    expected = [text.encode().strip() for text in [EVENTS[0], *texts]]
    assert [line for _, line in lines(path)] == [line for line in expected if line]


def workbook(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    return file.getvalue()


def parquet() -> bytes:
    file = io.BytesIO()
    polars.DataFrame({"at": [1]}).write_parquet(file)
    return file.getvalue()


VENDOR = b"Alarm Time;Bed;Priority\n01.03.2026 07:00;1;high\n"
KINDS = [
    pytest.param(VENDOR, "a table (CSV)", id="semicolons"),
    pytest.param(VENDOR.replace(b";", b","), "a table (CSV)", id="commas"),
    pytest.param(VENDOR.replace(b";", b"\t"), "a table (CSV)", id="tabs"),
    pytest.param("é;ä;ö\n1;2;3\n".encode("cp1252"), "a table (CSV)", id="Windows-1252"),
    pytest.param(VENDOR.decode().encode("utf-16"), "a table (CSV)", id="UTF-16"),
    pytest.param(gzip.compress(VENDOR), "a table (CSV)", id="gzip"),
    pytest.param(f"[{EVENTS[0]}]".encode(), "a JSON array; jq", id="array"),
    pytest.param(b'{\n  "event_id": "e1"\n}\n', "a JSON object over several lines", id="pretty"),
    pytest.param(workbook("[Content_Types].xml"), "an Excel workbook (.xlsx)", id="xlsx"),
    pytest.param(workbook("alarms.jsonl"), "a zip archive; unpack it first", id="zip"),
    pytest.param(parquet(), "a Parquet file", id="parquet"),
    pytest.param(bz2.compress(TEXT.encode()), "a bzip2 file; decompress it first", id="bzip2"),
    pytest.param(lzma.compress(TEXT.encode()), "an xz file; decompress it first", id="xz"),
    pytest.param(b"MSH|^~\\&|MON|H1\rPID|1\r", "HL7 v2 messages", id="HL7"),
    pytest.param(b"<?xml version='1.0'?><a/>", "XML or HTML", id="XML"),
    pytest.param(b"%PDF-1.7\n", "a PDF document", id="PDF"),
    pytest.param(bytes(range(256)) * 9, "binary data", id="binary"),
]


@pytest.mark.parametrize(("found", "kind"), KINDS)
@pytest.mark.parametrize("command", ["replay --alarms", "findings --alarms", "tune --episodes"])
def test_a_file_of_another_kind_is_named_in_one_line(
    found: bytes, kind: str, command: str, tmp_path: Path
) -> None:
    path = tmp_path / "alarms.jsonl"
    path.write_bytes(found)
    done = run(*command.split(), path)
    assert (done.status, done.out) == (1, b"")
    [line] = done.err.splitlines()
    assert line.startswith(f"error: {path}: expected one JSON object per line, found {kind}")


@pytest.mark.parametrize("found", [b"", b"\n\n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_of_no_other_kind(found: bytes, tmp_path: Path) -> None:
    path = tmp_path / "alarms.jsonl"
    path.write_bytes(found)
    assert list(lines(path)) == []


@pytest.mark.parametrize(
    "line", [b"not JSON", b"null", b"{", b'"a, b, c"', b'{"event_id": "a,b,c"}', b"{broken, a, b}"]
)
def test_a_bad_line_among_good_ones_does_not_make_a_file_another_kind(line: bytes) -> None:
    text = b'{"a": 1}\n'
    assert kind_of(text + line) is None
    assert line == b"{" or kind_of(line + b"\n" + text) is None


def test_compressed_data_that_is_cut_off_says_after_which_line(tmp_path: Path) -> None:
    path = tmp_path / "alarms.jsonl.gz"
    path.write_bytes(gzip.compress(TEXT.encode())[:-12])
    with pytest.raises(InputError, match=r"gz: the compressed data is damaged or cut off after li"):
        list(lines(path))
    done = run("replay", "--alarms", path)
    assert done.status == 1
    assert len(done.err.splitlines()) == 1


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "alarms.jsonl.gz"
    endless = b'{"label": "' + bytes(MAX_LINE_BYTES + 99).replace(b"\0", b"x")
    path.write_bytes(gzip.compress(endless + b'"}\n{"a": 1}\n', 1))
    [(_, first), (number, second)] = lines(path)
    assert (len(first), number, second) == (MAX_LINE_BYTES, 2, b'{"a": 1}')
