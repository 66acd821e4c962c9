"""Fuzzing: arbitrary bytes at every input of the service, with an oracle for each that knows what
may come of them.

A target (`targets`) is a function of bytes that raises where a rule is broken; `mutation` makes
inputs that get past the first check of a parser; `python -m tests.fuzz` (`make fuzz`) drives them
with atheris, and the interface with schemathesis. `corpus/TARGET` holds small inputs that reach
different code, and every input that once broke a rule; `tests/fuzz/test_fuzz.py` runs all of them.
"""
