"""Text of HL7 v2: decodes bytes into characters, and characters into segments and fields.

It handles the separators of a message, its character set, its line ends and its escapes, and not
the meaning of fields. It does not fail on odd bytes: bytes that do not fit the declared character
set are decoded as well as possible, and a note says so.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_REGISTERED = (100, 101, 109, 110, 144, 127, 126, 138, 148)
"""ISO-IR numbers of ISO 8859-1 to -9."""
_CODECS = {
    "": "",
    "ASCII": "",
    "USASCII": "",
    "UTF8": "utf-8",
    "UNICODEUTF8": "utf-8",
    "UNICODE": "utf-8",
    "UNICODEUTF16": "utf-16",
    "UTF16": "utf-16",
    "UNICODEUTF32": "utf-32",
    "ISOIR6": "",
    "ISOIR192": "utf-8",
    "ISOIR14": "shift_jis",
    "ISOIR87": "iso2022_jp",
    "ISOIR159": "iso2022_jp_1",
    "ISO2022JP": "iso2022_jp",
    "JIS": "iso2022_jp",
    "SHIFTJIS": "cp932",
    "SJIS": "cp932",
    "CP932": "cp932",
    "WINDOWS31J": "cp932",
    "EUCJP": "euc_jp",
    "KOI8R": "koi8_r",
    "TIS620": "tis_620",
    "ISOIR166": "tis_620",
    "ISOIR149": "euc_kr",
    "ISOIR58": "gb18030",
    "GBK": "gb18030",
    "GB180302000": "gb18030",
    "GB18030": "gb18030",
    "GB2312": "gb18030",
    "BIG5": "big5",
    "KSX1001": "euc_kr",
    "EUCKR": "euc_kr",
    "CNS116431992": "big5",
}
_CODECS |= {
    f"{prefix}8859{part}": f"iso8859-{part}"
    for prefix in ("", "ISO")
    for part in (*range(1, 12), 13, 14, 15, 16)
}
_CODECS |= {f"ISOIR{number}": f"iso8859-{part}" for part, number in enumerate(_REGISTERED, 1)}
_CODECS |= {f"LATIN{number}": f"iso8859-{number}" for number in range(1, 5)}
_CODECS |= {f"{name}125{n}": f"cp125{n}" for name in ("CP", "WINDOWS") for n in range(9)}
"""HL7 table 0211 and other spellings that senders use, by letters and digits; empty: guess it."""
_ENOUGH_FOR_MSH = 4096
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
_USUAL = frozenset({"OBX", "OBR", "PID", "PV1", "ROL", "EVN", "PRT", "NTE", "ORC", "MSA"})
_FOREIGN = re.compile(r"[A-Z][A-Z0-9]{2}[|^~&\\\\#!$*{]")
"""The start of a segment with other separators than the message's. It does not continue a field."""
_NULL = '""'
_START = re.compile(rb"MSH[^A-Za-z0-9\s]")

CHARSET_GUESSED = "charset_guessed"
"""The note on a message whose declared character set does not fit its bytes."""


class Signs(NamedTuple):
    """The separators of a message: MSH-1 and MSH-2."""

    field: str
    component: str
    repetition: str
    escape: str
    sub: str


class Segments(NamedTuple):
    """A message by segments. Index n of a segment is its field n, also of `msh`."""

    signs: Signs
    msh: list[str]
    others: list[list[str]]
    notes: tuple[str, ...]
    codec: str


