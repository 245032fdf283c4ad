"""A hub: huggingface.co, or a mirror that speaks its protocol.

huggingface_hub says what a repository holds and knows the usual settings: HF_ENDPOINT, HF_TOKEN and the token
of `hf auth login`, HF_HUB_OFFLINE. The files themselves are read here, since it begins each of them anew in
every process and checks no digest.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from muscgen.errors import (
    ConfigurationError,
    FetchFailed,
    FilesWrong,
    InvalidRequest,
    SourceAway,
    SourceMissing,
    SourceRefused,
)
from muscgen.fetching.patience import Patience, patiently, retry_after_s
from muscgen.fetching.plan import Item, Plan, Stream, Transient
from muscgen.fetching.select import select, select_text
from muscgen.fetching.web import Web, shown
from muscgen.models.audiocraft import TEXT_FOLDER

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import ModelInfo

TEXT_ENCODER = "google-t5/t5-base"  # what every published MusicGen reads with
_COMMIT = re.compile(r"[0-9a-f]{40}")
_METADATA_S = 30.0
_PASSING = (408, 429, 500, 502, 503, 504)


class Hub:
    """A repository at a revision. endpoint, token: None takes those of huggingface_hub's own settings."""

    def __init__(
        self,
        repository: str,
        revision: str = "main",
        *,
        patience: Patience,
        endpoint: str | None = None,
        token: str | None = None,
        text_encoder: str = TEXT_ENCODER,
    ) -> None:
        hub = _library()
        self._repository, self._revision, self._text_encoder = repository, revision, text_encoder
        self._token = _sendable(token or hub.get_token())
        self._endpoint = _web((endpoint or hub.constants.ENDPOINT).rstrip("/"))
        self._shown = shown(self._endpoint)  # a mirror's may have a user and a password
        self._patience = patience
        self._api: HfApi = hub.HfApi(endpoint=self._endpoint, token=self._token or False)
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        self._web = Web(headers, self._judge)

    def plan(self) -> Plan:
        """Raises SourceAway, SourceRefused, SourceMissing, FilesWrong; InvalidRequest for the id."""
        info = self._info(self._repository, self._revision)
        there = _files(info)
        chosen = select(there)
        items = [self._item(self._repository, info, name, name) for name in chosen.names]
        if chosen.needs_text:
            text = self._info(self._text_encoder, "main")
            names = select_text(_files(text))
            items[:0] = [
                self._item(self._text_encoder, text, name, f"{TEXT_FOLDER}/{name}") for name in names
            ]
        return Plan("hub", f"{self._shown}/{self._repository}", self._revision, _commit(info), tuple(items))

    @contextmanager
    def read(self, item: Item, start: int) -> Iterator[Stream]:
        with self._web.read(item.source, start) as stream:
            yield stream

    def close(self) -> None:
        self._web.close()

    def _item(self, repository: str, info: ModelInfo, name: str, target: str) -> Item:
        file = _files(info)[name]
        if file.size is None or not (file.lfs or file.blob_id):
            raise FilesWrong(f"{self._shown} does not say how large {name} is, or its digest")
        return Item(
            name=target,
            source=f"{self._endpoint}/{repository}/resolve/{_commit(info)}/{quote(name)}",
            bytes=file.size,
            sha256=file.lfs.sha256 if file.lfs else None,
            git_sha1=None if file.lfs else file.blob_id,
        )

    def _info(self, repository: str, revision: str) -> ModelInfo:
        asked = partial(self._ask, repository, revision)
        return patiently(asked, self._patience, f"{self._shown}/{repository}")

    def _ask(self, repository: str, revision: str) -> ModelInfo:
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

        try:
            return self._api.model_info(
                repository, revision=revision, files_metadata=True, timeout=_METADATA_S
            )
        except OfflineModeIsEnabled as error:
            raise SourceAway(
                "HF_HUB_OFFLINE is set, so no hub is asked",
                suggestion="unset it, or bring the files: muscgen models import DIR",
            ) from error
        except HfHubHTTPError as error:
            status, headers = error.response.status_code, error.response.headers
            if status in _PASSING:
                raise Transient(f"HTTP {status}", retry_after_s(headers.get("retry-after"))) from error
            raise self._words(status, headers, f"{repository} at {revision}") from error
        except Exception as error:
            if (meant := self._meant(error, repository)) is None:
                raise
            raise meant from error

    def _meant(self, error: Exception, repository: str) -> Exception | None:
        """What its library met without an answer that refuses; None: nothing that is known of it."""
        from huggingface_hub.errors import HFValidationError

        if isinstance(error, HFValidationError):
            said = f"{repository!r} can be no repository of a hub"
            return InvalidRequest(said, param="model", suggestion=str(error))
        if type(error).__name__ == "TooManyRedirects":  # its HTTP library has changed twice
            return FetchFailed(f"{self._shown}: {error}")
        if type(error).__module__.startswith("httpx"):
            return Transient(f"{type(error).__name__}: {error}".rstrip(": "))
        if isinstance(
            error, ValueError | TypeError | KeyError | AttributeError
        ):  # a proxy's page for a login
            return FilesWrong(
                f"{self._shown} answered with what no hub says of {repository}",
                suggestion="HF_ENDPOINT is a hub's address; a proxy on the way may want a login",
            )
        return None

    def _judge(self, answer: httpx.Response) -> FetchFailed | None:
        """Of a refused file. A host that files are kept at has words of its own."""
        if not shown(str(answer.url)).startswith(f"{self._shown}/"):
            return None
        return self._words(answer.status_code, answer.headers, answer.url.path)

    def _words(self, status: int, headers: Mapping[str, str], what: str) -> FetchFailed:
        """A refusal in words, by the hub's own code and message."""
        code, message = headers.get("x-error-code", ""), headers.get("x-error-message", "")
        if code == "GatedRepo":
            return SourceRefused(
                f"{self._repository} is gated: {self._shown} wants its terms accepted there"
                + ("" if self._token else ", and a token"),
                suggestion=f"accept them at {self._shown}/{self._repository}, and set HF_TOKEN to a token "
                "of that account",
            )
        if code == "RevisionNotFound":
            return SourceMissing(f"{self._repository} has no revision {self._revision!r}", param="revision")
        if code == "EntryNotFound":
            return SourceMissing(f"{what} is not there")
        if status == 401 and self._token:
            return SourceRefused(
                f"{self._shown} does not take this token", suggestion="HF_TOKEN, or hf auth login"
            )
        if code == "RepoNotFound" or status in (401, 404):
            return SourceMissing(
                f"{self._shown} has no {self._repository}, or shows it only to others",
                suggestion=None if self._token else "if it is private: HF_TOKEN",
            )
        return SourceRefused(f"{self._shown} refuses {what}: HTTP {status} {message}".rstrip())


