"""Bytes to a wish: strict JSON, then the schema, and every fault named in wire names."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from muscgen.errors import InvalidRequest, MalformedBody, PromptTooLong, Rejected
from muscgen.request import MAX_PROMPT_CHARS, GenerateRequest

Wish = TypeVar("Wish", bound=BaseModel)
_MAX_LISTED = 20  # a body of nothing but unknown fields shall not be answered with a book
_EXACT = 2**53  # beyond, a double is not the number that was written
_MAX_NAME_CHARS = 120
_PROMPTS = ("prompt", "negative_prompt")


@dataclass(frozen=True, slots=True)
class Fault:
    """One field that cannot be taken as it is."""

    param: str | None
    detail: str
    suggestion: str | None = None


class InvalidFields(InvalidRequest):
    """Several faults at once; the error itself speaks of the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        first = faults[0]
        super().__init__(first.detail, param=first.param, suggestion=first.suggestion)
        self.faults = tuple(faults)


def read(body: bytes) -> GenerateRequest:
    """The wish in a body.

    Raises MalformedBody for what is not strict JSON in UTF-8, PromptTooLong, and InvalidFields naming every
    field that is unknown, of a wrong type or out of range.
    """
    return read_as(GenerateRequest, body)


def read_as(kind: type[Wish], body: bytes) -> Wish:
    """Any other wish in a body. Raises as `read` does."""
    wish = _check_json(_decoded(body))
    try:
        # Python's names would be a second spelling of each field, so they are unknown here.
        return kind.model_validate_json(json.dumps(wish), by_alias=True, by_name=False)
    except RecursionError:
        raise _too_deep() from None
    except ValidationError as error:
        raise refusal(error, kind) from None


def with_clips(body: bytes, artifacts: Mapping[str, str]) -> bytes:
    """The body with an artifact's id in `conditioning` for each role: files that came with it.

    Raises MalformedBody, and InvalidRequest where the body names an artifact for that role itself.
    """
    text = _decoded(body)
    wish = _check_json(text)
    if not isinstance(wish, dict) or not isinstance(wish.setdefault("conditioning", {}), dict):
        return body  # `read` says what is wrong with it
    for role, artifact_id in artifacts.items():
        clip = wish["conditioning"].get(role, {})
        if not isinstance(clip, dict):
            return body
        if "artifact_id" in clip:
            raise InvalidRequest(
                f"{role} comes as a file and as an artifact",
                param=f"conditioning.{role}.artifact_id",
                suggestion="one of the two",
            )
        wish["conditioning"][role] = clip | {"artifact_id": artifact_id}
    return json.dumps(wish).encode()


def _decoded(body: bytes) -> str:
    if not body.strip():
        raise MalformedBody("the body is empty", suggestion='a JSON object such as {"prompt": "calm piano"}')
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedBody(f"the body is not UTF-8: byte {error.start} cannot be read") from None


def _check_json(text: str) -> object:
    """pydantic's reader takes NaN and the last of two equal keys; strict JSON has neither."""
    try:
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_number
        )
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        raise MalformedBody(
            f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except ValueError:  # digits beyond Python's own limit
        raise MalformedBody("the body holds a number with too many digits") from None


def _too_deep() -> MalformedBody:
    return MalformedBody("the body is nested too deeply")


def _number(text: str) -> float:
    """To JSON Schema 7.0 is an integer, and some clients know no other numbers."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < _EXACT else number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for name, value in pairs:
        if name in known:
            raise MalformedBody(f"{name[:_MAX_NAME_CHARS]!r} is there twice", param=name[:_MAX_NAME_CHARS])
        known[name] = value
    return known


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedBody(f"the body is not JSON: {name} is no JSON number")


def refusal(error: ValidationError, kind: type[BaseModel] = GenerateRequest) -> Rejected:
    """What is wrong with a wish, in words and wire names."""
    return _refusal(error.errors(include_url=False, include_input=False), kind)


def _refusal(errors: Sequence[ErrorDetails], kind: type[BaseModel]) -> Rejected:
    first = errors[0]
    if first["type"] == "json_invalid":  # too deep for its taste, or half a surrogate pair
        return MalformedBody(f"the body is not JSON: {first['ctx']['error']}")
    for error in errors:
        if error["type"] == "string_too_long" and error["loc"][-1] in _PROMPTS:
            name = ".".join(map(str, error["loc"]))
            return PromptTooLong(
                f"{name} has more than {MAX_PROMPT_CHARS} characters",
                param=name,
                suggestion=f"at most {MAX_PROMPT_CHARS} characters",
            )
    return InvalidFields([_fault(error, kind) for error in errors[:_MAX_LISTED]])


def _fault(error: ErrorDetails, kind: type[BaseModel]) -> Fault:
    param = ".".join(str(part)[:_MAX_NAME_CHARS] for part in error["loc"]) or None
    if error["type"] == "extra_forbidden":
        return _unknown(error["loc"], param or "", kind)
    if error["type"] == "missing":
        return Fault(param, f"{param} is missing")
    message = error["msg"].removeprefix("Input ").removeprefix("String ")
    return Fault(param, f"{param or 'the body'} {message}", _allowed(error))


def _allowed(error: ErrorDetails) -> str | None:
    context = error.get("ctx", {})
    if "instead" in context:
        return str(context["instead"])
    if "expected" in context:
        return f"one of {context['expected']}"
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    limits = [f"{sign} {_plain(context[name])}" for name, sign in signs.items() if name in context]
    return " and ".join(limits) or None


def _plain(limit: object) -> str:
    return f"{limit:g}" if isinstance(limit, float) else str(limit)  # a seed's limit has 16 digits


def _unknown(loc: tuple[int | str, ...], param: str, kind: type[BaseModel]) -> Fault:
    names = _fields_at(loc[:-1], kind)
    near = difflib.get_close_matches(str(loc[-1])[:_MAX_NAME_CHARS], names, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return Fault(param, f"{param} is not a field of a request", f"{hint}known here: {', '.join(names)}")


def _fields_at(loc: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    for part in (part for part in loc if isinstance(part, str)):
        by_name = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        inner = _model_in(by_name.get(part))
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The part that a field holds: itself, or null or a list of it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
