"""The worker's process gets the settings of the one that starts it."""

from __future__ import annotations

from muscgen import settings
from muscgen.cli.child import _environment


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
