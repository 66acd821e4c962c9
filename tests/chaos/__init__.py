"""Fault tests on real Apache Kafka: whatever is killed, stopped, repeated or shuffled, the numbers are those of the naive reference.

`load` draws what is produced, `reference` works out what must be made of it, `rig` holds the broker, the workers and the
producer, `scenarios` does harm. A short run of each is in `tests/test_chaos.py`; the long one is

    python -m tests.chaos        # make chaos
"""
