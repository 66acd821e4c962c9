"""The receiver for gateways: what is acknowledged, when, and in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError

from analyzer.hl7 import Profile, Profiles
from streams.hl7.listening import Hl7Error, Listeners
from streams.hl7.metrics import Hl7Metrics
from streams.hl7.receiver import Receiver
from tests.analyzer.hl7.messages import PATIENT, alert, message
from tests.harness.certificates import Authority


@dataclass
class Kafka:
    """Keeps what it is handed, or holds it back, or refuses it."""

    answers: str = "at once"
    kept: list[tuple[bytes, bytes]] = field(default_factory=list)
    held: list[asyncio.Future[Any]] = field(default_factory=list)

    async def keep(
        self, key: bytes, value: bytes, _: list[tuple[str, bytes]], sent: int | None
    ) -> asyncio.Future[Any]:
        delivery: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self.answers == "refuses":
            delivery.set_exception(KafkaTimeoutError())
            return delivery
        self.kept.append((key, value))
        if self.answers == "at once":
            delivery.set_result(None)
        else:
            self.held.append(delivery)
        return delivery


@dataclass
class Gateway:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, *data: bytes) -> None:
        for one in data:
            self.writer.write(b"\x0b" + one + b"\x1c\r")

    async def answers(self, count: int) -> list[bytes]:
        """The next acknowledgements: MSA of each."""
        found = []
        async with asyncio.timeout(10):
            for _ in range(count):
                frame = await self.reader.readuntil(b"\x1c\r")
                found.append(frame.strip(b"\x0b\x1c\r").split(b"\r")[1])
        return found

    async def is_closed(self) -> bool:
        async with asyncio.timeout(10):
            return await self.reader.read() == b""


Story = Callable[[Callable[[], Awaitable[Gateway]], Kafka, Receiver], Awaitable[None]]


def played(
    story: Story, kafka: Kafka, profiles: Profiles | None = None, patience: float = 30.0
) -> Hl7Metrics:
    """Play a story with a receiver on a free port, which waits for Kafka for `patience` seconds."""
    metrics = Hl7Metrics()

    async def run() -> None:
        receiver = Receiver(kafka.keep, profiles or Profiles(), metrics, patience=patience)
        port = await receiver.open("127.0.0.1", 0)

        async def gateway() -> Gateway:
            return Gateway(*await asyncio.open_connection("127.0.0.1", port))

        try:
            await story(gateway, kafka, receiver)
        finally:
            await receiver.close(within=1)

    asyncio.run(run())
    return metrics


def numbered(count: int) -> list[bytes]:
    return [alert(control=str(number)) for number in range(count)]


def test_a_hundred_pipelined_messages_are_answered_in_order() -> None:
    async def story(gateway: Any, kafka: Kafka, _: Receiver) -> None:
        one = await gateway()
        one.send(*numbered(100))
        assert await one.answers(100) == [b"MSA|CA|%d" % number for number in range(100)]
        assert len(kafka.kept) == 100

    played(story, Kafka())


def test_the_first_answer_waits_for_the_first_delivery() -> None:
    async def story(gateway: Any, kafka: Kafka, _: Receiver) -> None:
        one = await gateway()
        one.send(*numbered(2))
        while len(kafka.held) < 2:
            await asyncio.sleep(0.01)
        kafka.held[1].set_result(None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await one.reader.read(1)
        kafka.held[0].set_result(None)
        assert await one.answers(2) == [b"MSA|CA|0", b"MSA|CA|1"]

    played(story, Kafka("later"))


def test_nothing_is_acknowledged_while_kafka_is_down_and_all_when_it_is_up_again() -> None:
    async def story(gateway: Any, kafka: Kafka, _: Receiver) -> None:
        one = await gateway()
        for answers in ("later", "refuses"):
            kafka.answers = answers
            one.send(*numbered(3))
            assert await one.answers(3) == [b"MSA|CE|0", b"MSA|CE|1", b"MSA|CE|2"]
        kafka.answers = "at once"
        one.send(*numbered(3))
        assert await one.answers(3) == [b"MSA|CA|0", b"MSA|CA|1", b"MSA|CA|2"]

    metrics = played(story, Kafka(), patience=0.3)
    assert metrics.received == {("GW General", "again"): 6, ("GW General", "kept"): 3}


def test_malformed_alarms_are_kept_and_other_messages_are_not() -> None:
    async def story(gateway: Any, kafka: Kafka, _: Receiver) -> None:
        one = await gateway()
        one.send(
            message(PATIENT, "OBR|1", control="malformed"),
            message(PATIENT, kind="ORU^R01^ORU_R01", control="waveform"),
            b"hello",
        )
        answers = await one.answers(3)
        assert answers[:2] == [b"MSA|CA|malformed", b"MSA|CA|waveform"]
        assert answers[2].startswith(b"MSA|AR|")
        assert len(kafka.kept) == 1

    played(story, Kafka())


def test_kept_messages_hold_no_patient_and_are_keyed_by_facility() -> None:
    async def story(gateway: Any, kafka: Kafka, _: Receiver) -> None:
        one = await gateway()
        one.send(alert())
        await one.answers(1)
        [(key, value)] = kafka.kept
        assert key == b"H1"
        assert b"anary" not in value
        assert b"CANARY" not in value
        assert b"MDC_EVT_LO" in value

    played(story, Kafka(), Profiles([Profile(name="ICU", application="GW", facility="H1")]))


def test_a_message_beyond_the_limit_is_refused_and_others_are_not_affected() -> None:
    async def story(gateway: Any, kafka: Kafka, _: Receiver) -> None:
        long, other = await gateway(), await gateway()
        long.send(alert(control="1"), alert(control="2", text="x" * (1 << 20)))
        assert (await long.answers(2)) == [b"MSA|CA|1", b"MSA|CR|2|longer than 1 MiB"]
        assert await long.is_closed()
        other.send(alert(control="3"))
        assert await other.answers(1) == [b"MSA|CA|3"]

    played(story, Kafka())


def test_garbage_is_skipped_and_a_frame_without_its_last_byte_is_answered() -> None:
    async def story(gateway: Any, kafka: Kafka, _: Receiver) -> None:
        one = await gateway()
        one.writer.write(b"garbage\x0b" + alert(control="1") + b"\x1c")
        assert await one.answers(1) == [b"MSA|CA|1"]
        for byte in b"\x0b" + alert(control="2") + b"\x1c\r":
            one.writer.write(bytes([byte]))
        assert await one.answers(1) == [b"MSA|CA|2"]

    assert played(story, Kafka()).skipped_bytes == len("garbage")


def test_messages_under_one_id_are_each_acknowledged_and_kept() -> None:
    async def story(gateway: Any, kafka: Kafka, _: Receiver) -> None:
        one = await gateway()
        one.send(
            alert("start", control="7"),
            alert("continue", inactivation="audio-paused", control="7"),
            alert("continue", control="7"),
        )
        assert await one.answers(3) == [b"MSA|CA|7"] * 3
        assert len(kafka.kept) == 3

    played(story, Kafka())


def test_closing_answers_what_was_taken() -> None:
    async def story(gateway: Any, kafka: Kafka, receiver: Receiver) -> None:
        one = await gateway()
        one.send(*numbered(5))
        while len(kafka.held) < 5:
            await asyncio.sleep(0.01)
        closing = asyncio.create_task(receiver.close())
        await asyncio.sleep(0.05)
        for delivery in kafka.held:
            delivery.set_result(None)
        assert await one.answers(5) == [b"MSA|CA|%d" % number for number in range(5)]
        await closing
        assert await one.is_closed()

    played(story, Kafka("later"))


def test_gateways_need_a_certificate_where_an_authority_is_named(tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path, "house"), Authority(tmp_path, "stranger")
    cert, key = authority.sign("hl7")
    tls = Listeners("127.0.0.1", [0], cert, key, authority.cert).tls()
    kafka = Kafka()

    async def connected(by: Authority | None) -> bool:
        import ssl

        context = ssl.create_default_context(cafile=str(authority.cert))
        if by is not None:
            context.load_cert_chain(*by.sign("gateway"))
        try:
            one = Gateway(*await asyncio.open_connection("127.0.0.1", port, ssl=context))
            one.send(alert())
            return await one.answers(1) == [b"MSA|CA|1"]
        except (ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):
            return False

    async def run() -> list[bool]:
        nonlocal port
        receiver = Receiver(kafka.keep, Profiles(), Hl7Metrics())
        port = await receiver.open("127.0.0.1", 0, tls)
        try:
            return [await connected(by) for by in (authority, stranger, None)]
        finally:
            await receiver.close(within=1)

    port = 0
    assert asyncio.run(run()) == [True, False, False]
    assert len(kafka.kept) == 1
    with pytest.raises(Hl7Error, match="expected PEM"):
        Listeners("127.0.0.1", [0], key, cert).tls()


def test_a_batch_is_kept_message_by_message_and_acknowledged_once() -> None:
    async def story(gateway: Any, kafka: Kafka, _: Receiver) -> None:
        one = await gateway()
        batch = b"FHS|^~\\&|GW\rBHS|^~\\&|GW\r" + alert(control="7") + alert(facility="West")
        one.send(batch + b"BTS|2\rFTS|1\r", *numbered(1))
        assert await one.answers(2) == [b"MSA|CA|7", b"MSA|CA|0"]
        assert [key for key, _ in kafka.kept] == [b"General", b"West", b"General"]
        kafka.answers = "refuses"
        one.send(batch)
        assert await one.answers(1) == [b"MSA|CE|7"]

    played(story, Kafka())


def test_an_answer_is_keyed_by_the_hospital_of_the_alarm() -> None:
    async def story(gateway: Any, kafka: Kafka, _: Receiver) -> None:
        one = await gateway()
        for trigger in ("R41", "R42"):
            kind = f"ORA^{trigger}^ORA_{trigger}"
            one.send(message("OBR|1||x", kind=kind, facility="PAGERS", receiver="General"))
        assert await one.answers(2) == [b"MSA|CA|1"] * 2
        assert [key for key, _ in kafka.kept] == [b"General"] * 2

    played(story, Kafka())
