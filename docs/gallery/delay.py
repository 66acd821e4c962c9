"""Trying a delay

What an annunciation delay would have spared, and what it would have hidden, before anybody changes
a monitor.
"""

# %% Low SpO2 alarms of one unit, before its change: the first week.
import altair as alt
import polars as pl

import alarm_fatigue as af

weeks = af.read(
    alarms="data/alarms.parquet",
    assignments="data/assignments.parquet",
    responses="data/responses.parquet",
    labels="data/labels.parquet",
)
first = weeks.episodes().filter(
    pl.col("unit") == "MICU", pl.col("start") < pl.datetime(2026, 3, 8, time_zone="UTC")
)
spo2 = "monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO"
af.whatif(first, unit="MICU", type=spo2, delay="15s")

# %% Every delay up to half a minute: the share of alarms spared, and of needed ones hidden, with
# the upper bound of what few observations leave possible.
rows = []
for seconds in range(2, 31, 2):
    tried = af.whatif(first, unit="MICU", type=spo2, delay=seconds)
    rows.append(
        {
            "delay": seconds,
            "spared": tried.removed.alarms / tried.before.alarms,
            "hidden": tried["lost"]["share"],
            "upper bound of hidden": tried.lost_upper,
            "promise": tried.promise,
        }
    )
tried = pl.DataFrame(rows)
tried.filter(pl.col("delay").is_in([4, 10, 14, 20, 30]))

# %% The two grow together. A tolerance (here 1 %) says how far one may go, not the curve.
long = tried.drop("promise").unpivot(index="delay", variable_name="of", value_name="share")
lines = (
    alt.Chart(long, width=520, height=220)
    .mark_line()
    .encode(
        x=alt.X("delay:Q", title="delay (s)"),
        y=alt.Y("share:Q", title=None, axis=alt.Axis(format="%")),
        color=alt.Color(
            "of:N", title=None, scale=alt.Scale(range=["#c2410c", "#0f766e", "#e0a080"])
        ),
    )
)
tolerance = (
    alt.Chart(pl.DataFrame({"share": [0.01]})).mark_rule(strokeDash=[4, 4]).encode(y="share")
)
lines + tolerance

# %% What an answer does not say, it says itself.
for caveat in af.whatif(first, unit="MICU", type=spo2, delay="15s").caveats:
    print("-", caveat)
