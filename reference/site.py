"""Site: hooks for mkdocs. Some pages live outside docs/, next to what they describe; a link is
written as it works in the repository.

mkdocs calls `on_config`, `on_files` and `on_page_markdown`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"

OUTSIDE = {
    "deploy/README.md": "deploy.md",
    "grafana/README.md": "grafana.md",
    "bench/results/results.md": "benchmarks.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "RELEASING.md": "releasing.md",
    "SECURITY.md": "security.md",
    ".github/page.png": "pictures/page.png",
    ".github/unit.png": "pictures/unit.png",
    **{
        f"deploy/runbooks/{path.name}": f"runbooks/{path.name}"
        for path in sorted((ROOT / "deploy" / "runbooks").glob("*.md"))
    },
}
"""Files of the repository, and where the site has them."""

_LINK = re.compile(r"(?P<mark>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
_FENCE = re.compile(r"^(```\w+) \w+$", re.MULTILINE)
"""A fence whose second word tells the tests that they shall run it; mkdocs knows the first alone.
"""
_ELSEWHERE = re.compile(r"[a-z]+:", re.IGNORECASE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """A folder at the top of the navigation stands for its pages."""
    for one in config.nav or []:
        for title, place in one.items():
            if isinstance(place, str) and place.endswith("/"):
                one[title] = _pages(place)
    return config


def _pages(folder: str) -> list[str]:
    ours = {path.relative_to(DOCS).as_posix() for path in (DOCS / folder).glob("*.md")}
    return sorted(ours | {place for place in OUTSIDE.values() if place.startswith(folder)})


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for source, place in OUTSIDE.items():
        files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  # mkdocs passes them by name
    place = page.file.src_uri
    source = next((ROOT / one for one, other in OUTSIDE.items() if other == place), DOCS / place)
    return _FENCE.sub(r"\1", rewritten(markdown, source, place))


def rewritten(markdown: str, source: Path, place: str) -> str:
    """A page's text with its links as the site needs them: `source` is its file, `place` where the
    site has it.

    A link to a file that the site does not have becomes the name of the file. What does not exist
    stays, for mkdocs to report.
    """

    def link(found: re.Match[str]) -> str:
        target = found["target"]
        if _ELSEWHERE.match(target):
            return found[0]
        file = Path(os.path.normpath(source.parent / target))
        if not file.is_relative_to(ROOT) or not file.exists():
            return found[0]
        known = (
            file.relative_to(DOCS).as_posix()
            if file.is_relative_to(DOCS)
            else OUTSIDE.get(file.relative_to(ROOT).as_posix())
        )
        if known is None or not file.is_file():
            name = f"`{file.relative_to(ROOT).as_posix()}`"
            return (
                name if found["text"].strip("`") == name.strip("`") else f"{found['text']} ({name})"
            )
        there = os.path.relpath(known, Path(place).parent)
        return f"{found['mark']}[{found['text']}]({there}{found['anchor'] or ''})"

    return _LINK.sub(link, markdown)
