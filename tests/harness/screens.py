"""A page open in a browser.

Screenshots are left in the folder that ALARM_FATIGUE_TESTS_SCREENSHOTS names.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, expect

from tests.harness.site import Site

PATIENCE = 20_000  # ms
expect.set_options(timeout=PATIENCE)
SIZES = {
    "phone": (390, 844),
    "tablet": (768, 1024),
    "laptop": (1280, 800),
    "desktop": (1440, 900),
    "wall": (1920, 1080),
}


class Screen:
    """A page open in a browser, with all errors and warnings of the browser."""

    def __init__(self, browser: Browser, site: Site, query: str = "", **context: Any) -> None:
        self._context = browser.new_context(
            viewport=viewport("laptop"), timezone_id="Europe/Vienna", **context
        )
        self.page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.asked: set[str] = set()
        self.page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text)
                if message.type in ("error", "warning")
                else None
            ),
        )
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.add(request.url))
        self.page.goto(site.address + query)

    def __enter__(self) -> Page:
        return self.page

    def __exit__(self, *_: object) -> None:
        self._context.close()


def viewport(size: str) -> Any:
    width, height = SIZES[size]
    return {"width": width, "height": height}


def kept(page: Page, name: str) -> None:
    """Save a screenshot, if a folder for them is set."""
    if folder := os.environ.get("ALARM_FATIGUE_TESTS_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def answer(page: Page, which: str) -> str:
    return page.locator(f"#{which} dd").inner_text()


def units(page: Page) -> list[str]:
    """The names of the units on the list, in the order shown."""
    return page.locator(".unit:visible [data-is=unit]").all_inner_texts()


def unit_address(unit: str, facility: str = "H01") -> str:
    """The query of the unit's own address."""
    return "unit?" + urlencode({"facility": facility, "unit": unit})


def overflow(page: Page) -> list[str]:
    """Elements that are cut off, or exceed the edge of their box or of the page."""
    found: list[str] = page.evaluate("""() => [
        ...(document.documentElement.scrollWidth > innerWidth ? ["the page"] : []),
        ...[...document.querySelectorAll("main *, header *, footer *")]
            .filter((one) => one.closest(".unseen, svg, thead") === null)
            .filter((one) => one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0)
            .map((one) => one.outerHTML.slice(0, 80)),
    ]""")
    return found
