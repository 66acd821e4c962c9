"""Profiles: what a site states about a sender because its messages do not."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from analyzer.hl7.codes import INACTIVATIONS, KINDS, PHASES, PRIORITIES, STATES, HlPhase
from analyzer.hl7.stamps import Zone
from analyzer.model import Kind, Priority

Identity = Literal["parent", "filler", "source"]
UNKNOWN = "unknown"
"""The unit or bed of an alarm whose message names none."""
NOT_AT_THE_BED = frozenset({"AD", "AT", "CP", "FHCP", "OP", "PP", "RP", "RT", "EP", "PI"})
"""Roles of HL7 table 0443 that treat or refer a patient and answer no alarms."""
_SENDERS = 4096  # of which the profile is remembered


@dataclass(frozen=True, slots=True)
class Profile:
    """One sender. Words are in lower case; the tables of words include those of the standard."""

    name: str = ""
    application: str | None = None
    """MSH-3.1 of its messages; None: any."""
    sending_facility: str | None = None
    """MSH-4.1 of its messages; None: any."""
    port: int | None = None
    """The port it sends to; None: any."""
    facility: str | None = None
    """The facility of its messages; None: MSH-4 names it."""
    zone: Zone | None = None
    identity: Identity = "parent"
    priority: Priority = "medium"
    device_type: str = "device"
    unit: str = UNKNOWN
    bed: str = UNKNOWN
    codes: Mapping[str, str] = field(default_factory=dict)
    """Event codes and sources by the name, number or text that the sender gives."""
    priorities: Mapping[str, Priority | None] = field(default_factory=lambda: PRIORITIES)
    kinds: Mapping[str, Kind] = field(default_factory=lambda: KINDS)
    phases: Mapping[str, HlPhase] = field(default_factory=lambda: PHASES)
    states: Mapping[str, str] = field(default_factory=lambda: STATES)
    inactivations: Mapping[str, str] = field(default_factory=lambda: INACTIVATIONS)
    units: Mapping[str, str] = field(default_factory=dict)
    beds: Mapping[str, str] = field(default_factory=dict)
    bed_form: str | None = None
    """How room and bed make a bed's name, such as `{room}-{bed}`."""
    bed_pattern: re.Pattern[str] | None = None
    """A pattern for the bed's name: its groups, joined, are the bed."""
    accept: frozenset[str] = frozenset({"P", ""})
    """Accepted processing ids (MSH-11)."""
    heartbeats: frozenset[str] = frozenset()
    roles: Mapping[str, str | None] = field(default_factory=dict)
    """Roles (ROL-3) by code; None: people in this role do not answer alarms."""

    __hash__ = object.__hash__  # so that what it makes of a message's words can be remembered

    def place(self, unit: str, room: str, bed: str) -> tuple[str, str]:
        """The names of unit and bed; empty if the sender gives none."""
        if self.bed_form is not None and (room or bed):
            bed = self.bed_form.replace("{room}", room).replace("{bed}", bed)
        else:
            bed = bed or room
        if self.bed_pattern is not None and bed:
            found = self.bed_pattern.fullmatch(bed)
            bed = "".join(filter(None, found.groups())) if found is not None else bed
        return self.units.get(unit, unit), self.beds.get(bed, bed)

    def role(self, code: str, text: str) -> str | None:
        """The name of a role; None if people in this role do not answer alarms."""
        for one in (code, text):
            if one in self.roles:
                return self.roles[one]
        return None if code.upper() in NOT_AT_THE_BED else (text or code or "nurse")


class Profiles:
    """The profiles of all senders. The first one that matches counts, else the default."""

    def __init__(self, known: Sequence[Profile] = (), default: Profile | None = None) -> None:
        self.known = tuple(known)
        self.default = Profile() if default is None else default
        self._found: dict[tuple[str, str, int | None], Profile] = {}

    def of(self, application: str, facility: str, port: int | None = None) -> Profile:
        """The profile for a message with this MSH-3.1 and MSH-4.1 that arrived on this port."""
        asked = (application, facility, port)
        found = self._found.get(asked)
        if found is None:
            found = next((one for one in self.known if _fits(one, *asked)), self.default)
            if len(self._found) < _SENDERS:
                self._found[asked] = found
        return found


def _fits(profile: Profile, application: str, facility: str, port: int | None) -> bool:
    return (
        profile.application in (None, application)
        and profile.sending_facility in (None, facility)
        and profile.port in (None, port)
    )
