"""Inflating stops at a bound."""

from __future__ import annotations

import pytest

from streams.kafka.inflate import InflateError, inflate
from tests.harness.batches import CODECS


@pytest.mark.parametrize("name", [name for name in CODECS if name != "plain"])
def test_a_codec_gives_what_was_compressed_up_to_the_bound_and_never_more(name: str) -> None:
    number, compress = CODECS[name]
    data = b"".join(b'{"event_id": "e%d"}' % count for count in range(5000))
    packed = memoryview(compress(data))
    assert inflate(number, packed, b"head", len(data)) == b"head" + data
    with pytest.raises(InflateError, match=f"more than {len(data) - 1} bytes when inflated"):
        inflate(number, packed, b"head", len(data) - 1)
