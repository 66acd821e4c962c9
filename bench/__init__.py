"""Benchmarks: the worker beside its peers, and its parts at full size. They print figures and
assert none. Not part of the wheel.
"""
