"""What a worker serves with: the token that readers must present, and its certificates.

Apart from the guard, so that the command line can check them without a web server.
"""

from __future__ import annotations

import ssl

from streams.settings import SettingsError, WebSettings

LEAST_TOKEN = 16  # characters


def token_of(settings: WebSettings) -> str | None:
    """The token that readers must present; None if none is needed. Raises `SettingsError`."""
    if settings.token_file is not None:
        place = f"web.token_file: {settings.token_file}"
        try:
            token = settings.token_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{place}: {getattr(error, 'strerror', 'expected text')}") from None
    elif settings.token is not None:
        place, token = "web.token", settings.token.get_secret_value()
    else:
        return None
    if len(token) < LEAST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise SettingsError(
            f"{place}: expected {LEAST_TOKEN} or more ASCII characters without spaces"
        )
    return token


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
        context.verify_mode = ssl.CERT_REQUIRED
    return context
