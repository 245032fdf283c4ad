import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from songs import sampling

from muscgen.engine.sampling import draw, guide, knobs_of

V = 24
LOGITS = np.random.default_rng(5).normal(size=V).astype(np.float32) * 2
KNOBS = st.builds(
    sampling,
    temperature=st.sampled_from([1e-320, 0.01, 0.7, 1.0, 5.0]),
    top_k=st.sampled_from([0, 1, 2, 7, V, 2048]),
    top_p=st.sampled_from([0.0, 1e-9, 0.3, 0.95, 1.0]),
)


def softmax(logits, temperature=1.0):
    """In float64, the plain way."""
    scaled = logits.astype(np.float64) / temperature
    weights = np.exp(scaled - scaled.max())
    return weights / weights.sum()


def expected(logits, temperature, top_k, top_p):
    """Temperature, then top-k, then top-p of what is left, code by code."""
    chances = softmax(logits, temperature)
    order = sorted(range(len(chances)), key=lambda code: (-logits[code], code))[: top_k or len(chances)]
    mass = chances[order].sum()
    kept, reached = [], 0.0
    for code in order:
        kept.append(code)
        reached += chances[code]
        if 0 < top_p < 1 and reached >= top_p * mass:
            break
    result = np.zeros_like(chances)
    result[kept] = chances[kept] / chances[kept].sum()
    return result


def codes_of(logits, knobs, uniforms):
    """logits [S, K, V]; one Sampling a song."""
    return draw(logits, knobs_of(knobs, logits.shape[-1]), uniforms)[0]


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
@pytest.mark.parametrize(
    ("top_k", "top_p"), [(0, 0), (1, 0), (5, 0), (0, 0.5), (0, 0.99), (0, 1.0), (6, 0.7), (24, 0)]
)
def test_codes_are_drawn_from_the_softmax(temperature, top_k, top_p):
    draws = 20_000
    uniforms = np.random.default_rng(11).random((1, draws))
    logits = np.broadcast_to(LOGITS, (1, draws, V))
    codes = codes_of(logits, [sampling(temperature, top_k, top_p)], uniforms)
    counts = np.bincount(codes.ravel(), minlength=V)
    chances = expected(LOGITS, temperature, top_k, top_p)
    assert not counts[chances == 0].any()
    common = chances * draws >= 5
    seen = np.append(counts[common], counts[~common].sum())
    wanted = np.append(chances[common], chances[~common].sum()) * draws
    seen, wanted = seen[wanted > 0], wanted[wanted > 0]
    assert len(seen) == 1 or chisquare(seen, wanted).pvalue > 1e-4


@given(KNOBS, st.floats(0, 1, exclude_max=True))
def test_only_codes_that_may_be_drawn_are(knobs, uniform):
    code = codes_of(LOGITS[None, None], [knobs], np.array([[uniform]]))[0, 0]
    temperature = max(knobs.temperature, 1e-6)
    assert expected(LOGITS, temperature, knobs.top_k, knobs.top_p)[code] > 0


@given(st.lists(KNOBS, min_size=2, max_size=6), st.integers(0, 2**32))
def test_a_song_draws_the_same_codes_alone_and_in_company(knobs, seed):
    rng = np.random.default_rng(seed)
    logits = np.round(rng.normal(size=(len(knobs), 3, V)) * 4).astype(np.float32) / 2  # many ties
    uniforms = rng.random((len(knobs), 3))
    together = codes_of(logits, knobs, uniforms)
    for at, own in enumerate(knobs):
        alone = codes_of(logits[at : at + 1], [own], uniforms[at : at + 1])
        assert np.array_equal(alone[0], together[at])


@pytest.mark.parametrize("uniform", [0.0, 0.5, 1 - 2**-53])
def test_the_top_code_alone_is_the_argmax_and_of_equals_the_first(uniform):
    logits = np.array([[[0, 3, 1, 3, 3]]], np.float32)
    assert codes_of(logits, [sampling(top_k=1)], np.array([[uniform]])).item() == 1


def test_of_equal_codes_at_the_border_the_first_stay():
    logits = np.broadcast_to(np.array([2, 1, 5, 1, 1], np.float32), (1, 400, 5))
    uniforms = np.linspace(0, 1, 400, endpoint=False)[None]
    assert set(codes_of(logits, [sampling(5.0, top_k=3)], uniforms).ravel()) == {0, 1, 2}


def test_the_largest_uniform_reaches_a_code_that_may_be_drawn():
    logits = np.random.default_rng(2).normal(size=(1, 5000, V)).astype(np.float32)
    codes = codes_of(logits, [sampling(top_k=3)], np.full((1, 5000), 1 - 2**-53))
    rank = (logits > np.take_along_axis(logits, codes[..., None], -1)).sum(-1)
    assert rank.max() <= 2


def test_guidance_goes_from_the_null_towards_the_prompt():
    logits = np.random.default_rng(0).normal(size=(3, 2, V)).astype(np.float32)
    scale = np.array([3.0, 1.0], np.float32)[:, None, None]
    guided = guide(logits, np.array([0, 1]), np.array([2, 1]), scale)
    assert np.allclose(guided[0], logits[2] + 3 * (logits[0] - logits[2]))
    assert np.array_equal(guided[1], logits[1])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_song_whose_logits_are_not_finite_is_named_and_alone(bad):
    rng = np.random.default_rng(0)
    logits, uniforms = rng.normal(size=(2, 2, V)).astype(np.float32), rng.random((2, 2))
    knobs = knobs_of([sampling(), sampling(top_k=5, top_p=0.5)], V)
    good = draw(logits, knobs, uniforms)[0][1]
    logits[0, 1, 3] = bad
    codes, sound = draw(logits, knobs, uniforms)
    assert sound.tolist() == [False, True]
    assert np.array_equal(codes[1], good)
