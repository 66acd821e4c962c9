"""A producer in a thread of its own that never gives up on a record."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from streams.dev.broker import ApacheKafka
from streams.kafka.topics import LARGEST_RECORD
from tests.harness.workers import Message

PATIENCE = 150.0
"""Seconds until what should become true counts as a failure; most of it for machines that are busy
otherwise.
"""


class Failed(Exception):
    """Something did not come true, or is not equal: one line."""


class Production:
    """A thread that sends messages in order at a steady rate, as far as a mark that can be moved
    on.
    """

    def __init__(self, broker: ApacheKafka, messages: Sequence[Message], rate: float) -> None:
        self._messages = messages
        self._rate = rate
        self._producer = KafkaProducer(
            bootstrap_servers=broker.address,
            max_request_size=LARGEST_RECORD,
            linger_ms=5,
            enable_idempotence=True,  # its retries over an outage must not be records of their own
            max_block_ms=PATIENCE * 1000,
            delivery_timeout_ms=PATIENCE * 1000,  # it must outlast the broker's absence
            request_timeout_ms=5_000,
            reconnect_backoff_max_ms=500,
        )
        self._mark = self._handed_over = self._delivered = 0
        self._moved = threading.Condition()
        self._error: BaseException | None = None
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="production", daemon=True)
        self._thread.start()

    def go(self, mark: int) -> None:
        """Send up to `mark` messages in all, at the rate, without waiting for it."""
        with self._moved:
            self._mark = max(self._mark, min(mark, len(self._messages)))
            self._moved.notify_all()

    def _wait(self, reached: Callable[[], bool], what: str) -> None:
        with self._moved:
            if not self._moved.wait_for(
                lambda: self._error is not None or reached(),
                PATIENCE + len(self._messages) / self._rate,
            ):
                raise Failed(f"not in time: {what}")
        if self._error is not None:
            raise Failed(f"the producer failed: {self._error!r}")

    def wait_until_sent(self, count: int) -> None:
        """Until so many have been handed to the producer; they may be under way."""
        self._wait(lambda: self._handed_over >= count, f"{count} records sent")

    def wait_until_delivered(self) -> None:
        """Until the broker has acknowledged everything up to the mark."""
        self._wait(lambda: self._delivered >= self._mark, f"{self._mark} records delivered")

    @property
    def sent(self) -> int:
        return self._handed_over

    def close(self) -> None:
        with self._moved:
            self._ended = True
            self._moved.notify_all()
        with contextlib.suppress(KafkaError):  # what could not be sent any more is no news
            self._producer.close(timeout=1)
        self._thread.join(10)

    def _run(self) -> None:
        try:
            while True:
                with self._moved:
                    self._moved.wait_for(lambda: self._ended or self._handed_over < self._mark)
                    if self._ended:
                        return
                self._send_up_to_mark()
        except BaseException as error:  # whoever waits for records gets to know
            with self._moved:
                self._error = error
                self._moved.notify_all()

    def _send_up_to_mark(self) -> None:
        began, before = time.monotonic(), self._handed_over
        while not self._ended and self._handed_over < self._mark:
            due = min(self._mark, before + int((time.monotonic() - began) * self._rate) + 1)
            for one in self._messages[self._handed_over : due]:
                sent = self._producer.send(
                    one.topic,
                    key=one.key,
                    value=one.value,
                    timestamp_ms=one.stamp,
                    partition=one.partition,
                )
                sent.add_errback(self._failed)
            self._report(handed_over=due)
            time.sleep(0.01)
        self._producer.flush(timeout=PATIENCE)
        self._report(delivered=self._handed_over)

    def _failed(self, error: BaseException) -> None:
        with self._moved:
            self._error = error
            self._moved.notify_all()

    def _report(self, handed_over: int | None = None, delivered: int | None = None) -> None:
        with self._moved:
            self._handed_over = self._handed_over if handed_over is None else handed_over
            self._delivered = self._delivered if delivered is None else delivered
            self._moved.notify_all()


def message_of(record: Any) -> Message:
    return Message(record.topic, record.key, record.value, record.timestamp)
