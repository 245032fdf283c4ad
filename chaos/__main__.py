"""`make chaos MINUTES=60 SEED=7`: songs are asked for while everything dies, and then all is looked at.

Writes RESULTS.md and results.json to --out. Ends with 1 if anything was not as it must be, and then keeps the
folder with the logs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import shutil
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chaos.askers import Asker, Book, undisturbed
from chaos.harm import Harm
from chaos.report import table
from chaos.service import Service
from chaos.verdict import judge
from chaos.wishes import wishes
from chaos.world import World
from muscgen.jobs import connect
from muscgen.jobs.apikeys import ApiKeys
from muscgen.jobs.limits import Limits
from tests.webhooks.receiver import Receiver, receiving

TENANTS = {"one": Limits(), "two": Limits(concurrency=2), "three": Limits()}
ASKERS_A_TENANT = 3


async def tenants(world: World) -> list[Service]:
    client = connect(world.redis_url)
    keys = ApiKeys(client)
    found = []
    for tenant, limits in TENANTS.items():
        _, text = await keys.create(tenant, limits=limits)
        found.append(Service(world.api_url, text, tenant))
    await client.aclose()
    return found


async def run(world: World, seconds: float, seed: int) -> tuple[Book, Harm]:
    book, harm = Book(), Harm(world)
    async with receiving() as receiver:
        await world.start()
        services = await tenants(world)
        try:
            print(f"cut by {world.cut_by}, disk {'mounted' if world.disk.mounted else 'shimmed'}", flush=True)
            sounds = await undisturbed(services[0], wishes())
            print(f"{len(sounds)} songs were made undisturbed", flush=True)
            until = time.monotonic() + seconds
            askers = [
                Asker(
                    f"{service.tenant}-{number}", service, wishes(), sounds, book,
                    random.Random(f"{seed} {service.tenant} {number}"), receiver.url,
                )
                for service in services
                for number in range(ASKERS_A_TENANT)
            ]  # fmt: skip
            asking = [asyncio.create_task(asker.run(until)) for asker in askers]
            await harm.run(seconds)
            await world.calm()
            await asyncio.gather(*asking)
            book.counts["answers asked for again"] = sum(service.unheard for service in services)
            await judge(world, book, services, told(receiver))
        finally:
            for service in services:
                await service.close()
            await world.close()
    return book, harm


def told(receiver: Receiver) -> list[dict[str, Any]]:
    """What the webhooks' receiver has heard, as it goes on hearing."""
    return Calls(receiver)


class Calls(list[dict[str, Any]]):
    """The calls so far, whenever one looks."""

    def __init__(self, receiver: Receiver) -> None:
        super().__init__()
        self._receiver = receiver

    def __iter__(self):  # noqa: ANN204
        for call in list(self._receiver.heard):
            data = call.told["data"]
            yield {"id": call.id, "type": call.told["type"], "job": data["id"], "status": data["status"]}

    def __len__(self) -> int:
        return len(self._receiver.heard)


def facts(seed: int, minutes: float, world: World) -> dict[str, str]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return {
        "seed": str(seed),
        "minutes": f"{minutes:g}",
        "when": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": os.environ.get("CHAOS_COMMIT") or commit.stdout.strip() or "unknown",
        "machine": f"{os.cpu_count()} cores, python {platform.python_version()}",
        "durability": world.durability,
        "workers are cut by": world.cut_by,
        "disk": "small tmpfs" if world.disk.mounted else "shim",
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--seed", type=int, default=None, help="of the harm; drawn if none is given")
    parser.add_argument("--durability", choices=["waitaof", "always"], help="of Redis; drawn by the seed")
    parser.add_argument("--out", type=Path, default=Path(".chaos"), help="folder of the results")
    asked = parser.parse_args()
    seed = random.randrange(10**6) if asked.seed is None else asked.seed
    dice = random.Random(seed)
    durability = asked.durability or dice.choice(["waitaof", "always"])
    print(f"chaos for {asked.minutes:g} minutes, seed {seed}, {durability}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    world = World(folder, dice, durability)
    book, harm = asyncio.run(run(world, 60 * asked.minutes, seed))
    where = facts(seed, asked.minutes, world)
    asked.out.mkdir(parents=True, exist_ok=True)
    found = {
        "facts": where,
        "counts": dict(sorted(book.counts.items())),
        "harm": dict(sorted(harm.counts.items())),
        "faults": book.faults,
        "events": harm.told,
    }
    (asked.out / "results.json").write_text(json.dumps(found, indent=1) + "\n")
    (asked.out / "RESULTS.md").write_text(table(found))
    print(table(found))
    if book.faults or not book.counts["succeeded"]:
        print(f"FAILED. Again: make chaos MINUTES={asked.minutes:g} SEED={seed}; logs: {folder / 'logs'}")
        raise SystemExit(1)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
