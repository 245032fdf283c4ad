"""A typed client of the service, for threads and for asyncio.

    with Client("http://127.0.0.1:8000") as client:
        job = client.generate("lofi hip hop, mellow electric piano", duration=8, seed=7)
        job.save("song.mp3")

What is asked and how answers are read is written once, as flows (`flows`); `sync` and `asynchronous` only
carry requests out and wait. Errors are the service's own tree (`muscgen.errors`), found by their code.
"""

from muscgen.client.asynchronous import AsyncClient, AsyncJob
from muscgen.client.documents import Artifact, Event, JobDocument, Output, Wish
from muscgen.client.sync import Client, Job

__all__ = ["Artifact", "AsyncClient", "AsyncJob", "Client", "Event", "Job", "JobDocument", "Output", "Wish"]
