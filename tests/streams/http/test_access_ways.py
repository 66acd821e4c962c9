"""The ways by which a reader is known: certificates and the headers of a proxy."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from streams.access_settings import CertificateSettings, ProxySettings
from streams.settings import WebSettings
from tests.harness.certificates import Authority, certificate
from tests.harness.readers import token, tokens
from tests.harness.site import FakeWorker, Site, simulated

# --- certificates


def test_certificates_have_roles_and_those_without_read_nothing(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    authority = Authority(tmp_path, "hospital-ca")
    settings = WebSettings(
        tls_cert_file=cert,
        tls_key_file=key,
        tls_client_ca_file=authority.cert,
        certificates={
            "prometheus": CertificateSettings(role="metrics", subject="CN=scraper"),
            "board": CertificateSettings(
                role="viewer", san="DNS:board.example.org", facility="H01", unit=("MICU",)
            ),
        },
    )

    def known_by(name: str, address: str, days: int = 2) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(cert))
        context.load_cert_chain(*authority.sign(name, address, days))
        return context

    with Site(FakeWorker(simulated()), settings) as site:
        scraper = known_by("scraper", "DNS:anything")
        assert site.get("/metrics", scraper).status == 200
        assert site.get("/api/v1/units", scraper).status == 403
        board = known_by("x", "DNS:board.example.org")
        assert [one["unit"] for one in site.get("/api/v1/units", board).json["units"]] == ["MICU"]
        stranger = site.get("/metrics", known_by("scraper2", "DNS:board.example.org.evil"))
        assert (stranger.status, stranger.json) == (
            403,
            {"error": "this certificate has no role here"},
        )
        with pytest.raises(OSError, match=r"expired|reset|closed|EOF"):
            site.get("/metrics", known_by("scraper", "DNS:late", days=-1))
        without = site.get("/metrics", ssl.create_default_context(cafile=str(cert)))
        assert (without.status, without.json) == (403, {"error": "a client certificate is needed"})


def test_beside_certificates_a_token_is_enough(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "server")
    authority = Authority(tmp_path, "hospital-ca")
    settings = WebSettings(
        tls_cert_file=cert,
        tls_key_file=key,
        tls_client_ca_file=authority.cert,
        tokens=tokens(tmp_path),
        certificates={"prometheus": CertificateSettings(role="metrics", subject="CN=scraper")},
    )
    plain = ssl.create_default_context(cafile=str(cert))
    shown = ssl.create_default_context(cafile=str(cert))
    shown.load_cert_chain(*authority.sign("scraper", "DNS:s"))
    with Site(FakeWorker(simulated()), settings) as site:
        assert site.get("/metrics", plain).status == 401
        bearer = {"Authorization": f"Bearer {token('nurse')}"}
        assert site.get("/api/v1/units", plain, **bearer).status == 200
        assert site.get("/metrics", shown).status == 200


# --- a proxy

GROUPS = {
    "alarm-viewers": {"role": "viewer", "facility": "H01", "unit": "MICU"},
    "alarm-tuners": {"role": "tuner", "facility": "H01", "unit": "PICU"},
}


def proxied(address: str) -> WebSettings:
    proxy = ProxySettings.model_validate({"addresses": [address], "groups": GROUPS})
    return WebSettings(proxy=proxy)


NAMED = {"X_Forwarded_User": "anna", "X_Forwarded_Groups": "staff,alarm-viewers"}


def test_headers_of_a_proxy_count_from_its_address_alone() -> None:
    worker = FakeWorker(simulated())
    with Site(worker, proxied("127.0.0.1")) as site:
        found = site.get("/api/v1/units", **NAMED)
        assert [one["unit"] for one in found.json["units"]] == ["MICU"]
        assert site.get("/api/v1/reader", **NAMED).json["name"] == "anna"
        assert site.get("/api/v1/units").status == 401
        assert site.get("/api/v1/units", X_Forwarded_Groups="alarm-viewers").status == 401
        nobody = site.get("/api/v1/units", X_Forwarded_User="ben", X_Forwarded_Groups="staff")
        assert (nobody.status, nobody.json) == (
            403,
            {"error": "your role (none) does not allow this"},
        )
    with Site(worker, proxied("10.0.0.0/8")) as site:
        assert site.get("/api/v1/units", **NAMED).status == 401


def test_headers_are_not_believed_unless_a_proxy_is_configured(tmp_path: Path) -> None:
    with Site(FakeWorker(simulated()), WebSettings(tokens=tokens(tmp_path))) as site:
        assert site.get("/api/v1/units", **NAMED).status == 401


def test_a_reader_in_two_groups_may_do_in_each_place_what_its_group_says() -> None:
    both = NAMED | {"X_Forwarded_Groups": "alarm-viewers, alarm-tuners"}
    with Site(FakeWorker(simulated()), proxied("127.0.0.0/8")) as site:
        found = site.get("/api/v1/units", **both).json["units"]
        assert {one["unit"] for one in found} == {"MICU", "PICU"}
        assert site.get("/api/v1/whatif/types?facility=H01&unit=PICU", **both).status == 200
        assert site.get("/api/v1/whatif/types?facility=H01&unit=MICU", **both).status == 403
