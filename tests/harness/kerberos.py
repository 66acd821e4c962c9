"""A Kerberos server, and an Apache Kafka whose users have tickets of it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

import pytest

from streams.dev import processes
from streams.dev.broker import HOST, ApacheKafka, free_port
from tests.harness.brokers import new_apache_kafka
from tests.harness.needs import lacking

REALM = "HOSPITAL.TEST"


class Kerberos:
    """A key distribution centre on loopback, with its files in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.config, self._kdc = folder / "krb5.conf", folder / "kdc.conf"
        # names are compared as they are written: there is no name server
        self.config.write_text(
            f"[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n"
            " dns_canonicalize_hostname = false\n rdns = false\n udp_preference_limit = 1\n"
            f"[realms]\n {REALM} = {{\n  kdc = {HOST}:{self.port}\n }}\n"
        )
        self._kdc.write_text(
            f"[realms]\n {REALM} = {{\n  database_name = {folder}/principal\n"
            f"  key_stash_file = {folder}/stash\n  acl_file = {folder}/acl\n"
            f"  kdc_listen = {HOST}:{self.port}\n  kdc_tcp_listen = {HOST}:{self.port}\n }}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """For programs that use this server alone."""
        return {
            "KRB5_CONFIG": str(self.config),
            "KRB5CCNAME": f"FILE:{self.folder}/tickets",
        }

    def keytab(self, principal: str) -> Path:
        """A new principal, and the file with its key."""
        path = self.folder / f"{principal.replace('/', '-')}.keytab"
        self._admin(f"addprinc -randkey {principal}")
        self._admin(f"ktadd -k {path} {principal}")
        return path

    def _admin(self, query: str) -> None:
        self._run([_program("kadmin.local"), "-r", REALM, "-q", query])

    def _run(self, command: Sequence[str]) -> None:
        subprocess.run(command, env=self._environment(), check=True, capture_output=True)

    def _environment(self) -> dict[str, str]:
        return os.environ | self.environment | {"KRB5_KDC_PROFILE": str(self._kdc)}

    def __enter__(self) -> Self:
        self._run([_program("kdb5_util"), "create", "-s", "-r", REALM, "-P", "master"])
        log = self.folder / "kdc.log"
        command = [_program("krb5kdc"), "-n", "-r", REALM]
        self._process = processes.spawn(command, self._environment(), log)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            processes.end(self._process, 5)


class KerberosKafka(ApacheKafka):
    """One node, whose other listener asks for Kerberos."""

    def __init__(self, kerberos: Kerberos) -> None:
        super().__init__()
        self.secured_port = free_port()
        self._kerberos = kerberos
        self._keytab = kerberos.keytab(f"kafka/{HOST}")

    @property
    def secured(self) -> str:
        return f"{HOST}:{self.secured_port}"

    def _properties(self) -> dict[str, object]:
        listeners = f"PLAINTEXT://{self.address},KERBEROS://{self.secured}"
        login = (
            "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true "
            f'keyTab="{self._keytab}" principal="kafka/{HOST}@{REALM}";'
        )
        return super()._properties() | {
            "listeners": f"{listeners},CONTROLLER://{self._controller}",
            "advertised.listeners": listeners,
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
            "KERBEROS:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "GSSAPI",
            "sasl.kerberos.service.name": "kafka",
            "listener.name.kerberos.gssapi.sasl.jaas.config": login,
        }

    def _command(self) -> Sequence[str]:
        java, *rest = super()._command()
        return [java, f"-Djava.security.krb5.conf={self._kerberos.config}", *rest]


def _program(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if path is None:
        lacking("Kerberos (Debian: krb5-kdc, krb5-admin-server)")
    return path


@pytest.fixture
def kerberos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kerberos]:
    if importlib.util.find_spec("gssapi") is None:
        lacking("the Python package gssapi (see .ci/run)")
    with Kerberos(tmp_path) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def kerberos_kafka(kerberos: Kerberos) -> Iterator[KerberosKafka]:
    new_apache_kafka()  # skips the test where Java or Maven are missing
    with KerberosKafka(kerberos) as broker:
        yield broker
