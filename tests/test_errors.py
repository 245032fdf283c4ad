import inspect
import json

import pytest

from muscgen import errors
from muscgen.errors import BadSong, InvalidRequest, MuscgenError, QueueFull

ALL = [cls for cls in vars(errors).values() if inspect.isclass(cls) and issubclass(cls, MuscgenError)]
CONCRETE = [cls for cls in ALL if cls is not MuscgenError]


def test_every_error_has_a_code_of_its_own():
    codes = [cls.code for cls in CONCRETE if cls is not errors.InternalError]

    assert len(set(codes)) == len(codes)


@pytest.mark.parametrize("cls", ALL)
def test_every_error_has_a_status_that_means_an_error(cls):
    assert 400 <= cls.status < 600


@pytest.mark.parametrize("cls", CONCRETE)
def test_the_tree_in_the_documentation_shows_every_error_with_its_status(cls):
    lines = [line for line in (errors.__doc__ or "").splitlines() if f"── {cls.__name__} " in line]

    assert len(lines) == 1
    assert str(cls.status) in lines[0] or cls.__subclasses__()


@pytest.mark.parametrize("cls", ALL)
def test_every_error_can_be_stored_in_a_job(cls):
    stored = json.loads(json.dumps(cls("it went wrong", suggestion="do better").to_dict()))

    assert stored == {
        "code": cls.code,
        "detail": "it went wrong",
        "param": None,
        "suggestion": "do better",
        "retryable": cls.retryable,
    }


def test_a_rejection_names_the_field():
    assert InvalidRequest("no", param="output.bitrate_kbps").to_dict()["param"] == "output.bitrate_kbps"


def test_a_full_queue_says_when_to_come_back():
    error = QueueFull("full", retry_after_s=2.5)

    assert (error.retry_after_s, error.retryable, str(error)) == (2.5, True, "full")


def test_a_bad_song_has_a_reason_for_programs():
    assert BadSong("silent: nothing", reason="silent").reason == "silent"


def test_no_client_mistake_is_worth_a_retry_unless_time_heals_it():
    retryable = {cls.__name__ for cls in CONCRETE if cls.status < 500 and cls.retryable}

    assert retryable == {"QueueFull", "RateLimited", "QuotaExceeded", "JobNotFinished", "BodyTooSlow"}
