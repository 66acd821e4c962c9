"""Chattering signals, with every expected number computed by hand."""

from __future__ import annotations

from analyzer.model.facts import Fact
from tests.harness.facts import alarm, sample
from tests.harness.workloads import M, shown


def chattering(*alarms: list[Fact], now: float = 10 * M, **labels: str) -> float | None:
    return sample(
        shown([fact for one in alarms for fact in one], now),
        "unit_chattering_alarms",
        **({"unit": "icu", "window": "10m"} | labels),
    )


def test_a_third_alarm_within_a_minute_chatters_if_the_first_two_have_ended() -> None:
    # the first is just within the minute
    assert chattering(alarm("a", 0.001, 10), alarm("b", 30, 40), alarm("c", 60.001, 70)) == 1
    assert chattering(alarm("a", 0.001, 10), alarm("b", 30, 40), alarm("c", 60.002, 70)) == 0
    # so are both of these
    assert chattering(alarm("a", 0.001, 10), alarm("b", 0.001, 10), alarm("c", 60.001, 70)) == 1
    # the second ends just then; the third may itself be open
    assert chattering(alarm("a", 1, 10), alarm("b", 20, 40), alarm("c", 40)) == 1
    assert chattering(alarm("a", 1, 10), alarm("b", 20, 40.001), alarm("c", 40)) == 0
    assert chattering(alarm("a", 1), alarm("b", 20, 30), alarm("c", 40, 50)) == 0
    assert (
        chattering(
            alarm("a", 1, 10),
            alarm("b", 20, 30),
            alarm("c", 40, 50),
            alarm("d", 55, 56),
            alarm("e", 58),
        )
        == 3
    )


def test_chatter_is_of_a_signal_wherever_the_device_stands() -> None:
    two = [*alarm("a", 1, 10), *alarm("b", 20, 30)]
    assert chattering(two, alarm("c", 40, device_id="m2")) == 0
    assert chattering(two, alarm("c", 40, source="MDC_PULS_OXIM_SAT_O2")) == 0
    assert chattering(two, alarm("c", 40, code="HI")) == 0
    assert chattering(two, alarm("c", 40, bed="2", device_type="ventilator")) == 1
    # the third alarm counts in its own unit
    assert chattering(two, alarm("c", 40, unit="nicu"), unit="nicu") == 1
    # events without an alarm priority, and advisories, do not count
    assert (
        chattering([*alarm("a", 1, 10, priority="info"), *alarm("b", 20, 30)], alarm("c", 40)) == 0
    )
    assert (
        chattering([*alarm("a", 1, 10, kind="advisory"), *alarm("b", 20, 30)], alarm("c", 40)) == 0
    )


def test_earlier_alarms_of_a_chatter_may_lie_before_the_window() -> None:
    """Now = 640: the window begins at 40."""
    assert chattering(alarm("a", 1, 10), alarm("b", 20, 30), alarm("c", 40.001), now=640) == 1
    assert chattering(alarm("a", 1, 10), alarm("b", 20, 30), alarm("c", 40), now=640) == 0


def test_ids_decide_which_alarm_of_no_length_is_earlier() -> None:
    """All start at 5 s. Those of no length have ended before those with greater ids."""
    assert chattering(alarm("a", 5, 5), alarm("b", 5, 5), alarm("c", 5)) == 1
    assert chattering(alarm("c", 5, 5), alarm("b", 5, 5), alarm("a", 5)) == 0
    assert chattering(alarm("a", 5, 5), alarm("c", 5, 5), alarm("b", 5)) == 0
    assert chattering(*(alarm(name, 5, 5) for name in "dbca")) == 2
    assert (
        chattering(alarm("z", 1, 2), alarm("c", 5, 5), alarm("b", 5, 5)) == 1
    )  # c comes after z and b
