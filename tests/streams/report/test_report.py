"""What a report says where something is missing, changed or wrong; and its page and tables."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from analyzer import Policy
from streams.files.changes import Decision, record
from streams.files.provenance import Provenance
from streams.formats.calendars import Calendar
from streams.report import Hospital, ReportError, document, page, read_changes, report_on
from streams.report.figures import by_key
from streams.report.tables import header, tables
from tests.harness.archives import MONDAY, TYPES, ZONE, Place, ms
from tests.harness.workers import run

MADE = Provenance("1", 0, "f", {}, "alarm-fatigue report", ())


def of(place: Place, folder: Path, begin: int = 7, end: int = 14, **more: Any) -> Hospital:
    return report_on(
        place.archived(folder),
        "H03",
        place.day(begin),
        place.day(end),
        Calendar(ZONE),
        Policy(),
        **more,
    )


def test_a_silent_day_is_left_out_and_named_not_counted_as_quiet(tmp_path: Path) -> None:
    whole = of(Place(units={"MICU": 6}), tmp_path / "whole", 5, 12)
    place = Place(units={"MICU": 6}, silent=frozenset({("MICU", 9)}))
    silent = of(place, tmp_path / "silent", 5, 12)
    [section] = silent.sections
    assert section.silent_days == ("2026-03-25",)
    rate, usual = (
        by_key(one.sections[0].figures)["alarms_per_bed_day.all"] for one in (silent, whole)
    )
    assert (rate.below, usual.below) == (36, 42)
    assert rate.value == pytest.approx(usual.value, rel=0.1)
    assert "2026-03-25" in page([silent], Policy(), document([silent], Policy()), MADE)


def test_hours_without_records_are_left_out_where_the_usual_rate_makes_that_implausible(
    tmp_path: Path,
) -> None:
    """Else a feed that was interrupted from noon to the next noon would look like two calm days."""
    gap = (9 * 24 + 12, 10 * 24 + 12)
    whole, broken = (
        of(Place(units={"MICU": 6}, gap=gap if some else None), tmp_path / str(some), 5, 13)
        for some in (False, True)
    )
    [section] = broken.sections
    assert section.silent_days == ()
    assert section.silent_hours == 24
    rate, usual = (
        by_key(one.sections[0].figures)["alarms_per_bed_day.all"] for one in (broken, whole)
    )
    assert (rate.below, usual.below) == (7 * 6, 8 * 6)
    assert rate.value == pytest.approx(usual.value, rel=0.1)
    duty = by_key(section.figures)["protected_share"]
    assert duty.below == 7 * 24 * 6
    assert "24 without any record" in (duty.missing or "")
    assert [row.a_day for row in section.types] == pytest.approx(
        [row.alarms / 7 for row in section.types]
    )
    assert "the feed was probably interrupted" in page(
        [broken], Policy(), document([broken], Policy()), MADE
    )


def test_without_a_roster_no_figure_per_bed_or_clinician_is_given(tmp_path: Path) -> None:
    found = of(Place(units={"MICU": 6}, roster=False), tmp_path / "archive")
    figures = by_key(found.sections[0].figures)
    for key in ("alarms_per_bed_day.all", "protected_share", "hours_over_30", "unit_overloaded"):
        assert figures[key].value is None
        assert "no roster" in (figures[key].why or "")
    assert figures["response_median.high"].value is not None  # of nobody in particular
    text = page([found], Policy(), document([found], Policy()), MADE)
    assert "no roster: nobody is known to have been on duty" in text


def test_without_a_span_before_there_are_no_differences(tmp_path: Path) -> None:
    found = of(Place(units={"MICU": 6}), tmp_path / "archive", 0, 7)
    assert not found.has_before
    assert all(one.change is None for one in found.sections[0].figures)
    text = page([found], Policy(), document([found], Policy()), MADE)
    assert "The archive holds nothing of the period before it" in text


def test_without_responses_nothing_counts_as_unanswered(tmp_path: Path) -> None:
    """Neither in a whole span, nor on the days on which their feed was cut off."""
    [mute] = of(Place(units={"MICU": 6}, mute=range(21)), tmp_path / "mute").sections
    figures = by_key(mute.figures)
    for key in ("answered.high", "response_median.high"):
        assert (figures[key].value, figures[key].why) == (None, "no response is recorded")
    assert not mute.responded
    [cut] = of(Place(units={"MICU": 6}, mute=range(9, 11)), tmp_path / "cut").sections
    [usual] = of(Place(units={"MICU": 6}), tmp_path / "usual").sections
    share, expected = (by_key(one.figures)["answered.high"] for one in (cut, usual))
    assert share.value == pytest.approx(expected.value, abs=0.1)
    assert share.below < 0.8 * (expected.below or 0)


def test_an_empty_span_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="no alarms of unit SICU of H03"):
        of(Place(units={"MICU": 6}), tmp_path / "archive", unit="SICU")


def test_a_report_on_a_unit_is_the_section_of_the_hospitals_report(tmp_path: Path) -> None:
    whole = of(Place(), tmp_path / "archive")
    [alone] = of(Place(), tmp_path / "archive", unit="SICU").sections
    [section] = [one for one in whole.sections if one.unit == "SICU"]
    assert alone.figures == section.figures
    assert alone.types == section.types


def test_the_page_loads_nothing_and_runs_nothing_whatever_a_unit_is_called(tmp_path: Path) -> None:
    place = Place(units={"<script>alert(1)</script>": 6, "A&B": 5})
    found = of(place, tmp_path / "archive")
    text = page([found], Policy(), document([found], Policy()), MADE)
    assert "<script>alert" not in text
    assert re.findall(r"<script[^>]*>", text) == ['<script type="application/json" id="answer">']
    assert not re.search(r"(src|href)=.?(https?:)?//", text)
    [answer] = re.findall(r'id="answer">(.*)</script>', text)
    assert json.loads(answer)["hospitals"][0]["facility"] == "H03"


def test_every_figure_has_a_definition_on_the_page_and_in_the_semantics(tmp_path: Path) -> None:
    found = of(Place(), tmp_path / "archive")
    text = page([found], Policy(), document([found], Policy()), MADE)
    semantics = (Path(__file__).parents[3] / "docs" / "semantics.md").read_text()
    anchors = {
        re.sub(r"[^a-z0-9 -]", "", one.lower()).replace(" ", "-")
        for one in re.findall(r"^## (.*)$", semantics, re.MULTILINE)
    }
    for one in found.sections[0].figures:
        assert f'id="{one.definition}"' in text
        assert one.definition in anchors
        assert one.n


def change_record(at: int, **scope: Any) -> dict[str, Any]:
    answer = {
        "scope": {"facility": None, "unit": None, "type": None, "priority": None} | scope,
        "setting": dict.fromkeys(("limit", "holdoff_seconds", "beside", "priority"))
        | {"delay_seconds": 15.0, "sent_from": None},
        "proposal": None,
        "lost": {
            "count": 0,
            "of": 10,
            "upper": 0.2,
            "confidence": 0.95,
            "effective": 10.0,
            "promise": "open",
            "tolerated": 0.0,
        },
        "span": {"from": 0, "to": 1},
        "before": {"alarms": 10},
        "removed": {"alarms": 4},
        "late": {"by_seconds": 15.0},
    }
    decision = Decision(at=at, owner="biomed", review_on="2026-06-30", change_control="CC-17")
    return record(json.dumps(answer).encode(), decision)


def test_the_outcome_of_a_change_is_shown_beside_its_forecast(tmp_path: Path) -> None:
    place = Place(units={"MICU": 6})
    folder = place.archived(tmp_path / "archive").folder
    changes = tmp_path / "changes.jsonl"
    at = ms(MONDAY) + 9 * 86_400_000 + 5 * 3_600_000
    device, source, code, _ = TYPES[0]
    scope = {"unit": "MICU", "type": {"device_type": device, "source": source, "code": code}}
    old = change_record(place.day(-30))
    config = tmp_path / "settings.yaml"
    config.write_text("calendar: {time_zone: Europe/Berlin}\n")
    changes.write_text("".join(json.dumps(one) + "\n" for one in (change_record(at, **scope), old)))
    done = run(
        "report", "--archive", folder, "--from", str(place.day(7)), "--to", str(place.day(14)),
        "--changes", changes, "--json", "--csv", tmp_path / "tables", "--config", config,
    )  # fmt: skip
    assert done.status == 0, done.err
    [one] = json.loads(done.out)["hospitals"][0]["changes"]
    assert one["expected_removed_share"] == 0.4
    assert one["days"] == {"before": 9, "after": 4}  # the day of the change is in neither
    alarms = [
        episode["start"]
        for episode in place.episodes()
        if (episode["code"], episode["source"]) == (code, source) and episode["priority"] != "info"
    ]
    after = [moment for moment in alarms if place.day(10) <= moment < place.day(14)]
    assert one["alarms_a_day"]["after"] == pytest.approx(len(after) / 4)
    assert one["change"]["low"] < 0 < one["change"]["high"]
    with (tmp_path / "tables" / "figures.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["unit"] for row in rows} == {"MICU"}
    assert "protected_share" in {row["figure"] for row in rows}


def test_the_workbook_has_the_tables_of_the_csv_files_and_no_formula(tmp_path: Path) -> None:
    place = Place(units={'=HYPERLINK("http://x")': 6, "@SUM(1)": 5}, days=8)
    folder = place.archived(tmp_path / "archive").folder
    done = run(
        "report", "--archive", folder, "--from", str(place.day(1)), "--to", str(place.day(8)),
        "--csv", tmp_path / "tables", "--xlsx", tmp_path / "report.xlsx",
    )  # fmt: skip
    assert done.status == 0, done.err
    book = load_workbook(tmp_path / "report.xlsx")
    names = ["about", "figures", "types", "shifts", "heat_map", "changes"]
    assert book.sheetnames == names
    for name in names:
        with (tmp_path / "tables" / f"{name}.csv").open(newline="") as file:
            expected = list(csv.reader(file))
        for row, texts in zip(book[name].values, expected, strict=True):
            for value, text in zip(row, texts, strict=True):
                number = isinstance(value, int | float)
                assert value == (pytest.approx(float(text)) if number else text or None)
        kinds = {cell.data_type for row in book[name] for cell in row}
        assert "f" not in kinds
    units = {row[1] for row in book["types"].iter_rows(min_row=2, values_only=True)}
    assert units == {None, '\'=HYPERLINK("http://x")', "'@SUM(1)"}
    assert [cell.value for cell in book["changes"][1]][:2] == ["facility", "at"]
    assert isinstance(book["types"]["G2"].value, int)


def test_a_table_without_rows_has_the_columns_of_one_with_rows(tmp_path: Path) -> None:
    place = Place(units={"MICU": 6})
    changes = tmp_path / "changes.jsonl"
    changes.write_text(json.dumps(change_record(place.day(9))) + "\n")
    full = of(place, tmp_path / "archive", made=read_changes(changes))
    for name, rows in tables(document([full], Policy())).items():
        assert rows, name
        assert header(name, []) in ([], list(rows[0]))
    small = of(Place(units={"MICU": 2}, days=9), tmp_path / "small", 8, 9)
    assert tables(document([small], Policy()))["shifts"] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}\n", "changes.jsonl, line 1: expected a change record"),
        ("\nno\n", "changes.jsonl, line 2: no JSON"),
        ('[{"at": "now"}]', "changes.jsonl, record 1: expected a change record"),
    ],
)
def test_a_wrong_change_record_is_named(tmp_path: Path, text: str, words: str) -> None:
    place = Place(units={"MICU": 6}, days=8)
    folder = place.archived(tmp_path / "archive").folder
    (tmp_path / "changes.jsonl").write_text(text)
    done = run(
        "report", "--archive", folder, "--from", str(place.day(1)), "--to", str(place.day(7)),
        "--changes", tmp_path / "changes.jsonl", "--json",
    )  # fmt: skip
    assert done.status == 1
    assert words in done.err


def test_wrong_arguments_are_one_error_line(tmp_path: Path) -> None:
    place = Place(units={"MICU": 6}, days=3)
    folder = place.archived(tmp_path / "archive").folder
    span = ("--from", str(place.day(0)), "--to", str(place.day(3)))
    for arguments, words in (
        ((*span,), "expected where the report goes"),
        (("--from", "May", "--to", "June", "--json"), "--from:"),
        (("--from", span[3], "--to", span[1], "--json"), "--to: expected a time after --from"),
        ((*span, "--json", "--facility", "H30"), "H30 is not in the archive; there is H03"),
        ((*span, "--json", "--unit", "SICU"), "no alarms of unit SICU of H03"),
        (("--from", "2020-01-01T00:00:00Z", "--to", "2020-02-01T00:00:00Z", "--json"), "no alarms"),
    ):
        done = run("report", "--archive", folder, *arguments)
        assert done.status == 2
        assert words in done.err
        assert done.err.count("\n") == 1
    done = run("report", "--archive", tmp_path, *span, "--json")
    assert (done.status, "expected an archive" in done.err) == (1, True)


def test_a_damaged_file_is_one_error_line(tmp_path: Path) -> None:
    place = Place(units={"MICU": 6}, days=3)
    folder = place.archived(tmp_path / "archive").folder
    [first, *_] = sorted((folder / "episodes").rglob("*.parquet"))
    first.write_bytes(first.read_bytes()[:200])
    done = run(
        "report", "--archive", folder, "--from", str(place.day(0)), "--to", str(place.day(3)),
        "--json",
    )  # fmt: skip
    assert done.status == 1
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1
