"""Scenarios: the names of the archetypes, which `--help` shows without drawing any."""

SCENARIOS = (
    "crisis-alarm-off",
    "leads-off-silenced",
    "battery-dead",
    "one-assignment",
    "quiet",
    "feed-gap",
)
