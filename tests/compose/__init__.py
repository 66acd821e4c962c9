"""deploy/compose.yml on a real engine, from alarms to pages: `python -m tests.compose`."""
