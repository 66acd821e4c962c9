"""Names of a hospital's own codes: what may stand in the file, and where people see them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from analyzer.model.policy import MINUTE
from streams.formats.alarm_names import AlarmNames, read_names, speak
from streams.settings import SettingsError, load
from tests.harness.hospitals import NINE, Hospital
from tests.harness.site import FakeWorker, Site
from tests.harness.workers import run

TABLE = """device_type,source,code,name
infusion_pump,,X-17,Syringe empty
*,,X-17,Empty
monitor,MDC_PULS_OXIM_SAT_O2,MDC_EVT_LO,Sättigung tief
"""


@pytest.fixture
def silent() -> Iterator[None]:
    yield
    speak(AlarmNames())


def written(folder: Path, text: str = TABLE, encoding: str = "utf-8") -> Path:
    path = folder / "names.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "text",
    [
        TABLE,
        TABLE.replace(",", ";"),
        TABLE.replace(",", "\t"),
        TABLE.replace("\n", "\r\n") + "\r\n",
        "\n".join(",".join(reversed(line.split(","))) for line in TABLE.splitlines()),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_table_is_read_as_spreadsheets_write_it(tmp_path: Path, text: str, encoding: str) -> None:
    names = read_names(written(tmp_path, text, encoding))
    assert names.of("infusion_pump", "", "X-17") == "Syringe empty"
    assert names.of("ventilator", "", "X-17") == "Empty", "of any other device"
    assert names.of("monitor", "MDC_PULS_OXIM_SAT_O2", "MDC_EVT_LO") == "Sättigung tief"
    assert names.of("oximeter", "MDC_PULS_OXIM_SAT_O2", "MDC_EVT_LO") == "SpO2 low"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: expected the columns device_type, source, code, name"),
        ("code,name\nX,y\n", "line 1: expected the columns device_type, source, code, name"),
        (TABLE + "pump,,X\n", "line 5: expected 4 values, found 3"),
        (TABLE + ",,X,y\n", "line 5: device_type: expected a type of device, or * for any"),
        (TABLE + "pump,,,y\n", "line 5: code: expected an alarm code"),
        (TABLE + "pump,,X,\n", "line 5: name: expected 1 to 128 printable characters"),
        (TABLE + f"pump,,X,{'y' * 129}\n", "line 5: name: expected 1 to 128"),
        (TABLE + "pump,,X,y\x1b[2J\n", "line 5: name: expected 1 to 128 printable characters"),
        (TABLE + "*,,X-17,Other\n", "line 5: name: expected one name for *//X-17"),
    ],
)
def test_unusable_input_is_refused_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SettingsError) as refused:
        load(alarm_names=path)
    assert str(refused.value).startswith(f"alarm_names: {path}")
    assert says in str(refused.value)


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"alarm_names: .*: No such file or directory"):
        load(alarm_names=tmp_path / "none.csv")
    with pytest.raises(SettingsError, match="expected text in UTF-8"):
        load(alarm_names=written(tmp_path, encoding="utf-16"))


def test_config_check_says_what_is_wrong_with_the_table(tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text(yaml.safe_dump({"alarm_names": str(written(tmp_path))}))
    assert run("config", "check", "--config", settings).status == 0
    written(tmp_path, TABLE + "pump,,,y\n")
    done = run("config", "check", "--config", settings)
    assert done.status != 0
    assert "line 5: code: expected an alarm code" in done.err


@pytest.mark.usefixtures("silent")
def test_metrics_page_and_answers_say_the_name(tmp_path: Path) -> None:
    speak(read_names(written(tmp_path)))
    hospital = Hospital()
    for minute in range(9):
        hospital.alarm(NINE + minute * MINUTE, code="X-17")
    hospital.run(NINE + 30 * MINUTE)
    with Site(FakeWorker(hospital.engine), now=NINE / 1000 + 1800) as site:
        told = site.get("/metrics").body.decode()
        [of_type] = site.get("/api/v1/whatif/types?facility=H&unit=ICU").json["types"]
        [unit] = site.get("/api/v1/findings").json["units"]
    assert re.search(r'alarm_type_info\{[^}]*code="X-17"[^}]*name="Empty"[^}]*\} 1', told)
    assert of_type["type"]["name"] == "Empty"
    assert {one["name"] for one in unit["findings"]} == {"Empty"}
    assert all(one["says"].startswith("Empty (monitor//X-17)") for one in unit["findings"])


@pytest.mark.usefixtures("silent")
def test_replay_and_findings_say_the_name_that_the_settings_give(tmp_path: Path) -> None:
    hospital = Hospital()
    for minute in range(9):
        hospital.alarm(NINE + minute * MINUTE, code="X-17")
    alarms, settings = tmp_path / "alarms.jsonl", tmp_path / "settings.yaml"
    alarms.write_text("\n".join(hospital.lines["alarms"]) + "\n")
    settings.write_text(yaml.safe_dump({"alarm_names": str(written(tmp_path))}))
    done = run("replay", "--alarms", alarms, "--config", settings)
    assert b'name="Empty"' in done.out
    found = run("findings", "--alarms", alarms, "--config", settings)
    assert b"Empty (monitor//X-17)" in found.out
    assert b'name="X-17"' in run("replay", "--alarms", alarms).out, "without the setting"
