"""The bodies of requests: bounded in size, in number, and in the time that they take to arrive."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 64 * 2**20
"""Of a request's body."""

MOST_BYTES_HELD = 8 * MOST_BYTES
"""Of all bodies that are being read or answered."""

PATIENCE = 60.0
"""Seconds that a client may take to send a body."""


class Intake:
    """The requests that are being read or answered.

    Args:
      most: how many at the same time; the next is refused.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._requests = self._bytes = 0

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """The request's body, which counts until the end of the block.

        Raises:
          HTTPException: it is too large, or slow, or there are too many.
        """
        if self._requests >= self._most:
            raise _busy(f"{self._most:,} requests at the same time")
        _check_size(int(request.headers.get("content-length", 0)))
        body = bytearray()
        self._requests += 1
        try:
            await self._read(request, body)
            yield bytes(body)
        finally:
            self._requests -= 1
            self._bytes -= len(body)

    async def _read(self, request: Request, body: bytearray) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                async for chunk in request.stream():
                    self._bytes += len(chunk)
                    body += chunk
                    self._check(len(body))
        except TimeoutError as error:
            detail = f"the body did not arrive within {PATIENCE:g} seconds"
            raise HTTPException(408, detail, {"Connection": "close"}) from error

    def _check(self, count: int) -> None:
        _check_size(count)
        if self._bytes > MOST_BYTES_HELD:
            raise _busy(f"bodies of {MOST_BYTES_HELD:,} bytes at the same time")


def _check_size(count: int) -> None:
    if count > MOST_BYTES:
        raise HTTPException(413, f"expected a body of at most {MOST_BYTES:,} bytes")


def _busy(most: str) -> HTTPException:
    return HTTPException(503, f"busy: expected at most {most}; send it again", {"Retry-After": "1"})
