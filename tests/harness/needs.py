"""Programs that a test needs: where one is missing, skip with the reason, or fail if skipping is
forbidden.
"""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

REQUIRE_ALL = "ALARM_FATIGUE_TESTS_REQUIRE_ALL"
_PACKAGES = {
    "java": "Java 17 or later (Debian: openjdk-17-jre-headless)",
    "mvn": "Maven (Debian: maven)",
    "prometheus": "Prometheus (Debian: prometheus)",
    "promtool": "Prometheus' promtool (Debian: prometheus)",
    "prometheus-alertmanager": "Alertmanager (Debian: prometheus-alertmanager)",
    "chromium": "Chromium (Debian: chromium)",
    "openssl": "OpenSSL (Debian: openssl)",
    "pdftotext": "Poppler (Debian: poppler-utils)",
    "systemd-analyze": "systemd (Debian: systemd)",
    "amtool": "Alertmanager's amtool (Debian: prometheus-alertmanager)",
}


def need(binary: str) -> str:
    """The path of `binary`; without it, the test is skipped (or fails) with the name of what to
    install.
    """
    path = shutil.which(binary)
    if path is None:
        lacking(f"needs {binary}: install {_PACKAGES.get(binary, binary)}")
    return path


def lacking(reason: str) -> NoReturn:
    """Skips the test, or fails it if the environment says that everything must run."""
    __tracebackhide__ = True
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
