"""The sentences of caveats."""

from __future__ import annotations

from string import Formatter

import pytest

from analyzer.whatif import CAVEATS, Caveat, CaveatKind
from streams.files.caveat_words import _SENTENCES, caveat_words


@pytest.mark.parametrize("kind", CAVEATS)
def test_every_caveat_has_a_sentence(kind: CaveatKind) -> None:
    names = {name for _, name, *_ in Formatter().parse(_SENTENCES[kind]) if name}
    said = caveat_words(Caveat(kind, dict.fromkeys(names, 7)))
    assert said[0].isalnum()
    assert said.endswith(".")
    assert "{" not in said
