"""The first day's checklist, answered from facts: what they are good for, and which figures will be
unknown because something is missing.

    {"alarms": {"count", "from", "to" (ms), "facilities", "units", "beds", "types",
        "without_end": SHARE, "ends_without_start", "longest_gap_seconds",
        "with_value_and_limit": SHARE of the physiological ones, "technical": SHARE,
        "unassigned": SHARE},
     "roster": {"assignments", "clinicians", "beds_without_roster": names,
        "beds_without_alarms": names, "ends_before_it_begins"},
     "responses": {"count", "by_action", "alarms_with_response": SHARE,
        "units_without_interventions": names, "before_the_alarm": SHARE},
     "labels": {"count", "of_unknown_alarms"},
     "duplicates": {"same", "other_content"},
     "clocks": {topic: {"median_seconds", "p99_seconds", "ahead": SHARE}} or null,
     "malformed": how many records,
     "looks_technical": names of types that are called physiological, most frequent first,
     "odd_names": pairs of units or beds that differ in case or spaces only,
     "unknown_figures": [{"figure", "because", "ask"}]}

SHARE is {"of", "count"}. A unit is "facility/unit", a bed "facility/unit/bed".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from analyzer import FACT_TYPES, Columns, Policy, Topic

_KEPT = {
    "alarms": (
        "event_id",
        "alarm_id",
        "phase",
        "at",
        "facility",
        "unit",
        "bed",
        "device_type",
        "source",
        "code",
        "kind",
        "priority",
        "value",
        "limit",
        "recipients",
    ),
    "assignments": ("event_id", "facility", "unit", "bed", "clinician", "start", "end", "at"),
    "responses": ("event_id", "facility", "alarm_id", "bed", "unit", "action", "at"),
    "labels": ("event_id", "facility", "alarm_id", "at"),
}
_TECHNICAL = re.compile(
    r"lead|electrode|elektrode|disconn|sensor|probe|cable|batt|artifact|check|fault|inop|comm",
    re.IGNORECASE,
)
_FEW = 20
"""So many alarms without any exception are no coincidence (our own)."""
_NAMES = 20
_NEVER = 1 << 62
_TYPES: dict[str, type[pl.DataType]] = {
    **dict.fromkeys(("at", "start", "end", "mark"), pl.Int64),
    **dict.fromkeys(("value", "limit"), pl.Float64),
    "recipients": pl.Boolean,
}


class Checkup:
    """Takes facts by topic; `answers` tells what they are good for."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._parts: dict[str, list[pl.DataFrame]] = {topic: [] for topic in _KEPT}
        self._delays: dict[str, list[int]] = {}
        self.malformed = 0

    def take(self, topic: Topic, columns: Columns, stamps: Sequence[int] | None = None) -> None:
        """Facts as `decode_slice` gives them; `stamps` are the times at which Kafka got them."""
        names = list(FACT_TYPES[topic].__slots__)
        if not len(columns[0]):
            return
        whole = pl.DataFrame(
            {
                name: [bool(one) for one in column] if name == "recipients" else list(column)
                for name, column in zip(names, columns, strict=True)
                if name in _KEPT[topic]
            },
            schema={name: _type(name) for name in names if name in _KEPT[topic]},
        )
        marks = pl.Series([hash(row) for row in zip(*columns, strict=True)], dtype=pl.Int64)
        self._parts[topic].append(whole.select(_KEPT[topic]).with_columns(marks.alias("mark")))
        if stamps is not None:
            at = columns[names.index("at")]
            delays = self._delays.setdefault(topic, [])
            delays += [stamp - one for stamp, one in zip(stamps, at, strict=True)]

    def answers(self) -> dict[str, Any]:
        """The JSON object."""
        frames = {topic: self._frame(topic) for topic in _KEPT}
        duplicates = self._duplicates(frames)
        frames = {
            topic: frame.unique(["facility", "event_id"], keep="first", maintain_order=True)
            for topic, frame in frames.items()
        }
        episodes = _episodes(frames["alarms"])
        covered = _assigned(episodes, frames["assignments"])
        found: dict[str, Any] = {
            "alarms": _alarms(frames["alarms"], episodes, covered),
            "roster": _roster(episodes, frames["assignments"]),
            "responses": self._responses(episodes, frames["responses"]),
            "labels": _labels(episodes, frames["labels"]),
            "duplicates": duplicates,
            "clocks": self._clocks(),
            "malformed": self.malformed,
            "looks_technical": _looks_technical(episodes),
            "odd_names": list(_odd_names(episodes, frames["assignments"])),
        }
        return found | {"unknown_figures": list(_unknown(found))}

    def _frame(self, topic: str) -> pl.DataFrame:
        if parts := self._parts[topic]:
            return pl.concat(parts, rechunk=True)
        return pl.DataFrame(schema={name: _type(name) for name in (*_KEPT[topic], "mark")})

    def _duplicates(self, frames: dict[str, pl.DataFrame]) -> dict[str, int]:
        same = other = 0
        for frame in frames.values():
            ids = frame.group_by("facility", "event_id").agg(
                pl.len(), pl.col("mark").n_unique().alias("contents")
            )
            other += int((ids["contents"] - 1).sum())
            same += int((ids["len"] - ids["contents"]).sum())
        return {"same": same, "other_content": other}

    def _responses(self, episodes: pl.DataFrame, responses: pl.DataFrame) -> dict[str, Any]:
        by_action = Counter(responses["action"].to_list())
        direct = responses.filter(pl.col("alarm_id").is_not_null()).join(
            episodes.select("facility", "alarm_id", "start", "place"),
            on=["facility", "alarm_id"],
            how="inner",
        )
        at_bed = responses.filter(pl.col("alarm_id").is_null()).select(
            "facility", "bed", "at", "action"
        )
        until = (pl.col("end") + self._policy.action_window).fill_null(_NEVER)
        next_one = (
            episodes.filter(pl.col("start").is_not_null())
            .select("facility", "bed", "alarm_id", "start", "end")
            .sort("start")
            .join_asof(
                at_bed.sort("at"),
                left_on="start",
                right_on="at",
                by=["facility", "bed"],
                strategy="forward",
                check_sortedness=False,
            )
            .filter(pl.col("at") <= until)
        )
        answered = pl.concat(
            [one.select("facility", "alarm_id") for one in (direct, next_one)]
        ).unique()
        of = list(self._policy.cover_by)
        places = episodes.select("facility", "bed", "place").drop_nulls().unique()
        covered = set(direct.filter(pl.col("action").is_in(of))["place"].to_list())
        by_bed = at_bed.filter(pl.col("action").is_in(of)).select("facility", "bed").unique()
        covered |= set(by_bed.join(places, on=["facility", "bed"])["place"].to_list())
        named = responses.filter(pl.col("action").is_in(of) & pl.col("unit").is_not_null())
        covered |= set((named["facility"] + "/" + named["unit"]).to_list())
        return {
            "count": responses.height,
            "by_action": dict(sorted(by_action.items())),
            "alarms_with_response": _share(answered.height, episodes.height),
            "units_without_interventions": sorted(set(places["place"].to_list()) - covered),
            "before_the_alarm": _share(int((direct["at"] < direct["start"]).sum()), direct.height),
        }

    def _clocks(self) -> dict[str, Any] | None:
        if not self._delays:
            return None
        found = {}
        for topic, delays in self._delays.items():
            delay = pl.Series(delays)
            median, most = delay.median(), delay.quantile(0.99)
            assert isinstance(median, float)
            assert most is not None
            found[topic] = {
                "median_seconds": round(median / 1000, 3),
                "p99_seconds": round(most / 1000, 3),
                "ahead": _share(int((delay < -self._policy.max_ahead).sum()), len(delay)),
                "late": _share(int((delay > self._policy.allowed_lateness).sum()), len(delay)),
            }
        return found


