"""Non-actionable alarms, by type and hour

Which few alarm types make most of the noise, what drives them, and when it comes.
"""

# %% The same two weeks.
import altair as alt
import polars as pl

import alarm_fatigue as af

weeks = af.read(
    alarms="data/alarms.parquet",
    assignments="data/assignments.parquet",
    responses="data/responses.parquet",
    labels="data/labels.parquet",
)

# %% The types by load: non-actionable and technical alarms. The line adds up their shares.
found = weeks.findings(unit="SICU")
types = found.select("rank", "name", "load", "load_share").with_columns(
    together=pl.col("load_share").cum_sum()
)
base = alt.Chart(types.head(12), width=480, height=220, title="SICU").encode(
    x=alt.X("name:N", sort=None, title=None, axis=alt.Axis(labelAngle=-40))
)
bars = base.mark_bar(color="#0f766e").encode(
    y=alt.Y("load:Q", title="non-actionable and technical alarms")
)
line = base.mark_line(point=True, color="#c2410c").encode(
    y=alt.Y("together:Q", title="together", axis=alt.Axis(format="%"), scale=alt.Scale(zero=True))
)
alt.layer(bars, line).resolve_scale(y="independent")

# %% What drives the first five, and the remedy, each in a sentence.
for says in found["says"].head(5):
    print("-", says)

# %% The non-actionable share of clinical alarms, as the board shows it. Nothing is shown where too
# few alarms are classified.
shares = weeks.burden(window="2h", every="1h").with_columns(hour=pl.col("at").dt.hour())
by_hour = (
    shares.drop_nulls("nonactionable_ratio_clinical")
    .group_by("unit", "hour")
    .agg(share=pl.col("nonactionable_ratio_clinical").mean(), low=pl.len())
    .sort("unit", "hour")
)
alt.Chart(by_hour, width=520, height=180).mark_line(interpolate="monotone").encode(
    x=alt.X("hour:Q", title="hour of the day (UTC)"),
    y=alt.Y(
        "share:Q", title="non-actionable", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])
    ),
    color=alt.Color("unit:N", title=None, scale=alt.Scale(range=["#0f766e", "#c2410c"])),
)
