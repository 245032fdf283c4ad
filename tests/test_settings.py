from pathlib import Path

import pytest

from muscgen.errors import ConfigurationError
from muscgen.settings import Settings, load


def test_an_empty_environment_gives_settings_that_work():
    settings = load({})

    assert settings.redis_url is None
    assert settings.default_model == "muscgen-tiny"
    assert settings.models_path == settings.home / "models"
    assert settings.artifacts_path.parent == settings.queue_path.parent == settings.cache_path.parent


def test_values_come_from_the_environment_with_their_types():
    settings = load(
        {
            "MUSCGEN_PORT": "9000",
            "MUSCGEN_HOME": "/srv/m",
            "MUSCGEN_LEASE_S": "2.5",
            "MUSCGEN_REQUIRE_WORKER": "1",
        }
    )

    assert (settings.port, settings.home, settings.lease_s) == (9000, Path("/srv/m"), 2.5)
    assert settings.require_worker


def test_the_command_line_wins_and_none_is_no_word():
    environment = {"MUSCGEN_PORT": "9000", "MUSCGEN_HOST": "::"}

    settings = load(environment, port=7000, host=None)

    assert (settings.port, settings.host) == (7000, "::")


def test_an_empty_variable_is_not_set():
    assert load({"MUSCGEN_REDIS_URL": "", "MUSCGEN_PORT": ""}).port == 8000


def test_keys_are_separated_by_commas():
    assert load({"MUSCGEN_API_KEYS": " one, two,,"}).api_keys == ("one", "two")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MUSCGEN_PORT", "high"),
        ("MUSCGEN_PORT", "65536"),
        ("MUSCGEN_SLOTS", "65"),
        ("MUSCGEN_PRECISION", "fp8"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name, value):
    with pytest.raises(ConfigurationError, match=name) as caught:
        load({name: value})
    assert caught.value.param == name.removeprefix("MUSCGEN_").lower()


def test_an_unknown_name_is_refused():
    with pytest.raises(ConfigurationError, match="there is no setting MUSCGEN_PROT") as caught:
        load({"MUSCGEN_PROT": "9000"})
    assert caught.value.suggestion == "MUSCGEN_PORT"


def test_other_programs_variables_are_left_alone():
    assert load({"PORT": "1", "MUSC": "2"}).port == 8000


def test_home_follows_the_desktops_convention():
    assert load({"XDG_DATA_HOME": "/data"}).home == Path("/data/muscgen")
    assert load({}).home == Path.home() / ".local" / "share" / "muscgen"


def test_secrets_do_not_show():
    shown = repr(load({"MUSCGEN_API_KEYS": "s3cret", "MUSCGEN_REDIS_URL": "redis://:pa55@host"}))

    assert "s3cret" not in shown
    assert "pa55" not in shown


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 5


def test_a_secret_may_come_from_a_file(tmp_path):
    (tmp_path / "keys").write_text("one, two\n")
    assert load({"MUSCGEN_API_KEYS_FILE": str(tmp_path / "keys")}).api_keys == ("one", "two")


def test_a_file_that_is_not_there_or_a_name_given_twice_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="MUSCGEN_API_KEYS_FILE"):
        load({"MUSCGEN_API_KEYS_FILE": str(tmp_path / "nothing")})
    (tmp_path / "keys").write_text("one")
    with pytest.raises(ConfigurationError, match="both"):
        load({"MUSCGEN_API_KEYS_FILE": str(tmp_path / "keys"), "MUSCGEN_API_KEYS": "two"})
