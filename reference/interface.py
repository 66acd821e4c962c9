"""Interface: the OpenAPI description of /api/v1, from the structs of its answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from msgspec.json import schema_components

from analyzer.model import HOUR, MAX_ID_LENGTH, SECOND
from analyzer.whatif import LONGEST
from streams.files.extent import MOST, TOP
from streams.http.documents.board import MOST_UNITS, Clinicians, Units
from streams.http.documents.common import Error
from streams.http.documents.findings import Findings
from streams.http.documents.incident import IncidentDocument
from streams.http.documents.reader import ReaderDocument
from streams.http.documents.unit import UnitHistory
from streams.http.documents.week import Week
from streams.http.documents.whatif import WhatIf, WhatIfTypes
from streams.http.incidents import LONGEST as LONGEST_WINDOW

TYPE_CHARACTERS = 3 * MAX_ID_LENGTH + 2
"""Three names, with a slash after the first and the second."""

INFO = {
    "title": "Alarm fatigue stream analyzer",
    "version": "1",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    "description": "What a worker's page shows, as JSON. Read-only. The numbers are those of "
    "/metrics at the same time, for the facilities of the partitions that the worker holds. No "
    "patient or person is named: clinicians appear under pseudonyms, and only within a unit. Beds "
    "and devices are named only by /api/v1/incident, and there only if web.show_beds allows it. "
    "Fields may be added within v1.",
}
SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token of web.tokens or web.token_file, where one is set. Its role says "
        "what may be read: viewer, tuner and admin all but what-ifs, tuner and admin these, too; "
        "its facility and units say about what",
    },
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "The same token as the password, with any user name: for browsers",
    },
    "certificate": {
        "type": "mutualTLS",
        "description": "A client certificate of web.certificates, where web.tls_client_ca_file is "
        "set, with a role and a scope like those of a token",
    },
}


_NO_STATE = "The worker has no partitions yet"
_RECOMPUTED = (
    f"{_NO_STATE}, or it recomputes the state that the answer needs, and `error` says how far it is"
)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a query."""

    name: str
    description: str
    schema: Mapping[str, Any]
    required: bool = False
    example: Any = None

    def described(self) -> dict[str, Any]:
        found = {
            "name": self.name,
            "in": "query",
            "description": self.description,
            "required": self.required,
            "schema": dict(self.schema),
        }
        return found if self.example is None else found | {"example": self.example}


@dataclass(frozen=True)
class Operation:
    """The operation of one path.

    `not_found`: the reason for a 404 (None: never); `tagged`: whether answers have an ETag;
    `needs_state`: whether it answers 503 until the worker holds partitions.
    """

    id: str
    summary: str
    parameters: tuple[Parameter, ...]
    answer: type
    description: str
    bad: str = "The query cannot be answered"
    not_found: str | None = None
    tagged: bool = True
    needs_state: bool = True
    unavailable: str = _NO_STATE

    def described(self, schemas: Mapping[type, Any]) -> dict[str, Any]:
        def with_body(description: str, of: type) -> dict[str, Any]:
            return {
                "description": description,
                "content": {"application/json": {"schema": schemas[of]}},
            }

        responses = {
            "200": with_body(self.description, self.answer),
            "400": with_body(self.bad, Error),
        }
        if self.not_found is not None:
            responses["404"] = with_body(self.not_found, Error)
        if self.needs_state:
            responses["503"] = with_body(self.unavailable, Error)
        if self.tagged:
            responses["304"] = {"description": "Nothing has changed since (If-None-Match)"}
        responses["401"] = {"description": "A token is required, and none that is valid was sent"}
        responses["403"] = with_body(
            "The reader's role does not allow this, or the place is not theirs, whether it exists "
            "or not",
            Error,
        )
        responses["429"] = {"description": "Too many invalid tokens came from this address"}
        responses["421"] = {"description": "The host name in the request is not this worker's"}
        return {
            "operationId": self.id,
            "summary": self.summary,
            "parameters": [one.described() for one in self.parameters],
            "responses": responses,
        }


_NAME = {"type": "string", "maxLength": MAX_ID_LENGTH}
_ONE_FACILITY = Parameter("facility", "Only this facility", _NAME)
_FACILITY = Parameter("facility", "The facility of the unit", _NAME, required=True)
_UNIT = Parameter("unit", "The unit", _NAME, required=True)

