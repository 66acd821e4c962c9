"""Benchmarks: the worker compared with its peers, and its parts at full size. They print figures
and assert nothing. Not part of the wheel.
"""
