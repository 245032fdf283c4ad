"""What is attached to a song: found, and told of."""

from __future__ import annotations

import asyncio

from muscgen.api.documents import artifact_url
from muscgen.api.house import House
from muscgen.artifacts import Artifact
from muscgen.artifacts.companions import CREDENTIALS
from muscgen.errors import ArtifactNotFound, NotFound

_BESIDE = ("ogg", "opus")  # files in which C2PA has no place


async def attached(house: House, artifact_id: str, name: str, suggestion: str) -> bytes:
    """Raises NotFound where nothing is."""
    try:
        return await asyncio.to_thread(house.store.attachment, artifact_id, name)
    except ArtifactNotFound as error:
        raise NotFound(error.detail, param="id", suggestion=suggestion) from error


async def link_to_credentials(house: House, artifact: Artifact, root: str) -> dict[str, str]:
    """The header by which C2PA's readers find a manifest that is not in the file; nothing where it is."""
    if artifact.extension not in _BESIDE:
        return {}
    try:
        await asyncio.to_thread(house.store.attachment, artifact.id, CREDENTIALS)
    except ArtifactNotFound:
        return {}
    return {"Link": f'<{artifact_url(artifact.id, root)}/credentials>; rel="c2pa-manifest"'}
