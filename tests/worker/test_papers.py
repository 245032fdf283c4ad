"""What goes with a finished song, and what becomes of the files of attempts that did not finish."""

from __future__ import annotations

import asyncio
import json

import pytest
from bench import idle

from muscgen.artifacts.companions import CREDENTIALS, RECEIPT
from muscgen.errors import ArtifactNotFound
from muscgen.intake import credentials_of
from muscgen.jobs import State
from muscgen.provenance import receipt
from muscgen.provenance.origin import text_digest
from muscgen.provenance.papers import papers_of
from muscgen.provenance.signing import Signer
from muscgen.provenance.trust import own_trust
from muscgen.settings import load
from muscgen.worker.keeping import Keeping
from muscgen.worker.main import owns, wants

FORMATS = ("wav", "flac", "mp3", "ogg", "opus")


@pytest.fixture
def home(tmp_path):
    return load({"MUSCGEN_HOME": str(tmp_path / "home")})


@pytest.fixture
def signing(bench, home):
    bench.papers = papers_of(home)
    return bench


def only_output(job):
    assert job.state is State.SUCCEEDED, job.error
    (output,) = job.result["outputs"]
    return output


def read(bench, output, home):
    artifact_id = output["artifact"]["id"]
    sidecar = None
    if output["provenance"]["c2pa"] == "sidecar":
        sidecar = bench.store.attachment(artifact_id, CREDENTIALS)
    with bench.store.open(artifact_id) as file:
        return credentials_of(file, [own_trust(home)], sidecar=sidecar)


def ids(bench):
    """Of all that lies in the store, attachments too."""
    return {path.name[:64] for path in bench.store._root.glob("??/[0-9a-f]*")}


@pytest.mark.parametrize("encoding", FORMATS)
async def test_equal_songs_are_signed_each_and_have_one_digest(signing, home, encoding):
    async with signing.worker():
        jobs = [await signing.ended(await signing.ask(output={"format": encoding})) for _ in range(2)]
    one, two = map(only_output, jobs)
    assert one["audio_sha256"] == two["audio_sha256"]
    embedded = encoding in ("wav", "flac", "mp3")
    assert (one["artifact"]["id"] == two["artifact"]["id"]) == (not embedded)
    for output in (one, two):
        assert output["provenance"]["c2pa"] == ("embedded" if embedded else "sidecar")
        assert output["provenance"]["signer"]["development"]
        assert output["provenance"]["off"] == ["watermark"]
        found = read(signing, output, home)
        assert (found.state, found.trusted_by) == ("valid", 0)
        assert found.actions[0]["softwareAgent"]["name"] == "muscgen-tiny"


async def test_a_job_says_what_is_left_out(bench):
    async with bench.worker():
        output = only_output(await bench.ended(await bench.ask()))
    assert output["provenance"] == {
        "c2pa": None,
        "receipt": False,
        "signer": None,
        "off": ["watermark", "credentials", "receipt"],
    }
    with pytest.raises(ArtifactNotFound):
        bench.store.attachment(output["artifact"]["id"], CREDENTIALS)


async def finished_by_another(bench, monkeypatch):
    """The first worker loses its lease when its file is there. The job as a second one left it; the file."""
    keep, seen = Keeping.keep, []

    async def too_late(self, *finished):
        artifact = await keep(self, *finished)
        seen.append(artifact.id)
        worker.drain()
        while (await bench.queue.get(job_id)).state is State.RUNNING:  # the lease is renewed meanwhile
            await bench.lose(job_id)
        return artifact

    job_id = await bench.ask()
    with monkeypatch.context() as patch:
        patch.setattr(Keeping, "keep", too_late)
        async with bench.worker("zombie") as worker, asyncio.timeout(60):
            while not seen or worker.running:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    async with bench.worker("second"):
        job = await bench.ended(job_id)
    assert (job.worker, job.attempts) == ("second", 2)
    return job, seen[0]


async def test_the_file_of_a_worker_that_lost_its_lease_goes_at_once(signing, monkeypatch):
    job, lost = await finished_by_another(signing, monkeypatch)
    shown = only_output(job)["artifact"]["id"]
    assert lost != shown
    assert ids(signing) == {shown}


