"""Fault tests on real Apache Kafka: whatever is killed, stopped, repeated or shuffled, the numbers
are those of the naive reference.

`load` draws what is produced, `reference` works out what must be made of it, `rig` holds the
broker, the workers and the producer, `scenarios` does harm. `live` runs by the wall clock: the
poison list, added partitions, a suspended broker, a full disk and slow scrapers, while normal
hospitals must be counted in time. A short run of each is in `tests/chaos/test_chaos.py`; the long
one is

    python -m tests.chaos            # make chaos

`archives` kills archivers while `outputs` come in, and has DuckDB compare their rows:

    python -m tests.chaos.archives   # make chaos-archive
"""
