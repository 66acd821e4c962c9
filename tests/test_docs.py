"""The documentation: links lead somewhere in the repository and on the site, and the site asks no other host for anything."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from reference.site import OUTSIDE, rewritten

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / ".github").rglob("*.md"),
        *(one for name in ("bench", "deploy", "docs", "grafana") for one in (ROOT / name).rglob("*.md")),
    ]
    if "node_modules" not in path.parts
)
LINK = re.compile(r"\]\(([^)\s#]+)(?:#([^)\s]+))?\)|\]\(#([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_what_is_in_the_repository(page: Path) -> None:
    targets = [target for target, _, _ in LINK.findall(FENCE.sub("", page.read_text())) if target and "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_a_link_out_of_docs_is_one_to_the_page_that_the_site_has_of_it() -> None:
    source = ROOT / "docs" / "reference" / "alerts.md"
    text = "[a](../../deploy/runbooks/DataLost.md#what-to-do), [b](../semantics.md), [c](https://example.org), ![d](../../.github/page.png)"
    assert rewritten(text, source, "reference/alerts.md") == (
        "[a](../runbooks/DataLost.md#what-to-do), [b](../semantics.md), [c](https://example.org), ![d](../pictures/page.png)"
    )


def test_a_link_to_what_the_site_has_not_is_the_name_of_the_file_and_a_broken_one_stays_for_mkdocs_to_report() -> None:
    source = ROOT / "README.md"
    text = "[rules](analyzer/policy.py), [`Makefile`](Makefile), [lost](docs/lost.md)"
    assert rewritten(text, source, "index.md") == "rules (`analyzer/policy.py`), `Makefile`, [lost](docs/lost.md)"


class Asked(HTMLParser):
    """What a browser fetches to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        fetched = given.get("src") if tag != "link" else given.get("href") if given.get("rel") != "canonical" else None
        if fetched:
            self.found.add(fetched)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built without a warning."""
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--quiet",
        "--strict",
        "--config-file",
        str(ROOT / "mkdocs.yml"),
        "--site-dir",
        str(folder),
    ]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout + done.stderr == ""
    return folder


def test_the_site_has_every_page(site: Path) -> None:
    ours = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    expected = {place.removesuffix(".md") + ".html" for place in ours | set(OUTSIDE.values()) if place.endswith(".md")}
    built = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert built == expected | {"404.html"}


def test_pages_of_the_site_fetch_from_the_site_alone(site: Path) -> None:
    for path in site.rglob("*.html"):
        asked = Asked()
        asked.feed(path.read_text())
        assert asked.found, path
        assert [one for one in asked.found if re.match(r"(\w+:)?//", one)] == [], path
        if path.name != "404.html":
            assert [one for one in asked.found if not (path.parent / one.split("#")[0].split("?")[0]).exists()] == [], path


def test_style_sheets_of_the_site_fetch_from_the_site_alone(site: Path) -> None:
    sheets = list(site.rglob("*.css"))
    assert sheets
    for path in sheets:
        assert re.findall(r"url\(\s*['\"]?((?:\w+:)?//[^)]*)", path.read_text()) == [], path
