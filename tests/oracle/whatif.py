"""The effect of a setting on recorded alarms, one alarm at a time: the oracle of
`analyzer.whatif.levers`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

RANKS = ("info", "low", "medium", "high")
CLASSES = ("actionable", "non_actionable", "technical", "pending", "unknown")
Episode = dict[str, Any]
Setting = dict[str, Any]


class Refused(Exception):
    """The limit asked for is more sensitive than one in force."""


def alarms(records: Iterable[Episode]) -> list[Episode]:
    """The last record of each episode that is an alarm."""
    of_id: dict[tuple[str, str], list[tuple[int, Episode]]] = {}
    for number, one in enumerate(records):
        of_id.setdefault((one["facility"], one["alarm_id"]), []).append((number, one))
    latest: list[tuple[int, Episode]] = []
    for versions in of_id.values():
        versions.sort(key=lambda version: version[1]["start"])
        group = versions[:1]
        for before, version in pairwise(versions):
            ended = before[1].get("end")
            # the id was used again
            if ended is not None and version[1]["start"] > ended + 26 * 3_600_000:
                latest.append(max(group, key=lambda one: one[0]))
                group = []
            group.append(version)
        latest.append(max(group, key=lambda one: one[0]))
    return [
        one
        for _, one in sorted(latest, key=lambda one: one[0])
        if one["priority"] != "info" and one["kind"] != "advisory"
    ]


def type_of(one: Episode) -> tuple[str, str, str]:
    return one["device_type"], one.get("source", ""), one["code"]


def chosen(all_: list[Episode], scope: dict[str, Any]) -> list[Episode]:
    def matches(one: Episode) -> bool:
        here = {
            "facility": one["facility"],
            "unit": one["unit"],
            "type": type_of(one),
            "priority": one["priority"],
        }
        return all(here[name] == wanted for name, wanted in scope.items() if wanted is not None)

    return [one for one in all_ if matches(one)]


def side(one: Episode) -> str | None:
    value, limit = one.get("value"), one.get("limit")
    if one["kind"] == "technical" or value is None or limit is None or value == limit:
        return None
    return "low" if value < limit else "high"


def fates(
    all_: list[Episode], scope: dict[str, Any], setting: Setting
) -> dict[tuple[str, str], str | None]:
    """By alarm: the lever that keeps it from sounding, or None."""
    ours = chosen(all_, scope)
    limit = setting.get("limit")
    if limit is not None:
        for one in ours:
            if (side(one) == "low" and limit > one["limit"]) or (
                side(one) == "high" and limit < one["limit"]
            ):
                raise Refused
    found: dict[tuple[str, str], str | None] = {}
    for one in ours:
        found[key(one)] = first_lever(one, setting)
    beside = setting.get("beside")
    if beside is not None:
        others = [
            # unless a lever silenced it
            one
            for one in all_
            if type_of(one) == beside and found.get(key(one)) is None
        ]
        for one in ours:
            if (
                found[key(one)] is None
                and type_of(one) != beside
                and any(together(one, other) for other in others)
            ):
                found[key(one)] = "beside"
    if setting.get("holdoff") is not None:
        reached: dict[Any, int] = {}
        for one in sorted((one for one in ours if found[key(one)] is None), key=order):
            before = reached.get(signal(one))
            if before is not None and one["start"] - before <= setting["holdoff"]:
                found[key(one)] = "holdoff"
            reached[signal(one)] = max(ending(one), -(1 << 60) if before is None else before)
    if setting.get("priority") is not None:
        least = max(RANKS.index(setting.get("sent_from", "low")), 1)
        for one in ours:
            rank = RANKS.index(one["priority"])
            if found[key(one)] is None and rank >= least > min(
                rank, RANKS.index(setting["priority"])
            ):
                found[key(one)] = "priority"
    return found


def first_lever(one: Episode, setting: Setting) -> str | None:
    limit, delay, of_side = setting.get("limit"), setting.get("delay"), side(one)
    if limit is not None and (
        (of_side == "low" and not one["value"] < limit)
        or (of_side == "high" and not one["value"] > limit)
    ):
        return "limit"
    if delay is not None and one.get("end") is not None and one["end"] - one["start"] <= delay:
        return "delay"
    return None


def together(one: Episode, other: Episode) -> bool:
    same_bed = all(one[name] == other[name] for name in ("facility", "unit", "bed"))
    return same_bed and abs(one["start"] - other["start"]) <= 5000


def key(one: Episode) -> tuple[str, str]:
    return one["facility"], one["alarm_id"]


def signal(one: Episode) -> Any:
    if one.get("device_id"):
        return one["facility"], one["device_id"], one.get("source", ""), one["code"]
    return one["facility"], one["unit"], one["bed"], one.get("source", ""), one["code"]


def ending(one: Episode) -> int:
    return 1 << 60 if one.get("end") is None else int(one["end"])


def order(one: Episode) -> tuple[int, int, int, int]:
    """Of alarms that began at once, the actionable, the urgent and the long come first."""
    return (
        one["start"],
        CLASSES.index(one["class"]),
        -RANKS.index(one["priority"]),
        -ending(one),
    )


def tune(records: Iterable[Episode], scope: dict[str, Any], setting: Setting) -> dict[str, Any]:
    all_ = alarms(records)
    ours, found = chosen(all_, scope), fates(all_, scope, setting)
    sounding = [one for one in ours if found[key(one)] is None]
    silent = [one for one in ours if found[key(one)] is not None]
    clinical = [one for one in ours if one["kind"] != "technical"]
    unread = [one for one in clinical if one.get("value") is None or one.get("limit") is None]
    return {
        "before": counted(ours),
        "after": counted(sounding),
        "removed": counted(silent),
        "delayed": counted(sounding if setting.get("delay") is not None else []),
        "effective": effective([one for one in ours if one["class"] == "actionable"]),
        "not_evaluable": len(unread) if setting.get("limit") is not None else 0,
        "by": {
            name: sum(fate == name for fate in found.values())
            for name in ("limit", "delay", "beside", "holdoff", "priority")
        },
    }


def effective(needed: list[Episode]) -> float:
    """How many independent alarms tell as much as these, if those of one bed and UTC day share one
    fate: Kish's effective sample size.
    """
    sizes = Counter(
        (one["facility"], one["unit"], one["bed"], one["start"] // 86_400_000) for one in needed
    )
    return len(needed) ** 2 / sum(size**2 for size in sizes.values()) if sizes else 0.0


def counted(some: list[Episode]) -> dict[str, Any]:
    classes = Counter(one["class"] for one in some)
    return {"alarms": len(some), "classes": {name: classes[name] for name in CLASSES}}
