"""Gateway: the simulated monitors' alarms as HL7 messages (PCD-04), and the two commands that make
facts of them again.

What lies before the time-lapse is in Kafka already, and so are its alarms' later events. All later
alarms are spoken: starts, changes, ends, and that somebody silenced, paused or acknowledged them.
HL7 has no word for the rest (the roster, who attends, verdicts); it comes from other systems. It
names an alarm by the id that the alarm gets here, which the translator of the product tells.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from analyzer.hl7 import Translator
from analyzer.model import AlarmEvent, Response
from streams.demo.worker import key_of
from streams.dev import processes
from streams.dev.broker import HOST, free_port
from streams.files.messages import Message
from streams.setting_table import PREFIX
from streams.settings import Settings
from streams.simulator.output import messages
from streams.simulator.perturbations import Record

FASTEST = 300.0
"""Times real time. Spoken responses may come 10 min of simulated time after the others, at most."""
_START_SECONDS = 30.0
_STOP_SECONDS = 5.0
_AGAIN_SECONDS = 0.2
_PRIORITIES = {"high": "PH", "medium": "PM", "low": "PL", "info": "PI"}
_KINDS = {"physiological": "SP", "technical": "ST", "advisory": "SA"}
_INACTIVE = {
    "silence": "audio-paused",
    "pause": "alarm-paused",
    "acknowledge": "alert-acknowledged",
}


class GatewayError(Exception):
    """The HL7 feed has ended; the message is one line."""


@dataclass(frozen=True, slots=True)
class Spoken(Message):
    """A message whose value is HL7, for `hl7 listen`."""


def told(records: Iterable[Record], begins: int) -> Iterator[Message]:
    """The records as messages. Alarms that begin after `begins` (ms) are `Spoken`."""
    translator = Translator()
    before: set[object] = set()
    names: dict[object, str] = {}
    latest: dict[object, dict[str, Any] | None] = {}
    for number, record in enumerate(records):
        alarm = record.value.get("alarm_id")
        if record.due < begins:
            before.add(alarm)
        if alarm is None or alarm in before:
            yield from messages([record], begins)
            continue
        data = _spoken(record, latest, number)
        if data is None:
            named = record.value | {"alarm_id": names.get(alarm, alarm)}
            yield from messages([record._replace(value=named)], begins)
            continue
        for fact in translator.translate(data).facts:
            if isinstance(fact, AlarmEvent | Response) and fact.alarm_id is not None:
                names[alarm] = fact.alarm_id
        facility = str(record.value["facility"]).encode()
        yield Spoken(record.topic, facility, data, record.due, record.due)


def _spoken(
    record: Record, latest: dict[object, dict[str, Any] | None], number: int
) -> bytes | None:
    """The record in HL7; None if HL7 has no word for it.

    `latest` has the last event of each alarm, and None once it has ended, because events may come
    after the end.
    """
    value: dict[str, Any] = record.value
    alarm = latest.get(value["alarm_id"], {})
    if record.topic == "alarms":
        if alarm is not None:
            latest[value["alarm_id"]] = None if value["phase"] == "end" else value
        return pcd04(value, record.due, number)
    action = _INACTIVE.get(value.get("action", ""))
    if record.topic != "responses" or action is None or not alarm:
        return None
    # the reading is left out: it was told before
    still = {name: one for name, one in alarm.items() if name != "value"}
    return pcd04(still | {"phase": "update", "at": value["at"]}, record.due, number, action)


def pcd04(alarm: dict[str, Any], sent: int, number: int, inactivation: str = "enabled") -> bytes:
    """An event of an alarm (as in the topic `alarms`, times in ms) as ORU^R40.

    `sent` is when the gateway sends it (ms); `number` makes the ids of the message.
    """
    phase = str(alarm["phase"])
    at, label = _stamp(alarm["at"]), _text(alarm.get("label", ""))
    own = f"m{number}^MONITORS"
    parent = f"^{alarm['alarm_id']}&MONITORS"
    obr = [f"{alarm['alarm_id']}^MONITORS" if phase == "start" else own]
    place = f"{_text(alarm['unit'])}^^{_text(alarm['bed'])}"
    code = f"0^{alarm['code']}^MDC"
    arc, device = "1.1.1.1", _text(alarm["device_id"])
    low_or_high = f"{alarm['limit']}" if "limit" in alarm else ""
    facets = [
        f"OBX|2|ST|{code}|{arc}.1|{label}||||||F|||{at}",
        f"OBX|3|NM|0^{alarm['source']}^MDC|{arc}.2|{alarm.get('value', '')}||{low_or_high}||||F",
        *(
            f"OBX|{3 + place}|ST|0^MDC_ATTR_{name}^MDC|{arc}.{3 + place}|{says}||||||F"
            for place, (name, says) in enumerate(
                {
                    "EVENT_PHASE": phase,
                    "ALARM_STATE": "inactive" if phase == "end" else "active",
                    "ALARM_INACTIVATION_STATE": inactivation,
                    "ALARM_PRIORITY": _PRIORITIES[alarm["priority"]],
                    "ALERT_TYPE": _KINDS[alarm["kind"]],
                }.items()
            )
        ),
    ]
    return "\r".join(
        [
            f"MSH|^~\\&|MONITORS|{_text(alarm['facility'])}|||{_stamp(sent)}||ORU^R40^ORU_R40"
            f"|{number}|P|2.6|||AL|NE",
            "PID|||SIM^^^SIM||Simulated^Patient",
            f"PV1||I|{place}",
            f"OBR|1||{obr[0]}|196616^MDC_EVT_ALARM^MDC|||{_stamp(sent)}{'|' * 22}"
            f"{'' if phase == 'start' else parent}",
            f"OBX|1||0^{_MDS[alarm['device_type']]}^MDC|1.0.0.0|||||||X|||||||{device}",
            *facets,
            "",
        ]
    ).encode()


_MDS = {
    "monitor": "MDC_DEV_MON_PHYSIO_MULTI_PARAM_MDS",
    "infusion_pump": "MDC_DEV_PUMP_INFUS_MDS",
    "ventilator": "MDC_DEV_VENT_MDS",
}


def _stamp(ms: int) -> str:
    """A time as HL7 writes it."""
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y%m%d%H%M%S}.{ms % 1000:03}+0000"


def _text(text: object) -> str:
    return re.sub(r"[\\|^~&\r\n]", " ", str(text))


class Line:
    """A connection to `hl7 listen`. What it does not keep is said again, as gateways do."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._said: deque[tuple[bytes, asyncio.Future[None]]] = deque()
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None

    async def say(self, message: Message) -> asyncio.Future[None] | None:
        """Say what is `Spoken`; the result is done once it is acknowledged. None for the rest.

        Raises `GatewayError` if nobody listens.
        """
        if not isinstance(message, Spoken):
            return None
        if self._writer is None:
            await self._connect()
        assert self._writer is not None
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._send(message.value, done)
        try:
            await self._writer.drain()
        except ConnectionError:
            raise GatewayError("hl7 listen has closed the connection") from None
        return done

    def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
        if self._writer is not None:
            self._writer.close()

    async def _connect(self) -> None:
        try:
            reader, self._writer = await asyncio.open_connection(HOST, self._port)
        except OSError:
            raise GatewayError("hl7 listen does not answer") from None
        self._listening = asyncio.create_task(self._listen(reader))

    def _send(self, data: bytes, done: asyncio.Future[None]) -> None:
        assert self._writer is not None
        self._said.append((data, done))
        self._writer.write(b"\x0b" + data + b"\x1c\r")

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                answer = await reader.readuntil(b"\x1c\r")
                data, done = self._said.popleft()
                if b"\rMSA|CA|" in answer:
                    if not done.done():
                        done.set_result(None)
                else:
                    await asyncio.sleep(_AGAIN_SECONDS)
                    self._send(data, done)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            for _, done in self._said:
                if not done.done():
                    done.set_exception(GatewayError("hl7 listen has closed the connection"))


