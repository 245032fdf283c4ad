"""What a part of an address may be."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class Name(Convertor[str]):
    """Any text, slashes and line breaks in it too: `path`, which ends at a line, would make them a 405."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("name", Name())
