"""No answer names a bed, a device, a person or a text, and the page asks no other host."""

from __future__ import annotations

from dataclasses import replace

from analyzer import AlarmEvent, Assignment, Engine, Policy
from analyzer.model.policy import HOUR, MINUTE
from streams.http.site import page_files
from tests.harness.hospitals import NINE
from tests.harness.site import FakeWorker, Site, pseudonym

MARK = "zzmark"


def test_no_bed_device_person_or_text_is_shown() -> None:
    engine = Engine(Policy())
    for bed, who in (("1", "a"), ("2", "a"), ("4", "a"), ("3", "b")):
        duty = Assignment(
            event_id=bed,
            assignment_id=bed,
            facility="H",
            unit="ICU",
            bed=f"{MARK}-bed-{bed}",
            clinician=f"{MARK}-{who}",
            start=NINE - HOUR,
            at=NINE - HOUR,
            role=MARK,
        )
        engine.apply("assignments", duty, None)
    alarm = AlarmEvent(
        event_id="-",
        alarm_id="-",
        phase="start",
        at=NINE,
        facility="H",
        unit="ICU",
        bed=f"{MARK}-bed-1",
        device_id=f"{MARK}-device",
        device_type="monitor",
        code="MDC_EVT_LO",
        kind="physiological",
        priority="high",
        label=f"{MARK} text",
        recipients=(f"{MARK}-c",),
    )
    for phase, moment in (("start", NINE - 30 * MINUTE), ("end", NINE - 29 * MINUTE)):
        engine.apply(
            "alarms",
            replace(alarm, event_id=f"{MARK}{phase}", alarm_id=MARK, at=moment, phase=phase),
            None,
        )  # type: ignore[arg-type]
    for number in range(30):
        bed = f"{MARK}-bed-{'124'[number % 3]}"
        for phase, moment in (("start", 0), ("end", 5_000)):
            event = replace(
                alarm,
                event_id=f"{MARK}{number}{phase}",
                alarm_id=f"{MARK}{number}",
                at=NINE + 20_000 * number + moment,
                bed=bed,
                phase=phase,  # type: ignore[arg-type]
            )
            engine.apply("alarms", event, None)
    engine.advance(NINE + 12 * MINUTE)
    with Site(FakeWorker(engine), pseudonym=pseudonym, now=NINE / 1000) as site:
        paths = [
            "units",
            "clinicians?facility=H&unit=ICU",
            "unit?facility=H&unit=ICU",
            "findings",
            "openapi.json",
            "whatif/types?facility=H&unit=ICU",
            "whatif?facility=H&unit=ICU&type=monitor//MDC_EVT_LO",
        ]
        answers = [site.get(f"/api/v1/{path}") for path in paths]
        assert [answer.status for answer in answers] == [200] * 7
        assert answers[0].json["units"][0]["state"] == "overloaded"
        assert answers[0].json["units"][0]["relief"] is not None
        assert pseudonym(f"{MARK}-a") in answers[1].body.decode()
        assert not [
            answer
            for answer in answers
            if MARK in answer.body.decode() or MARK in str(answer.headers)
        ]


def test_the_page_s_files_are_served_as_they_are_and_ask_no_other_host(site: Site) -> None:
    for file in page_files():
        answer = site.get(file.path)
        assert (answer.status, answer.headers["Content-Type"], answer.body) == (
            200,
            file.type,
            file.body,
        )
        assert site.get(file.path, If_None_Match=answer.headers["ETag"]).status == 304
        text = answer.body.decode()
        hosts = (
            set()
            if file.path.endswith("openapi.json")
            else {word for word in text.split('"') if "://" in word}
        )
        assert hosts <= {"http://www.w3.org/2000/svg"}, "a name of XML, which is not asked"
        assert "innerHTML" not in text
