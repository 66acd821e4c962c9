"""Named workers that are restarted one after another keep their partitions."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.dev.broker import ApacheKafka
from streams.settings import load
from streams.worker.app import HEARTBEAT_SECONDS, create_app
from tests.harness.workers import PARTITIONS, WorkerProcess, eventually, new_topics


@pytest.mark.slow
def test_a_rolling_update_moves_no_partition(apache_kafka: ApacheKafka, tmp_path: Path) -> None:
    """A restart takes seconds, and the session lasts longer. With a session that ends before, each
    worker has other partitions afterwards.
    """
    # a group of its own: its members stay in it for a minute after their end
    new_topics(apache_kafka, group="rolling")
    workers = [
        WorkerProcess(
            apache_kafka, tmp_path, name, instance=name, group="rolling", session_timeout="60s"
        )
        for name in ("w-0", "w-1", "w-2")
    ]

    def shared() -> list[set[int]] | None:
        held = [worker.held for worker in workers]
        whole = sorted(number for numbers in held for number in numbers)
        return held if all(held) and whole == list(range(PARTITIONS)) else None

    def times_assigned(worker: WorkerProcess) -> int:
        return sum(line.get("event") == "partitions held" for line in worker.words)

    try:
        for worker in workers:
            worker.start()
        before = eventually(shared, "the partitions are shared")
        for worker in workers:
            others = [(one, times_assigned(one)) for one in workers if one is not worker]
            assert worker.stop() == 0
            worker.start()
            assert eventually(shared, "it is back") == before
            assert [times_assigned(one) for one, _ in others] == [times for _, times in others]
    finally:
        for worker in workers:
            worker.kill()


@pytest.mark.parametrize(("session", "seconds"), [("6s", 2.0), ("45s", HEARTBEAT_SECONDS)])
def test_a_worker_learns_of_others_soon_however_long_its_session(
    session: str, seconds: float, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("0" * 64)
    key.chmod(0o600)
    app = create_app(load(session_timeout=session, pseudonym_key_file=key))
    assert app.conf.broker_heartbeat_interval == pytest.approx(seconds)
