"""The documentation: links work in the repository and on the site, and the site loads nothing from
other hosts.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import typer

from reference.metrics import exposed
from reference.settings import settings
from reference.site import OUTSIDE, rewritten
from streams.cli.main import app
from streams.metrics.definitions import DEFINITIONS
from tests.harness.charts import CHART, FOLDER, read

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"),
        *(ROOT / ".github").rglob("*.md"),
        *(
            one
            for name in ("bench", "deploy", "docs", "grafana")
            for one in (ROOT / name).rglob("*.md")
        ),
    ]
    if "node_modules" not in path.parts
)
LINK = re.compile(r"\]\(([^)\s#]+)(?:#([^)\s]+))?\)|\]\(#([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_existing_files_of_the_repository(page: Path) -> None:
    targets = [
        target
        for target, _, _ in LINK.findall(FENCE.sub("", page.read_text()))
        if target and "://" not in target
    ]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_a_link_out_of_docs_leads_to_the_page_on_the_site() -> None:
    source = ROOT / "docs" / "reference" / "alerts.md"
    text = (
        "[a](../../deploy/runbooks/DataLost.md#what-to-do), [b](../semantics.md), "
        "[c](https://example.org), ![d](../../.github/page.png)"
    )
    assert rewritten(text, source, "reference/alerts.md") == (
        "[a](../runbooks/DataLost.md#what-to-do), [b](../semantics.md), "
        "[c](https://example.org), ![d](../pictures/page.png)"
    )


def test_a_link_to_a_file_that_is_not_on_the_site_becomes_its_name_and_a_broken_one_stays() -> None:
    source = ROOT / "README.md"
    text = "[rules](analyzer/model/policy.py), [`Makefile`](Makefile), [lost](docs/lost.md)"
    assert (
        rewritten(text, source, "index.md")
        == "rules (`analyzer/model/policy.py`), `Makefile`, [lost](docs/lost.md)"
    )


class Fetched(HTMLParser):
    """Collects the addresses that a browser fetches to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        fetched = (
            given.get("src")
            if tag != "link"
            else given.get("href")
            if given.get("rel") != "canonical"
            else None
        )
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
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout + done.stderr == ""
    return folder


def test_the_site_has_every_page(site: Path) -> None:
    ours = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    expected = {
        place.removesuffix(".md") + ".html"
        for place in ours | set(OUTSIDE.values())
        if place.endswith(".md")
    }
    built = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert built == expected | {"404.html"}


def test_pages_of_the_site_fetch_from_the_site_alone(site: Path) -> None:
    for path in site.rglob("*.html"):
        assert "```" not in path.read_text(), "a fence that was not rendered"
        fetched = Fetched()
        fetched.feed(path.read_text())
        assert fetched.found, path
        assert [one for one in fetched.found if re.match(r"(\w+:)?//", one)] == [], path
        if path.name != "404.html":
            assert [
                one
                for one in fetched.found
                if not (path.parent / one.split("#")[0].split("?")[0]).exists()
            ] == [], path


def test_style_sheets_of_the_site_fetch_from_the_site_alone(site: Path) -> None:
    sheets = list(site.rglob("*.css"))
    assert sheets
    for path in sheets:
        assert re.findall(r"url\(\s*['\"]?((?:\w+:)?//[^)]*)", path.read_text()) == [], path


# --- names in texts exist

BY_HAND = [page for page in PAGES if page.name != "CHANGELOG.md"]
"""All but the changelog, which also names things of earlier versions."""
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
GROUPS = {"web", "web.proxy", "metrics", "policy", "policy.overload", "policy.findings"}
SHOWN = re.compile(r"```.*?```|`[^`\n]+`|^    .+$", re.MULTILINE | re.DOTALL)


def shown(page: Path) -> str:
    """The code on a page."""
    return "\n".join(SHOWN.findall(page.read_text()))


def commands(command: Any, *before: str) -> set[tuple[str, ...]]:
    """The names of a command and of all its subcommands."""
    below = getattr(command, "commands", {})
    return {before}.union(*(commands(one, *before, name) for name, one in below.items()))


COMMANDS = commands(typer.main.get_command(app))
LEAVES = {
    one
    for one in COMMANDS
    if len(one) == 1 and not any(other[:1] == one != other for other in COMMANDS)
}


@pytest.mark.parametrize("page", BY_HAND, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_targets_settings_and_metrics_that_a_page_names_exist(page: Path) -> None:
    text = shown(page)
    assert set(re.findall(r"\bmake ([a-z][a-z-]*)", text)) <= TARGETS
    called = {
        tuple(words.split())
        for words in re.findall(r"\balarm-fatigue ((?:[a-z][a-z0-9]* ?){1,2})", text)
    }
    assert [words for words in called if words not in COMMANDS and words[:1] not in LEAVES] == []
    known = {one.name for one in settings()} | GROUPS
    if page.parent == FOLDER:
        known |= {f"web.{name}" for name in read(CHART / "values.yaml")["web"]}
    named = re.findall(
        r"(?<![\w./-])((?:web|metrics|policy)\.[a-z_0-9.]*[a-z_0-9])(?![\w(/])", text
    )
    assert [
        name for name in named if name not in known and not name.startswith("policy.overload.units")
    ] == []
    names = {exposed(name) for name in DEFINITIONS}
    metrics = re.findall(r"(?<![\w:])(alarm_fatigue_[a-z_0-9]*[a-z0-9])(?![\w*-])", text)
    ends = ("", "_sum", "_count", "_bucket")
    assert [one for one in metrics if not any(one.removesuffix(end) in names for end in ends)] == []


@pytest.mark.slow
def test_first_steps_are_commands_that_run(tmp_path: Path) -> None:
    steps = re.findall(
        r"^```sh run\n(.*?)^```$",
        (ROOT / "docs" / "first-steps.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert len(steps) >= 4
    environment = os.environ | {"XDG_STATE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    for step in steps:
        command, *arguments = shlex.split(step.replace("\\\n", " "))
        assert command == "alarm-fatigue"
        whole = [sys.executable, "-m", "streams.cli.main", *arguments]
        done = subprocess.run(
            whole, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), step + done.stderr
    assert "no recommendation" in done.stdout, "the page says that one shift is too little evidence"
