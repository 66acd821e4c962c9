"""A first look at a ward

Two weeks of two simulated units of four beds each: how much sounds, when, and where.
"""

# %% Read what was recorded. What is no fact stands in `rejected`, with the reason.
import altair as alt
import polars as pl

import alarm_fatigue as af

weeks = af.read(
    alarms="data/alarms.parquet",
    assignments="data/assignments.parquet",
    responses="data/responses.parquet",
    labels="data/labels.parquet",
)
print(weeks, len(weeks.rejected), "rows rejected")

# %% One row for each finished alarm. `info` and `advisory` messages are no alarms.
episodes = weeks.episodes().filter(pl.col("priority") != "info", pl.col("kind") != "advisory")
episodes.select("unit", "bed", "code", "start", "end", "class").head(5)

# %% How many a bed has on a day, by class. `unknown` is a class: nothing is taken for harmless.
days = episodes["start"].dt.date().n_unique()
beds = episodes.group_by("unit").agg(beds=pl.col("bed").n_unique())
(
    episodes.group_by("unit", "class")
    .len()
    .join(beds, on="unit")
    .with_columns(a_bed_and_day=(pl.col("len") / pl.col("beds") / days).round(1))
    .sort("unit", "class")
    .pivot("class", index="unit", values="a_bed_and_day")
)

# %% When: the average of each hour of the week, from the burden at every full hour.
load = weeks.burden(window="1h", every="1h").filter(pl.col("unit") == "MICU")
hours = (
    load.with_columns(
        weekday=pl.col("at").dt.weekday(),
        # the hour that ends then
        hour=pl.col("at").dt.offset_by("-1h").dt.hour(),
    )
    .group_by("weekday", "hour")
    .agg(alarms=pl.col("alarms").mean())
    .sort("weekday", "hour")
)
names = "['', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'][datum.value]"
alt.Chart(hours, width=520, height=170, title="MICU: alarms an hour").mark_rect().encode(
    x=alt.X("hour:O", title="hour of the day (UTC)"),
    y=alt.Y("weekday:O", title=None, axis=alt.Axis(labelExpr=names)),
    color=alt.Color("alarms:Q", title="alarms", scale=alt.Scale(scheme="teals")),
)

# %% Where: every alarm of one evening, a line for each bed. Bursts and long ones show at once.
evening = episodes.filter(
    pl.col("start").is_between(
        pl.datetime(2026, 3, 4, 18, time_zone="UTC"), pl.datetime(2026, 3, 4, 22, time_zone="UTC")
    )
)
alt.Chart(evening, width=520, height=180, title="One evening").mark_bar(height=9).encode(
    x=alt.X("start:T", title=None, axis=alt.Axis(format="%H:%M")),
    x2="end:T",
    y=alt.Y("bed:N", title=None),
    color=alt.Color(
        "class:N",
        title=None,
        scale=alt.Scale(
            domain=["actionable", "non_actionable", "technical", "unknown"],
            range=["#c2410c", "#0f766e", "#7c8ea0", "#c9ced4"],
        ),
    ),
)
