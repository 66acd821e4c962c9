"""Benchmarks: the worker beside its peers, on one input, one broker and one machine. Not part of the product's wheel."""
