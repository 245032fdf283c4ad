"""`make soak HOURS=1`: mixed traffic at 80 % of what this machine bears, over the real service.

Writes RESULTS.md, results.json and pictures to --out. Ends with 1 if anything was lost, or grew.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from chaos.service import Service
from load.__main__ import machine
from load.service import Running, serving
from muscgen.jobs import Queue, connect
from simulate.server import started
from soak.report import write
from soak.traffic import Book, Traffic, at_once, at_rate
from soak.verdict import grown, lost, slower
from soak.watch import Watch
from tests.contracts.servers import Node

KEY = "soak-soak-soak-soak"
TOGETHER = 8  # askers while it is found what the machine bears
SAMPLES = 240  # over the run
MOST_LENIENT = 16  # wishes: none waits as long as its asker would, were the machine ten times as slow
READY_S = 150.0  # its worker prepares the model at its first start


async def ready(client: Service) -> None:
    """Once songs are made: what the machine bears is not known before. Raises TimeoutError."""
    async with asyncio.timeout(READY_S):
        while (await client.ask("GET", "/readyz")).json()["status"] != "ready":  # noqa: ASYNC110
            await asyncio.sleep(0.2)


async def soak(
    service: Running, node: Node, asked: argparse.Namespace
) -> tuple[dict[str, Any], Book, Watch, list[str]]:
    dice = random.Random(asked.seed)
    client = Service(f"http://127.0.0.1:{service.port}", KEY, "soak")
    seconds = 3_600 * asked.hours
    await ready(client)
    per_s = await at_once(Traffic(client, Book(), dice).one, TOGETHER, asked.find)
    client.unheard = 0
    print(
        f"this machine bears {per_s:.2f} wishes a second; {asked.share:.0%} of that for {seconds:.0f} s",
        flush=True,
    )
    book = Book()
    watch = Watch(service.pid, node.client(), book, max(0.5, seconds / SAMPLES))
    watching = asyncio.create_task(watch.run())
    most = MOST_LENIENT if asked.lenient else math.inf
    await at_rate(Traffic(client, book, dice).one, asked.share * per_s, seconds, dice, most)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    book.counts["answers asked for again"] = client.unheard
    if client.unheard and not asked.lenient:
        book.fault(f"{client.unheard} answers had to be asked for again")
    await client.close()
    queue = Queue(connect(f"redis://127.0.0.1:{node.port}"))
    faults = [*book.faults, *await lost(queue, book)]
    await queue.close()
    if not asked.lenient:
        faults += grown(watch.samples) + slower(book.ended, seconds)
    facts = machine() | {"minutes": round(seconds / 60, 2), "wishes a second": round(asked.share * per_s, 2)}
    facts |= {"seed": asked.seed, "share": asked.share, "lenient": asked.lenient}
    return facts, book, watch, faults


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m soak", description=__doc__)
    parser.add_argument("--hours", type=float, default=0.05)
    parser.add_argument("--share", type=float, default=0.8, help="of what the machine bears")
    parser.add_argument("--find", type=float, default=20.0, help="seconds to find out what it bears")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--lenient",
        action="store_true",
        help="for a machine that others use: growth, waits and answers that were asked for again are written "
        f"down, not judged, and no more than {MOST_LENIENT} wishes are under way",
    )
    parser.add_argument("--out", type=Path, default=Path(".soak"), help="folder of the results")
    asked = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    node = started(folder)
    try:
        settings = {"MUSCGEN_REDIS_URL": f"redis://127.0.0.1:{node.port}", "MUSCGEN_API_KEYS": KEY}
        settings |= {
            "MUSCGEN_CACHE_BYTES": "2000000",
            "MUSCGEN_CACHE_TTL_S": "60",
        }  # so that both bounds are met
        with serving(worker=True, **settings) as service:
            facts, book, watch, faults = asyncio.run(soak(service, node, asked))
    finally:
        node.kill()
    shutil.rmtree(folder, ignore_errors=True)
    asked.out.mkdir(parents=True, exist_ok=True)
    found = {"facts": facts, "counts": dict(book.counts), "faults": faults, "samples": watch.to_list()}
    found["ended"] = [asdict(one) for one in book.ended]
    (asked.out / "results.json").write_text(json.dumps(found) + "\n")
    print(write(asked.out, facts, book, watch.samples, faults))
    if faults:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