def is_offline() -> bool:
    """Whether HF_HUB_OFFLINE keeps hubs from being asked."""
    return bool(_library().constants.HF_HUB_OFFLINE)


def _web(endpoint: str) -> str:
    """Raises ConfigurationError for an address that no try can reach."""
    if not endpoint.startswith(("https://", "http://")):
        raise ConfigurationError(
            f"HF_ENDPOINT is {shown(endpoint)!r}, which is no hub's address",
            param="HF_ENDPOINT",
            suggestion="https://huggingface.co, or a mirror's, with https:// before it",
        )
    return endpoint


def _sendable(token: str | None) -> str | None:
    """Raises SourceRefused for what no header can carry, and does not repeat it."""
    if token and not re.fullmatch(r"[!-~]+", token):
        raise SourceRefused(
            "the hub's token has characters that no token has", suggestion="HF_TOKEN, or hf auth login"
        )
    return token


def _library() -> ModuleType:
    """huggingface_hub, which otherwise tells its hub what program it runs in."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    import huggingface_hub
    import huggingface_hub.constants

    return huggingface_hub


def _files(info: ModelInfo) -> dict[str, Any]:
    return {file.rfilename: file for file in info.siblings or ()}


def _commit(info: ModelInfo) -> str:
    if not info.sha or not _COMMIT.fullmatch(info.sha):
        raise FilesWrong(f"the hub does not say which commit of {info.id} it shows")
    return info.sha
