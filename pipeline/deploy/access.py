"""Who may ask a server: those who have a token, where it has a file of them."""

import hmac
import ipaddress
import shlex
from collections.abc import Sequence
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from huberflow.custom_objects.input_error import InputError

_OPEN = ("/health", "/ping", "/ready")
"""For the probes of Kubernetes and load balancers."""


class TokenRequired:
    """Passes on the requests that have a token, ``Authorization: Bearer <token>``.

    Args:
      application: answers.
      tokens: any of these will do.
    """

    def __init__(self, application: ASGIApp, tokens: Sequence[bytes]) -> None:
        self._application, self._tokens = application, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["path"] in _OPEN or self._knows(Headers(scope=scope).get("authorization", "")):
            await self._application(scope, receive, send)
            return
        message = "expected the header Authorization: Bearer <token>, with a token of this server"
        refusal = JSONResponse(
            {"error_code": "UNAUTHENTICATED", "message": message},
            401,
            {"WWW-Authenticate": "Bearer"},
        )
        await refusal(scope, receive, send)

    def _knows(self, header: str) -> bool:
        scheme, _, token = header.partition(" ")
        given = token.strip().encode("latin-1")  # as the header's bytes were read
        # All of them, so that the time tells nothing.
        known = [hmac.compare_digest(given, each) for each in self._tokens]
        return scheme.lower() == "bearer" and any(known)


def read_tokens(path: Path) -> list[bytes]:
    """The tokens of a file, one a line; it is read once, so a new one needs a new server.

    Raises:
      InputError: it cannot be read, or has none, or one with spaces.
    """
    try:
        tokens = [line.strip() for line in path.read_bytes().splitlines() if line.strip()]
    except OSError as error:
        received = f"{path} ({error.strerror})"
        raise InputError("--token-file", expected="a file", received=received) from error
    if not tokens or any(len(token.split()) > 1 for token in tokens):
        received = f"{len(tokens)} lines, some of several words" if tokens else "an empty file"
        write = f"openssl rand -hex 32 > {shlex.quote(str(path))}"
        raise InputError("--token-file", expected="a token a line", received=received, write=write)
    return tokens


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
