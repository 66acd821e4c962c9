"""Frames: splits a stream of bytes into messages, as MLLP delimits them (0x0B ... 0x1C 0x0D).

The stream may arrive in pieces of any size. Senders end frames in different ways: the last byte may
be missing or be a line feed, and 0x1C may occur inside a message. So a frame ends with a 0x1C that
0x0D, 0x0A or the next 0x0B follows, or after which the stream pauses (`idle`).
"""

from __future__ import annotations

import re

LONGEST = 1 << 20
"""Most bytes of a message. An alarm has some two thousand."""
_BEGIN, _END = b"\x0b", b"\x1c"
_CLOSE = re.compile(rb"\x1c(?=[\r\n\x0b])|\x0b(?=MSH[^A-Za-z0-9\s])")
_UNSURE = re.compile(rb"(?:\x1c|\x0b(?:M(?:SH?)?)?)\Z")
"""Possible first bytes of the end of a frame."""


class TooLong(Exception):
    """A frame exceeds the limit; `head` has its first bytes."""

    def __init__(self, head: bytes) -> None:
        super().__init__("a frame exceeds the limit")
        self.head = head


class FrameReader:
    """Splits a stream into messages.

    `skipped` counts bytes outside of frames, `cut` frames that the next one interrupted.
    """

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._held = bytearray()
        self._inside = False
        self._searched = 0
        self.skipped = 0
        self.cut = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that `data` completes, in order.

        Raises `TooLong`; `args[1]` of the error has the messages before it. The reader cannot be
        used afterwards.
        """
        held = self._held
        held += data
        found: list[bytes] = []
        while True:
            if not self._inside:
                begin = held.find(_BEGIN)
                if begin < 0:
                    self._skip(bytes(held))
                    held.clear()
                    return found
                self._skip(bytes(held[:begin]))
                del held[: begin + 1]
                self._inside, self._searched = True, 0
            close = _CLOSE.search(held, self._searched)
            length = len(held) if close is None else close.start()
            if length > self._longest and close is None:
                unsure = _UNSURE.search(held, max(0, length - 4))
                length = length if unsure is None else unsure.start()
            if length > self._longest:
                error = TooLong(bytes(held[:8192]))
                error.args = (*error.args, found)
                raise error
            if close is None:
                # a 0x1C, or a 0x0B with the first bytes of MSH, may still become an end
                self._searched = max(0, len(held) - 5)
                return found
            if held[length] == 0x0B:
                self.cut += 1
                del held[: length + 1]
                self._searched = 0
                continue
            found.append(bytes(held[:length]))
            after = held[length + 1 : length + 2]
            del held[: length + (1 if after == _BEGIN else 2)]
            self._inside = False

    def idle(self) -> list[bytes]:
        """The message that a 0x1C at the end of the data completes; for when the stream pauses."""
        if not (self._inside and self._held.endswith(_END)):
            return []
        found = bytes(self._held[:-1])
        self._held.clear()
        self._inside = False
        return [found]

    @property
    def ends_open(self) -> bool:
        """Whether the last byte may be the end of a frame."""
        return self._inside and self._held.endswith(_END)

    @property
    def waiting(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._inside

    def _skip(self, between: bytes) -> None:
        self.skipped += len(between.translate(None, b"\r\n"))
