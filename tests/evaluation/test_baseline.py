"""Figures held against those of before."""

import pytest

from muscgen.errors import ConfigurationError, InvalidRequest
from muscgen.evaluation import baseline
from muscgen.evaluation.judge import Judgement
from muscgen.evaluation.measures import Measure
from muscgen.evaluation.report import Evaluation

SETTING = {"prompts": "aa", "weights_clap": "bb"}


def measured(value, better="higher"):
    return Evaluation(None, SETTING, Judgement({"key": Measure(value, better, 0.1, "")}, {}, (), None, ()))


@pytest.fixture
def stored(tmp_path):
    def store(value, better="higher"):
        baseline.store(measured(value, better), tmp_path / "before.json")
        return baseline.read(tmp_path / "before.json")

    return store


@pytest.mark.parametrize(
    ("better", "now", "worse", "is_better"),
    [
        ("higher", 0.3, True, False),
        ("higher", 0.45, False, False),
        ("higher", 0.7, False, True),
        ("lower", 0.7, True, False),
        ("lower", 0.3, False, True),
        ("higher", float("nan"), True, False),
        ("lower", float("nan"), True, False),
    ],
)
def test_what_is_beyond_its_tolerance_or_no_number_is_worse(stored, better, now, worse, is_better):
    [change] = baseline.changes(stored(0.5, better), measured(now, better))
    assert (change.worse, change.better) == (worse, is_better)


def test_a_figure_that_is_no_number_is_none_to_compare_with(stored, tmp_path):
    with pytest.raises(ConfigurationError, match="key: no number"):
        stored(float("nan"))
    stored(0.5)
    path = tmp_path / "before.json"
    path.write_text(path.read_text().replace("0.5", "NaN"))
    with pytest.raises(InvalidRequest, match="finite number"):
        baseline.read(path)


@pytest.mark.parametrize("setting", [{"prompts": "aa", "weights_clap": "cc"}, {"prompts": "aa"}])
def test_figures_by_other_weights_of_a_judge_are_not_compared(stored, setting, tmp_path):
    with pytest.raises(ConfigurationError, match="measured otherwise: weights_clap bb there"):
        baseline.check_setting(stored(0.5), setting, tmp_path / "before.json")
