"""What of the queue lies where: one slot of a Cluster for each model, behind passwords, behind TLS."""

from __future__ import annotations

import asyncio
import contextlib
from importlib.resources import files

import pytest
import redis
import trustme
from queues import MODEL, song
from redis.crc import key_slot

from muscgen.errors import ConfigurationError
from muscgen.jobs import LeaseKeeper, Queue, Sound, check_server, connect
from muscgen.jobs.limits import Limits
from muscgen.jobs.outbox import Outcome
from muscgen.jobs.scripts import digest

from .servers import DURABLE, Node, cluster, redis_server, trio, valkey

SCRIPTS = {
    path.name.removesuffix(".lua")
    for path in (files("muscgen.jobs") / "lua").iterdir()
    if not path.name.startswith(("_", "task_"))  # of tasks, which are tried over a Cluster by themselves
}


THE_END = "that was the whole tour"


async def tour(queue: Queue) -> None:
    """Every script there is, with all that a job may have."""
    hook = {"url": "https://example.org/", "events": ("completed",)}
    rules = {"tenant": "t", "limits": Limits(1_000, 99, 99, 1e6), "work": "w", "log": "log"}
    for number in range(6):
        name = {"idempotency_key": str(number), "body_hash": "b"}
        await queue.enqueue(song(seed=number // 2, deadline=60.0, webhook=hook), **rules, **name)
        rules["work"] = f"w{number // 2}"
    await queue.promise((await queue.list()).jobs[0].id, 9.0)
    await queue.heartbeat("w", [MODEL], slots=4, free=4, makers={MODEL: "m"})
    strange = (await queue.enqueue(song(priority="interactive"))).job_id
    await queue.redis.hset(queue._keys_of(strange).job(strange), "request", "{}")
    assert await queue.claim([MODEL], "w", 1) == []  # it is another version's
    first, second, third = await queue.claim([MODEL], "w", 3)
    await queue.listen(first.job_id, 0)
    await queue.push_sound(first, 0, Sound(0, 0, 8_000, 1, b"\x00\x00"))
    await queue.save_codes(first, {0: b"codes"})
    await queue.report(first, {"fraction": 0.5})
    await queue.emit(first, "warning", {})
    await queue.renew([first, second, third])
    await queue.cancel(first.job_id)
    await queue.confirm_cancel(first)
    await queue.finish(second, {}, maker="m", size_bytes=1)
    await queue.fail(third, {"code": "x"}, retry=True)
    for claim in await queue.claim([MODEL], "w", 9):
        await queue.hand_back(claim)
    full = Queue(queue.redis, prefix=queue.prefix, max_depth=1)
    with contextlib.suppress(Exception):
        await full.enqueue(song(seed=99), tenant="t", limits=Limits(1_000))
    await queue.stats(MODEL)
    for call in await queue.take_calls(9.0, 9):
        await queue.settle_call(call, Outcome.TOLD)
        await queue.resend_call(call.job.id)
    for owed in await queue.take_owed("log", late_s=0.0):
        await queue.settle_owed(owed.job.id)
    await queue.forget(MODEL, "w0")
    await queue.sweep()
    await queue.purge(MODEL)
    await queue.delete(second.job_id)
    await queue.list()


@pytest.mark.parametrize("server", ["cluster"], indirect=True)
async def test_a_script_touches_the_keys_of_one_slot_alone(server, make_queue):
    queue = make_queue(cache_bytes=1)
    port = int(server.url.rpartition(":")[2])
    with redis.Redis(port=port) as client, client.monitor() as monitor:
        await tour(queue)
        with redis.Redis(port=port) as other:
            other.echo(THE_END)
        told = []
        while THE_END not in (line := monitor.next_command())["command"]:
            told.append(line)
    names = {digest(name): name for name in SCRIPTS}
    seen, slot, faults = set(), None, []
    for line in told:
        words = line["command"].split(" ")
        mine = [word for word in words if word.startswith(f"{queue.prefix}:")]
        if line["client_type"] != "lua":
            slot = key_slot(mine[0].encode()) if words[0].upper().startswith("EVAL") else None
            seen |= {names[word] for word in words[1:2] if word in names}
        elif any(key_slot(word.encode()) != slot for word in mine):
            faults.append(line["command"])
    assert faults == []
    assert seen == SCRIPTS


async def test_models_lie_in_slots_of_their_own_and_are_waited_for_together(queue):
    slots = {key_slot(queue._keys(model).queue.encode()) for model in ("one", "two", "three")}
    assert len(slots) == 3
    assert await queue.wait_for_work(["one", "two", "three"], 0.05) is False
    await queue.enqueue(song(model="three"))
    assert await queue.wait_for_work(["one", "two", "three"], 5.0) is True
    [claim] = await queue.claim(["one", "two", "three"], "w", 9)
    assert claim.model == "three"


async def used(url: str) -> None:
    """By a client and by a keeper's thread."""
    queue = Queue(connect(url), lease_s=3.0)
    await check_server(queue.redis)
    await queue.enqueue(song())
    [claim] = await queue.claim([MODEL], "w", 1)
    lost: list[str] = []
    leases = queue._keys(MODEL).leases
    first = await queue.redis.zscore(leases, claim.job_id)
    with LeaseKeeper(url, lease_s=3.0, on_lost=lost.append, on_cancel=lost.append) as keeper:
        keeper.add(claim)
        async with asyncio.timeout(60):
            while await queue.redis.zscore(leases, claim.job_id) == first:
                await queue.wait_for_work(["nothing"], 0.1)
                await queue.sweep()
        await queue.finish(claim, {})
        keeper.remove(claim)
    assert lost == []
    await queue.close()


@pytest.mark.parametrize("kind", ["server", "cluster", "sentinel"])
async def test_a_password_opens_every_kind_and_a_wrong_one_is_a_matter_of_configuration(kind, tmp_path):
    binary = redis_server() or valkey()
    guard = {"requirepass": "right", "masterauth": "right"}
    with contextlib.ExitStack() as stack:
        match kind:
            case "server":
                node = Node(binary, tmp_path, DURABLE | guard, password="right")
                stack.callback(node.kill)
                url = f"redis://:right@127.0.0.1:{node.start().port}"
            case "cluster":
                url = stack.enter_context(cluster(binary, tmp_path, guard)).replace("//", "//:right@")
            case _:
                url = stack.enter_context(trio(binary, tmp_path, guard)).url.replace("//", "//:right@")
        await used(url)
        client = connect(url.replace("right", "wrong"))
        with pytest.raises(ConfigurationError, match="password"):
            await check_server(client)
        await client.aclose()


async def test_a_user_who_may_not_look_at_the_server_is_a_matter_of_configuration(tmp_path):
    node = Node(redis_server() or valkey(), tmp_path, DURABLE).start()
    client = connect(f"redis://blind:right@127.0.0.1:{node.port}")
    try:
        with node.client() as owner:
            owner.execute_command("ACL", "SETUSER", "blind", "on", ">right", "~*", "&*", "+@all", "-info")
        with pytest.raises(ConfigurationError, match="refuses to be looked at"):
            await check_server(client)
    finally:
        await client.aclose()
        node.kill()


async def test_a_server_behind_tls_is_reached_and_another_authority_s_is_not(tmp_path):
    binary = redis_server()
    if binary is None:
        pytest.skip("the package's server speaks no TLS, and redis-server is not installed")
    authority, stranger = trustme.CA(), trustme.CA()
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    stranger.cert_pem.write_to_path(tmp_path / "stranger.pem")
    file = str(tmp_path / "server.pem")
    options = {"tls-cert-file": file, "tls-key-file": file, "tls-auth-clients": "no"}
    node = Node(binary, tmp_path / "tls", DURABLE | options, tls=tmp_path / "ca.pem")
    try:
        url = f"rediss://127.0.0.1:{node.start().port}"
        await used(f"{url}?ssl_ca_certs={tmp_path / 'ca.pem'}")
        client = connect(f"{url}?ssl_ca_certs={tmp_path / 'stranger.pem'}")
        with pytest.raises(ConfigurationError, match="certificate"):
            await check_server(client)
        await client.aclose()
    finally:
        node.kill()
