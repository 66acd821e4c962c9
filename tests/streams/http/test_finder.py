"""Findings over HTTP: the answers of files, bad queries, and how long an answer is reused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from analyzer import Engine, Evidence, Fact, Policy
from analyzer.model.policy import HOUR, MINUTE, SECOND
from streams.http.finder import Finder, Query
from streams.http.web import add_findings
from tests.harness.engines import feed
from tests.harness.exposition import FakeWorker, Pages
from tests.harness.findings import NOW, alarms, write
from tests.harness.workers import run


class Counting(Engine):
    """Counts how often it is asked."""

    asked = 0

    def evidence(self, window: int) -> Evidence:
        self.asked += 1
        return super().evidence(window)


def holding(*facts: Fact) -> tuple[FakeWorker, Counting]:
    engine, worker = Counting(Policy()), FakeWorker()
    feed(engine, list(facts))
    engine.advance(NOW)
    worker.hold(engine)  # type: ignore[arg-type]  # any engine will do
    return worker, engine


FACTS = (
    alarms("A", 20, 4_200)
    + alarms("B", 12, MINUTE)
    + alarms("C", 1, SECOND, unit="nicu", facility="E")
)


async def fetch(worker: FakeWorker, *queries: str) -> list[tuple[int, bytes]]:
    pages = Pages()
    add_findings(pages, worker, Finder(worker, Policy(), reuse=0))
    runner = web.AppRunner(pages.web)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    answers = []
    async with aiohttp.ClientSession() as session:
        for query in queries:
            async with session.get(
                f"http://127.0.0.1:{runner.addresses[0][1]}/api/v1/findings{query}"
            ) as answer:
                assert answer.headers["Content-Type"].startswith("application/json")
                answers.append((answer.status, await answer.read()))
    await runner.cleanup()
    return answers


def test_a_worker_answers_what_files_do(tmp_path: Path) -> None:
    worker, _ = holding(*FACTS)
    queries = {
        "": ["--window", "12h"],
        "?window=2h&top=1": ["--window", "2h", "--top", "1"],
        "?facility=F&unit=icu": ["--window", "12h", "--facility", "F", "--unit", "icu"],
    }
    answers = asyncio.run(fetch(worker, *queries))
    for (status, body), more in zip(answers, queries.values(), strict=True):
        assert (status, body) == (
            200,
            run("findings", "--json", *write(tmp_path, FACTS), "--at", str(NOW), *more).out,
        )
    assert [unit["facility"] for unit in json.loads(answers[0][1])["units"]] == ["E", "F"]


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("top=0", "top: expected a whole number from 1 to 50"),
        ("top=51", "top: expected a whole number from 1 to 50"),
        ("top=%C2%B2", "top: expected a whole number from 1 to 50"),
        ("window=3h", "window: expected one of 10m, 1h, 2h, 12h"),
        ("clinician=ann", "expected no parameters but window, facility, unit and top"),
    ],
)
def test_a_query_that_cannot_be_answered_is_told_so(query: str, error: str) -> None:
    worker, engine = holding(*FACTS)
    assert asyncio.run(fetch(worker, f"?{query}")) == [
        (400, json.dumps({"error": error}, separators=(",", ":")).encode() + b"\n")
    ]
    assert engine.asked == 0


def test_a_worker_without_its_state_says_so() -> None:
    worker, _ = holding(*FACTS)
    worker.recovered = False
    [(status, body)] = asyncio.run(fetch(worker, ""))
    assert (status, json.loads(body)) == (
        503,
        {"error": "waiting for partitions or their state"},
    )


def test_findings_are_worked_out_once_for_a_state_and_again_for_another() -> None:
    worker, engine = holding(*FACTS)

    async def ask() -> None:
        finder = Finder(worker, Policy(), reuse=0)
        first = await finder.find(Query("12h"))
        assert await finder.find(Query("12h")) == first
        await asyncio.gather(*(finder.find(Query("12h", top=top)) for top in range(1, 9)))
        assert engine.asked == 1
        await finder.find(Query("1h"))
        assert engine.asked == 2
        engine.advance(NOW + HOUR)
        assert await finder.find(Query("12h")) != first
        assert engine.asked == 3

    asyncio.run(ask())


def test_by_the_wall_clock_young_findings_are_given_again() -> None:
    worker, engine = holding(*FACTS)
    now = 0.0

    async def ask() -> int:
        engine.advance(NOW + int(now * 1000))
        await finder.find(Query("12h"))
        return engine.asked

    async def asks() -> list[int]:
        nonlocal now
        counts = []
        for now in (0.0, 5.0, 9.9, 10.0, 12.0):  # noqa: B007  # the finder looks at it
            counts.append(await ask())
        return counts

    finder = Finder(worker, Policy(), reuse=10.0, clock=lambda: now)
    assert asyncio.run(asks()) == [1, 1, 1, 2, 2]
