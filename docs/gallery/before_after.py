"""Before and after

On 8 March one unit delayed its low SpO2 alarms by 15 s. Did it help, and did anything get worse?
"""

# %% The unit that changed beside the one that did not. The interval says how little six days
# of four beds can show: record for longer, or in more beds, before you decide.
import altair as alt
import polars as pl

import alarm_fatigue as af

weeks = af.read(
    alarms="data/alarms.parquet",
    assignments="data/assignments.parquet",
    responses="data/responses.parquet",
    labels="data/labels.parquet",
)
episodes = weeks.episodes()
change = "2026-03-08T00:00:00Z"
effect = af.compare(
    episodes,
    at=change,
    unit="MICU",
    type="monitor/MDC_PULS_OXIM_SAT_O2/MDC_EVT_LO",
    control_units=["SICU"],
)
print(effect)
print("rate relative to the control unit:", dict(effect.effect))

# %% Each day, with the level that was usual before and the limits of chance.
chart = effect["run_chart"]
points = (
    alt.Chart(effect.daily, width=520, height=200, title="Low SpO2 alarms of the MICU, by day")
    .mark_line(point=True, color="#0f766e")
    .encode(x=alt.X("from:T", title=None), y=alt.Y("alarms:Q", title="alarms a day"))
)
rules = alt.Chart(pl.DataFrame({"y": [chart["low"], chart["median"], chart["high"]]})).mark_rule(
    color="#7c8ea0", strokeDash=[4, 4]
)
moment = alt.Chart(pl.DataFrame({"at": [change]})).mark_rule(color="#c2410c").encode(x="at:T")
points + rules.encode(y="y:Q") + moment

# %% Shifts: alarms of a clinician in an hour, by day (7 to 19 h) and by night.
people = weeks.burden(window="1h", every="1h", by="clinician").filter(pl.col("unit") == "MICU")
shifts = people.filter(pl.col("beds") > 0).with_columns(
    shift=pl.when(pl.col("at").dt.hour().is_between(8, 19))
    .then(pl.lit("day"))
    .otherwise(pl.lit("night")),
    when=pl.when(pl.col("at") < pl.datetime(2026, 3, 8, time_zone="UTC"))
    .then(pl.lit("before"))
    .otherwise(pl.lit("after")),
)
alt.Chart(
    shifts.select("shift", "when", "alarms"), width=200, height=180, title="Alarms an hour"
).mark_boxplot(color="#0f766e").encode(
    x=alt.X("when:N", sort=["before", "after"], title=None, axis=alt.Axis(labelAngle=0)),
    y=alt.Y("alarms:Q", title="attributed to a clinician"),
    column=alt.Column("shift:N", title=None),
)

# %% What must not get worse, and what the comparison cannot know.
for name in ("before", "after"):
    balance = effect["balance"][name]
    print(name, "-", balance["answered"], "of", balance["actionable"], "actionable ones answered")
for caveat in effect.caveats:
    print("-", caveat)
