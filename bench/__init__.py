"""Benchmarks: what the analyzer does at full size. They print figures; they assert none."""
