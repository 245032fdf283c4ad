"""One call: signed, sent, and what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpx

from muscgen import __version__
from muscgen.webhooks.secrets import Secrets
from muscgen.webhooks.transport import CheckedTransport, Refused

TIMEOUT_S = 15.0  # Standard Webhooks: 15 to 30 s
MOST_ANSWER_BYTES = 65_536  # read so that receivers end well, and thrown away


@dataclass(frozen=True, slots=True)
class Answer:
    """`reason` is empty for success, else a few words without the address."""

    reason: str = ""
    gone: bool = False
    retry_after_s: float = 0.0


class Sender:
    """Calls webhooks; `async with` closes it. Never raises for what a receiver does."""

    def __init__(
        self,
        secrets: Secrets,
        transport: CheckedTransport,
        *,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secrets = secrets
        self._timeout_s = timeout_s
        self._clock = clock
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
            headers={"User-Agent": f"muscgen/{__version__}", "Content-Type": "application/json"},
        )

    async def send(self, url: str, message_id: str, body: bytes, *, tenant: str = "") -> Answer:
        """Success is a status of 2xx within `timeout_s`, all told; redirects are not followed.

        It is signed with the secrets of the tenant.
        """
        heard: Answer | None = None
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._client.stream(
                    "POST", url, content=body, headers=self._signed(message_id, body, tenant)
                ) as answer:
                    heard = _answer(answer)
                    await _hear_out(answer)
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return heard or Answer(_why(error, self._timeout_s))
        return heard

    def _signed(self, message_id: str, body: bytes, tenant: str) -> dict[str, str]:
        now = int(self._clock())
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(now),
            "webhook-signature": self._secrets.of(tenant).signature(message_id, now, body),
        }

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()


async def _hear_out(answer: httpx.Response) -> None:
    heard = 0
    async for part in answer.aiter_raw():
        heard += len(part)
        if heard > MOST_ANSWER_BYTES:
            return


def _answer(answer: httpx.Response) -> Answer:
    if answer.is_success:
        return Answer()
    wish = answer.headers.get("retry-after", "")
    return Answer(
        f"status {answer.status_code}",
        gone=answer.status_code == 410,
        retry_after_s=float(wish) if wish.isascii() and wish.isdecimal() else 0.0,
    )


def _why(error: Exception, timeout_s: float) -> str:
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return f"no answer within {timeout_s:g} s"
    if isinstance(error, Refused):
        return "the address is not public"
    return f"no answer: {type(error).__name__}"
