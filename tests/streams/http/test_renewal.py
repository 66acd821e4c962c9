"""Certificates of the web server are renewed, and those of readers revoked, without a restart."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from streams.http.credentials import Renewed, tls_of
from streams.settings import SettingsError, WebSettings
from tests.harness.certificates import Authority, certificate
from tests.harness.site import FakeWorker, Site, simulated
from tests.harness.workers import eventually


def trusts(cert: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(cert))


def answers(site: Site, context: ssl.SSLContext) -> bool:
    try:
        return site.get("/healthz", context).status == 200
    except OSError:
        return False


def test_a_renewed_certificate_is_served_without_a_restart(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    with Site(FakeWorker(simulated()), WebSettings(tls_cert_file=cert, tls_key_file=key)) as site:
        before = trusts(cert)
        assert answers(site, before)
        for old, new in zip((cert, key), certificate(tmp_path, "renewed"), strict=True):
            new.replace(old)
        after = trusts(cert)
        eventually(lambda: answers(site, after), "the new certificate is served")
        assert not answers(site, before)


def test_files_that_do_not_fit_leave_the_old_certificate_in_place(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    settings = WebSettings(tls_cert_file=cert, tls_key_file=key)
    first = tls_of(settings)
    clock = iter(float(second) for second in range(0, 100, 2))
    renewed = Renewed(settings, first, lambda: next(clock))
    _, other = certificate(tmp_path, "other")
    key.write_bytes(other.read_bytes())
    assert renewed.context() is first
    cert.write_bytes((tmp_path / "other.crt").read_bytes())
    assert renewed.context() is not first


def test_a_revoked_certificate_is_refused_as_soon_as_the_list_says_so(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    authority = Authority(tmp_path, "hospital-ca")
    context = {}
    for name in ("board", "lost"):
        context[name] = trusts(cert)
        context[name].load_cert_chain(*authority.sign(name))
    settings = WebSettings(
        tls_cert_file=cert,
        tls_key_file=key,
        tls_client_ca_file=authority.cert,
        tls_client_crl_file=authority.revoked(),
    )
    with Site(FakeWorker(simulated()), settings) as site:
        assert answers(site, context["board"])
        assert answers(site, context["lost"])
        authority.revoked("lost")
        eventually(lambda: not answers(site, context["lost"]), "the revoked one is refused")
        assert answers(site, context["board"])


def test_an_invalid_revocation_list_is_refused_at_the_start(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    broken = tmp_path / "broken.crl"
    broken.write_text("no list")
    settings = WebSettings(
        tls_cert_file=cert, tls_key_file=key, tls_client_ca_file=cert, tls_client_crl_file=broken
    )
    with pytest.raises(SettingsError, match=r"^web\.tls_client_crl_file: "):
        tls_of(settings)
    with pytest.raises(ValueError, match="tls_client_crl_file: expected tls_client_ca_file"):
        WebSettings(tls_client_crl_file=broken)