async def test_without_credentials_it_is_the_file_that_the_job_shows(bench, monkeypatch):
    job, lost = await finished_by_another(bench, monkeypatch)
    assert ids(bench) == {lost} == {only_output(job)["artifact"]["id"]}


async def test_the_file_of_a_worker_that_died_goes_with_the_sweep(signing, monkeypatch):
    async def died(self, state):
        pass

    monkeypatch.setattr(Keeping, "let_go", died)
    job, lost = await finished_by_another(signing, monkeypatch)
    shown = only_output(job)["artifact"]["id"]
    assert ids(signing) == {lost, shown}
    wanted = {artifact: await wants(signing.queue, job.id, artifact) for artifact in (lost, shown)}
    assert wanted == {lost: False, shown: True}
    assert await owns(signing.queue, job.id)
    assert signing.store.sweep(lambda _: True, lambda _, artifact: wanted[artifact]) == 1
    assert ids(signing) == {shown}


async def test_a_file_is_kept_while_its_job_may_still_show_it(signing):
    signing.organ.step_s = 0.02
    job_id = await signing.ask(duration=10.0)
    async with signing.worker() as worker:
        await signing.until(job_id, State.RUNNING)
        assert await wants(signing.queue, job_id, "0" * 64)
        await signing.queue.cancel(job_id)
        await idle(worker)
    assert not await wants(signing.queue, job_id, "0" * 64)


async def test_a_key_store_that_is_away_for_a_while_costs_a_try_and_no_song(bench, home):
    papers = papers_of(home)
    calls = []

    def flaky(message):
        calls.append(message)
        if len(calls) == 1:
            raise OSError("no route to the key store")
        return papers.signer.call(message)

    bench.papers = type(papers)(True, "", Signer(papers.signer.chain, flaky), True, False)
    async with bench.worker():
        job = await bench.ended(await bench.ask())
    assert (job.state, job.attempts) == (State.SUCCEEDED, 2)
    assert read(bench, only_output(job), home).state == "valid"


def receipt_in(bench, output):
    return receipt.read(bench.store.attachment(output["artifact"]["id"], RECEIPT))


@pytest.mark.parametrize("encoding", ["wav", "ogg"])
async def test_every_song_has_a_receipt_that_says_what_it_came_from(signing, home, encoding):
    wish = {"prompt": "a secret of Ada's", "negative_prompt": "drums", "metadata": {"for": "Ada"}}
    async with signing.worker():
        job = await signing.ended(await signing.ask(output={"format": encoding}, seed=3, **wish))
    output = only_output(job)
    found = receipt_in(signing, output)
    assert own_trust(home).in_whom(found.chain)
    words = found.words
    assert words["artifact"]["sha256"] == output["artifact"]["sha256"]
    assert words["artifact"]["audio_sha256"] == output["audio_sha256"]
    assert words["model"] == job.result["model"]
    assert (words["seed"], words["output"], words["inputs"]) == (3, 0, [])
    assert words["request"]["prompt"] == {"sha256": text_digest("a secret of Ada's")}
    assert words["request"]["negative_prompt"] == {"sha256": text_digest("drums")}
    assert words["request"]["sampling"]["guidance_scale"] == 3.0
    assert words["credentials"] == output["provenance"]["c2pa"]
    assert words["times"]["asked"] <= words["times"]["begun"] <= words["times"]["made"]
    assert "Ada" not in json.dumps(words)
    assert output["provenance"]["receipt"]


async def test_prompts_of_sections_are_hashes_too(signing):
    sections = ({"prompt": "organ", "duration": 1.0}, {"prompt": "a flute", "duration": 1.0})
    async with signing.worker():
        job = await signing.ended(await signing.ask(prompt=None, sections=sections, duration=2.0))
    words = receipt_in(signing, only_output(job)).words
    assert [each["prompt"]["sha256"] for each in words["request"]["sections"]] == [
        text_digest("organ"),
        text_digest("a flute"),
    ]
    assert "flute" not in json.dumps(words)


async def test_each_output_has_a_receipt_of_its_own(signing):
    async with signing.worker():
        job = await signing.ended(await signing.ask(n=3, seed=5))
    words = [receipt_in(signing, output).words for output in job.result["outputs"]]
    assert [(each["output"], each["seed"]) for each in words] == [(0, 5), (1, 6), (2, 7)]
