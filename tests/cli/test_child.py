"""The worker's process gets the settings of the one that starts it."""

from __future__ import annotations

import asyncio

import pytest

from muscgen import settings
from muscgen.cli.child import WorkerChild, _environment
from muscgen.errors import ConfigurationError


def test_every_setting_arrives_as_it_was_given(tmp_path):
    keys = "1:" + "a1" * 32 + ",2:" + "b2" * 32
    ours = settings.load({}, home=tmp_path, slots=3, precision="int8")
    ours = ours.model_copy(update={"watermark_keys": tuple(keys.split(","))})
    arrived = settings.load(
        {
            name: value
            for name, value in _environment(ours, "redis://x").items()
            if name.startswith("MUSCGEN_")
        }
    )
    assert arrived == ours.model_copy(update={"redis_url": "redis://x"})


def test_no_keys_are_no_keys(tmp_path):
    environment = _environment(settings.load({}, home=tmp_path), "redis://x")
    named = {name: value for name, value in environment.items() if name.startswith("MUSCGEN_")}
    assert settings.load(named).watermark_keys == ()


async def test_a_worker_that_can_never_start_is_not_started_for_ever(tmp_path):
    child = WorkerChild(
        settings.load({}, home=tmp_path, backend="onnx", device="cuda"), "redis://127.0.0.1:9"
    )
    with pytest.raises(ConfigurationError, match="says why above"):
        async with asyncio.timeout(60):
            await child.keep()
    assert child.pid is None
