"""A page as Chromium prints it, and what stands where on the paper."""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as Xml
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser

from tests.harness.needs import need

LINE = 2.0
"""Words whose upper edges differ by less, in points, stand on one line."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its edges, in points (1/72 inch) from the upper left corner of the page."""

    text: str
    left: float
    right: float
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Sheet:
    """A printed page."""

    width: float
    height: float
    words: tuple[Word, ...]

    def lines(self, above: float) -> list[str]:
        """The text above this many points from the lower edge, line by line."""
        found: list[tuple[float, list[Word]]] = []
        for word in sorted(self.words, key=lambda one: one.top):
            if word.bottom > self.height - above:
                continue
            if not found or word.top - found[-1][0] >= LINE:
                found.append((word.top, []))
            found[-1][1].append(word)
        return [
            " ".join(one.text for one in sorted(words, key=lambda one: one.left))
            for _, words in found
        ]

    def below(self, line: float) -> str:
        """The text within this many points of the lower edge."""
        words = [one for one in self.words if one.bottom > self.height - line]
        return " ".join(one.text for one in sorted(words, key=lambda one: one.left))


@dataclass(frozen=True, slots=True)
class Print:
    """A printed document, and what its source says."""

    sheets: tuple[Sheet, ...]
    headings: frozenset[str]
    table_heads: frozenset[str]
    """The first word of each table's head."""
    last_cells: Counter[str]
    """The words in the last column of all tables."""

    def words(self) -> Counter[str]:
        return Counter(word.text for sheet in self.sheets for word in sheet.words)


def printed(browser: Browser, html: Path, format_: str) -> Print:
    """Print a file on paper of a format, such as "A4"."""
    target = html.with_suffix(f".{format_}.pdf")
    page = browser.new_page()
    try:
        page.goto(html.as_uri())
        page.emulate_media(media="print")
        page.pdf(path=target, format=format_, prefer_css_page_size=True, print_background=True)

        def texts(selector: str) -> list[str]:
            script = "all => all.map(one => one.innerText)"
            return [str(one) for one in page.eval_on_selector_all(selector, script)]

        headings = frozenset(" ".join(one.split()) for one in texts("h2, h3"))
        heads = frozenset(one.split()[0] for one in texts("thead th:first-child") if one.strip())
        last = Counter(" ".join(texts("td:last-child")).split())
    finally:
        page.close()
    done = subprocess.run(
        [need("pdftotext"), "-bbox", target, "-"], capture_output=True, text=True, check=True
    )
    return Print(tuple(map(_sheet, _pages(done.stdout))), headings, heads, last)


def _pages(xhtml: str) -> list[Xml.Element]:
    return list(Xml.fromstring(xhtml).iter("{http://www.w3.org/1999/xhtml}page"))


def _sheet(page: Xml.Element) -> Sheet:
    words = (
        Word(
            one.text or "",
            float(one.attrib["xMin"]),
            float(one.attrib["xMax"]),
            float(one.attrib["yMin"]),
            float(one.attrib["yMax"]),
        )
        for one in page
    )
    return Sheet(float(page.attrib["width"]), float(page.attrib["height"]), tuple(words))