class Interface:
    """`hl7 listen` and `hl7 translate` as child processes, started as any user would start them.

    The embedded broker has no transactions, so they do without.
    """

    def __init__(self, settings: Settings, directory: Path) -> None:
        self.port = free_port()
        environment = {
            name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)
        } | {"ALARM_FATIGUE_PSEUDONYM_KEY_FILE": str(key_of(directory))}
        commands = {
            # the simulated days lie in the past
            "hl7 listen": ["--port", str(self.port), "--recorded"],
            "hl7 translate": ["--group", settings.group],
        }
        self._processes: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
        try:
            for name, options in commands.items():
                log = directory / f"{name.replace(' ', '-')}.log"
                command = [
                    *(sys.executable, "-P", "-m", "streams.cli.main", *name.split(), *options),
                    *("--broker", settings.broker, "--without-transactions"),
                    *("--metrics-port", str(free_port())),
                ]
                self._processes[name] = processes.spawn(command, environment, log), log
        except BaseException:
            self.stop()
            raise

    async def wait(self) -> None:
        """Wait until messages are taken and translated. Raises `GatewayError`."""
        marks = {"hl7 listen": "listening for HL7", "hl7 translate": "held"}
        try:
            async with asyncio.timeout(_START_SECONDS):
                while not all(marks[name] in self._read(name) for name in marks):
                    self.check()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise GatewayError(
                f"the HL7 feed did not start within {_START_SECONDS:.0f} s"
            ) from None

    def check(self) -> None:
        """Raises `GatewayError` if a process has ended."""
        for name, (process, _) in self._processes.items():
            if process.poll() is not None:
                raise GatewayError(
                    f"{name} exited with status {process.returncode}; its last log line: "
                    f"{processes.diagnostic_line(self._read(name)).removeprefix('error: ')}"
                )

    def _read(self, name: str) -> str:
        return self._processes[name][1].read_text(errors="replace")

    def stop(self) -> None:
        for process, _ in self._processes.values():
            processes.end(process, _STOP_SECONDS)
