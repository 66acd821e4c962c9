"""Without: optional modules, and certificate authorities, are out of sight for an import."""

from __future__ import annotations

import importlib
import os
import ssl
import sys
from pathlib import Path

import pytest

from streams.cli.without import without, without_authorities
from streams.cli.worker import _without_unused
from streams.settings import Settings

NAME = "an_optional_module"


@pytest.fixture
def optional(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / f"{NAME}.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    return NAME


def test_an_optional_module_is_not_found_until_afterwards(optional: str) -> None:
    with without(optional), pytest.raises(ModuleNotFoundError):
        importlib.import_module(optional)
    assert importlib.import_module(optional).__name__ == optional


def test_a_module_that_is_loaded_stays(optional: str) -> None:
    module = importlib.import_module(optional)
    with without(optional):
        assert importlib.import_module(optional) is module
    assert sys.modules[optional] is module


def test_modules_are_found_after_an_import_that_failed(optional: str) -> None:
    with pytest.raises(ZeroDivisionError), without(optional):
        _ = 1 / 0
    assert optional not in sys.modules


@pytest.mark.parametrize("before", [None, "/etc/ssl/cert.pem"])
def test_contexts_trust_nobody_until_afterwards(
    before: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    if before is None:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    else:
        monkeypatch.setenv("SSL_CERT_FILE", before)
    with without_authorities():
        assert ssl.create_default_context().cert_store_stats()["x509_ca"] == 0
    assert os.environ.get("SSL_CERT_FILE") == before
    assert "SSL_CERT_DIR" not in os.environ


@pytest.mark.parametrize(("mechanism", "hidden"), [(None, True), ("GSSAPI", False)])
def test_kerberos_is_there_for_a_worker_that_signs_in_with_it(
    mechanism: str | None, hidden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "gssapi", raising=False)
    settings = Settings()
    kafka = settings.kafka.model_copy(update={"sasl_mechanism": mechanism})
    with _without_unused(settings.model_copy(update={"kafka": kafka})):
        assert ("gssapi" in sys.modules) is hidden


@pytest.mark.parametrize("url", [None, "https://alertmanager.example"])
def test_a_client_of_alertmanager_keeps_its_authorities(url: str | None) -> None:
    settings = Settings()
    alertmanager = settings.alertmanager.model_copy(update={"url": url})
    with _without_unused(settings.model_copy(update={"alertmanager": alertmanager})):
        assert (os.environ.get("SSL_CERT_FILE") == os.devnull) is (url is None)
