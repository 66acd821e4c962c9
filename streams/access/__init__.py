"""Access: who reads, what their role lets them do, and which facilities and units they may see.

It knows no web server: `streams.http.guard` asks it, and answers.
"""

from streams.access.attempts import Attempts
from streams.access.authentication import Asked, Authenticator, Unknown
from streams.access.names import allowed_names, asked_names
from streams.access.roles import EVERYWHERE, Act, Elsewhere, Grant, Reader, Scope
from streams.access.tokens import Tokens, token_of

__all__ = [
    "EVERYWHERE",
    "Act",
    "Asked",
    "Attempts",
    "Authenticator",
    "Elsewhere",
    "Grant",
    "Reader",
    "Scope",
    "Tokens",
    "Unknown",
    "allowed_names",
    "asked_names",
    "token_of",
]