class NoMessage(ValueError):
    """The bytes are not an HL7 v2 message: the `field` at fault, and what was `expected`."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"{field}: expected {expected}")
        self.field = field
        self.expected = expected


def decode(data: bytes) -> tuple[str, str, bool]:
    """The characters of a message, the codec used, and whether the codec was guessed.

    >>> decode(b"MSH|^~\\\\&|A||||||||||||||||8859/1\\rNTE|\\xe4")[0][-1]
    'ä'
    """
    if data[:3] == b"\xef\xbb\xbf":
        data = data[3:]
    if b"\0" in data[:4] or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _as_utf16(data)
    if b"\x1b" not in data and data.isascii():
        # its characters may still be written as hexadecimal escapes
        codec = _declared(data) if b"\\X" in data else None
        return data.decode("ascii"), codec or "utf-8", False
    codec = _declared(data)
    if codec:
        try:
            return data.decode(codec), codec, False
        except UnicodeDecodeError:
            pass
    try:
        return data.decode("utf-8"), "utf-8", codec not in ("", "utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), "cp1252", True


def _as_utf16(data: bytes) -> tuple[str, str, bool]:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16"
    else:
        codec = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
    return data.decode(codec, "replace").replace("\0", ""), codec, False


def _declared(data: bytes) -> str | None:
    """The codec of MSH-18; None if its name is unknown.

    Of several, it is UTF-8 if that is among them and fits, else the first that is known.
    """
    head = data[:_ENOUGH_FOR_MSH].lstrip().split(b"\r")[0].split(b"\n")[0].decode("latin-1")
    fields = head.split(head[3:4] or "|")
    names = fields[17] if len(fields) > 17 else ""
    known = [
        _CODECS.get("".join(filter(str.isalnum, name.upper())))
        for name in names.split(head[5:6] or "~")
    ]
    named = [codec for codec in known if codec]
    if len(named) > 1 and "utf-8" in named and _is_utf8(data):
        return "utf-8"
    return named[0] if named else None if None in known else ""


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def parse(data: bytes) -> Segments:
    """The segments of one message, which end with CR, LF or CRLF.

    A line that does not begin a segment continues the field before it: some senders write line ends
    inside of fields.

    Raises `NoMessage`.
    """
    text, codec, guessed = decode(data)
    text = text.lstrip("\x0b\r\n\t \ufeff")
    if text[:3] != "MSH" or len(text) < 8:
        raise NoMessage("MSH", "a message that begins with MSH")
    field = text[3]
    marks = text[4 : text.find(field, 4)]
    if field.isalnum() or field.isspace() or len(marks) < 2 or "\r" in marks or len(marks) > 5:
        raise NoMessage("MSH-2", "the separators, such as ^~\\&")
    padded = marks + "^~\\&"[len(marks) :]
    signs = Signs(field, padded[0], padded[1], padded[2], padded[3])
    if "\n" in text:
        text = text.replace("\r\n", "\r").replace("\n", "\r")
    lines = text.split("\r")
    msh = lines[0].split(field)
    msh.insert(1, field)
    others: list[list[str]] = []
    for line in lines[1:]:
        if line[3:4] == field and (line[:3] in _USUAL or _SEGMENT.match(line)):
            others.append(line.split(field))
            continue
        line = line.strip("\x1c\x0b\0 \t")
        if line[3:4] == field and _SEGMENT.match(line):
            others.append(line.split(field))
        elif line and not (len(line) == 3 and _SEGMENT.match(line)) and not _FOREIGN.match(line):
            last, parts = others[-1] if others else msh, line.split(field)
            last[-1] += " " + parts[0]
            last += parts[1:]
    return Segments(signs, msh, others, (CHARSET_GUESSED,) * guessed, codec)


def at(segment: list[str], number: int) -> str:
    """Field `number` of a segment; empty if missing, or `""` (HL7's sign for a deleted value)."""
    found = segment[number] if number < len(segment) else ""
    return "" if found == _NULL else found


def part(text: str) -> str:
    """A part of a field, without surrounding blanks; empty for `""`."""
    text = text.strip()
    return "" if text == _NULL else text


def unescaped(text: str, signs: Signs, codec: str = "utf-8") -> str:
    """A text with its escape sequences resolved; formatting commands become spaces.

    >>> unescaped("a\\\\F\\\\b\\\\X4142\\\\\\\\.br\\\\c", Signs(*"|^~\\\\&"))
    'a|bAB c'
    """
    escape = signs.escape
    if escape not in text:
        return text
    parts = text.split(escape)
    found = [parts[0]]
    place = 1
    while place < len(parts):
        if place + 1 == len(parts):  # a lone escape character is itself
            found += (escape, parts[place])
            break
        known = _sequence(parts[place], signs, codec)
        if known is None:
            found += (escape, parts[place])
            place += 1
        else:
            found += (known, parts[place + 1])
            place += 2
    return "".join(found)


def _sequence(name: str, signs: Signs, codec: str) -> str | None:
    """The text of an escape sequence; None if it is not one."""
    plain = {
        "F": signs.field,
        "S": signs.component,
        "T": signs.sub,
        "R": signs.repetition,
        "E": signs.escape,
        "H": "",
        "N": "",
        "P": "",
    }
    if name in plain:
        return plain[name]
    if name[:1] == "X" and len(name) > 1:
        try:
            data = bytes.fromhex(name[1:])
        except ValueError:
            return None
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            return data.decode("cp1252", "replace")
    if name[:1] == ".":
        return " "
    if name[:1] in ("C", "M", "Z") and name[1:].isalnum():
        return ""
    return None


def begins(data: bytes) -> bool:
    """Whether a message begins at this line."""
    return _START.match(data) is not None
