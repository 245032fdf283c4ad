"""Files over HTTP, from a byte on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import httpx

import muscgen
from muscgen.errors import FetchFailed, FilesWrong, SourceMissing, SourceRefused
from muscgen.fetching.patience import retry_after_s
from muscgen.fetching.plan import Stream, Transient

_CONNECT_S, _SILENCE_S = 10.0, 30.0
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_BEYOND = 416
_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)")
_USER = re.compile(r"(?:(?<=://)|^)[^/]*@")

Judge = Callable[[httpx.Response], FetchFailed | None]


class Web:
    """A client with headers for one host: another that it is sent on to is not told the Authorization.

    judge: what the place itself means by a refusal, where its own words are better than ours.
    """

    def __init__(self, headers: Mapping[str, str], judge: Judge = lambda _: None) -> None:
        self._judge = judge
        self._client = httpx.Client(
            headers={"Accept-Encoding": "identity", "User-Agent": f"muscgen/{muscgen.__version__}"}
            | dict(headers),
            follow_redirects=True,
            timeout=httpx.Timeout(_SILENCE_S, connect=_CONNECT_S),
        )

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def read(self, url: str, start: int = 0) -> Iterator[Stream]:
        """Raises Transient, SourceRefused, SourceMissing, FilesWrong, FetchFailed."""
        headers = {"Range": f"bytes={start}-"} if start else {}
        with _passing(url), self._client.stream("GET", url, headers=headers) as answer:
            yield Stream(self._begins(answer, start), answer.iter_raw())

    def content(self, url: str, most_bytes: int) -> bytes:
        """A whole small file. Raises as `read` does, and FilesWrong where it is larger."""
        with self.read(url) as stream:
            found = bytearray()
            for block in stream.blocks:
                found += block
                if len(found) > most_bytes:
                    raise FilesWrong(f"{shown(url)} has more than {most_bytes} bytes")
        return bytes(found)

    def _begins(self, answer: httpx.Response, start: int) -> int:
        if answer.status_code == 206:
            match = _RANGE.fullmatch(answer.headers.get("content-range", ""))
            if match is None or int(match[1]) != start:
                raise FilesWrong(f"{shown(str(answer.url))} answered with another range than was asked for")
            return start
        if answer.status_code == 200:
            return 0
        if answer.status_code == _BEYOND:
            raise FilesWrong(
                f"{shown(str(answer.url))} ends before byte {start}: it is shorter than was said"
            )
        if answer.status_code in _PASSING:
            raise Transient(f"HTTP {answer.status_code}", retry_after_s(answer.headers.get("retry-after")))
        raise self._judge(answer) or refusal(answer)


def refusal(answer: httpx.Response) -> FetchFailed:
    """What a status means."""
    place = shown(str(answer.url))
    match answer.status_code:
        case 401 | 403:
            return SourceRefused(f"{place} may not be read: HTTP {answer.status_code}")
        case 404 | 410:
            return SourceMissing(f"{place} is not there: HTTP {answer.status_code}")
        case status:
            return FetchFailed(f"{place} answered HTTP {status}")


def shown(url: str) -> str:
    """The address as it may be told and written down: without the query and the user that open it."""
    return _USER.sub("", re.split(r"[?#]", url)[0])


@contextmanager
def _passing(url: str) -> Iterator[None]:
    """What a network does, as Transient; what no try can mend, as FetchFailed."""
    try:
        yield
    except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.TooManyRedirects) as error:
        raise FetchFailed(f"{shown(url)}: {error}") from error
    except httpx.TransportError as error:
        raise Transient(f"{type(error).__name__}: {error}".rstrip(": ")) from error
