"""The certificates that a worker serves with."""

from __future__ import annotations

import ssl

from streams.settings import SettingsError, WebSettings


def tls_of(settings: WebSettings) -> ssl.SSLContext | None:
    """The TLS context to serve with; None for plain HTTP. Raises `SettingsError`."""
    if settings.tls_cert_file is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file)
    except OSError as error:  # ssl.SSLError is one
        raise SettingsError(
            f"web.tls_cert_file, web.tls_key_file: {error.strerror or error}"
        ) from None
    if settings.tls_client_ca_file is not None:
        try:
            context.load_verify_locations(settings.tls_client_ca_file)
        except OSError as error:
            raise SettingsError(f"web.tls_client_ca_file: {error.strerror or error}") from None
        # Where certificates have roles and there are tokens as well, one of the two is enough.
        either = bool(settings.certificates) and settings.has_tokens
        context.verify_mode = ssl.CERT_OPTIONAL if either else ssl.CERT_REQUIRED
    return context
