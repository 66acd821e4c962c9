"""History: recorded facts, and what the engine says about them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from alarm_fatigue._burden import burden
from alarm_fatigue._facts import TOPICS, Recording, by_facility
from alarm_fatigue._inputs import Numbered, Report, Source, mapped
from alarm_fatigue._times import as_moment
from alarm_fatigue._whole import Whole, findings, whole
from analyzer import Policy, Topic
from streams.cli.progress import counting, timed, working
from streams.files.kept_facts import Kept
from streams.files.lines import BadLine, InputError
from streams.files.uncollected import uncollected
from streams.formats.codec import MAX_RECORD_BYTES, decode_slice
from streams.formats.control import controls_among

REJECTED = {"file": pl.String, "line": pl.Int64, "field": pl.String, "reason": pl.String}


def read(
    alarms: Any = None,
    assignments: Any = None,
    responses: Any = None,
    labels: Any = None,
    mapping: str | Path | None = None,
    policy: Policy | Mapping[str, Any] | str | Path | None = None,
    pseudonym_key: str | Path | None = None,
) -> History:
    """Read recorded facts. They are complete history: in any order, and nothing in them is late.

    Each of the first four is a path or an open file (JSON lines, CSV, Parquet or a workbook; gzip
    and Zstandard are recognised), or a frame (polars, pandas, arrow), with the columns of the topic
    (docs/reference/topics.md). Times are ms since 1970, RFC 3339 texts, or datetimes with a zone.
    Rows that are no facts are kept in `History.rejected`.

    `mapping`: for tables of a hospital (CSV, Parquet, workbooks, frames), which column is which
    field, as for `replay --mapping`: a YAML file, or the name of a ready one (docs/tables.md).
    `alarms` is such a table, and so are others that do not have the columns of their topic. What is
    suspicious about them is warned of.
    `policy`: a `Policy`, a settings file (YAML), or its section `policy`; None: the defaults.
    `pseudonym_key`: the file of the key under whose pseudonyms clinicians are shown; None: under
    the ids of the input.

    On a terminal, a bar shows how far it has come. Raises `InputError`.
    """
    given: dict[Topic, Any] = {
        "assignments": assignments,
        "alarms": alarms,
        "responses": responses,
        "labels": labels,
    }
    if all(one is None for one in given.values()):
        raise InputError("expected alarms, assignments, responses or labels")
    if mapping is not None and alarms is None:
        raise InputError("mapping: expected a table of alarms")
    refused: list[BadLine] = []
    kept = {topic: Kept(topic) for topic in TOPICS}
    with ExitStack() as stack, counting("reading") as progress, uncollected():
        sources = [Source(topic, one, stack) for topic, one in given.items() if one is not None]
        under = None if mapping is None else Path(mapping)
        tables = [
            one
            for one in sources
            if (one.topic == "alarms" or one.is_table() if under else one.has_whole_alarms())
        ]
        if tables:
            for topic, lines in mapped(tables, under, refused.append, stack):
                for some in lines:
                    _take_lines(
                        kept[topic], some, lambda line: refused.append(tables[0].renamed(line))
                    )
                    progress(len(some))
        for source in sources:
            if source not in tables:
                _take(source, kept[source.topic], refused, progress)
    return History(
        list(by_facility(kept)),
        _policy(policy),
        refused,
        str if pseudonym_key is None else _pseudonyms(Path(pseudonym_key)),
    )


def read_archive(
    folder: str | Path,
    facility: str | None = None,
    start: Any = None,
    end: Any = None,
    policy: Policy | Mapping[str, Any] | str | Path | None = None,
) -> History:
    """Read an archive: the folder that `alarm-fatigue archive` or `replay --archive` writes, or
    the URL of one in an object store, such as s3://BUCKET/PREFIX (needs the extra objectstore).

    `facility`: only this one. `start`, `end`: only alarms that started in this span (datetimes with
    a zone, RFC 3339 texts, or ms since 1970); only the files of its days are opened. Clinicians
    have the pseudonyms of the archive. An archive holds finished alarms, so none is open, and all
    are final; it holds their final priority alone. `policy`: as for `read`.

    Raises `InputError`.
    """
    from alarm_fatigue._archived import archived  # which needs a system that can lock files

    judged = _policy(policy)
    begin = None if start is None else as_moment(start, "start")
    until = None if end is None else as_moment(end, "end")
    with counting("reading") as progress:
        found = list(archived(folder, facility, begin, until, judged, progress))
    return History(found, judged, [], str)


def _take(
    source: Source,
    kept: Kept,
    refused: list[BadLine],
    progress: Callable[[int], None],
) -> None:
    def report(line: BadLine) -> None:
        refused.append(source.renamed(line))

    for some in source.facts():
        _take_lines(kept, some, report)
        progress(len(some))


def _take_lines(kept: Kept, some: Numbered, report: Report) -> None:
    """Take lines, and apply control records in their order."""
    values = [value for _, value in some]
    decoded = decode_slice(kept.topic, values, MAX_RECORD_BYTES)
    controls = list(controls_among(decoded.malformed, values, None)) if decoded.malformed else []
    begin = 0
    for place, control in controls:
        kept.take(decode_slice(kept.topic, values[begin:place]).columns)
        kept.control(control.control, control.facility, control.at, control.clinician)
        begin = place + 1
    rest = decode_slice(kept.topic, values[begin:]) if controls else decoded
    kept.take(rest.columns)
    applied = {place for place, _ in controls}
    for place, detail in decoded.malformed:
        if place not in applied:
            report(BadLine(Path(), some[place][0], detail))


class History:
    """The recorded facts of one facility or several, and the answers about them. Made by `read`.

    Answers are polars frames, and `to_pandas()` of each gives a pandas one; times are UTC
    datetimes (ms). Answers about everything are computed once and remembered.
    """

    def __init__(
        self,
        recordings: list[Recording],
        policy: Policy,
        refused: list[BadLine],
        pseudonym: Callable[[str], str],
    ) -> None:
        self.policy = policy
        """The figures by which it was judged."""
        self._recordings = recordings
        self._refused = refused
        self._pseudonym = pseudonym

    @property
    def facilities(self) -> list[str]:
        """The facilities with a fact, ordered."""
        return [one.facility for one in self._recordings]

    @property
    def count(self) -> int:
        """The facts accepted; what has the `event_id` of an earlier one is not counted again."""
        return sum(one.count for one in self._recordings)

    @property
    def rejected(self) -> pl.DataFrame:
        """Rows that are no facts: `file`, `line`, `field` and `reason`. A file's lines and a
        frame's rows are numbered from 1.
        """
        parts = [(line, *line.detail.partition(": ")) for line in self._refused]
        return pl.DataFrame(
            {
                "file": [str(line.path) for line, *_ in parts],
                "line": [line.line for line, *_ in parts],
                "field": [field if mark else None for _, field, mark, _ in parts],
                "reason": [reason if mark else field for _, field, mark, reason in parts],
            },
            schema=REJECTED,
        )

    def episodes(self) -> pl.DataFrame:
        """The finished episodes at the watermark, as the topic `episodes` would hold them: one row
        each, ordered by facility, end and alarm id.

        Columns: `facility`, `unit`, `bed`, `alarm_id`, `device_id`, `device_type`, `source`,
        `code`, `kind`, `label`, `priority`, `start`, `end`, `value`, `limit`, `clinicians` (a
        list), `class`, `basis`, `first_response`.
        """
        return self._whole.episodes

    def burden(
        self,
        window: str = "1h",
        every: str = "15m",
        by: str = "unit",
        start: Any = None,
        end: Any = None,
    ) -> pl.DataFrame:
        """The measures of units or clinicians (`by`) over event time, as `replay --at` gives them.

        A row for each multiple of `every` since 1970, from the first alarm to the watermark of the
        facility, or from `start` to `end`, and for each unit or clinician that is exported then: in
        charge of a bed, or with an alarm in a window of the policy, or open. Columns are named as
        the metrics (docs/reference/metrics.md) without prefix; further labels are appended, such as
        `classified_alarms_technical`; `alarms` is the sum over the priorities. `type_alarms` is a
        list of the most frequent alarm types, with `device_type`, `source`, `code`, `alarms`,
        `share` and the two ratios. Null: too little is known.

        `window`, `every`: durations such as `10m`. Raises `InputError`.
        """
        with timed("computing", 0, 1000) as progress, uncollected():
            return burden(
                self._recordings,
                self.policy,
                self._pseudonym,
                window=window,
                every=every,
                by=by,
                start=start,
                end=end,
                progress=progress,
            )

    def overload_changes(self) -> pl.DataFrame:
        """Every change of an overload state, by time, as in the topic `overload`: `facility`,
        `unit`, `level`, `clinician`, `at`, `from`, `to`, `reasons` and `top_types` (lists),
        `relief_text`.
        """
        return self._whole.changes

    def findings(self, unit: str | None = None) -> pl.DataFrame:
        """Which alarm types to fix first, a row each, by unit and rank: what drives them, the
        remedy, its owner, what it would hide, and the finding as a sentence (`says`).

        `unit`: only units of this name. Raises `InputError` if there is none.
        """
        found = self._findings
        if unit is None:
            return found
        from streams.cli.names import listed

        units = set().union(*(one.units() for one in self._recordings))
        if unit not in units:
            raise InputError(f"unit: {unit} is not among the alarms; there {listed(unit, units)}")
        return found.filter(pl.col("unit") == unit)

    def __repr__(self) -> str:
        what = f"{self.count:,} facts of {', '.join(self.facilities) or 'no facility'}"
        return f"<History: {what}; {len(self._refused):,} rejected>"

    @cached_property
    def _findings(self) -> pl.DataFrame:
        with working("measuring"):
            return findings(self._whole.engines, self.policy)

    @cached_property
    def _whole(self) -> Whole:
        with counting("computing", self.count) as progress, uncollected():
            return whole(self._recordings, self.policy, self._pseudonym, progress)


def _policy(given: Policy | Mapping[str, Any] | str | Path | None) -> Policy:
    if given is None:
        return Policy()
    if isinstance(given, Policy):
        return given
    from streams.settings import Settings, SettingsError, load

    try:
        if isinstance(given, Mapping):
            return Settings.model_validate({"policy": dict(given)}).policy
        return load(Path(given)).policy
    except (SettingsError, ValueError) as error:
        raise InputError(f"policy: {error}") from None


def _pseudonyms(path: Path) -> Callable[[str], str]:
    from streams.pseudonyms import pseudonyms
    from streams.settings import Settings, SettingsError

    try:
        return pseudonyms(Settings(pseudonym_key_file=path))
    except SettingsError as error:
        raise InputError(str(error)) from None
