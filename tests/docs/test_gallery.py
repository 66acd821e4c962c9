"""The gallery: its scripts run on the data beside them, and its pages show what they give."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reference.gallery import FOLDER, ORDER, shown


@pytest.mark.slow
@pytest.mark.parametrize("name", ORDER)
def test_a_gallery_page_shows_the_output_of_its_script(name: str) -> None:
    """After a change, run `python -m reference.gallery`."""
    page = shown(name)
    assert page.text == (FOLDER / f"{name}.md").read_text()
    assert page.pictures, "each page has a plot"
    for file, picture in page.pictures.items():
        stored = (FOLDER / "pictures" / file).read_text()
        assert labels(picture) == labels(stored), file


def labels(picture: str) -> list[str]:
    """The texts of an SVG: title, axes, legend."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", picture)


def test_every_script_has_a_page_and_every_picture_is_shown() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.py")) == sorted(ORDER)
    pages = "".join((FOLDER / f"{name}.md").read_text() for name in ORDER)
    pictures = {path.name for path in (FOLDER / "pictures").iterdir()}
    assert set(re.findall(r"\(pictures/([^)]+)\)", pages)) == pictures


def test_the_data_is_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in Path(FOLDER / "data").iterdir()) < 1_500_000
