"""The picture of the overload states is current, and shows the whole transition table."""

from __future__ import annotations

from xml.etree import ElementTree

from analyzer.model.overload import STATES
from analyzer.overload.machine import RULES
from reference.__main__ import PICTURES, drawn

SVG = "{http://www.w3.org/2000/svg}"


def test_committed_pictures_equal_the_generated_ones() -> None:
    """After a change to the code, run `make reference`."""
    assert {name: (PICTURES / name).read_text() for name in drawn()} == drawn()


def test_the_picture_has_every_state_and_an_arrow_with_words_for_every_rule() -> None:
    picture = ElementTree.fromstring(drawn()["overload-states.svg"])
    arrows = [one for one in picture.iter(f"{SVG}path") if "marker-end" in one.attrib]
    assert len(arrows) == len(RULES)
    texts = [" ".join(one.itertext()) for one in picture.iter(f"{SVG}text")]
    assert sorted(texts) == sorted([*STATES, *(str(rule.condition) for rule in RULES)])
    described = picture.findtext(f"{SVG}desc") or ""
    for rule in RULES:
        sentence = f"{STATES[rule.source]} to {STATES[rule.target]}: {rule.condition}"
        assert sentence in described
