"""Site: hooks for mkdocs, which include pages outside docs/ and rewrite links for the site.

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
    "deploy/helm/README.md": "kubernetes.md",
    "deploy/systemd/README.md": "systemd.md",
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
"""Files outside docs/, and their paths on the site."""

_LINK = re.compile(r"(?P<mark>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")
_FENCE = re.compile(r"^(```\w+) \w+$", re.MULTILINE)
"""A fence with a second word for the tests, such as `run`; mkdocs knows only the first word.
"""
_ELSEWHERE = re.compile(r"[a-z]+:", re.IGNORECASE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Replaces folders at the top level of the navigation by their pages."""
    for one in config.nav or []:
        for title, path in one.items():
            if isinstance(path, str) and path.endswith("/"):
                one[title] = _pages(path)
    return config


def _pages(folder: str) -> list[str]:
    ours = {path.relative_to(DOCS).as_posix() for path in (DOCS / folder).glob("*.md")}
    return sorted(ours | {path for path in OUTSIDE.values() if path.startswith(folder)})


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for source, path in OUTSIDE.items():
        files.append(File.generated(config, path, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  # mkdocs passes them by name
    path = page.file.src_uri
    source = next((ROOT / one for one, other in OUTSIDE.items() if other == path), DOCS / path)
    return _FENCE.sub(r"\1", rewritten(markdown, source, path))


def rewritten(markdown: str, source: Path, target_path: str) -> str:
    """A page's text with links for the site. `source`: its file; `target_path`: its path on the
    site.

    A link to a file that is not on the site becomes the name of the file. A broken link stays, for
    mkdocs to report.
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
        there = os.path.relpath(known, Path(target_path).parent)
        return f"{found['mark']}[{found['text']}]({there}{found['anchor'] or ''})"

    return _LINK.sub(link, markdown)
