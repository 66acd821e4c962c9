"""Mutations that know the form of an input: JSON fields, lines, numbers, keywords of a target."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from tests.fuzz.facts import BASE, CANARY

_TEXTS = [
    "",
    CANARY,
    "x" * 128,
    "x" * 129,
    "a\x00b",
    "a\nb",
    "\u2028",
    "\u200b",
    "\ud800",
    "é",
    "🏥",
    "\ufeff",
    "x" * 1025,
    "2026-03-01T07:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
    "2026-03-01T07:00:00.1234567+14:00",
    "2026-02-30T00:00:00Z",
    "start",
    "end",
    "high",
]
_NUMBERS = [
    0,
    -1,
    1,
    1000,
    1001,
    1.5,
    1.7976931348623157e308,
    -1.7976931348623157e308,
    5e-324,
    2**63 - 1,
    2**63,
    -(2**63),
    10**30,
    BASE,
    BASE + 1,
    946_684_799_999,
    946_684_800_000,
    4_102_444_800_000,
    4_102_444_800_001,
    -62_135_596_800_000,
    253_402_300_799_999,
]
_NAMES = [
    "event_id",
    "alarm_id",
    "assignment_id",
    "phase",
    "at",
    "facility",
    "unit",
    "bed",
    "device_id",
    "device_type",
    "code",
    "source",
    "kind",
    "priority",
    "label",
    "value",
    "limit",
    "recipients",
    "clinician",
    "from",
    "to",
    "role",
    "acuity",
    "action",
    "verdict",
    "reviewer",
    "reason",
    "start",
    "class",
    "clinicians",
]
_RAW = [
    b"1e999",
    b"-0",
    b"NaN",
    b"[" * 2000,
    b'{"a":' * 500,
    b'"\\ud800"',
    b"\xff",
    b"\x00",
    b"9" * 400,
    b"null",
    b"{}",
    b'""',
]
_HTTP = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"OPTIONS ",
    b"TRACE ",
    b"CONNECT ",
    b"/api/v1/units",
    b"/api/v1/clinicians?facility=H01&unit=MICU",
    b"/api/v1/findings?window=1h",
    b"/api/v1/whatif",
    b"/metrics",
    b"/healthz",
    b"/ready",
    b"/",
    b"/../",
    b"%00",
    b"?facility=",
    b"%ff",
    b"http://[",
    b"http://evil/",
    b"*",
    b" HTTP/1.1",
    b" HTTP/1.0",
    b" HTTP/9.9",
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"Host: 127.0.0.1",
    b"Host: 127.0.0.1:abc",
    b"Host: [::1",
    b"Authorization: Bearer \xff",
    b"Authorization: Basic ",
    b"Transfer-Encoding: chunked",
    b"Content-Length: 5",
    b"Content-Length: -1",
    b"Content-Length: 99999999999999999999",
    b"Expect: 100-continue",
    b"Upgrade: websocket",
    b"Connection: keep-alive, Upgrade",
    b"Accept-Encoding: gzip;q=nan",
    b"Accept: application/openmetrics-text;q=1e999",
    b"If-None-Match: *",
    b"Range: bytes=0-",
    CANARY.encode(),
    b"0\r\n\r\n",
    b"ffffffff\r\n",
]


def mutated(
    target: str, data: bytes, max_bytes: int, seed: int, plainly: Callable[[bytes, int], bytes]
) -> bytes:
    """`data` changed; `plainly` is the fuzzer's own way, which takes a part of all calls."""
    dice = random.Random(seed)
    if dice.random() < 0.35:
        return plainly(data, max_bytes)
    lines = data.split(b"\n")
    for _ in range(dice.choice((1, 1, 2, 4))):
        place = dice.randrange(len(lines))
        match dice.randrange(8):
            case 0:
                lines.insert(place, dice.choice(lines))
            case 1 if len(lines) > 1:
                del lines[place]
            case 2:
                other = dice.randrange(len(lines))
                lines[place], lines[other] = lines[other], lines[place]
            case 3 if target == "restore":
                lines.append(
                    b"%b %d %d %d"
                    % (
                        dice.choice((b"flip", b"raw", b"cut", b"drop")),
                        *(dice.randrange(1 << 12) for _ in range(3)),
                    )
                )
            case _:
                lines[place] = (
                    _web_line(lines[place], dice) if target == "web" else _line(lines[place], dice)
                )
    return b"\n".join(lines)[:max_bytes]


def _web_line(line: bytes, dice: random.Random) -> bytes:
    place = dice.randrange(len(line) + 1)
    return line[:place] + dice.choice(_HTTP) + line[place + dice.randrange(4) :]


def _line(line: bytes, dice: random.Random) -> bytes:
    brace = line.find(b"{")
    try:
        content = json.loads(line[brace:]) if brace >= 0 else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or dice.random() < 0.15:
        place = dice.randrange(len(line) + 1)
        return line[:place] + dice.choice(_RAW) + line[place + dice.randrange(6) :]
    name = dice.choice(list(content) or _NAMES) if dice.random() < 0.8 else dice.choice(_NAMES)
    if dice.random() < 0.1:
        content.pop(name, None)
    else:
        content[name] = _value(content.get(name), dice)
    return line[:brace] + json.dumps(content, ensure_ascii=dice.random() < 0.5).encode(
        errors="surrogatepass"
    )


def _value(before: Any, dice: random.Random) -> Any:
    match dice.randrange(7):
        case 0:
            return dice.choice(_TEXTS)
        case 1:
            return dice.choice(_NUMBERS)
        case 2:
            return dice.choice(
                (None, True, [], {}, [None], ["a"] * 257, ["ann", "bob"], [""], {"a": 1})
            )
        case 3 if isinstance(before, int | float):
            return before + dice.choice((-1, 1, 1000, -60_000, 600_000, 3_600_000, -93_600_000))
        case 4 if isinstance(before, str):
            return before + dice.choice(_TEXTS)
        case 5:
            return f"{dice.choice('aehH')}{dice.randrange(4)}"
        case _:
            return BASE + dice.randrange(-7200, 7200) * 1000
