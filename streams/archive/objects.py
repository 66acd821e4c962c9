"""Objects of one bucket, and the conditions under which they are replaced.

obstore rather than s3fs or pyarrow.fs: it puts an object only if there is none, or only if the one
that was read is still there, on S3, Google and Azure alike; and it is one wheel of 6 MB.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from obstore import exceptions as told
from obstore.store import from_url

from streams.archive.stores import ArchiveError

_RETRIES = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
_TIMES = {"connect_timeout": "5s", "timeout": "60s"}
_LONG_NAMES = {
    "s3": "AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
_ELSEWHERE = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_REASONS = (
    ("NoSuchBucket", "there is no such bucket"),
    ("ContainerNotFound", "there is no such container"),
    ("InvalidAccessKeyId", "the access key is not known"),
    ("SignatureDoesNotMatch", "the secret key is wrong"),
    ("RequestTimeTooSkewed", "the clocks of this machine and of the store differ too much"),
    ("ExpiredToken", "the credentials have expired"),
    ("AccessDenied", "access is refused"),
    ("InvalidCertificate", "the certificate of the store is not trusted (AWS_CA_BUNDLE)"),
    ("dns error", "the name of the store is not known"),
    ("ConnectionRefused", "the connection is refused"),
    ("TimedOut", "it does not answer in time"),
)
_PERMANENT = {reason for _, reason in _REASONS[:8]}


class Conflict(Exception):
    """Another writer has replaced, created or deleted the object since it was read."""


class Unreachable(ArchiveError):
    """The store did not answer, or answered with a temporary error."""


class Version(NamedTuple):
    """The version of an object that was read."""

    etag: str | None
    number: str | None
    """Google's number of the version (its generation)."""


