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
# What a schema allows is accepted, but where more is asked than a schema can say.
MORE_THAN_A_SCHEMA_SAYS = {
    "POST /generate": "fields that must fit each other and the model: fades, windows, a clip that is there",
    "POST /artifacts": "bytes that are sound",
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
def schema(server, registry, tmp_path_factory):
    with served(server.url, tmp_path_factory.mktemp("api"), registry) as url:
        schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
        yield schema


def judge(case, answer, **more):
    """All checks; where data that the schema allows may be refused, the refusal names a field instead."""
    refusable = case.operation.label in MORE_THAN_A_SCHEMA_SAYS
    excluded = [positive_data_acceptance] if refusable else []
    case.validate_response(answer, excluded_checks=excluded, **more)
    if refusable and answer.status_code == 422:
        assert answer.json()["param"], answer.text


def test_every_answer_is_one_that_the_schema_tells_of(schema):
    failures = []
    for operation in (found.ok() for found in schema.exclude(path=NO_WORKER).get_all_operations()):

        @BOUNDS
        @given(case=operation.as_strategy())
        def ask(case):
            answer = case.call(timeout=10)
            judge(case, answer)

        try:
            ask()
        except (BaseExceptionGroup, schemathesis.errors.SchemathesisError, AssertionError) as failure:
            failures.append(f"{operation.label}: {failure!r}")
    assert failures == []


def test_requests_that_follow_from_answers_find_no_failure_either(schema):
    machine = schema.exclude(path_regex=ENDLESS).exclude(path=NO_WORKER).as_state_machine()

    class Machine(machine):
        def validate_response(self, response, case, additional_checks=None, **sent):
            checks = {"additional_checks": additional_checks, "transport_kwargs": sent or None}
            judge(case, response, recorder=self.recorder, **checks)

    Machine.run(settings=settings(BOUNDS, max_examples=15, stateful_step_count=6))
