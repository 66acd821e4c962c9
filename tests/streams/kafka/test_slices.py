"""Slices, and the backlog that hands them on in the order of event time."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from analyzer import TOPICS, Topic
from streams.kafka.slices import (
    AHEAD_MS,
    FAR_AHEAD_MS,
    FEW_RECORDS,
    LEAD_MS,
    PATIENCE_SECONDS,
    Backlog,
    Place,
    Reach,
    Slice,
)
from tests.harness.slices import piece

MINUTE = 60_000


@given(st.lists(st.integers(0, 5), min_size=2, max_size=20), st.data())
def test_the_parts_of_a_slice_join_without_gap_and_are_the_whole(
    gaps: list[int], data: st.DataObject
) -> None:
    offsets = list(itertools.accumulate(1 + gap for gap in gaps))
    whole = Slice(
        "alarms",
        3,
        offsets,
        offsets[:],
        [None] * len(offsets),
        [b""] * len(offsets),
        0,
        offsets[-1] + 4,
        7,
        True,
    )
    head, tail = whole.cut(data.draw(st.integers(1, len(offsets) - 1)))
    assert (head.begin, head.next_offset, tail.next_offset) == (
        whole.begin,
        tail.begin,
        whole.next_offset,
    )
    assert head.offsets[-1] < head.next_offset <= tail.offsets[0]
    assert (head.offsets + tail.offsets, head.timestamps + tail.timestamps) == (
        whole.offsets,
        whole.timestamps,
    )
    assert (head.moved, tail.moved, head.epoch, tail.epoch) == (True, False, 7, 7)


class Reader:
    """Reads logs of one partition through a `Backlog`, some records a fetch; `slow` topics are
    fetched only every so many times.
    """

    def __init__(
        self,
        logs: dict[Topic, list[int]],
        fetch: int = 50,
        slow: dict[Topic, int] | None = None,
        held_since: int = 0,
    ) -> None:
        self.logs, self.fetch, self.slow = logs, fetch, slow or {}
        self.backlog = Backlog(lambda: held_since)
        self.positions: dict[Topic, int] = dict.fromkeys(logs, 0)
        self.taken: list[Slice] = []
        self.rounds = 0

    def fetch_once(self) -> None:
        self.rounds += 1
        places: list[tuple[Topic, int]] = [(topic, 0) for topic in self.logs]
        wanted = self.backlog.wanted(places)
        slices = []
        for topic, log in self.logs.items():
            if (topic, 0) in wanted and self.rounds % self.slow.get(topic, 1) == 0:
                begin = self.positions[topic]
                if times := log[begin : begin + self.fetch]:
                    slices.append(piece(topic, times, begin))
                    self.positions[topic] += len(times)
        self.backlog.add(
            slices,
            {
                Place(topic, 0): Reach(self.positions[topic], len(log))
                for topic, log in self.logs.items()
            },
        )

    def run(self, now: float = 0.0) -> None:
        idle = 0
        while idle < 20:
            self.fetch_once()
            one = self.backlog.take(now)
            idle = 0 if one else idle + 1
            if one:
                self.taken.append(one)


Logs = st.fixed_dictionaries(
    {topic: st.lists(st.integers(0, 1200 * MINUTE), max_size=120).map(sorted) for topic in TOPICS},
)


def most_ahead(one: Slice, held_since: int) -> int:
    """How far (ms) the last record of a slice may be ahead of another topic's next one."""
    if len(one) > FEW_RECORDS:
        return AHEAD_MS
    leads = one.topic != "alarms" and one.timestamps[0] >= held_since
    return LEAD_MS if leads else FAR_AHEAD_MS


@given(
    Logs,
    st.integers(1, 50),
    st.dictionaries(st.sampled_from(TOPICS), st.integers(1, 7)),
    st.integers(0, 1200 * MINUTE),
)
def test_topics_are_read_side_by_side_whole_and_in_order_however_they_are_fetched(
    logs: dict[Topic, list[int]], fetch: int, slow: dict[Topic, int], held_since: int
) -> None:
    reader = Reader(logs, fetch, slow, held_since)
    reader.run()
    read: dict[Topic, list[int]] = {topic: [] for topic in logs}
    for one in reader.taken:
        assert one.begin == len(read[one.topic])
        read[one.topic] += one.timestamps
        for other, log in logs.items():
            left = log[len(read[other]) :]
            assert (
                other == one.topic
                or not left
                or one.timestamps[-1] <= left[0] + most_ahead(one, held_since)
            )
    assert read == logs


