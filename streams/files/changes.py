"""Change records: a decision about a setting, as JSON. A record changes no device.

{"id": 32 hex digits, a hash of the rest,
 "kind": "alarm_setting_change",
 "at": when the change takes effect, ms since 1970,
 "scope", "setting", "proposal": as in `streams.files.tuning`,
 "owner", "review_on": "YYYY-MM-DD", "change_control",
 "expected": {"removed_share", "lost", "delayed_seconds", "span"}: the forecast at the decision,
 "annotation": {"time", "tags", "text"}: the body for Grafana's /api/annotations}
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from typing import Any

import msgspec

from streams.files.loss_words import harm
from streams.files.tune_words import changes_words, scope_words
from streams.formats.codec import to_json

TAGS = ("alarm-fatigue", "alarm-setting-change")
"""The tags of every change record's annotation, by which boards ask for them."""


class ChangeError(ValueError):
    """A decision that cannot be recorded. The message is one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision to change a setting: who is responsible, and from when (`at`, ms since 1970)."""

    at: int
    owner: str
    review_on: str
    change_control: str

    def __post_init__(self) -> None:
        for name in ("owner", "change_control"):
            if not getattr(self, name).strip():
                raise ChangeError(
                    f"--{name.replace('_', '-')}: expected who or what answers for the change"
                )
        try:
            date.fromisoformat(self.review_on)
        except ValueError:
            raise ChangeError("--review: expected a date such as 2026-06-30") from None


def record(answer: bytes, decision: Decision) -> dict[str, Any]:
    """The record of a decision about an answer of `tune --json`. Raises `ChangeError`."""
    try:
        found = msgspec.json.decode(answer)
        scope, setting, lost, span = (found[name] for name in ("scope", "setting", "lost", "span"))
        proposal = found.get("proposal")
        before, removed = found["before"]["alarms"], found["removed"]["alarms"]
        expected = {
            "removed_share": round(removed / before, 6) if before else None,
            "lost": lost,
            "delayed_seconds": found["late"]["by_seconds"],
            "span": span,
        }
        text = (
            f"{scope_words(found)}: {changes_words(found)} (expected: {harm(lost)}; {removed} of "
            f"{before} alarms fewer); {decision.change_control}"
        )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        raise ChangeError("expected what tune --json prints") from None
    unchanged = all(setting[name] is None for name in setting if name != "sent_from")
    if unchanged and not proposal:
        raise ChangeError("the answer is about no change: there is nothing to record")
    fields = {
        "kind": "alarm_setting_change",
        "at": decision.at,
        "scope": scope,
        "setting": setting,
        "proposal": proposal,
        "owner": decision.owner,
        "review_on": decision.review_on,
        "change_control": decision.change_control,
        "expected": expected,
        "annotation": {
            "time": decision.at,
            "tags": [*TAGS, *_tags(scope)],
            "text": text,
        },
    }
    return {"id": blake2b(to_json(fields), digest_size=16).hexdigest()} | fields


def _tags(scope: dict[str, Any]) -> list[str]:
    return [f"{name}:{scope[name]}" for name in ("facility", "unit") if scope[name] is not None]
