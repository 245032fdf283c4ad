"""What calls are signed with."""

import stat

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from muscgen.cli.child import _environment
from muscgen.errors import ConfigurationError
from muscgen.settings import load
from muscgen.webhooks import Secrets, secrets_of
from muscgen.webhooks.schedule import HOUR, PAUSES_S, pause_s

from .receiver import SECRET

OTHER = "whsec_" + "b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXI="


def headers(secrets: Secrets, body: bytes) -> dict[str, str]:
    import time

    now = int(time.time())
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(now),
        "webhook-signature": secrets.signature("msg_1", now, body),
    }


def test_the_official_library_verifies_what_every_secret_signs():
    body = '{"type": "job.completed", "ü": 1}'.encode()
    signed = headers(Secrets((SECRET, OTHER)), body)
    for secret in (SECRET, OTHER):
        Webhook(secret).verify(body, signed)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(body, headers(Secrets((SECRET,)), body))
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body + b" ", signed)


def test_the_specifications_own_example():
    secrets = Secrets(("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",))
    body = b'{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert secrets.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body) == expected


def test_a_secret_is_made_once_and_kept_for_its_owner_alone(tmp_path):
    file = tmp_path / "keys" / "webhook"
    made = secrets_of((), file)
    assert made == secrets_of((), file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["webhook"]
    assert made != secrets_of((), tmp_path / "other" / "webhook")


def test_the_settings_secrets_win_and_make_no_file(tmp_path):
    assert secrets_of((SECRET, OTHER), tmp_path / "webhook").words == (SECRET, OTHER)
    assert list(tmp_path.iterdir()) == []


def test_a_file_may_hold_several_while_receivers_change(tmp_path):
    (tmp_path / "webhook").write_text(f"{SECRET}\n{OTHER}\n")
    assert secrets_of((), tmp_path / "webhook").words == (SECRET, OTHER)


@pytest.mark.parametrize(
    "word", ["secret", "whsec_", "whsec_c2hvcnQ=", "whsec_!!!!", SECRET.removeprefix("whsec_")]
)
def test_what_is_no_secret_is_refused_and_not_shown(tmp_path, word):
    with pytest.raises(ConfigurationError) as caught:
        secrets_of((word,), tmp_path / "webhook")
    assert caught.value.param == "webhook_secrets"
    assert "c2hvcnQ" not in str(caught.value)


def test_a_failed_call_is_tried_for_a_day():
    pauses = [pause_s(failed, PAUSES_S, lambda: 0.0) for failed in range(1, len(PAUSES_S) + 2)]
    assert pauses[:3] == [5.0, 300.0, 1800.0]
    assert sum(pauses[:-1]) == 24 * HOUR
    assert pauses[-1] is None


def test_a_pause_has_some_jitter():
    assert pause_s(2, PAUSES_S, lambda: 1.0) == pytest.approx(300.0 * 1.1)


def test_a_receiver_may_wish_for_a_longer_pause_of_up_to_an_hour():
    assert pause_s(1, PAUSES_S, lambda: 0.0, 90.0) == 90.0
    assert pause_s(4, PAUSES_S, lambda: 0.0, 90.0) == 2 * HOUR
    assert pause_s(1, PAUSES_S, lambda: 0.0, 1e9) == HOUR


def test_tenants_have_secrets_of_their_own_that_stay_the_same():
    secrets = Secrets((SECRET, OTHER))
    assert secrets.of("") == secrets
    assert secrets.of("ann") == secrets.of("ann")
    words = {*secrets.words, *secrets.of("ann").words, *secrets.of("bob").words}
    assert len(words) == 6
    [word, _] = secrets.of("ann").words
    Webhook(word).verify(b"{}", headers(secrets.of("ann"), b"{}"))
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(b"{}", headers(secrets.of("ann"), b"{}"))


def test_secrets_are_settings_that_do_not_show():
    settings = load({"MUSCGEN_WEBHOOK_SECRETS": f"{SECRET}, {OTHER}"})
    assert settings.webhook_secrets == (SECRET, OTHER)
    assert SECRET not in repr(settings)
    assert SECRET not in str(_environment(settings, "redis://x"))
