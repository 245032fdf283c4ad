"""Songs and engines for tests."""

from contextlib import contextmanager

from muscgen.engine import Engine, Song
from muscgen.request import Sampling

LIMIT_S = 30.0


def sampling(temperature=1.0, top_k=0, top_p=0.0, guidance_scale=3.0):
    return Sampling(temperature=temperature, top_k=top_k, top_p=top_p, guidance_scale=guidance_scale)


GREEDY = sampling(top_k=1)


def song(
    seed=1,
    prompt="slow piano",
    duration_s=0.4,
    negative_prompt=None,
    attempt=0,
    long_form=None,
    sections=(),
    **knobs,
):
    return Song(prompt, negative_prompt, duration_s, seed, sampling(**knobs), attempt, long_form, sections)


@contextmanager
def running(backend, **settings):
    engine = Engine(backend, **{"slots": backend.rows // 2} | settings)
    try:
        yield engine
    finally:
        engine.close()


def made(engine, song):
    return engine.submit(song).result(LIMIT_S)
