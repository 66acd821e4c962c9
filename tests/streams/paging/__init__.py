"""Tests of `streams.paging`."""
