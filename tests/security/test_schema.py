"""The published schema against the service: whatever it allows and forbids, no answer is a surprise."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from .serving import served

BOUNDS = settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
# Nor can the schema say everything: these refuse by name what it allows, and are not asked to accept it all.
SAYS_MORE = {
    "POST /generate": "a prompt or sections, a fade shorter than its song, a clip that is there",
    "POST /artifacts": "a sound",
    "POST /verify": "a sound",
    "POST /consents": "a part that is JSON",
    "GET /consents": "a cursor of ours",
    "GET /jobs": "a cursor of ours",
}
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
def address(server, registry, tmp_path_factory):
    with served(server.url, tmp_path_factory.mktemp("api"), registry) as url:
        yield f"{url}/openapi.json"


@pytest.fixture
def schema(address):
    return schemathesis.openapi.from_url(address)


def unasked(operation):
    return [positive_data_acceptance] if operation.label in SAYS_MORE else []


def test_every_answer_is_one_that_the_schema_tells_of(schema):
    failures = []
    for operation in (found.ok() for found in schema.exclude(path=NO_WORKER).get_all_operations()):

        @BOUNDS
        @given(case=operation.as_strategy())
        def ask(case):
            case.call_and_validate(timeout=10, excluded_checks=unasked(case.operation))

        try:
            ask()
        except (BaseExceptionGroup, schemathesis.errors.SchemathesisError, AssertionError) as failure:
            failures.append(f"{operation.label}: {failure!r}")
    assert failures == []


def test_requests_that_follow_from_answers_find_no_failure_either(schema):
    schema.config.checks.update(excluded_check_names=[positive_data_acceptance.__name__])
    machine = schema.exclude(path_regex=ENDLESS).exclude(path=NO_WORKER).as_state_machine()
    machine.run(settings=settings(BOUNDS, max_examples=15, stateful_step_count=6))
