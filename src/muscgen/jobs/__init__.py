"""The queue that many workers share and that survives crashes: leases and fencing tokens in Lua over Redis.

queue = Queue(connect(url))
enqueued = await queue.enqueue(request)            # a client
for claim in await queue.claim([model], "w1", 4):  # a worker, which a LeaseKeeper keeps alive
    await queue.finish(claim, result)
job = await queue.wait(enqueued.job_id, timeout_s=60)
"""

from muscgen.jobs.connect import check_server, connect
from muscgen.jobs.embedded import EmbeddedServer
from muscgen.jobs.job import Claim, DeadLetter, Enqueued, Event, Job, Lease, LiveWorker, Page, Wishes
from muscgen.jobs.keys import new_job_id
from muscgen.jobs.lease import LeaseKeeper
from muscgen.jobs.outbox import Call, DeadCall, Outcome
from muscgen.jobs.queue import Queue
from muscgen.jobs.sound import Sound
from muscgen.jobs.states import LEGAL, TERMINAL, State
from muscgen.jobs.stock import Coming
from muscgen.jobs.surely import Surety, surety_of

__all__ = [
    "LEGAL",
    "TERMINAL",
    "Call",
    "Claim",
    "Coming",
    "DeadCall",
    "DeadLetter",
    "EmbeddedServer",
    "Enqueued",
    "Event",
    "Job",
    "Lease",
    "LeaseKeeper",
    "LiveWorker",
    "Outcome",
    "Page",
    "Queue",
    "Sound",
    "State",
    "Surety",
    "Wishes",
    "check_server",
    "connect",
    "new_job_id",
    "surety_of",
]
