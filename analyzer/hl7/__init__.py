"""HL7 v2 alarm feeds: translates the messages of gateways into facts.

A message that cannot become a fact gets a reason. The package covers IHE PCD-04 (ORU^R40), PCD-05
(ORA^R41), ADT with roles, and MLLP. It does not use sockets, files, Kafka or clocks. Patient data
never leaves it.
"""

from analyzer.hl7.codes import INACTIVATIONS, KINDS, PHASES, PRIORITIES, STATES
from analyzer.hl7.episodes import Episodes
from analyzer.hl7.frames import LONGEST, FrameReader, TooLong
from analyzer.hl7.header import Header, header_of
from analyzer.hl7.patient import stripped
from analyzer.hl7.profile import NOT_AT_THE_BED, UNKNOWN, Identity, Profile, Profiles
from analyzer.hl7.recordings import Piece, messages, pieces
from analyzer.hl7.replies import Mode, Verdict, acknowledgement, wants_no_answer
from analyzer.hl7.rows import Row
from analyzer.hl7.staff import ANSWERS, Roster
from analyzer.hl7.stamps import Zone
from analyzer.hl7.text import NoMessage, parse
from analyzer.hl7.translator import (
    KINDS as OUTCOMES,
)
from analyzer.hl7.translator import (
    Outcome,
    Refusal,
    Translator,
    facility_of,
    may_have_facts,
    parts,
    shown_name,
)

__all__ = [
    "ANSWERS",
    "INACTIVATIONS",
    "KINDS",
    "LONGEST",
    "NOT_AT_THE_BED",
    "OUTCOMES",
    "PHASES",
    "PRIORITIES",
    "STATES",
    "UNKNOWN",
    "Episodes",
    "FrameReader",
    "Header",
    "Identity",
    "Mode",
    "NoMessage",
    "Outcome",
    "Piece",
    "Profile",
    "Profiles",
    "Refusal",
    "Roster",
    "Row",
    "TooLong",
    "Translator",
    "Verdict",
    "Zone",
    "acknowledgement",
    "facility_of",
    "header_of",
    "may_have_facts",
    "messages",
    "parse",
    "parts",
    "pieces",
    "shown_name",
    "stripped",
    "wants_no_answer",
]
