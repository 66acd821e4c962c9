"""The oracle's metrics on small wards, each expected number worked out by hand.

Times are seconds after an arbitrary moment T, unless said otherwise; windows are 10 min and 1 h.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.model.facts import Fact
from analyzer.model.policy import HOUR, MINUTE, Policy
from tests.harness.facts import POLICY, H, alarm, duty, ms, response, sample, verdict
from tests.harness.strategies import deliveries, nows, wards
from tests.oracle.episodes import episodes
from tests.oracle.reference import metrics


def named(
    found: dict[tuple[str, frozenset[tuple[str, str]]], float], name: str
) -> set[tuple[str, frozenset[tuple[str, str]]]]:
    return {key for key in found if key[0].startswith(f"alarm_fatigue_{name}")}


def test_windows_are_open_at_the_left_and_closed_at_the_right() -> None:
    """Now = 3600: 10 min is (3000, 3600], 1 h is (0, 3600]."""
    starts = {
        "at-1h": 0,
        "in-1h": 0.001,
        "at-10m": 3000,
        "in-10m": 3000.001,
        "now": 3600,
        "ahead": 3600.001,
    }
    facts = [
        fact for name, start in starts.items() for fact in alarm(name, start, recipients=("ann",))
    ]
    found = metrics(facts, ms(3600), POLICY)
    for name, labels in (
        ("clinician_alarms", {"clinician": "ann", "unit": ""}),
        ("unit_alarms", {"unit": "icu"}),
    ):
        assert sample(found, name, window="10m", priority="medium", **labels) == 2
        assert sample(found, name, window="1h", priority="medium", **labels) == 4
        assert sample(found, name, window="1h", priority="high", **labels) == 0
    assert (
        sample(
            found,
            "clinician_classified_alarms",
            clinician="ann",
            unit="",
            window="1h",
            klass="pending",
        )
        == 4
    )
    assert sample(found, "unit_open_alarms", unit="icu") == 5
    assert len(named(found, "clinician_alarms")) == 2 * 3
    assert len(named(found, "clinician_classified_alarms")) == 2 * 5


def test_alarm_seconds_are_the_union_clipped_to_the_window() -> None:
    """Now = 7200; 1 h begins at 3600, 10 min at 6600.

    3000 ====== 3700        100 s of it in 1 h, though it started before
           3650 ==== 3800   another 100
                4000 = 4010   10
                        6500 ====> now   700, of which 600 in 10 min
    """
    facts = [
        *alarm("p", 3000, 3700),
        *alarm("q", 3650, 3800),
        *alarm("r", 4000, 4010),
        *alarm("s", 6500),
        duty("ann", 0),
    ]
    facts += alarm("heartbeat", 5000, 5500, priority="info")
    found = metrics(facts, ms(7200), POLICY)
    assert sample(found, "clinician_alarm_seconds", clinician="ann", unit="icu", window="1h") == 910
    assert (
        sample(found, "clinician_alarm_seconds", clinician="ann", unit="icu", window="10m") == 600
    )


def test_beds_acuity_and_unit_follow_the_roster() -> None:
    """Now = 1000.

    Bed 1 exists in both units, and is twice ann's in icu; the latest `from` <= now is 500, in both
    units.
    """
    facts: list[Fact] = [
        duty("ann", 500, unit="nicu", acuity=0.5),
        duty("ann", 500, acuity=2.0),
        duty("ann", 100, acuity=None),
        duty("ann", 0, 1000, bed="7"),  # just over
        duty("ann", 1000.001, bed="8", unit="aaa", at=ms(0)),  # just not begun
        duty("bob", 0),
        duty("cyd", 0, 400, unit="nicu", bed="3"),
        duty("cyd", 700, 700, unit="void"),
        duty("cyd", 700, 600, unit="void"),
        *alarm("a", 900, unit="or", recipients=("cyd", "dee")),
    ]
    found = metrics(facts, ms(1000), POLICY)
    assert sample(found, "clinician_beds", clinician="ann", unit="icu") == 2
    assert sample(found, "clinician_acuity", clinician="ann", unit="icu") == 3.5
    # over, but still where she belongs
    assert sample(found, "clinician_beds", clinician="cyd", unit="nicu") == 0
    assert sample(found, "clinician_acuity", clinician="dee", unit="") == 0
    assert sample(found, "unit_clinicians", unit="icu") == 2
    assert sample(found, "unit_beds", unit="icu") == 1
    assert sample(found, "unit_beds", unit="or") == 0
    assert sample(found, "unit_beds", unit="aaa") is None

    # cyd and dee leave with the alarm's start; the open alarm keeps its unit
    hour_later = metrics(facts, ms(900 + H), POLICY)
    assert {
        value
        for key in named(hour_later, "clinician_beds")
        for name, value in key[1]
        if name == "clinician"
    } == {"ann", "bob"}
    assert sample(hour_later, "unit_open_alarms", unit="or") == 1
    assert sample(hour_later, "unit_alarms", unit="or", window="1h", priority="medium") == 0


def test_a_clinician_without_assignment_within_the_horizon_has_no_unit() -> None:
    """Horizon 26 h after `to` = 100: at that very moment the assignment is forgotten."""
    facts: list[Fact] = [duty("ann", 0, 100), *alarm("a", 26 * H, recipients=("ann",))]
    assert (
        sample(
            metrics(facts, ms(26 * H + 99.999), POLICY),
            "clinician_beds",
            clinician="ann",
            unit="icu",
        )
        == 0
    )
    assert (
        sample(metrics(facts, ms(26 * H + 100), POLICY), "clinician_beds", clinician="ann", unit="")
        == 0
    )


def test_the_ratio_is_absent_below_the_minimum() -> None:
    """Non-actionable 2, actionable 1, technical 1 or 2: 3 clinical ones are never enough, 4 in all
    are not, 5 are.
    """
    facts = [fact for name in "abc" for fact in alarm(name, 0, 1)]  # fleeting, or as labelled
    facts += [
        verdict("c", 5, "actionable"),
        *alarm("t1", 0, kind="technical"),
        *alarm("pending", 600),
    ]
    four = metrics(facts, ms(1000), POLICY)
    assert named(four, "unit_nonactionable_ratio") == set()

    five = metrics([*facts, *alarm("t2", 0, kind="technical")], ms(1000), POLICY)
    assert sample(five, "unit_nonactionable_ratio", unit="icu", window="1h", scope="all") == 4 / 5
    assert len(named(five, "unit_nonactionable_ratio")) == 1
    counts = {
        k: sample(five, "unit_classified_alarms", unit="icu", window="1h", klass=k)
        for k in ("actionable", "pending", "unknown")
    }
    assert counts == {"actionable": 1, "pending": 1, "unknown": 0}

    low = Policy(windows={"1h": HOUR}, min_classified=3)
    assert (
        sample(
            metrics(facts, ms(1000), low),
            "unit_nonactionable_ratio",
            unit="icu",
            window="1h",
            scope="clinical",
        )
        == 2 / 3
    )
    none = Policy(windows={"1h": HOUR}, min_classified=0)
    assert named(metrics(alarm("p", 0), ms(1), none), "unit_nonactionable_ratio") == set()


def test_a_shared_alarm_counts_once_in_its_unit_and_types_are_ranked() -> None:
    """Counts by type: LO 2, then HI and AX 1 each; of two types exported, the tie goes to the
    lesser name.
    """
    facts: list[Fact] = [
        duty("ann", 0),
        duty("bob", 0),
        *alarm("a", 10),
        *alarm("b", 20, bed="2"),
        *alarm("c", 30, code="HI"),
        *alarm("d", 40, code="AX"),
        *alarm("e", 50, priority="info"),
        *alarm("f", 50, kind="advisory"),
    ]
    found = metrics(facts, ms(100), Policy(windows={"10m": 10 * MINUTE}, top_types=2))
    assert sample(found, "unit_alarms", unit="icu", window="10m", priority="medium") == 4
    assert sample(found, "unit_unassigned_alarms", unit="icu", window="10m") == 1
    assert (
        sample(
            found, "clinician_alarms", unit="icu", clinician="bob", window="10m", priority="medium"
        )
        == 3
    )
    codes = {
        dict(labels)["code"]: found[name, labels]
        for name, labels in named(found, "unit_type_alarms")
    }
    assert codes == {"LO": 2, "AX": 1}


def test_a_facility_of_heartbeats_has_no_metrics() -> None:
    facts = [
        *alarm("a", 0, 10, priority="info", recipients=("ann",)),
        *alarm("b", 0, kind="advisory"),
        response(1, alarm_id="b"),
    ]
    assert set(episodes(facts, ms(900), POLICY)) == {"a", "b"}
    assert metrics(facts, ms(900), POLICY) == {}
    assert metrics([], ms(900), POLICY) == {}


def test_response_seconds_count_the_first_response_to_each_final_alarm() -> None:
    """Delays 0 (before the start), 5, 5.001 and 2000 s; `slow` is answered by name, long after its
    end. `p` is not final.
    """
    facts: list[Fact] = [
        *alarm("early", 0, 60),
        response(-30, alarm_id="early"),
        *alarm("quick", 0, 60, bed="2"),
        response(60, bed="2"),
        response(5, bed="2"),
        *alarm("brisk", 0, 60, bed="3"),
        response(5.001, bed="3", action="decline"),
        *alarm("slow", 0, 60, bed="4"),
        response(2000, alarm_id="slow"),
        *alarm("ignored", 0, 60, bed="5"),
        *alarm("open", 0, bed="6"),
        response(1, bed="6"),
        *alarm("urgent", 0, 60, bed="7", priority="high"),
        response(15, bed="7"),
        *alarm("p", 0, 1700.001, bed="8"),
        response(1, bed="8"),
    ]
    found = metrics(facts, ms(2000), POLICY)
    medium = {"unit": "icu", "priority": "medium"}
    at_most = {
        "5.0": 2,
        "15.0": 3,
        "30.0": 3,
        "60.0": 3,
        "120.0": 3,
        "300.0": 3,
        "600.0": 3,
        "1800.0": 3,
        "+Inf": 4,
    }
    assert {
        le: sample(found, "response_seconds_bucket", le=le, **medium) for le in at_most
    } == at_most
    assert sample(found, "response_seconds_sum", **medium) == 2010.001
    assert sample(found, "response_seconds_count", **medium) == 4
    assert sample(found, "response_seconds_bucket", unit="icu", priority="high", le="5.0") == 0
    assert sample(found, "response_seconds_bucket", unit="icu", priority="high", le="15.0") == 1
    assert len(named(found, "response_seconds")) == 2 * (9 + 2)


@settings(max_examples=settings.default.max_examples // 2)
@given(st.data())
def test_the_answer_depends_on_the_set_of_facts_alone(data: st.DataObject) -> None:
    facts = data.draw(wards())
    now = data.draw(nows(facts))
    again = list(dict.fromkeys(data.draw(deliveries(facts))))
    assert len(again) == len(facts)
    assert metrics(again, now, Policy()) == metrics(facts, now, Policy())
    assert episodes(again, now, Policy()) == episodes(facts, now, Policy())
