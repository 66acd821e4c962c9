"""Tables of alarms as hospitals export them, their mappings, and how programs spell a text."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import zstandard

SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda text: text.encode(),
    "Windows line ends": lambda text: text.replace("\n", "\r\n").encode(),
    "no line end at the end": lambda text: text.rstrip().encode(),
    "byte-order mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16, as PowerShell writes it": lambda text: text.encode("utf-16"),
    "UTF-16 big-endian": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "UTF-16 big-endian without a mark": lambda text: text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "gzip": lambda text: gzip.compress(text.encode()),
    "gzip in two parts": lambda text: b"".join(
        gzip.compress(part) for part in (text.encode()[:100], text.encode()[100:])
    ),
    "gzip with a mark": lambda text: gzip.compress(text.encode("utf-8-sig")),
    "gzip of UTF-16": lambda text: gzip.compress(text.encode("utf-16")),
    "Zstandard": lambda text: zstandard.compress(text.encode()),
}

MAP = """
csv: {delimiter: ";"}
fields:
  facility: {value: H1}
  unit: Ward
  bed: Bed
  device_type: {value: monitor}
  code: Alarm
  priority: {column: Prio, words: {Red: high, Yellow: medium, Cyan: low}}
  kind: {column: Prio, words: {Cyan: technical}, otherwise: physiological}
  start: {column: Begin, time: "%d.%m.%Y %H:%M:%S", zone: Europe/Berlin}
  end: {column: End, time: "%d.%m.%Y %H:%M:%S", zone: Europe/Berlin}
  class: {column: Judged, words: {TP: actionable, FP: non_actionable}, otherwise: unknown}
  value: Value
  limit: Limit
"""
HEAD = "Judged;Ward;Bed;Prio;Alarm;Begin;End;Value;Limit"
TABLE = f"""{HEAD}
TP;ICU;B1;Red;VT;01.03.2026 07:00:00;01.03.2026 07:00:40;;
FP;ICU;B2;Yellow;SpO2 LO;01.03.2026 07:05:00;01.03.2026 07:05:10;88;90
FP;ICU;B2;Cyan;LEADS;01.03.2026 07:06:00;01.03.2026 07:08:00;;
FP;ICU;B3;Yellow;SpO2 LO;01.03.2026 07:15:00;01.03.2026 07:15:30;86;90
"""
AUTUMN = f"""{HEAD}
FP;ICU;B1;Yellow;SpO2 LO;25.10.2026 02:59:50;25.10.2026 02:00:10;86;90
FP;ICU;B2;Yellow;SpO2 LO;25.10.2026 02:10:00;25.10.2026 02:12:00;86;90
TP;ICU;B3;Red;VT;25.10.2026 02:30:00;25.10.2026 02:30:30;;
"""

VENDOR = """Alarm Time;Bed;Priority;Text;End Time;Ack Time
29.03.2026 06:58:11;ICU-1;Yellow;** SpO2 86 < 90;29.03.2026 06:58:45;29.03.2026 06:58:30
29.03.2026 07:01:02;ICU-1;Red;*** VTACH;29.03.2026 07:01:20;29.03.2026 07:01:12
29.03.2026 07:03:00;ICU-2;Cyan;LEADS OFF;29.03.2026 07:09:00;
29.03.2026 07:05:30;ICU-2;Yellow;** HF 134 > 120;29.03.2026 07:05:41;
29.03.2026 07:10:00;ICU-3;Yellow;** ABPs 88 < 90;;
"""
VENDOR_MAP = r"""
texts:
  - column: Text
    patterns:
      - '\** *(?P<source>.+?) *(?P<value>[0-9.]+) *(?P<code>[<>]) *(?P<limit>[0-9.]+)'
      - '\** *(?P<code>[^<>]+)'
fields:
  facility: {value: H1}
  unit: {value: ICU}
  bed: Bed
  device_type: {value: monitor}
  code: {column: code, words: {"<": low, ">": high}}
  priority: {column: Priority, words: {Red: high, Yellow: medium, Cyan: low}}
  kind: {column: Priority, words: {Cyan: technical}, otherwise: physiological}
  start: {column: Alarm Time, time: "%d.%m.%Y %H:%M:%S", zone: Europe/Berlin}
  end: {column: End Time, time: "%d.%m.%Y %H:%M:%S", zone: Europe/Berlin}
  first_response: {column: Ack Time, time: "%d.%m.%Y %H:%M:%S", zone: Europe/Berlin}
"""