def _type(name: str) -> type[pl.DataType]:
    return _TYPES.get(name, pl.String)


def _episodes(alarms: pl.DataFrame) -> pl.DataFrame:
    """A row for each alarm that sounds: its first event, its end, its readings."""
    first = pl.col("phase") != "end"
    found = (
        alarms.sort("at", "event_id")
        .group_by("facility", "alarm_id", maintain_order=True)
        .agg(
            pl.col("at").filter(first).min().alias("start"),
            pl.col("at").filter(~first).max().alias("end"),
            *(
                pl.col(name).filter(first).first()
                for name in ("unit", "bed", "device_type", "source", "code", "kind", "priority")
            ),
            (pl.col("value").is_not_null() & pl.col("limit").is_not_null()).any().alias("read"),
            pl.col("recipients").any(),
        )
    )
    place = (pl.col("facility") + "/" + pl.col("unit")).alias("place")
    return found.filter(
        pl.col("start").is_null()
        | ((pl.col("priority") != "info") & (pl.col("kind") != "advisory"))
    ).with_columns(place)


def _alarms(events: pl.DataFrame, episodes: pl.DataFrame, assigned: pl.Series) -> dict[str, Any]:
    begun = episodes.filter(pl.col("start").is_not_null())
    gap = events["at"].sort().diff().max()
    bodily = begun.filter(pl.col("kind") == "physiological")
    return {
        "count": begun.height,
        "from": begun["start"].min(),
        "to": events["at"].max(),
        "facilities": begun["facility"].n_unique(),
        "units": begun["place"].n_unique(),
        "beds": begun.select("place", "bed").n_unique(),
        "types": begun.select("device_type", "source", "code").n_unique(),
        "without_end": _share(begun["end"].null_count(), begun.height),
        "ends_without_start": episodes.height - begun.height,
        "longest_gap_seconds": None if gap is None else gap / 1000,  # type: ignore[operator]
        "with_value_and_limit": _share(int(bodily["read"].sum()), bodily.height),
        "technical": _share(int((begun["kind"] == "technical").sum()), begun.height),
        "unassigned": _share(int((~assigned & ~begun["recipients"]).sum()), begun.height),
    }


