"""Metrics of `hl7 listen` and `hl7 translate`, by sender.

The number of senders and codes with series of their own is bounded; the rest count as `other`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import Metric
from prometheus_client.registry import Collector

from analyzer.hl7 import Outcome
from streams.metrics.definitions import PREFIX
from streams.metrics.hl7_definitions import HL7

MOST_SENDERS = 100
MOST_CODES = 20
_CODES_COUNTED = 2000
OTHER = "other"
_WITHOUT = {"no_bed": "without_bed", "assumed_priority": "without_priority", "joined": "joined"}


class Hl7Metrics(Collector):
    """The counts of one process."""

    def __init__(self) -> None:
        self.received: Counter[tuple[str, str]] = Counter()
        """Messages of `listen`, by sender and answer."""
        self.messages: Counter[tuple[str, str]] = Counter()
        """Messages of `translate`, by sender and kind of outcome."""
        self.alarms: Counter[tuple[str, str]] = Counter()
        self.unmapped: Counter[tuple[str, str]] = Counter()
        self.last: dict[str, float] = {}
        """When (s since 1970) the last message of a sender arrived."""
        self.drift: dict[str, float] = {}
        self.connections = 0
        self.skipped_bytes = 0
        self.cut_frames = 0
        self.open: dict[int, int] = {}
        """Open alarms, by partition."""
        self.lost_ends = 0
        self.lag: dict[int, int] = {}
        self.transactions = 0
        self._senders: set[str] = set()

    def sender(self, name: str) -> str:
        """The label of a sender: its name, or `other` if there are too many senders."""
        if name in self._senders:
            return name
        if len(self._senders) >= MOST_SENDERS:
            return OTHER
        self._senders.add(name)
        return name

    def note_arrival(self, name: str, arrived: int, sent: int | None) -> str:
        """Note when (ms since 1970) a message arrived; `sent` is MSH-7. Returns the label."""
        label = self.sender(name)
        self.last[label] = max(arrived / 1000, self.last.get(label, 0.0))
        if sent is not None:
            self.drift[label] = (sent - arrived) / 1000
        return label

    def translated(self, one: Outcome, arrived: int) -> None:
        """Count the outcome of a message."""
        label = self.note_arrival(one.sender, arrived, one.sent)
        self.messages[label, one.kind] += 1
        if one.kind == "alarm" or "end_without_start" in one.notes:
            self.alarms[label, "all"] += 1
            for note in set(one.notes):
                if note in _WITHOUT:
                    self.alarms[label, _WITHOUT[note]] += 1
            if "end_without_start" in one.notes:
                self.alarms[label, "end_without_start"] += 1
        if one.unmapped is not None:
            known = (label, one.unmapped) in self.unmapped
            if known or len(self.unmapped) < _CODES_COUNTED:
                self.unmapped[label, one.unmapped] += 1

    def collect(self) -> Iterator[Metric]:
        yield from self._family("hl7_received", self.received)
        yield from self._family("hl7_messages", self.messages)
        for name, about in (
            ("hl7_alarms", "all"),
            ("hl7_alarms_without_bed", "without_bed"),
            ("hl7_alarms_without_priority", "without_priority"),
            ("hl7_alarms_joined", "joined"),
            ("hl7_ends_without_start", "end_without_start"),
        ):
            yield from self._family(
                name, {(label,): n for (label, what), n in self.alarms.items() if what == about}
            )
        top = dict(self.unmapped.most_common(MOST_CODES))
        yield from self._family("hl7_unmapped_codes", top)
        yield from self._family("hl7_last_message_timestamp_seconds", _by(self.last))
        yield from self._family("hl7_clock_drift_seconds", _by(self.drift))
        yield from self._family("hl7_connections", {(): self.connections})
        yield from self._family("hl7_skipped_bytes", {(): self.skipped_bytes})
        yield from self._family("hl7_cut_frames", {(): self.cut_frames})
        yield from self._family("hl7_open_alarms", {(str(p),): n for p, n in self.open.items()})
        yield from self._family("hl7_lost_ends", {(): self.lost_ends})
        yield from self._family("hl7_lag_records", {(str(p),): n for p, n in self.lag.items()})
        yield from self._family("hl7_transactions", {(): self.transactions})

    def _family(self, name: str, values: Mapping[Any, float]) -> Iterable[Metric]:
        definition = HL7[name]
        family = Metric(PREFIX + name, definition.help, definition.kind)
        suffix = "_total" if definition.kind == "counter" else ""
        for labels, value in sorted(values.items()):
            family.add_sample(
                PREFIX + name + suffix, dict(zip(definition.labels, labels, strict=True)), value
            )
        yield family


def _by(values: dict[str, float]) -> dict[tuple[str, ...], float]:
    return {(name,): value for name, value in values.items()}
