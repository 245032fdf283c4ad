"""From an address to the place that has the files."""

from __future__ import annotations

from pathlib import Path

from muscgen.errors import InvalidRequest
from muscgen.fetching.patience import Patience, patiently
from muscgen.fetching.plan import Source
from muscgen.fetching.published import Bucket, Folder, Here, Published, WebFolder
from muscgen.fetching.shelf import check_id
from muscgen.fetching.terms import NOTHING_SAID
from muscgen.fetching.web import shown
from muscgen.models.terms import Said, Terms

HUB = "hub"
BUCKETS = ("s3://", "gs://", "az://")
WEB = ("https://", "http://")


def open_source(terms: Terms, origin: str | Path | None, revision: str | None, patience: Patience) -> Source:
    """The hub's repository of the model's name, the folder at a URL, or one of this machine.

    revision: a branch, a tag or a commit; at a URL the SHA-256 of its manifest. Raises InvalidRequest,
    ConfigurationError.
    """
    if origin is None or origin == HUB:
        from muscgen.fetching.hub import Hub

        return Hub(terms.id, revision or "main", patience=patience)
    if isinstance(origin, Path):
        return Here(origin, terms.id, terms)
    return Published(_folder(origin), terms.id, revision, terms.license)


def origin_of(model: str, models_from: str) -> str | None:
    """Where the settings have a model fetched; None is the hub. The query of a signed URL stays last."""
    if models_from == HUB:
        return None
    base, mark, query = models_from.partition("?")
    return f"{base.rstrip('/')}/{model}{mark}{query}"


def is_offline(models_from: str) -> bool:
    """Whether the place of the settings is a hub that is not to be asked."""
    if models_from != HUB:
        return False
    from muscgen.fetching import hub

    return hub.is_offline()


def published(model: str, origin: str | None, revision: str | None, patience: Patience) -> Said:
    """What the manifest at a URL says of the model's licence; of a hub nothing is asked.

    Raises InvalidRequest for what can be no model's id, and what reading a manifest does.
    """
    if origin is None or origin == HUB:
        return NOTHING_SAID
    check_id(model)
    folder = _folder(origin)
    try:
        return patiently(Published(folder, model, revision).manifest, patience, shown(origin))[0].said
    finally:
        folder.close()


def _folder(url: str) -> Folder:
    if url.startswith(BUCKETS):
        return Bucket(url)
    if url.startswith(WEB):
        return WebFolder(url)
    known = ", ".join((HUB, *BUCKETS, *WEB))
    raise InvalidRequest(f"{shown(url)!r} is no place to fetch from", param="from", suggestion=known)
