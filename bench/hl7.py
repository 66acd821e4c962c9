"""HL7: messages a second of the core, of `hl7 translate` and of `hl7 listen`, beside the libraries
`hl7` and `hl7apy`, which only parse.

The messages are those of monitors: alarms that start, last, are silenced and end, 870 bytes each.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from analyzer.hl7 import Translator, stripped
from bench.worker import BenchError
from streams.dev.broker import ApacheKafka, free_port

SENDERS = 10
_FACETS = (
    (3, "68481^MDC_ATTR_EVENT_PHASE^MDC"),
    (4, "68482^MDC_ATTR_ALARM_STATE^MDC"),
    (5, "68483^MDC_ATTR_ALARM_INACTIVATION_STATE^MDC"),
    (6, "68484^MDC_ATTR_ALARM_PRIORITY^MDC"),
    (7, "68485^MDC_ATTR_ALERT_TYPE^MDC"),
)
_STEPS = (
    ("start", "active", "enabled"),
    ("continue", "active", "enabled"),
    ("continue", "active", "audio-paused"),
    ("continue", "active", "audio-paused"),
    ("end", "inactive", "enabled"),
)


def messages(count: int, facility: str = "H01") -> Iterator[bytes]:
    """`count` messages of a gateway: 50 alarms at a time, of 40 beds, one message each 100 ms."""
    base = 12 * 3600
    for number in range(count):
        block, place = divmod(number, 50 * len(_STEPS))
        step, alarm = divmod(place, 50)
        phase, state, inactivation = _STEPS[step]
        second = base + number // 10 % 40_000
        now = (
            f"20260301{second // 3600:02}{second // 60 % 60:02}{second % 60:02}"
            f".{number % 10}00+0000"
        )
        said = (phase, state, inactivation, "PM", "SP")
        lines = [
            f"MSH|^~\\&|GW|{facility}|||{now}||ORU^R40^ORU_R40|{number}|P|2.6|||AL|NE",
            "PID|||4711^^^H^MR||Doe^Jane^^^^^L||19700101|F",
            f"PV1||I|ICU^R1^B{alarm % 40}^{facility}",
            f"OBR|1||alert-{facility}-{block:07}-{alarm:02}|196616^MDC_EVT_ALARM^MDC|||{now}",
            "OBX|1||69965^MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS^MDC|1.0.0.0|||||||X|||||||"
            f"mon-{alarm}^^0012^EUI-64",
            f"OBX|2|ST|196670^MDC_EVT_LO^MDC|1.3.1.150456.1|Low SpO2||||||F|||{now}",
            f"OBX|3|NM|150456^MDC_PULS_OXIM_SAT_O2^MDC|1.3.1.150456.2|{80 + number % 9}||90-100",
            *(
                f"OBX|{facet + 1}|ST|{name}|1.3.1.150456.{facet}|{word}||||||F"
                for (facet, name), word in zip(_FACETS, said, strict=True)
            ),
        ]
        yield ("\r".join(lines) + "\r").encode()


def _rate(work: Callable[[Any], object], data: Sequence[Any]) -> float:
    began = time.process_time()
    for one in data:
        work(one)
    return len(data) / (time.process_time() - began)


def core(count: int = 20_000) -> dict[str, float]:
    """Messages a second of CPU time, in this process."""
    data = list(messages(count))
    found = {
        "core: facts": _rate(Translator().translate, data),
        "core: without the patient": _rate(stripped, data),
    }
    few = [one.decode() for one in data[: count // 100]]
    for name, parse in _libraries().items():
        found[f"library {name}: parse alone"] = _rate(parse, few)
    return found


def _libraries() -> dict[str, Callable[[str], object]]:
    """The libraries that are installed (the extra `bench`)."""
    found: dict[str, Callable[[str], object]] = {}
    try:
        import hl7

        found["hl7"] = lambda one: hl7.parse(one)
    except ImportError:
        pass
    try:
        from hl7apy.parser import parse_message

        found["hl7apy"] = parse_message
    except ImportError:
        pass
    return found


def _start(folder: Path, name: str, *arguments: object) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("wb") as log:
        command = [sys.executable, "-m", "streams.cli.main", "hl7", *map(str, arguments)]
        return subprocess.Popen(command, stdout=log, stderr=log)


def _scraped(port: int, name: str) -> float:
    import urllib.request

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
    except OSError:
        return -1.0
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def translate(broker: ApacheKafka, folder: Path, count: int = 200_000) -> dict[str, float]:
    """Messages a second of `hl7 translate`, from its first batch to its last, on one core."""

    async def fill() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=broker.address, linger_ms=20)
        await producer.start()
        for one in messages(count):
            last = await producer.send("hl7", one, b"H01")
        await last
        await producer.stop()

    asyncio.run(fill())
    port = free_port()
    process = _start(
        folder, "translate", "translate", "--broker", broker.address, "--metrics-port", port
    )
    try:
        name = "alarm_fatigue_hl7_messages_total"
        began, first, done = 0.0, 0.0, 0.0
        deadline = time.monotonic() + 300
        while done < count:
            if time.monotonic() > deadline or process.poll() is not None:
                raise BenchError("hl7 translate did not finish")
            time.sleep(0.05)
            done = max(_scraped(port, name), 0.0)
            if done and not began:
                began, first = time.monotonic(), done
                cpu = _cpu(process.pid)
        seconds = time.monotonic() - began
        spent = _cpu(process.pid) - cpu
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    return {
        "hl7 translate": (done - first) / seconds,
        "hl7 translate, of CPU time": (done - first) / spent,
    }


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def listen(
    broker: ApacheKafka, folder: Path, each: int = 3000, window: int = 8
) -> dict[str, float]:
    """Acknowledged messages a second of ten senders with `window` messages under way each."""
    port = free_port()
    process = _start(
        folder,
        "listen",
        *("listen", "--port", port, "--broker", broker.address, "--metrics-port", free_port()),
    )
    took: list[float] = []

    async def sender(number: int) -> None:
        reader, writer = await _connected(port)
        due: asyncio.Queue[float] = asyncio.Queue(window)

        async def answers() -> None:
            for _ in range(each):
                frame = await reader.readuntil(b"\x1c\r")
                if b"MSA|CA|" not in frame:
                    raise BenchError("a message was not acknowledged")
                took.append(time.perf_counter() - await due.get())

        reading = asyncio.create_task(answers())
        for one in messages(each, f"H{number:02}"):
            await due.put(time.perf_counter())
            writer.write(b"\x0b" + one + b"\x1c\r")
        await reading
        writer.close()

    async def all_of_them() -> float:
        reader, writer = await _connected(port)
        writer.write(b"\x0b" + next(messages(1)) + b"\x1c\r")
        await reader.readuntil(b"\x1c\r")
        began = time.perf_counter()
        await asyncio.gather(*map(sender, range(SENDERS)))
        return time.perf_counter() - began

    try:
        seconds = asyncio.run(all_of_them())
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    took.sort()
    return {
        "hl7 listen, acknowledged": len(took) / seconds,
        "hl7 listen, p50 (ms)": took[len(took) // 2] * 1000,
        "hl7 listen, p99 (ms)": took[len(took) * 99 // 100] * 1000,
    }


async def _connected(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    for _ in range(200):
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
    raise BenchError("hl7 listen did not start")


def run(folder: Path) -> dict[str, Any]:
    """All figures. Raises `BenchError`, `BrokerError`."""
    found: dict[str, Any] = dict(core())
    with ApacheKafka() as broker:
        from streams.kafka.topics import Topics
        from streams.settings import load

        with Topics(load(broker=broker.address, partitions=1)) as topics:
            topics.create(topics.missing())
        found |= listen(broker, folder)
    with ApacheKafka() as broker:
        with Topics(load(broker=broker.address, partitions=1)) as topics:
            topics.create(topics.missing())
        found |= translate(broker, folder)
    return {name: round(value, 1) for name, value in found.items()}


def line(found: dict[str, Any]) -> str:
    return json.dumps(found)
