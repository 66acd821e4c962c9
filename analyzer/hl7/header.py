"""Headers: the sender, the type and the time of a message, from MSH."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from analyzer.hl7.profile import Profile
from analyzer.hl7.stamps import A_STAMP, WrongTime, Zone, moment, read
from analyzer.hl7.text import Segments, at


@dataclass(slots=True)
class Header:
    """The MSH segment of one message. `dated` sets `sent` (ms since 1970) and the offset."""

    application: str
    facility: str
    receiving_facility: str
    time: str
    type: str
    trigger: str
    structure: str
    control_id: str
    processing: str
    version: str
    accept_ack: str
    zone: Zone | None = None
    offset: int | None = None
    """Offset of MSH-7 from UTC (ms). It also holds for times of the message without an offset."""
    sent: int | None = None
    wrong: str | None = None
    """What a readable MSH-7 would look like, if this one could not be read."""

    @property
    def kind(self) -> str:
        return f"{self.type}^{self.trigger}" if self.trigger else self.type

    def dated(self, profile: Profile, near: int | None) -> None:
        """Read MSH-7. In an hour that occurs twice, the reading nearest to `near` (ms) counts."""
        self.zone = profile.zone
        try:
            self.offset = read(self.time)[1] if self.time else None
            self.sent = moment(self.time, profile.zone, None, near)
        except WrongTime as error:
            self.wrong = error.expected

    def moment(self, text: str) -> int:
        """Another time of the message, in ms since 1970. Raises `WrongTime`."""
        if not text:
            raise WrongTime(A_STAMP)
        return moment(text, self.zone, self.offset, self.sent)


def header_of(message: Segments) -> Header:
    msh, component = message.msh, message.signs.component
    kinds = [one.strip() for one in at(msh, 9).upper().split(component)]
    return Header(
        named(at(msh, 3), component),
        named(at(msh, 4), component),
        named(at(msh, 6), component),
        at(msh, 7).split(component)[0].strip(),
        kinds[0],
        kinds[1] if len(kinds) > 1 else "",
        kinds[2] if len(kinds) > 2 else "",
        at(msh, 10).strip(),
        at(msh, 11).split(component)[0].strip().upper(),
        at(msh, 12).split(component)[0].strip(),
        at(msh, 15).strip().upper(),
    )


@lru_cache(maxsize=1 << 10)
def named(text: str, component: str) -> str:
    """The first non-empty part of a name (HD.1, else HD.2)."""
    for one in text.split(component):
        if one.strip():
            return one.strip()
    return ""
