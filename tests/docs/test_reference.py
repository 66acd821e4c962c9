"""The reference pages are current and complete."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from analyzer.model.policy import OverloadPolicy
from reference import interface
from reference.__main__ import OPENAPI, PAGES, rendered
from reference.metrics import exposed
from reference.settings import BOUNDS, Setting, settings
from streams.formats.pseudonyms import Pseudonyms
from streams.metrics.definitions import DEFINITIONS, PREFIX, SOURCES
from streams.setting_table import LEVEL, documentation
from streams.settings import Settings, SettingsError, load
from tests.harness.rules import NAMES
from tests.harness.site import FakeWorker, Site, simulated

SETTINGS = settings()


def test_committed_pages_equal_the_generated_ones() -> None:
    """After a change to the code, run `make reference`."""
    assert {path.name: path.read_text() for path in PAGES.glob("*.md")} == rendered()


def test_the_openapi_file_follows_from_the_structs() -> None:
    """After a change to the code, run `make reference`."""
    assert OPENAPI.read_text() == interface.text()


def test_every_field_of_an_answer_is_described_by_its_name_type_or_text() -> None:
    """A field whose name and plain type do not explain it has a description."""
    schemas = interface.description()["components"]["schemas"]
    plain = {
        f"{name}.{field}"
        for name, of in schemas.items()
        for field, form in of["properties"].items()
        if "description" not in form and form.get("type") in ("number", "boolean", "array")
    }
    assert plain <= {"Delay.seconds", "Findings.units", "UnitFindings.findings"} | {
        f"{name}.{field}"
        for name in ("Range", "BeforeAfter", "Span")
        for field in schemas[name]["properties"]
    }
    assert all("description" in of for of in schemas.values())


def headings(page: str) -> list[str]:
    return re.findall(r"^### `(.+)`$", rendered()[page], re.MULTILINE)


def test_every_metric_that_a_worker_exposes_is_a_heading() -> None:
    with Site(FakeWorker(simulated()), pseudonym=Pseudonyms(b"0" * 32)) as site:
        text = site.get("/metrics").body.decode()
    families = {
        family.name + ("_total" if family.type == "counter" else "")
        for family in text_string_to_metric_families(text)
    }
    assert len(families) > 50
    assert {name for name in families if name.startswith(PREFIX)} == families
    assert families == {PREFIX + name for name in headings("metrics.md")}


def test_every_metric_has_one_heading_and_every_source_a_metric() -> None:
    assert sorted(PREFIX + name for name in headings("metrics.md")) == sorted(
        map(exposed, DEFINITIONS)
    )
    assert SOURCES.keys() <= DEFINITIONS.keys()


def leaves(model: dict[str, object], prefix: str = "") -> set[str]:
    """The names of all settings; the levels of a measure are one setting."""
    found: set[str] = set()
    for name, value in model.items():
        is_group = isinstance(value, dict) and not value.keys() <= {"elevated", "overloaded"}
        found |= leaves(value, f"{prefix}{name}.") if is_group else {prefix + name}  # type: ignore[arg-type]
    return found


def test_every_setting_that_config_check_prints_is_a_heading() -> None:
    printed = leaves(load().model_dump(mode="json"))
    assert set(headings("settings.md")) == printed | {"web.token"}, "config check prints no token"


def contents(settings: Settings) -> object:
    return settings.model_dump(mode="json"), settings.web.token


def other_than(one: Setting) -> object:
    """A value that a setting can have, and not its default."""
    fixed: dict[str, object] = {
        "alarm_names": str(Path(__file__).parents[1] / "data" / "alarm_names.csv"),
        "clock": "event",
        "log_level": "error",
        "pseudonym_period": "week",
        "pseudonym_previous_until": "2026-03-01T07:00:00Z",
        "kafka.security_protocol": "SSL",
        "kafka.sasl_mechanism": "GSSAPI",
        "kafka.token_url": "https://login.example.org/token",
        "web.host": "localhost",
        "web.token": "0123456789abcdef",
        "web.grafana_url": "https://grafana.example.org",
        "audit.syslog": "logs.example.org:6514",
        "web.names": ["alarms.example.org"],
        "web.tokens": {"micu": {"file": "t", "role": "viewer", "facility": "H1", "unit": ["M"]}},
        "web.certificates": {"prometheus": {"role": "metrics", "subject": "CN=prometheus"}},
        "web.proxy.addresses": ["10.0.0.0/8"],
        "web.proxy.groups": {"nurses": {"role": "viewer"}},
        "calendar.time_zone": "Europe/Berlin",
        "calendar.shifts": ["06:00", "14:00", "22:00"],
        "calendar.facilities": {"H1": {"time_zone": "Europe/Berlin"}},
        "alertmanager.url": "http://127.0.0.1:9093",
        "paging.url": "https://alarms.example.org",
        "paging.link_lifetime": "6h",
        "policy.windows": ["5m"],
        "policy.cover_by": ["attend"],
        "web.show_beds": True,
        "policy.horizon": "30h",
        "policy.overload.every": "2m",
        "policy.overload.hold": "3m",
        "policy.overload.cool_down": "20m",
        "policy.overload.protected_1h": {"elevated": {"enter": 0.25, "leave": 0.25}},
        "policy.overload.units": {"ICU": {"beds": {"elevated": {"enter": 2, "leave": 2}}}},
    }
    if one.name in fixed:
        return fixed[one.name]
    default = yaml.safe_load(one.default)
    if one.kind == "duration":
        return "11s"
    if one.kind.startswith("levels"):
        return {"elevated": {"enter": 5, "leave": 5}}
    if isinstance(default, bool):
        return not default
    if isinstance(default, float):
        return default / 2
    return default + 1 if isinstance(default, int) else "other"


TLS = {"kafka.security_protocol": "SSL"}
SASL = {"kafka.security_protocol": "SASL_SSL"}
SCRAM = SASL | {"kafka.sasl_mechanism": "SCRAM-SHA-512"}
OAUTH = SASL | {"kafka.sasl_mechanism": "OAUTHBEARER"}
CLIENT = {"kafka.client_id": "c", "kafka.client_secret_file": "s"}
LOGIN = OAUTH | CLIENT | {"kafka.token_url": "https://login.example.org/token"}
NEEDED_FOR_KAFKA: dict[str, dict[str, str]] = {
    "kafka.sasl_mechanism": SASL,
    "kafka.username": SCRAM | {"kafka.password_file": "p"},
    "kafka.password_file": SCRAM | {"kafka.username": "u"},
    "kafka.ca_file": TLS,
    "kafka.cert_file": TLS | {"kafka.key_file": "k.pem"},
    "kafka.key_file": TLS | {"kafka.cert_file": "c.pem"},
    "kafka.key_password_file": TLS | {"kafka.cert_file": "c.pem", "kafka.key_file": "k.pem"},
    "kafka.token_file": OAUTH,
    "kafka.token_url": OAUTH | CLIENT,
    "kafka.client_id": LOGIN,
    "kafka.client_secret_file": LOGIN,
    "kafka.token_scope": LOGIN,
    "kafka.token_ca_file": LOGIN,
}


@pytest.mark.parametrize("one", SETTINGS, ids=lambda one: one.name)
def test_a_setting_is_taken_from_its_variable_and_from_its_place_in_the_file(
    one: Setting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A certificate needs its key, and an authority both; a link must be signed, and lead somewhere.
    needs = {
        "web.tls_cert_file": {"web.tls_key_file": "k.pem"},
        "web.tls_key_file": {"web.tls_cert_file": "c.pem"},
        "web.tls_client_ca_file": {"web.tls_cert_file": "c.pem", "web.tls_key_file": "k.pem"},
        "web.tls_client_crl_file": {
            "web.tls_cert_file": "c.pem",
            "web.tls_key_file": "k.pem",
            "web.tls_client_ca_file": "a.pem",
        },
        "web.certificates": {
            "web.tls_cert_file": "c.pem",
            "web.tls_key_file": "k.pem",
            "web.tls_client_ca_file": "a.pem",
        },
        "web.proxy.addresses": {"web.proxy.groups": {"nurses": {"role": "viewer"}}},
        "audit.key_file": {"audit.file": "a.jsonl"},
        "audit.syslog": {"audit.file": "a.jsonl"},
        "audit.syslog_cert_file": {"audit.syslog_key_file": "k.pem"},
        "audit.syslog_key_file": {"audit.syslog_cert_file": "c.pem"},
        "web.proxy.groups": {"web.proxy.addresses": ["10.0.0.0/8"]},
        "alertmanager.token_file": {"alertmanager.url": "http://127.0.0.1:9093"},
        "paging.url": {"paging.key_file": "key", "alertmanager.url": "http://127.0.0.1:9093"},
        **NEEDED_FOR_KAFKA,
    }
    wanted = needs.get(one.name, {}) | {one.name: other_than(one)}
    nested: dict[str, object] = {}
    for name, of in wanted.items():
        *groups, last = name.split(".")
        level = nested
        for group in groups:
            level = level.setdefault(group, {})  # type: ignore[assignment]
        level[last] = of
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(nested))
    from_file = load(path)
    for name, of in wanted.items():
        variable = next(setting.variable for setting in SETTINGS if setting.name == name)
        monkeypatch.setenv(variable, of if isinstance(of, str) else json.dumps(of))
    assert contents(load()) == contents(from_file)
    monkeypatch.undo()
    assert contents(load()) != contents(from_file)


def test_defaults_are_those_in_effect() -> None:
    def at(name: str) -> object:
        found: object = load().model_dump(mode="json")
        for part in name.split("."):
            assert isinstance(found, dict)
            found = found.get(part)
        return found

    def without_none(value: object) -> object:
        return (
            {name: without_none(one) for name, one in value.items() if one is not None}
            if isinstance(value, dict)
            else value
        )

    for one in SETTINGS:
        assert yaml.safe_load(one.default) == without_none(at(one.name)), one.name


BEYOND: dict[str, tuple[str, ...]] = {
    "group": ('""', "a/b"),
    "kafka.topic_prefix": ("a/b", "a" * 101),
    "privacy.smallest_group": ("0",),
    "audit.repeat": ("999ms", "3601s"),
    "audit.rotate_bytes": ("-1",),
    "audit.syslog": ("logs", "logs:x", "a b:1"),
    "audit.syslog_queue": ("0",),
    "web.header_timeout": ("99ms", "601s"),
    "web.idle_timeout": ("999ms", "3601s"),
    "paging.link_lifetime": ["9m", "8d"],
    "policy.windows": ("[]", "[0s]"),
    "policy.min_classified": ("-1",),
    "policy.top_types": ("-1",),
    "policy.horizon": ("1454m",),
    "policy.overload.every": ("0s", "3m"),
    "policy.overload.hold": ("90s",),
    "policy.overload.cool_down": ("90s",),
    "policy.relief.least_alarms": ("0",),
    "policy.relief.least_share": ("-0.1", "1.1"),
    "policy.relief.beds_above_usual": ("-1",),
    "policy.findings.min_classified": ("-1",),
    "policy.findings.driving_share": ("-0.1", "1.1"),
    "policy.findings.sparing_share": ("-0.1", "1.1"),
    "policy.findings.hugging": ("-0.1", "1.1"),
    "web.port": ("0", "65536"),
    "web.max_connections": ("7",),
    "web.max_connections_per_address": ("3",),
    "partitions": ("0",),
    "max_record_bytes": ("1023",),
}


def given(name: str, value: str, tmp_path: Path) -> Settings:
    path = tmp_path / "settings.yaml"
    *groups, last = name.split(".")
    path.write_text(
        "".join(f"{'  ' * depth}{group}:\n" for depth, group in enumerate(groups))
        + f"{'  ' * len(groups)}{last}: {value}\n"
    )
    return load(path)


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in BEYOND.items() for value in values]
)
def test_beyond_its_bounds_a_setting_is_refused(name: str, value: str, tmp_path: Path) -> None:
    assert next(one for one in SETTINGS if one.name == name).bounds
    with pytest.raises(SettingsError):
        given(name, value, tmp_path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("web.header_timeout", "100ms"),
        ("web.header_timeout", "10m"),
        ("web.idle_timeout", "1s"),
        ("web.idle_timeout", "1h"),
        ("paging.link_lifetime", "10m"),
        ("paging.link_lifetime", "7d"),
        ("policy.min_classified", "0"),
        ("policy.top_types", "0"),
        ("policy.horizon", "1455m"),
        ("policy.findings.hugging", "0"),
        ("policy.findings.hugging", "1"),
        ("policy.overload.hold", "0s"),
        ("web.port", "1"),
        ("web.port", "65535"),
        ("max_record_bytes", "1024"),
    ],
)
def test_at_its_bounds_a_setting_is_taken(name: str, value: str, tmp_path: Path) -> None:
    given(name, value, tmp_path)


def test_bounds_that_the_page_claims_are_tried() -> None:
    # tests of access, of links, and of secured connections
    elsewhere = {"web.token", "web.names", "paging.key_file", "kafka.token_url"}
    assert BOUNDS.keys() - elsewhere <= BEYOND.keys()
    assert all(LEVEL not in one.name for one in SETTINGS)


def test_every_alert_is_on_the_page_of_alerts_with_its_runbook() -> None:
    linked = re.findall(
        r"^\| \[(\w+)\]\(\.\./\.\./deploy/runbooks/(\w+)\.md\)",
        rendered()["alerts.md"],
        re.MULTILINE,
    )
    assert all(name == runbook for name, runbook in linked)
    assert sorted({name for name, _ in linked}) == NAMES


def test_documentation_is_the_text_below_a_field() -> None:
    assert documentation(OverloadPolicy).keys() == set(OverloadPolicy.__dataclass_fields__)