class Objects:
    """The objects below a prefix of a bucket. Each method raises `ArchiveError`."""

    def __init__(self, scheme: str, bucket: str, prefix: str) -> None:
        self.shown = f"{scheme}://{bucket}/{prefix}".rstrip("/")
        self._scheme = scheme
        config, client = settings_of(scheme, os.environ)
        with self._telling():
            made: Any = from_url  # its types differ by store
            self._store = made(
                self.shown,
                config=config,
                client_options={**_TIMES, **client},
                retry_config=_RETRIES,
            )

    def get(self, key: str) -> tuple[bytes, Version] | None:
        """Content and version; None: there is no such object."""
        with self._telling():
            try:
                found = self._store.get(key)
                return bytes(found.bytes()), _version(found.meta)
            except FileNotFoundError as error:
                self._check_bucket(error)
                return None

    def put(self, key: str, content: bytes, seen: Version | None) -> Version:
        """Replace the object if it is the one `seen`; None: create it if there is none.

        Raises `Conflict` if the store has another one.
        """
        mode: Any = "create"
        if seen is not None:
            known = {"e_tag": seen.etag, "version": seen.number}
            mode = {name: value for name, value in known.items() if value is not None}
        with self._telling():
            try:
                return _version(self._store.put(key, content, mode=mode, use_multipart=False))
            except (told.AlreadyExistsError, told.PreconditionError, FileNotFoundError) as error:
                self._check_bucket(error)
                raise Conflict(key) from None

    def delete(self, key: str) -> None:
        with self._telling(), contextlib.suppress(FileNotFoundError):
            self._store.delete(key)

    def listed(self, prefix: str, after: str | None = None) -> Iterator[tuple[str, str | None]]:
        """Keys and ETags of the objects in a folder, in order; only those `after` a key."""
        with self._telling():
            for some in self._store.list(prefix, offset=after, chunk_size=1000):
                for one in some:
                    yield one["path"], one["e_tag"]

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders in a folder."""
        with self._telling():
            found = self._store.list_with_delimiter(prefix)
        return sorted(one.rpartition("/")[2] for one in found["common_prefixes"])

    def check_conditions(self) -> None:
        """Raise `ArchiveError` unless the store respects the conditions of `put`."""
        key = f"_probe/{uuid4().hex}"
        says = "the store does not keep to If-None-Match and If-Match, so two archivers could "
        refused = ArchiveError(f"{self.shown}: {says}overwrite each other; use another store")
        try:
            first = self.put(key, b"1", None)
            for seen in (None, Version('"0"', "1")):
                with contextlib.suppress(Conflict):
                    self.put(key, b"2", seen)
                    raise refused
            self.put(key, b"3", first)
        except Conflict:
            raise refused from None
        except Unreachable as error:
            if "NotImplemented" in str(error) or "501" in str(error):
                raise refused from None
            raise
        finally:
            with contextlib.suppress(ArchiveError):
                self.delete(key)

    def _check_bucket(self, error: Exception) -> None:
        """A missing bucket looks like a missing object."""
        if "NoSuchBucket" in str(error) or "ContainerNotFound" in str(error):
            raise ArchiveError(f"{self.shown}: there is no such bucket") from None

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """One line about an error, without contents of URLs or headers."""
        try:
            yield
        except (told.PermissionDeniedError, told.UnauthenticatedError) as error:
            raise ArchiveError(f"{self.shown}: {_reason(error) or 'access is refused'}") from None
        except (told.BaseError, ValueError) as error:
            reason = _reason(error)
            missing = re.search(
                r"Missing(AccessKeyId|SecretAccessKey|Account)|Account must", str(error)
            )
            if missing or "metadata" in str(error) or "169.254" in str(error):
                names = _LONG_NAMES[self._scheme]
                raise ArchiveError(
                    f"{self.shown}: there are no credentials; expected {names} in the environment"
                ) from None
            if reason in _PERMANENT:
                raise ArchiveError(f"{self.shown}: {reason}") from None
            raise Unreachable(f"{self.shown}: {reason or _status(error)}") from None


def settings_of(scheme: str, environ: Mapping[str, str]) -> tuple[dict[str, str], dict[str, Any]]:
    """Settings of the store and of the client that obstore itself does not read from the
    environment and from files.

    >>> settings_of("s3", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000", "HOME": "/nowhere"})
    ({'endpoint': 'http://127.0.0.1:9000'}, {'allow_http': True})
    """
    config: dict[str, str] = {}
    client: dict[str, Any] = {}
    if bundle := environ.get("AWS_CA_BUNDLE") or environ.get("SSL_CERT_FILE"):
        try:
            client["root_certificate"] = Path(bundle).read_bytes()
        except OSError as error:
            raise ArchiveError(f"{bundle}: {error.strerror} (AWS_CA_BUNDLE)") from None
    if scheme != "s3":
        return config, client
    home = Path(environ.get("HOME", "~")).expanduser() / ".aws"
    profile = environ.get("AWS_PROFILE", "default")
    known = _section(Path(environ.get("AWS_CONFIG_FILE", home / "config")), profile)
    if not any(name in environ for name in _ELSEWHERE):
        path = Path(environ.get("AWS_SHARED_CREDENTIALS_FILE", home / "credentials"))
        secret = _section(path, profile)
        names = {"access_key_id", "secret_access_key", "session_token"}
        config |= {name: secret[f"aws_{name}"] for name in names if f"aws_{name}" in secret}
    if "region" in known and not ("AWS_REGION" in environ or "AWS_DEFAULT_REGION" in environ):
        config["region"] = known["region"]
    endpoint = (
        environ.get("AWS_ENDPOINT_URL_S3")
        or environ.get("AWS_ENDPOINT_URL")
        or environ.get("AWS_ENDPOINT")
        or known.get("endpoint_url")
    )
    if endpoint:
        config["endpoint"] = endpoint
        if endpoint.startswith("http://"):
            client["allow_http"] = True
    return config, client


def _section(path: Path, profile: str) -> Mapping[str, str]:
    """A profile in one of AWS' files; {} if there is none."""
    found = configparser.ConfigParser(interpolation=None)
    try:
        found.read(path)
    except (configparser.Error, UnicodeDecodeError):
        raise ArchiveError(f"{path}: expected a file of AWS profiles") from None
    for name in (profile, f"profile {profile}"):
        if found.has_section(name):
            return dict(found[name])
    return {}


def _version(about: Any) -> Version:
    return Version(about["e_tag"], about["version"])


def _reason(error: Exception) -> str | None:
    text = str(error)
    return next((says for word, says in _REASONS if word in text), None)


def _status(error: Exception) -> str:
    status = re.search(r"status code: (\d+[ \w]*)", str(error))
    code = re.search(r"<Code>(\w+)</Code>", str(error))
    if status is None:
        return "it cannot be reached"
    return f"it answered {status[1].strip()}{f' ({code[1]})' if code else ''}"
