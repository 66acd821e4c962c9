"""Samples of metrics by name and labels, and the counts that clinicians and units share."""

from __future__ import annotations

from analyzer.model import alarm_name
from analyzer.model.policy import Policy
from tests.oracle.episodes import Episode

Labels = frozenset[tuple[str, str]]
Metrics = dict[tuple[str, Labels], float]


PRIORITIES = ("high", "medium", "low")  # `info` is never counted
CLASSES = ("actionable", "non_actionable", "technical", "pending", "unknown")


class Samples:
    """Collects samples of one facility under their full names."""

    def __init__(self, facility: str) -> None:
        self.facility = facility
        self.samples: Metrics = {}

    def put(self, name: str, labels: dict[str, str], value: float) -> None:
        key = (f"alarm_fatigue_{name}", frozenset({"facility": self.facility, **labels}.items()))
        assert key not in self.samples
        self.samples[key] = float(value)

    def name_type(self, device_type: str, source: str, code: str) -> None:
        """Of all facilities together, and so without one."""
        name = alarm_name(source, code)
        labels = {"device_type": device_type, "source": source, "code": code, "name": name}
        self.samples["alarm_fatigue_alarm_type_info", frozenset(labels.items())] = 1.0


def in_window(alarms: list[Episode], now: int, length: int) -> list[Episode]:
    """The episodes whose start is in the window (now - length, now]."""
    return [episode for episode in alarms if now - length < episode.start <= now]


def put_counts(
    out: Samples, level: str, labels: dict[str, str], inside: list[Episode], policy: Policy
) -> None:
    """The series that clinicians and units share, for one window; zeros included."""
    for priority in PRIORITIES:
        count = len([episode for episode in inside if episode.priority == priority])
        out.put(f"{level}_alarms", {**labels, "priority": priority}, count)

    by_class = {
        klass: len([episode for episode in inside if episode.klass == klass]) for klass in CLASSES
    }
    for klass, count in by_class.items():
        out.put(f"{level}_classified_alarms", {**labels, "class": klass}, count)

    noise = by_class["non_actionable"]
    technical = by_class["technical"]
    clinical = by_class["actionable"] + noise
    for scope, part, whole in (
        ("all", noise + technical, clinical + technical),
        ("clinical", noise, clinical),
    ):
        # 0 of 0 says nothing even where the policy asks for no minimum
        if whole >= policy.min_classified and whole > 0:
            out.put(f"{level}_nonactionable_ratio", {**labels, "scope": scope}, part / whole)
