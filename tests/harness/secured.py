"""An Apache Kafka with TLS, SASL and ACLs, its users, and the settings of its clients."""

from __future__ import annotations

import base64
import json
import shlex
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from streams.dev.broker import HOST, ApacheKafka, free_port
from tests.harness.brokers import new_apache_kafka
from tests.harness.certificates import Authority
from tests.harness.devices import LOW_ALARM

PASSWORD = "correct horse-battery=staple"
LISTENERS = ("sasl_ssl", "mtls", "expired", "elsewhere", "sasl_clear", "brief")
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
_OAUTH = (
    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
    'unsecuredLoginStringClaim_sub="broker";'
)
_OPERATIONS = {
    "Read": ACLOperation.READ,
    "Write": ACLOperation.WRITE,
    "Create": ACLOperation.CREATE,
    "Delete": ACLOperation.DELETE,
    "Describe": ACLOperation.DESCRIBE,
    "DescribeConfigs": ACLOperation.DESCRIBE_CONFIGS,
    "All": ACLOperation.ALL,
}


class SecuredKafka(ApacheKafka):
    """One node that allows nothing without an ACL, except on the plaintext listener of the test.

    Its other listeners, by name: `sasl_ssl` (SCRAM, PLAIN, OAUTHBEARER); `mtls`, which asks for a
    certificate; `expired` and `elsewhere`, whose certificates have expired or are for another
    host; `sasl_clear`, without TLS; `brief`, which asks for the password every few seconds.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.authority = Authority(folder, "authority")
        self.stranger = Authority(folder, "stranger")
        self.ports = {name: free_port() for name in LISTENERS}
        self._secret = self.file("password", PASSWORD)

    def file(self, name: str, content: str) -> Path:
        path = self.folder / name
        path.write_text(content + "\n")
        return path

    def at(self, listener: str) -> str:
        return f"{HOST}:{self.ports[listener]}"

    def _properties(self) -> dict[str, object]:
        names = {name: name.upper().replace("_", "") for name in LISTENERS}
        shown = ",".join(f"{names[one]}://{self.at(one)}" for one in LISTENERS)
        plain = f"PLAINTEXT://{self.address}"
        protocols = dict.fromkeys(LISTENERS, "SASL_SSL") | {
            "mtls": "SSL",
            "sasl_clear": "SASL_PLAINTEXT",
        }
        stores = {
            "sasl_ssl": self.authority.keystore("broker"),
            "mtls": self.authority.keystore("broker-mtls"),
            "expired": self.authority.keystore("broker-expired", days=-1),
            "elsewhere": self.authority.keystore("broker-elsewhere", "DNS:kafka.example.org"),
            "brief": self.authority.keystore("broker-brief"),
        }
        trusted = {
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.authority.cert,
        }
        found: dict[str, object] = super()._properties() | {
            "listeners": f"{plain},{shown},CONTROLLER://{self._controller}",
            "advertised.listeners": f"{plain},{shown}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
            + ",".join(f"{names[one]}:{protocols[one]}" for one in LISTENERS),
            "sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN,OAUTHBEARER",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            **trusted,
            "listener.name.mtls.ssl.client.auth": "required",
            "listener.name.brief.scram-sha-512.connections.max.reauth.ms": 2000,
        }
        for name, store in stores.items():
            found[f"listener.name.{names[name].lower()}.ssl.keystore.type"] = "PEM"
            found[f"listener.name.{names[name].lower()}.ssl.keystore.location"] = store
        plain_users = (
            "org.apache.kafka.common.security.plain.PlainLoginModule required "
            f'user_plain-user="{PASSWORD}";'
        )
        for name in ("sasl_ssl", "expired", "elsewhere", "sasl_clear", "brief"):
            place = f"listener.name.{names[name].lower()}"
            found[f"{place}.scram-sha-256.sasl.jaas.config"] = _SCRAM
            found[f"{place}.scram-sha-512.sasl.jaas.config"] = _SCRAM
            found[f"{place}.plain.sasl.jaas.config"] = plain_users
            found[f"{place}.oauthbearer.sasl.jaas.config"] = _OAUTH
        return found

    # -- clients

    def settings(self, user: str = "someone", listener: str = "sasl_ssl") -> dict[str, Any]:
        """The content of a settings file of `user`."""
        return {
            "broker": self.at(listener),
            "kafka": {
                "security_protocol": "SASL_SSL",
                "sasl_mechanism": "SCRAM-SHA-512",
                "username": user,
                "password_file": str(self._secret),
                "ca_file": str(self.authority.cert),
            },
        }

    def mutual(self, name: str, authority: Authority | None = None, days: int = 2) -> Any:
        """The same for a client with the certificate of `name`."""
        cert, key = (authority or self.authority).sign(name, days=days)
        return {
            "broker": self.at("mtls"),
            "kafka": {
                "security_protocol": "SSL",
                "ca_file": str(self.authority.cert),
                "cert_file": str(cert),
                "key_file": str(key),
            },
        }

    def admin(self) -> KafkaAdminClient:
        return KafkaAdminClient(bootstrap_servers=self.address)

    def add_users(self, *users: str, password: str = PASSWORD) -> None:
        admin = self.admin()
        try:
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                done = admin.alter_user_scram_credentials(
                    [UserScramCredentialUpsertion(user, mechanism, password) for user in users]
                )
                assert set(done.values()) == {None}, done
        finally:
            admin.close()

    def remove_user(self, user: str) -> None:
        """The broker no longer knows the password of this user."""
        admin = self.admin()
        try:
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
                done = admin.alter_user_scram_credentials(
                    [UserScramCredentialDeletion(user, mechanism)]
                )
                assert set(done.values()) == {None}, done
        finally:
            admin.close()

    def allow(self, lines: Iterable[str]) -> None:
        """Do what lines of kafka-acls.sh say."""
        acls = [acl for line in lines if not line.startswith("#") for acl in _acls(line)]
        admin = self.admin()
        try:
            admin.create_acls(acls)
        finally:
            admin.close()

    def forbid(self, user: str, resource: str, name: str, operation: str) -> None:
        """Take one permission away."""
        admin = self.admin()
        try:
            admin.delete_acls(
                [
                    ACLFilter(
                        f"User:{user}",
                        "*",
                        _OPERATIONS[operation],
                        ACLPermissionType.ALLOW,
                        ResourcePatternFilter(
                            ResourceType[resource.upper().replace("-", "_")],
                            name,
                            ACLResourcePatternType.ANY,
                        ),
                    )
                ]
            )
        finally:
            admin.close()


def _acls(line: str) -> Iterable[ACL]:
    words = shlex.split(line)
    pairs = list(pairwise(words))

    def given(option: str) -> list[str]:
        return [value for name, value in pairs if name == option]

    [principal] = given("--allow-principal")
    pattern = ACLResourcePatternType.LITERAL
    if given("--resource-pattern-type") == ["prefixed"]:
        pattern = ACLResourcePatternType.PREFIXED
    for kind in ("topic", "group", "transactional-id"):
        for name in given(f"--{kind}"):
            for operation in given("--operation"):
                yield ACL(
                    principal,
                    "*",
                    _OPERATIONS[operation],
                    ACLPermissionType.ALLOW,
                    ResourcePattern(ResourceType[kind.upper().replace("-", "_")], name, pattern),
                )


def unsigned_token(user: str, seconds: float = 600) -> str:
    """A token (RFC 7519, without signature) that the broker of the test takes."""
    now = time.time()
    parts = [{"alg": "none"}, {"sub": user, "iat": now, "exp": now + seconds}]
    encoded = [
        base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in parts
    ]
    return ".".join([*encoded, ""])


def alarm(number: int, **fields: Any) -> str:
    at = round(time.time() * 1000) - 60_000 + number
    return json.dumps(
        {
            "event_id": f"e{number}",
            "alarm_id": f"a{number}",
            "at": at,
            "phase": "start",
            "facility": "H1",
            **LOW_ALARM,
        }
        | fields
    )


@pytest.fixture(scope="session")
def secured_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """Up for the whole session, with the user `someone`, who may do nothing."""
    new_apache_kafka()  # skips the test where Java or Maven are missing
    with SecuredKafka(tmp_path_factory.mktemp("secured")) as broker:
        broker.add_users("someone")
        yield broker
