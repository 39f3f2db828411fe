"""A signed POST to a program of the clinic's: what staff file, and what alarms tell. Who receives it checks that it is ours.

Headers: "X-Textback-Id" (the same for the same thing told again), "X-Textback-Timestamp" (seconds since 1970) and
"X-Textback-Signature" (``signature``).
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import io
import ssl
from collections.abc import Callable
from typing import Literal

import aiohttp

from ari_app.clock import Clock

__all__ = ["NotTakenError", "post", "signature"]

_PATIENCE = aiohttp.ClientTimeout(total=30, sock_connect=10)


class NotTakenError(Exception):
    """The webhook did not take it: its certificate is not trusted, no answer came in time, nobody is there, or another status than 2xx."""

    def __init__(self, why: Literal["tls", "slow", "down", "status"], status: int = 0) -> None:
        super().__init__(why)
        self.why = why
        self.status = status


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 (RFC 2104, FIPS 180-4) over ``timestamp.body``, hexadecimal: who checks it knows that both are ours."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


async def post(url: str, secret: str, id: str, pack: Callable[[], bytes], clock: Clock) -> int:  # noqa: A002 - as its header
    """POST the JSON that ``pack`` makes, in a thread; the status (2xx). Raises NotTakenError, and what ``pack`` raises."""
    timestamp = str(int(clock.now().timestamp()))

    def made() -> tuple[bytes, str, ssl.SSLContext]:
        body = pack()
        # made anew: SSL_CERT_FILE, and certificates renewed since the start, count
        return body, signature(secret, timestamp, body), ssl.create_default_context()

    # sound of megabytes is packed and signed beside the event loop
    body, signed, trusted = await asyncio.to_thread(made)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "asterisk-textback",
        "X-Textback-Id": id,
        "X-Textback-Timestamp": timestamp,
        "X-Textback-Signature": signed,
    }
    try:
        async with (
            aiohttp.ClientSession(timeout=_PATIENCE) as session,
            session.post(url, data=io.BytesIO(body), headers=headers, ssl=trusted, allow_redirects=False) as answer,
        ):
            status = answer.status
    except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError) as error:
        raise NotTakenError("tls") from error
    except TimeoutError as error:
        raise NotTakenError("slow") from error
    except (aiohttp.ClientError, OSError) as error:
        raise NotTakenError("down") from error
    if not 200 <= status < 300:
        raise NotTakenError("status", status)
    return status
