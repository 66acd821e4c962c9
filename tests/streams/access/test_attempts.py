"""Attempts: each address has its own, they come back, and the memory for them is bounded."""

from __future__ import annotations

from streams.access import Attempts


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_attempts_come_back_one_by_one() -> None:
    clock = Time()
    attempts = Attempts(at_once=3, every=10.0, clock=clock)
    for _ in range(3):
        assert attempts.wait("a") == 0
        attempts.failed("a")
    assert attempts.wait("a") == 10
    assert attempts.wait("b") == 0
    clock.now = 10.0
    assert attempts.wait("a") == 0
    attempts.failed("a")
    assert attempts.wait("a") == 10
    clock.now = 1000.0
    for _ in range(3):
        assert attempts.wait("a") == 0
        attempts.failed("a")
    assert attempts.wait("a") == 10


def test_however_many_addresses_fail_memory_is_bounded() -> None:
    clock = Time()
    attempts = Attempts(at_once=1, most=100, clock=clock)
    for number in range(10_000):
        attempts.failed(str(number))
    assert len(attempts) == 100
    assert attempts.wait("9999") > 0
    assert attempts.wait("0") == 0
