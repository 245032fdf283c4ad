"""A worker: claims jobs while a slot is free, runs their songs in one batch, and lets go of each in one way.

claim ─► JobRun: engine ─► finishing ─► store ─► queue.finish
  ▲         │ stopped by: cancel, lost lease, drain
  └─ Worker ┘ LeaseKeeper renews in a thread
"""

from muscgen.worker.loader import Served, load_model
from muscgen.worker.main import serve
from muscgen.worker.run import JobRun, Stop
from muscgen.worker.worker import Worker

__all__ = ["JobRun", "Served", "Stop", "Worker", "load_model", "serve"]