@given(
    st.fixed_dictionaries(
        {topic: st.lists(st.integers(0, 1200 * MINUTE), max_size=60) for topic in TOPICS}
    ),
    st.integers(1, 50),
)
def test_topics_out_of_order_are_read_whole(logs: dict[Topic, list[int]], fetch: int) -> None:
    reader = Reader(logs, fetch)
    reader.run(now=0.0)
    for _ in range(len(logs)):  # each time, one more topic is no longer waited for
        reader.run(now=PATIENCE_SECONDS * len(reader.taken) + PATIENCE_SECONDS)
    read: dict[Topic, list[int]] = {topic: [] for topic in logs}
    for one in reader.taken:
        assert one.begin == len(read[one.topic])
        read[one.topic] += one.timestamps
    assert read == logs


def test_topics_that_finish_no_alarm_are_read_ahead_while_their_facts_are_held() -> None:
    hourly = list(range(0, 600 * MINUTE, 60 * MINUTE))
    taken = {}
    for held_since in (0, 1200 * MINUTE):
        reader = Reader({"alarms": hourly, "responses": hourly}, held_since=held_since)
        reader.run()
        taken[held_since] = [(one.topic, len(one)) for one in reader.taken]
    assert taken[0] == [("alarms", 2), ("responses", 10), ("alarms", 8)]
    assert taken[1200 * MINUTE][:4] == [
        ("alarms", 2),
        ("responses", 4),
        ("alarms", 4),
        ("responses", 4),
    ]


def test_an_idle_topic_holds_up_nobody() -> None:
    reader = Reader(
        {"alarms": list(range(0, 300 * MINUTE, MINUTE)), "responses": [], "labels": [5 * MINUTE]},
        fetch=300,
    )
    reader.run()
    assert [(one.topic, len(one)) for one in reader.taken] == [
        ("alarms", 66),
        ("labels", 1),
        ("alarms", 234),
    ]


def test_a_topic_that_never_comes_is_waited_for_with_patience_and_then_no_more_until_it_does() -> (
    None
):
    reader = Reader(
        {"alarms": [0, 20 * MINUTE, 40 * MINUTE], "responses": [1]}, slow={"responses": 10_000}
    )
    reader.fetch_once()
    assert reader.backlog.take(100.0) is None
    assert reader.backlog.take(100.0 + PATIENCE_SECONDS - 1) is None
    first = reader.backlog.take(100.0 + PATIENCE_SECONDS)
    assert first is not None
    assert (first.topic, len(first)) == ("alarms", 3)
    reader.slow.clear()
    reader.logs["alarms"].append(60 * MINUTE)
    reader.fetch_once()
    assert [
        one and one.topic for one in (reader.backlog.take(120.0), reader.backlog.take(120.0))
    ] == ["responses", "alarms"]


def test_a_partition_whose_end_is_unknown_is_waited_for() -> None:
    backlog = Backlog()
    backlog.add(
        [piece("alarms", [1, 2])],
        {Place("alarms", 0): Reach(2, 2), Place("labels", 0): Reach(0, None)},
    )
    assert backlog.take(0.0) is None
    backlog.add([], {Place("labels", 0): Reach(0, 0)})
    one = backlog.take(0.0)
    assert one is not None
    assert one.topic == "alarms"


def test_gaps_alone_wait_for_nobody() -> None:
    backlog = Backlog()
    gap = Slice("labels", 0, [], [], [], [], 4, 9)
    backlog.add(
        [gap, piece("alarms", [1])],
        {Place("alarms", 0): Reach(1, 9), Place("labels", 0): Reach(9, 9)},
    )
    assert backlog.take(0.0) is gap
    assert backlog.oldest() == {("alarms", 0): 1}


def test_partitions_take_turns() -> None:
    backlog = Backlog()
    for number in range(3):
        backlog.add(
            [piece("alarms", [number], partition=number)], {Place("alarms", number): Reach(1, 1)}
        )
    taken = [backlog.take(0.0) for _ in range(2)]
    backlog.add([piece("alarms", [9], begin=1, partition=0)], {})
    taken += [backlog.take(0.0) for _ in range(3)]
    assert [one and one.partition for one in taken] == [0, 1, 2, 0, None]


def test_no_more_than_one_slice_of_a_place_waits() -> None:
    backlog = Backlog()
    places: list[tuple[Topic, int]] = [("alarms", 0), ("labels", 0), ("alarms", 1)]
    assert backlog.wanted(places) == set(places)
    backlog.add([piece("alarms", [1])], {})
    assert backlog.wanted(places) == {("labels", 0), ("alarms", 1)}
    backlog.clear()
    assert backlog.wanted(places) == set(places)