OPERATIONS = {
    "/api/v1/reader": Operation(
        "reader",
        "Who reads, and what the reader may do where",
        (),
        ReaderDocument,
        "What is known of the reader",
        tagged=False,
        needs_state=False,
    ),
    "/api/v1/units": Operation(
        "units",
        "How units stand",
        (
            _ONE_FACILITY,
            Parameter(
                "limit",
                "The most units to return",
                {"type": "integer", "minimum": 1, "maximum": MOST_UNITS, "default": MOST_UNITS},
            ),
        ),
        Units,
        "Units; those that need help first come first",
    ),
    "/api/v1/unit": Operation(
        "unit",
        "How one unit stands, and its states over the last 24 h",
        (_FACILITY, _UNIT),
        UnitHistory,
        "The unit as in /api/v1/units, and the history of its state",
        not_found="There is no such unit here",
    ),
    "/api/v1/week": Operation(
        "week",
        "The last 7 days of one unit, from the archive",
        (_FACILITY, _UNIT),
        Week,
        "Load, non-actionable share and hours overloaded by local day, beside the 7 days before. "
        "Where the worker has no archive, `nothing` says so",
        not_found="There is no such unit here",
    ),
    "/api/v1/clinicians": Operation(
        "clinicians",
        "How the clinicians of one unit stand, by pseudonym",
        (_FACILITY, _UNIT),
        Clinicians,
        "Clinicians, in the order of their pseudonyms",
        not_found="There is no such unit here, or clinicians are not shown",
    ),
    "/api/v1/findings": Operation(
        "findings",
        "What to fix, and who owns it",
        (
            Parameter(
                "window",
                "One of the policy's windows; by default the longest",
                {"type": "string"},
                example="12h",
            ),
            _ONE_FACILITY,
            Parameter("unit", "Only units of this name", _NAME),
            Parameter(
                "top",
                "The most alarm types of each unit to return",
                {"type": "integer", "minimum": 1, "maximum": MOST, "default": TOP},
            ),
        ),
        Findings,
        "Findings by unit",
        tagged=False,
    ),
    "/api/v1/whatif": Operation(
        "whatif",
        "What another limit or delay of one alarm type would have done to the finished alarms "
        "that the worker holds",
        (
            _FACILITY,
            _UNIT,
            Parameter(
                "type",
                "The alarm type: DEVICE_TYPE/SOURCE/CODE",
                {"type": "string", "maxLength": TYPE_CHARACTERS},
                required=True,
            ),
            Parameter(
                "delay",
                "Annunciation delay (s): sound only if the condition persists this long",
                {"type": "number", "minimum": 0, "maximum": LONGEST // SECOND},
            ),
            Parameter(
                "limit",
                "Another limit, no more sensitive than any in force: the alarms that a more "
                "sensitive one would have added were not recorded",
                {"type": "number"},
            ),
        ),
        WhatIf,
        "The same counts as `alarm-fatigue tune --json`, over the hours that the worker holds. "
        "No device is changed",
        bad="The query cannot be answered; or the limit is more sensitive than one in force",
        not_found="There is no such unit, or no such alarm type, here",
    ),
    "/api/v1/whatif/types": Operation(
        "whatifTypes",
        "The alarm types of a unit that a what-if can be asked about, and how far the limit of "
        "each can be moved",
        (_FACILITY, _UNIT),
        WhatIfTypes,
        "Alarm types; those with the most alarms not known to be actionable come first",
        not_found="There is no such unit here",
    ),
    "/api/v1/incident": Operation(
        "incident",
        "The conditions around a moment, which of them were beyond the unit's own comparable "
        "hours, and which single changes would have prevented them. `/incident` with the same "
        "parameters is the page",
        (
            _FACILITY,
            _UNIT,
            Parameter(
                "at",
                "The moment: RFC 3339, or ms since 1970; within the last 26 h, or older where "
                "archive.path is set",
                {"type": "string"},
                required=True,
                example="2026-03-01T14:20:00Z",
            ),
            Parameter("bed", "The bed, if it is about one; where beds are named", _NAME),
            Parameter(
                "window",
                f"How far back, from 1m to {LONGEST_WINDOW // HOUR}h",
                {"type": "string", "default": "60m"},
            ),
        ),
        IncidentDocument,
        "What `alarm-fatigue incident --json` prints of the same facts, with numbers in place of "
        "clinicians. It is input to a review, never its verdict",
        not_found="There is no such unit or bed here, it is too old for what is held, or too few "
        "clinicians stand behind it",
        unavailable=f"{_RECOMPUTED}; or another answer is being worked out. See Retry-After",
    ),
}


def description() -> dict[str, Any]:
    """The whole OpenAPI document."""
    answers = [Error, *(one.answer for one in OPERATIONS.values())]
    references, schemas = schema_components(answers, ref_template="#/components/schemas/{name}")
    by_type = dict(zip(answers, references, strict=True))
    return {
        "openapi": "3.1.0",
        "info": INFO,
        "servers": [{"url": "/"}],
        "security": [{}, {"bearer": []}, {"basic": []}, {"certificate": []}],
        "paths": {path: {"get": one.described(by_type)} for path, one in OPERATIONS.items()},
        "components": {"securitySchemes": SECURITY, "schemas": schemas},
    }


def text() -> str:
    return json.dumps(description(), indent=1, ensure_ascii=False) + "\n"
