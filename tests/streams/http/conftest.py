"""A browser, and a page of a simulated hospital, for the tests of the page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright, sync_playwright

from tests.harness.needs import need
from tests.harness.site import FakeWorker, Site, pseudonym, simulated


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright: Playwright) -> Iterator[Browser]:
    # Root has no sandbox; the page under test is our own.
    launched = playwright.chromium.launch(executable_path=need("chromium"), args=["--no-sandbox"])
    yield launched
    launched.close()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site(FakeWorker(simulated()), pseudonym=pseudonym) as served:
        yield served


@pytest.fixture
def structured() -> Iterator[None]:
    """Log as a worker does, into Python's own loggers."""
    import structlog

    before = structlog.get_config()
    structlog.configure(
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    yield
    structlog.configure(**before)
