"""The store that the settings ask for."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from muscgen.artifacts.directory import DirectoryStore
from muscgen.artifacts.store import Store
from muscgen.errors import ConfigurationError
from muscgen.settings import Settings

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

# A bucket that is away is known to be so within seconds: whoever waits can come again.
_CLIENT: ClientConfig = {
    "allow_http": True,  # where an endpoint says http://
    "connect_timeout": timedelta(seconds=3),
    "read_timeout": timedelta(seconds=10),  # for an answer: a part of 5 MB goes there at 4 Mbit/s
}
_RETRIES: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=10)}


def open_store(settings: Settings, *, clock: Callable[[], float] = time.time) -> Store:
    """A folder or a bucket, by `artifacts_url`; nothing is asked of it yet. Raises ConfigurationError."""
    if settings.artifacts_path is not None:
        return DirectoryStore(settings.artifacts_path, clock=clock)
    return _bucket(settings.artifacts_url or "", settings.spool_path, clock)


def _bucket(url: str, spool: Path, clock: Callable[[], float]) -> Store:
    """Endpoint, region and credentials are the environment's, under the names that the clouds gave them."""
    try:
        from obstore.exceptions import BaseError
        from obstore.store import from_url

        from muscgen.artifacts.bucket import BucketStore
        from muscgen.artifacts.objects import Objects
    except ImportError as error:
        raise ConfigurationError(
            "buckets need the package obstore",
            param="artifacts_url",
            suggestion="pip install muscgen[bucket]",
        ) from error
    try:
        store = from_url(url, client_options=_CLIENT, retry_config=_RETRIES)
    except (BaseError, ValueError) as error:
        raise ConfigurationError(str(error).partition("\n")[0], param="artifacts_url") from error
    return BucketStore(Objects(store), spool, clock=clock)
