"""State: everything that is held of the facilities of one partition, and the time of each.

It only holds the parts together. `fold` merges facts into it, `derive` and `finalising` update what
follows, `retention`, `departed`, `control` and `compaction` remove from it, `shards` stores it.
"""

from __future__ import annotations

import numpy as np

from analyzer.arrays import Marks, Numbers
from analyzer.columns.facilities import Facilities
from analyzer.columns.growing import Growing
from analyzer.columns.numbered import Numbered
from analyzer.columns.statics import Statics
from analyzer.model.facts import TOPICS, Topic
from analyzer.model.policy import Policy
from analyzer.pipeline.admission import NOTHING_YET, Admission
from analyzer.pipeline.coverage import Cover
from analyzer.pipeline.listing import Listing
from analyzer.pipeline.overload_log import OverloadLog
from analyzer.pipeline.pending import PendingFacts
from analyzer.pipeline.response_times import ResponseTimes
from analyzer.pipeline.responses import BedResponses
from analyzer.pipeline.roster import Roster, Teams
from analyzer.pipeline.table import Table
from analyzer.pipeline.unclassified import Unclassified


class Times(Growing):
    """By facility (ms): `now`, and the horizon of the last eviction."""

    now: Numbers
    evicted_until: Numbers

    def __init__(self) -> None:
        super().__init__(now=(np.int64, NOTHING_YET), evicted_until=(np.int64, NOTHING_YET))


class State:
    """The parts of the state. Facilities are numbered in order of their first fact."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.facilities = Facilities()
        self.times = Times()
        self.admission: dict[Topic, Admission] = {
            topic: Admission(topic, policy) for topic in TOPICS
        }
        self.pending = PendingFacts()
        self.statics = Statics()
        self.labels: Numbered[str | None] = Numbered()
        self.labels[None]  # number 0
        self.table = Table()
        self.listing = Listing(self.table, policy.action_window)
        self.teams = Teams()
        self.roster = Roster(self.teams)
        self.responses = BedResponses(self.statics.bed_names)
        self.cover = Cover(self.statics.units, policy.cover_by)
        self.response_times = ResponseTimes()
        self.overload = OverloadLog(policy.overload)
        self.head_changed = False
        """Whether the head shard (watermarks, response times, ...) differs from what is stored."""
        self.unclassified = Unclassified()
        self.recipients_dropped = 0
        """Recipients that did not count: see `roster.MOST_RECIPIENTS`."""
        self.names_kept = 0
        """How many names were in use after the last compaction."""
        self.forgotten_open = 0
        """Open alarms that were evicted because of `Policy.max_open_alarms`."""
        self.is_complete = False
        """Whether the facts are complete history, in order of event time: then what is counted
        keeps its names, and `Policy.max_open_alarms`, which guards a worker, does not apply.
        """
        self.awaited: tuple[Marks, Numbers] = (
            np.empty(0, dtype=np.uint64),
            np.empty(0, dtype=np.int64),
        )
        """Marks of the alarm ids that complete history labels, sorted, and when it last does (ms).
        Their alarms are not evicted before.
        """
        self.explains = True
        """Whether changes of overload states have their most frequent alarm types and their relief.
        """
        self.kept_longer = 0
        """How much longer than the horizon (ms) facts of complete history are held."""
        self.reached_back = 0
        """How far (ms) facts of complete history have changed loads before what is held."""
        self.rewound: set[int] = set()
        """Facilities whose watermark was reset since time last advanced."""

    def grow(self) -> None:
        """Have room for all facilities."""
        count = len(self.facilities.by_number)
        self.times.reserve(count)
        self.overload.reserve(count)
        for admission in self.admission.values():
            admission.reserve(count)

    def watermark(self, topic: Topic = "alarms") -> Numbers:
        """By facility: the greatest `at` of an accepted fact of the topic, NOTHING_YET before the
        first.
        """
        return self.admission[topic].watermark[: len(self.facilities.by_number)]
