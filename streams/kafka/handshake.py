"""Handshake: connects to a broker step by step, and says in one line which step failed.

Clients try again whatever the cause, and hide it in their logs. So every command connects once in
this way before it starts a client, and the worker does while its broker is silent.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from dataclasses import dataclass
from typing import Any

from kafka.net.sasl import get_sasl_mechanism

from streams.kafka.probe import host_and_port
from streams.kafka.secrets import SecurityError
from streams.kafka.security import addresses, check, sasl_options, tls_of
from streams.kafka_settings import KafkaSettings
from streams.settings import Settings

SECONDS = 5.0
"""How long each step may take."""
PROBE_SECONDS = 2.0
"""The same for a worker that asks whether its broker is back."""
LONGEST_ANSWER = 16 << 20
_CLIENT = b"alarm-fatigue"
_API_VERSIONS, _METADATA, _HANDSHAKE, _AUTHENTICATE = 18, 3, 17, 36
_UNSUPPORTED_MECHANISM, _NO_SASL_HERE = 33, 34
_EXPIRED, _NOT_YET_VALID, _OTHER_HOST, _OTHER_ADDRESS = 10, 9, 62, 64
_TLS_RECORDS = (0x15, 0x16)


class NotConnected(Exception):
    """No connection to a broker: one line that names the address and the step that failed."""


class _Closed(Exception):
    """The broker closed the connection instead of answering."""


def connect(settings: Settings, seconds: float = SECONDS) -> None:
    """Connect to one of the bootstrap addresses as clients do, and close the connection again.

    Raises `NotConnected`, or `SecurityError` where a file cannot be used.
    """
    check(settings.kafka)
    failures: list[str] = []
    for address in addresses(settings):
        try:
            _Attempt(settings.kafka, address, seconds).run()
        except NotConnected as error:
            failures.append(str(error))
        else:
            return
    raise NotConnected("; ".join(failures) or "broker: expected HOST:PORT")


def reason(settings: Settings, seconds: float = SECONDS) -> str | None:
    """Why no broker can be used, in one line; None if one can."""
    try:
        connect(settings, seconds)
    except (NotConnected, SecurityError) as error:
        return str(error)
    return None


@dataclass(slots=True)
class _Attempt:
    """One connection to `address`."""

    kafka: KafkaSettings
    address: str
    seconds: float

    @property
    def host(self) -> str:
        return host_and_port(self.address)[0]

    @property
    def port(self) -> int:
        return host_and_port(self.address)[1]

    def run(self) -> None:
        with self._connected() as plain:
            if not self.kafka.encrypts:
                self._talk(plain)
                return
            with self._encrypted(plain) as connection:
                self._talk(connection)

    def _connected(self) -> socket.socket:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise self._away(f"the host name {self.host} is not known ({_said(error)})") from None
        failure: OSError = OSError("no address")
        for family, kind, protocol, _, place in found:
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(self.seconds)
                connection.connect(place)
            except OSError as error:
                connection.close()
                failure = error
            else:
                return connection
        if isinstance(failure, ConnectionRefusedError):
            raise self._away(f"nothing listens on port {self.port}")
        if isinstance(failure, TimeoutError):
            raise self._away(
                f"no answer on port {self.port} within {self.seconds:.0f} s, as behind a firewall"
            )
        raise self._away(_said(failure))

    def _encrypted(self, plain: socket.socket) -> ssl.SSLSocket:
        context = tls_of(self.kafka)
        assert context is not None
        try:
            return context.wrap_socket(plain, server_hostname=self.host)
        except SecurityError:
            raise
        except ssl.SSLCertVerificationError as error:
            raise self._failed(self._distrust(error)) from None
        except OSError as error:
            if self._speaks_plaintext():
                raise self._failed(
                    "this port speaks no TLS, but kafka.security_protocol is "
                    f"{self.kafka.security_protocol}: name the port of a TLS listener"
                ) from None
            raise self._failed(self._refused_tls(error)) from None

    def _distrust(self, error: ssl.SSLCertVerificationError) -> str:
        if error.verify_code == _EXPIRED:
            return "the broker's certificate has expired"
        if error.verify_code == _NOT_YET_VALID:
            return "the broker's certificate is not valid yet; compare the clocks"
        if error.verify_code in (_OTHER_HOST, _OTHER_ADDRESS):
            return (
                f"the broker's certificate is for another host: {self.host} is not among its names "
                "(subjectAltName)"
            )
        by = "those that the system trusts" if self.kafka.ca_file is None else "kafka.ca_file"
        return (
            "the broker's certificate is not trusted: no authority among "
            f"{by} has signed it ({error.verify_message})"
        )

    def _refused_tls(self, error: OSError) -> str:
        said = error.reason if isinstance(error, ssl.SSLError) else type(error).__name__
        said = str(said or "closed").replace("_", " ").lower()
        if self.kafka.cert_file is None:
            return (
                f"the broker ended the TLS handshake ({said}); it may ask for a client "
                "certificate: set kafka.cert_file and kafka.key_file"
            )
        return (
            f"the broker does not accept the certificate in kafka.cert_file ({said}): it may have "
            "expired, or be signed by an authority that the broker does not trust"
        )

    # -- what is said over the connection

    def _talk(self, connection: socket.socket) -> None:
        try:
            self._ask(connection, _API_VERSIONS, 0)
        except (_Closed, TimeoutError, OSError, struct.error) as error:
            if not self.kafka.encrypts and self._speaks_tls():
                raise self._failed(
                    "this port speaks TLS, but kafka.security_protocol is "
                    f"{self.kafka.security_protocol}: expected "
                    f"{'SASL_SSL' if self.kafka.authenticates else 'SSL or SASL_SSL'}"
                ) from None
            # with TLS 1.3, a broker refuses a client's certificate only now
            if self.kafka.encrypts and not isinstance(error, TimeoutError):
                raise self._failed(
                    self._refused_tls(error if isinstance(error, OSError) else OSError())
                ) from None
            raise self._away(f"the port is open, but not Kafka's ({_said(error)})") from None
        try:
            if self.kafka.authenticates:
                self._authenticate(connection)
            answer = self._ask(connection, _METADATA, 1, struct.pack(">i", 0))
        except _Closed:
            if self.kafka.authenticates:
                raise self._failed("the broker closed the connection after the login") from None
            raise self._failed(
                "this listener asks for a user: set kafka.security_protocol to "
                f"{'SASL_SSL' if self.kafka.encrypts else 'SASL_PLAINTEXT or SASL_SSL'}"
            ) from None
        except (OSError, struct.error) as error:
            if isinstance(error, SecurityError):
                raise
            raise self._away(f"the broker stopped answering ({_said(error)})") from None
        if len(answer) < 4 or struct.unpack_from(">i", answer)[0] < 1:
            raise self._away("the broker knows of no broker yet; it may be starting")

    def _authenticate(self, connection: socket.socket) -> None:
        name = self.kafka.sasl_mechanism
        assert name is not None
        answer = self._ask(connection, _HANDSHAKE, 1, _text(name.encode()))
        code, offered = struct.unpack_from(">hi", answer)
        if code == _UNSUPPORTED_MECHANISM:
            known = ", ".join(_texts(answer[6:], offered))
            raise self._failed(
                f"the broker does not offer kafka.sasl_mechanism {name}, but: {known or 'none'}"
            )
        if code == _NO_SASL_HERE:
            raise self._failed(
                "this listener asks for no user: set kafka.security_protocol to "
                f"{'SSL' if self.kafka.encrypts else 'PLAINTEXT'}, or name the port of a SASL "
                "listener"
            )
        if code:
            raise self._failed(f"the broker refused the login (error {code})")
        try:
            mechanism = get_sasl_mechanism(name)(**sasl_options(self.kafka, self.host))
            while not mechanism.is_done():
                payload = mechanism.auth_bytes()
                answer = self._ask(connection, _AUTHENTICATE, 0, _block(payload))
                code, message, found = _authenticated(answer)
                if code:
                    raise self._failed(f"{self._refused_login()} ({message or f'error {code}'})")
                mechanism.receive(found)
            if not mechanism.is_authenticated():
                raise self._failed(self._refused_login())
        except (NotConnected, OSError, struct.error, _Closed):
            raise
        # Kerberos has errors of its own, and SCRAM's client raises `ValueError`
        except Exception as error:
            raise self._failed(
                f"the login by {name} failed ({type(error).__name__}: {_line(str(error))})"
            ) from None

    def _refused_login(self) -> str:
        who = "" if self.kafka.username is None else f" of user {self.kafka.username}"
        return f"the broker refuses the credentials{who} by {self.kafka.sasl_mechanism}"

    def _ask(
        self, connection: socket.socket, key: int, version: int, content: bytes = b""
    ) -> bytes:
        """The answer to a request, without its header. Raises `_Closed`, `OSError`."""
        request = struct.pack(">hhi", key, version, 1) + _text(_CLIENT) + content
        connection.sendall(_block(request))
        (size,) = struct.unpack(">i", _exactly(connection, 4))
        if not 4 <= size <= LONGEST_ANSWER:
            raise _Closed
        return _exactly(connection, size)[4:]

    # -- what the port speaks instead

    def _speaks_plaintext(self) -> bool:
        with contextlib.suppress(NotConnected, OSError, _Closed, struct.error):
            with self._connected() as connection:
                self._ask(connection, _API_VERSIONS, 0)
            return True
        return False

    def _speaks_tls(self) -> bool:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # nothing is sent
        with contextlib.suppress(NotConnected, OSError):
            with self._connected() as plain, context.wrap_socket(plain):
                pass
            return True
        return False

    def _away(self, why: str) -> NotConnected:
        """No Kafka answers there now."""
        return NotConnected(f"no Kafka broker answers at {self.address} ({why}); is it running?")

    def _failed(self, why: str) -> NotConnected:
        return NotConnected(f"no connection to Kafka at {self.address}: {why}")


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise _Closed
        if not found and size == 4 and part[0] in _TLS_RECORDS:  # an alert of TLS
            raise _Closed
        found += part
    return found


def _text(text: bytes) -> bytes:
    return struct.pack(">h", len(text)) + text


def _block(content: bytes) -> bytes:
    return struct.pack(">i", len(content)) + content


def _texts(content: bytes, count: int) -> list[str]:
    found = []
    for _ in range(count):
        (size,) = struct.unpack_from(">h", content)
        found.append(content[2 : 2 + size].decode(errors="replace"))
        content = content[2 + size :]
    return found


def _authenticated(answer: bytes) -> tuple[int, str, bytes]:
    """Error code, error message and payload of an answer to SaslAuthenticate (version 0)."""
    code, size = struct.unpack_from(">hh", answer)
    end = 4 + max(size, 0)
    message = answer[4:end].decode(errors="replace")
    (length,) = struct.unpack_from(">i", answer, end)
    return code, _line(message), answer[end + 4 : end + 4 + max(length, 0)]


def _said(error: Any) -> str:
    if isinstance(error, _Closed):
        return "it closed the connection"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__


def _line(text: str) -> str:
    return " ".join(text.split())[:200]
