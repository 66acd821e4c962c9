"""Naming: what topics are called in the service, and what the broker calls them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.kafka_settings import KafkaSettings, TopicNames


class Naming:
    """Both names of each topic; a topic that is not renamed has one for both.

    >>> names = Naming.of(KafkaSettings(topic_prefix="icu."))
    >>> names.called("alarms"), names.known("icu.alarms"), names.called("g-checkpoint-changelog")
    ('icu.alarms', 'alarms', 'g-checkpoint-changelog')
    """

    def __init__(self, called: Mapping[str, str] | None = None) -> None:
        self._called = dict(called or {})
        self._known = {called: name for name, called in self._called.items()}

    @classmethod
    def of(cls, settings: KafkaSettings) -> Naming:
        return cls({name: settings.topic(name) for name in TopicNames.model_fields})

    def called(self, name: str) -> str:
        """The broker's name of a topic of the service."""
        return self._called.get(name, name)

    def known(self, called: str) -> str:
        """The service's name of a topic of the broker."""
        return self._known.get(called, called)

    def place_known(self, place: tuple[str, int]) -> tuple[Any, int]:
        """A topic-partition of the broker, under the service's name of its topic."""
        return self.known(place[0]), place[1]
