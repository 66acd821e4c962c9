"""The cap of clinicians: who is shown stays shown, and the choice depends on names alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.metrics.caps import ClinicianCap as Cap
from tests.harness.exposition import FakeEngine, FakeWorker, Scraper, clinicians, value, ward

CROWD = [f"nurse-{number}" for number in range(20)]


def test_a_worker_shows_no_more_clinicians_than_it_may_and_counts_the_others() -> None:
    """A clinician of this ward has 3 + 5 counts, 6 single ones, 4 + 3 bands and a share of flood,
    and 2 ratios with seven alarms.
    """
    engines = [FakeEngine(ward(*CROWD[:8], alarms=7)), FakeEngine(ward(*CROWD[8:], facility="H2"))]
    scraper = Scraper(FakeWorker(*engines), max_clinicians=5)
    text = scraper.get()
    shown = clinicians(text)
    assert len(shown) == 5
    assert value(text, "dropped_clinicians") == 15
    left_out = 22 * 15 + 2 * len(set(CROWD[:8]) - shown)
    assert value(text, "dropped_samples_total") == left_out
    assert value(scraper.get(), "dropped_samples_total") == left_out, "nothing was rendered anew"
    engines[1].change(engines[1].found)
    assert value(scraper.get(), "dropped_samples_total") == 2 * left_out
    assert text.count("unit_open_alarms{") == 2, "units are always shown"


def rows(cap: Cap, *clinicians: str, **more: Any) -> set[str]:
    """Who is shown."""
    found = ward(*clinicians, **more).clinicians
    chosen, dropped = cap.choose(found)
    assert sorted([*chosen.row, *dropped]) == list(range(len(clinicians)))
    return set(chosen.shown)


@given(st.lists(st.sets(st.sampled_from(CROWD)), min_size=1, max_size=6), st.integers(1, 8))
def test_a_shown_clinician_stays_shown_while_present(shifts: list[set[str]], limit: int) -> None:
    cap, before = Cap(limit, str), set[str]()
    for present in shifts:
        shown = rows(cap, *present)
        assert before & present <= shown <= present
        assert len(shown) == min(limit, len(present)), "no place stays empty"
        before = shown


@given(st.sets(st.sampled_from(CROWD), min_size=1), st.integers(0, 1000))
def test_series_are_assigned_by_the_names_shown_only(present: set[str], alarms: int) -> None:
    """They depend neither on load nor on order, and are the same after a restart."""
    assert rows(Cap(3, str), *present, alarms=alarms) == rows(Cap(3, str), *present)


def test_the_clinicians_shown_are_drawn_by_lot_over_pseudonyms() -> None:
    """Not the first ids: their order would say who is shown, and it would always be the same unit's
    people.
    """
    shown = rows(Cap(10, str), *CROWD)
    assert shown != set(sorted(CROWD)[:10])
    assert rows(Cap(10, "p{}".format), *CROWD) != {f"p{one}" for one in shown}
