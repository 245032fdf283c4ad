"""From an address to the place that has the files."""

from __future__ import annotations

from muscgen.errors import InvalidRequest
from muscgen.fetching.patience import Patience
from muscgen.fetching.plan import Source

BUCKETS = ("s3://", "gs://", "az://")
WEB = ("https://", "http://")


def open_source(model: str, origin: str | None, revision: str | None, patience: Patience) -> Source:
    """The hub's repository of that name, or the folder at the URL.

    revision: a branch, a tag or a commit; at a URL the SHA-256 of its manifest. Raises InvalidRequest.
    """
    if origin is None or origin == "hub":
        from muscgen.fetching.hub import Hub

        return Hub(model, revision or "main", patience=patience)
    raise InvalidRequest(
        f"{origin!r} is no place to fetch from",
        param="from",
        suggestion=f"hub, or a URL with {', '.join((*BUCKETS, *WEB))}",
    )
