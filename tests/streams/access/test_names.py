"""Host names: a worker answers to its own, never to that of a page which points its name here."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from streams.access import allowed_names, asked_names
from streams.settings import WebSettings
from tests.harness.certificates import TOKEN


def allows(host: str, web: dict[str, Any], linked: str | None = None) -> bool:
    asked = asked_names([host])
    assert asked is not None
    return allowed_names(WebSettings.model_validate(web), linked)(asked)


REMOTE = {"host": "0.0.0.0", "token": TOKEN}
OPEN = {"host": "0.0.0.0", "allow_remote": True}
NAMED = REMOTE | {"names": ["alarms.example.org"]}

POD = REMOTE | {"names": ["10.0.0.7", "2001:db8::7"]}


@pytest.mark.parametrize(
    ("web", "host", "allowed"),
    [
        ({}, "127.0.0.1:9464", True),
        ({}, "localhost", True),
        ({}, "LOCALHOST.:80", True),
        ({}, "[::1]:9464", True),
        ({}, "evil.example", False),
        ({}, "127.0.0.1.evil.example", False),
        ({}, "10.0.0.7", False),
        ({"token": TOKEN}, "evil.example", False),
        ({"names": ["dev.local"]}, "dev.local:9464", True),
        (REMOTE, "10.0.0.7:9464", True),
        (REMOTE, "[2001:db8::7]:9464", True),
        (REMOTE, socket.gethostname(), True),
        (REMOTE, "evil.example", False),
        (REMOTE, "10.0.0.7.nip.io", False),
        (OPEN, "evil.example", False),
        (NAMED, "Alarms.Example.ORG", True),
        (NAMED, "localhost", True),
        (NAMED, "10.0.0.7", False),
        (NAMED, "xalarms.example.org", False),
        (POD, "10.0.0.7:9464", True),
        (POD, "[2001:db8::7]:9464", True),
        (POD, "10.0.0.8", False),
    ],
)
def test_a_worker_answers_to_its_names(web: dict[str, Any], host: str, allowed: bool) -> None:
    assert allows(host, web) is allowed


def test_links_in_pages_lead_to_a_name_that_is_answered() -> None:
    assert allows("alarms.example.org", {}, linked="alarms.example.org")


@pytest.mark.parametrize("host", ["a b", "", "a:99999", "a:x", "[::1", "a/b", "a@b", "ä.example"])
def test_an_invalid_host_is_malformed(host: str) -> None:
    assert asked_names([host]) is None
