"""The published schema against the service: whatever it allows and forbids, no answer is a surprise."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from .serving import served

BOUNDS = settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
# Whether all that the schema allows is accepted is not asked: it cannot say that a cursor must be one of
# ours, an upload sound, a consent's part JSON, a fade shorter than its song, a clip there. Six operations
# refuse such things by name; that they do it with answers of the schema is what the other checks see to.
TOO_STRICT = ["positive_data_acceptance"]
NO_WORKER = "/readyz"  # 503 is the truth here
LONGEST_WAIT_S = 1
ENDLESS = r"/(events|audio)$"  # of a job that waits they last as long as it does


@schemathesis.hook
def before_call(context, case, kwargs):
    """Nobody works here: a wait for a job lasts as long as it may, so it is made short."""
    wait = (case.query or {}).get("wait")
    if isinstance(wait, int) and wait > LONGEST_WAIT_S:
        case.query["wait"] = LONGEST_WAIT_S


@pytest.fixture(scope="module")
def schema(server, registry, tmp_path_factory):
    with served(server.url, tmp_path_factory.mktemp("api"), registry) as url:
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
        schema.config.checks.update(excluded_check_names=TOO_STRICT)
        yield schema


def test_every_answer_is_one_that_the_schema_tells_of(schema):
    failures = []
    for operation in (found.ok() for found in schema.exclude(path=NO_WORKER).get_all_operations()):

        @BOUNDS
        @given(case=operation.as_strategy())
        def ask(case):
            case.call_and_validate(timeout=10)

        try:
            ask()
        except (BaseExceptionGroup, schemathesis.errors.SchemathesisError, AssertionError) as failure:
            failures.append(f"{operation.label}: {failure!r}")
    assert failures == []


def test_requests_that_follow_from_answers_find_no_failure_either(schema):
    machine = schema.exclude(path_regex=ENDLESS).exclude(path=NO_WORKER).as_state_machine()
    machine.run(settings=settings(BOUNDS, max_examples=15, stateful_step_count=6))