def _assigned(episodes: pl.DataFrame, assignments: pl.DataFrame) -> pl.Series:
    """For each alarm that began, whether a clinician was assigned to its bed."""
    begun = episodes.filter(pl.col("start").is_not_null()).with_row_index("number")
    bed = ["facility", "unit", "bed"]
    spans = (
        assignments.select(*bed, pl.col("start").alias("from"), pl.col("end").fill_null(_NEVER))
        .filter(pl.col("end") > pl.col("from"))
        .sort("from")
        .with_columns(pl.col("end").cum_max().over(bed).alias("to"))
    )
    found = begun.sort("start").join_asof(
        spans.select(*bed, "from", "to"),
        left_on="start",
        right_on="from",
        by=bed,
        strategy="backward",
        check_sortedness=False,
    )
    had = found.filter(pl.col("start") < pl.col("to"))["number"]
    return begun["number"].is_in(had.implode())


def _roster(episodes: pl.DataFrame, assignments: pl.DataFrame) -> dict[str, Any]:
    def beds(frame: pl.DataFrame) -> set[str]:
        names = frame["facility"] + "/" + frame["unit"] + "/" + frame["bed"]
        return set(names.drop_nulls().to_list())

    alarmed, cared_for = beds(episodes), beds(assignments)
    early = (assignments["end"] <= assignments["start"]).fill_null(False)
    return {
        "assignments": assignments.height,
        "clinicians": assignments["clinician"].n_unique() if assignments.height else 0,
        "beds_without_roster": sorted(alarmed - cared_for),
        "beds_without_alarms": sorted(cared_for - alarmed),
        "ends_before_it_begins": int(early.sum()),
    }


def _labels(episodes: pl.DataFrame, labels: pl.DataFrame) -> dict[str, int]:
    lost = labels.join(episodes, on=["facility", "alarm_id"], how="anti")
    return {"count": labels.height, "of_unknown_alarms": lost.height}


def _looks_technical(episodes: pl.DataFrame) -> list[str]:
    types = (
        episodes.filter(pl.col("kind") == "physiological")
        .group_by("device_type", "source", "code")
        .len()
        .sort("len", "device_type", "source", "code", descending=[True, False, False, False])
    )
    names = ["/".join(row[:3]) for row in types.iter_rows()]
    return [one for one in names if _TECHNICAL.search(one)][:_NAMES]


def _odd_names(episodes: pl.DataFrame, assignments: pl.DataFrame) -> Iterator[list[str]]:
    """Names of units and beds that differ in case, spaces and hyphens only."""
    places = pl.concat(
        [one.select("facility", "unit", "bed").drop_nulls() for one in (episodes, assignments)]
    ).unique()
    units = (places["facility"] + "/" + places["unit"]).unique().to_list()
    beds = (places["facility"] + "/" + places["unit"] + "/" + places["bed"]).unique().to_list()
    for names in (units, beds):
        alike: dict[str, list[str]] = {}
        for one in sorted(names):
            alike.setdefault(re.sub(r"[\s_-]", "", one).casefold(), []).append(one)
        yield from (some for some in alike.values() if len(some) > 1)


def _unknown(found: dict[str, Any]) -> Iterator[dict[str, str]]:
    """Figures that will be unknown or empty, why, and what to ask for."""
    alarms, roster, responses = found["alarms"], found["roster"], found["responses"]

    def one(figure: str, because: str, ask: str) -> dict[str, str]:
        return {"figure": figure, "because": because, "ask": ask}

    if not alarms["count"]:
        yield one("all figures", "there is no alarm", "is the feed connected?")
        return
    if alarms["without_end"]["count"] == alarms["count"]:
        yield one(
            "classes, sounding time, delays in tune",
            "no alarm ends, so all stay pending",
            "does the feed send the end of an alarm?",
        )
    if not roster["assignments"]:
        yield one(
            "all figures of clinicians, and who can relieve whom",
            "there is no roster",
            "which system knows who cares for which bed, and when?",
        )
    elif 2 * alarms["unassigned"]["count"] > alarms["count"]:
        yield one(
            "figures of clinicians",
            "most alarms began at beds that nobody had by the roster",
            "do roster and alarms name units and beds alike, and are their zones right?",
        )
    if not responses["count"]:
        yield one(
            "time to response",
            "there are no responses",
            "does the gateway, the central monitor or nurse call record who did what?",
        )
    if (without := responses["units_without_interventions"]) and not found["labels"]["count"]:
        count = len(without)
        yield one(
            "non-actionable alarms that last 15 s or longer (they are unknown)",
            f"{count} unit{' has' if count == 1 else 's have'} no recorded intervention",
            "is there a channel for attend, consult, intervene or changed limits, such as nurse "
            "call or the chart?",
        )
    read = alarms["with_value_and_limit"]
    if 2 * read["count"] < read["of"]:
        yield one(
            "other limits in tune (most alarms are not evaluable)",
            "most physiological alarms have no reading or no limit",
            "can the export name the measured value and the limit in force?",
        )
    if not alarms["technical"]["count"] and alarms["count"] >= _FEW:
        yield one(
            "technical alarms",
            "no alarm is technical, which no ward has",
            "which codes are technical?",
        )


def _share(count: int, of: int) -> dict[str, int]:
    return {"count": count, "of": of}
