"""Asks a worker on this machine whether it is healthy or ready, as a service manager does."""

from __future__ import annotations

import http.client
import ssl

from streams.settings import WebSettings

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104  # not bound to
_LONGEST = 4096


def probe(web: WebSettings, path: str, seconds: float) -> tuple[bool, str]:
    """Whether the worker with these settings answers `path` with 200, and the first line of what it
    says; or else why there is no answer within `seconds`.

    Neither path needs a token or a client certificate, so none is shown. The worker's certificate
    is not verified: nothing secret is sent, and a restart would not renew it.
    """
    host = _EVERYWHERE.get(web.host, web.host)
    connection: http.client.HTTPConnection
    if web.tls_cert_file is None:
        connection = http.client.HTTPConnection(host, web.port, timeout=seconds)
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, web.port, timeout=seconds, context=context)
    scheme = "http" if web.tls_cert_file is None else "https"
    shown = f"[{host}]" if ":" in host else host
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        said = answer.read(_LONGEST).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return False, f"no answer from {scheme}://{shown}:{web.port}{path}: {why}"
    finally:
        connection.close()
    line = next(iter(said.splitlines()), "")
    if answer.status in (200, 503):
        return answer.status == 200, line
    return False, f"{scheme}://{shown}:{web.port}{path} answered {answer.status} {line}".rstrip()
