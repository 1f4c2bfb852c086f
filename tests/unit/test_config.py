"""Settings come from flags, environment, .env and sidecar.toml, in that order; all errors come at once, by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidecar.cli.settings import shown
from sidecar.config import SettingsInvalid, load


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No .env and no sidecar.toml but the test's own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_need_nothing() -> None:
    """No account, no network: loopback, SQLite, the public address is where we listen."""
    settings = load()
    assert (settings.host, settings.port, settings.base_url) == ("127.0.0.1", 8080, "http://127.0.0.1:8080")
    assert settings.twilio_tokens == ()


def test_flags_beat_environment_beats_dotenv_beats_toml(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source wins over the ones behind it."""
    (empty_folder / "sidecar.toml").write_text(
        'port = 1001\nnotice = "toml"\nlanguage = "en-GB"\nlog_level = "debug"\n'
    )
    (empty_folder / ".env").write_text("SIDECAR_PORT=1002\nSIDECAR_NOTICE=dotenv\nSIDECAR_LANGUAGE=en-IE\n")
    monkeypatch.setenv("SIDECAR_PORT", "1003")
    monkeypatch.setenv("SIDECAR_NOTICE", "environment")
    settings = load(port=1004, host=None)
    assert (settings.port, settings.notice, settings.language, settings.log_level) == (
        1004,
        "environment",
        "en-IE",
        "debug",
    )


def test_vendors_settings_have_the_vendors_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """TWILIO_AUTH_TOKEN, not SIDECAR_…; several while it is being rotated."""
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", "AC1")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "new, old,")
    settings = load()
    assert (settings.twilio_account_sid, settings.twilio_tokens) == ("AC1", ("new", "old"))


def test_all_errors_come_at_once_and_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """One run shows everything that has to be mended."""
    for name, value in {
        "SIDECAR_PORT": "0",
        "SIDECAR_DATABASE_URL": "mysql://x",
        "SIDECAR_PUBLIC_URL": "ftp://x",
        "TWILIO_API_BASE_URL": "https://h/?x=1",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as caught:
        load()
    for name in ("SIDECAR_PORT", "SIDECAR_DATABASE_URL", "SIDECAR_PUBLIC_URL", "TWILIO_API_BASE_URL"):
        assert name in str(caught.value)


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the settings' own text nor in an error."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "hunter2-canary")
    monkeypatch.setenv("SIDECAR_PORT", "hunter2-canary")
    with pytest.raises(SettingsInvalid) as caught:
        load()
    assert "hunter2-canary" not in str(caught.value)
    monkeypatch.delenv("SIDECAR_PORT")
    assert "hunter2-canary" not in repr(load())


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", "http://localhost:8080"),
        ("::1", "http://[::1]:8080"),
        ("192.0.2.7", "http://192.0.2.7:8080"),
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("::", "http://[::1]:8080"),
    ],
)
def test_without_a_public_url_the_address_is_one_that_leads_here(host: str, expected: str) -> None:
    """Who listens everywhere is reached on the machine itself."""
    assert load(host=host).base_url == expected


def test_the_public_url_may_have_a_path_and_loses_its_last_slash() -> None:
    """Twilio signs the address as it requests it."""
    assert load(public_url="https://h.example/sidecar/").base_url == "https://h.example/sidecar"


def test_a_secret_may_come_from_a_file(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As containers hand secrets in; the line break at the end is the editor's, not the secret's."""
    (empty_folder / "token").write_text("from-a-file\n")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN_FILE", str(empty_folder / "token"))
    (empty_folder / "url").write_text("postgresql://sidecar:pw@db/sidecar")
    (empty_folder / ".env").write_text(f"SIDECAR_DATABASE_URL_FILE={empty_folder / 'url'}\n")
    settings = load()
    assert settings.twilio_tokens == ("from-a-file",)
    assert settings.database_url == "postgresql://sidecar:pw@db/sidecar"


def test_a_secret_s_file_that_cannot_be_read_or_is_not_the_only_source_is_an_error_beside_the_others(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that starts without its secret would fail later and elsewhere."""
    monkeypatch.setenv("TWILIO_AUTH_TOKEN_FILE", str(empty_folder / "absent"))
    monkeypatch.setenv("SIDECAR_METRICS_TOKEN", "canary")
    monkeypatch.setenv("SIDECAR_METRICS_TOKEN_FILE", str(empty_folder / "other"))
    monkeypatch.setenv("TWILIO_API_SECRET", "canary")
    monkeypatch.setenv("TWILIO_API_SECRET_FILE", str(empty_folder / "other"))
    monkeypatch.setenv("SIDECAR_PORT", "0")
    with pytest.raises(SettingsInvalid) as caught:
        load()
    told = str(caught.value)
    assert "TWILIO_AUTH_TOKEN_FILE names" in told
    assert "SIDECAR_METRICS_TOKEN and SIDECAR_METRICS_TOKEN_FILE are both set" in told
    assert "TWILIO_API_SECRET and TWILIO_API_SECRET_FILE are both set" in told
    assert "SIDECAR_PORT" in told
    assert "canary" not in told


def test_every_setting_is_shown_with_its_origin_and_no_secret(
    empty_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an operator pastes into a question must not cost them their account."""
    (empty_folder / "token").write_text("canary-one")
    (empty_folder / "sidecar.toml").write_text('notice = "hello"\n')
    (empty_folder / ".env").write_text("SIDECAR_PORT=1002\n")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN_FILE", str(empty_folder / "token"))
    monkeypatch.setenv("SIDECAR_DATABASE_URL", "postgresql://sidecar:canary:two@three@db/sidecar")
    rows = {row.name: (row.value, row.origin) for row in shown(load())}
    assert rows["TWILIO_AUTH_TOKEN"] == ("******** (10 characters)", "file in environment")
    assert rows["SIDECAR_DATABASE_URL"] == ("postgresql://sidecar:********@db/sidecar", "environment")
    assert rows["SIDECAR_NOTICE"] == ("hello", "sidecar.toml")
    assert rows["SIDECAR_PORT"] == ("1002", ".env")
    assert rows["SIDECAR_LOG_LEVEL"] == ("info", "default")
    assert rows["SIDECAR_LOCAL_MODEL"] == ("", "default")


@pytest.mark.parametrize(
    ("stt", "key", "expected"),
    [("auto", "", False), ("auto", "k", True), ("local", "k", False), ("deepgram", "k", True)],
)
def test_deepgram_is_used_when_there_is_a_key_or_somebody_says_so(stt: str, key: str, expected: bool) -> None:
    """auto is the best one that is set up."""
    assert load(stt=stt, deepgram_api_key=key).uses_deepgram is expected


def test_deepgram_needs_a_key_and_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are asked for at the start, by the vendor's names."""
    monkeypatch.setenv("SIDECAR_STT", "deepgram")
    monkeypatch.setenv("DEEPGRAM_BASE_URL", "api.deepgram.com")
    with pytest.raises(SettingsInvalid) as caught:
        load()
    assert "  DEEPGRAM_API_KEY: is needed" in str(caught.value)
    assert "  DEEPGRAM_BASE_URL: must start with https://" in str(caught.value)


def test_keyterms_are_separated_by_commas() -> None:
    """A term may have several words."""
    assert load(keyterms=" Harbor Bikes, Ava ,,").keyterm_list == ("Harbor Bikes", "Ava")


def test_a_certificate_and_its_key_come_together_and_make_it_https(monkeypatch: pytest.MonkeyPatch) -> None:
    """One without the other is an error; empty is none."""
    monkeypatch.setenv("SIDECAR_TLS_CERTIFICATE", "")
    assert load().base_url == "http://127.0.0.1:8080"
    monkeypatch.setenv("SIDECAR_TLS_CERTIFICATE", "a.crt")
    with pytest.raises(SettingsInvalid, match="SIDECAR_TLS_KEY"):
        load()
    monkeypatch.setenv("SIDECAR_TLS_KEY", "a.key")
    assert load().base_url == "https://127.0.0.1:8080"


def test_countries_to_call_are_countries_and_need_a_number_to_call_from() -> None:
    """Whatever their case; all that is wrong is said."""
    settings = load(dial_out="de, US", twilio_from="+15550100")
    assert settings.dial_out_countries == {"DE", "US"}
    assert load().dial_out_countries == frozenset()
    with pytest.raises(SettingsInvalid, match="GERMANY is not the code of a country"):
        load(dial_out="DE,Germany", twilio_from="+15550100")
    with pytest.raises(SettingsInvalid, match="SIDECAR_DIAL_OUT needs TWILIO_FROM"):
        load(dial_out="DE")
    with pytest.raises(SettingsInvalid, match="TWILIO_FROM"):
        load(dial_out="DE", twilio_from="anonymous")


@pytest.mark.parametrize(
    ("given", "engines"),
    [
        ({}, ("local", "scripted", "local")),
        ({"OPENAI_API_KEY": "k"}, ("local", "openai-compatible", "openai")),
        ({"DEEPGRAM_API_KEY": "k"}, ("deepgram", "scripted", "aura")),
        ({"DEEPGRAM_API_KEY": "k", "OPENAI_API_KEY": "k"}, ("deepgram", "openai-compatible", "aura")),
        ({"SIDECAR_LLM_BASE_URL": "http://h/v1", "SIDECAR_LLM_MODEL": "m"}, ("local", "openai-compatible", "local")),
        (
            {"OPENAI_API_KEY": "k", "SIDECAR_CHAT_MODEL": "scripted", "SIDECAR_VOICE": "local"},
            ("local", "scripted", "local"),
        ),
    ],
)
def test_engines_are_chosen_by_what_the_keys_allow(
    given: dict[str, str], engines: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless they are named."""
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = load()
    assert (settings.recogniser_engine, settings.chat_model_engine, settings.voice_engine) == engines


@pytest.mark.parametrize(
    ("given", "runtime", "voice"),
    [
        ({"OPENAI_API_KEY": "k", "DEEPGRAM_API_KEY": "k"}, "cascade", "aura"),
        ({"SIDECAR_REALTIME_MODEL": "gpt-realtime-2.1"}, "cascade", "local"),
        (
            {"OPENAI_API_KEY": "k", "DEEPGRAM_API_KEY": "k", "SIDECAR_REALTIME_MODEL": "gpt-realtime-2.1"},
            "openai-realtime",
            "openai",
        ),
        ({"OPENAI_API_KEY": "k", "SIDECAR_ASSISTANT": "openai-realtime"}, "openai-realtime", "openai"),
        ({"OPENAI_API_KEY": "k", "SIDECAR_ASSISTANT": "off"}, "off", "openai"),
    ],
)
def test_the_assistant_s_runtime_is_named_or_follows_from_its_model(
    given: dict[str, str], runtime: str, voice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside a realtime model the voice that says exact words is of the same vendor."""
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SIDECAR_VOICE_NAME", "marin")
    settings = load()
    assert (settings.assistant_runtime, settings.voice_engine) == (runtime, voice)
    assert settings.realtime_voice == "marin"
    aura = settings.model_copy(update={"voice": "aura", "voice_name": "aura-2-thalia-en"})
    assert aura.realtime_voice == ("" if runtime == "openai-realtime" else "aura-2-thalia-en")


@pytest.mark.parametrize(
    ("runtime", "told"),
    [
        ("openai-realtime", "SIDECAR_ASSISTANT is openai-realtime, which needs OPENAI_API_KEY"),
        ("parrot", "SIDECAR_ASSISTANT: must be one of auto, off, cascade, openai-realtime"),
    ],
)
def test_a_runtime_that_cannot_be_is_told_at_the_start(
    runtime: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIDECAR_ASSISTANT", runtime)
    with pytest.raises(SettingsInvalid, match=told):
        load()


def test_an_engine_that_is_not_installed_is_told_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """With all other errors, before anything starts."""
    monkeypatch.setenv("SIDECAR_VOICE", "parrot")
    monkeypatch.setenv("SIDECAR_STT", "ears")
    with pytest.raises(SettingsInvalid) as error:
        load()
    assert "SIDECAR_VOICE: must be auto or an engine that is installed: aura, local, openai" in str(error.value)
    assert "SIDECAR_STT: must be auto or an engine that is installed: deepgram, local" in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "needs"),
    [
        ("SIDECAR_LLM_BASE_URL", "http://127.0.0.1:11434/v1", "SIDECAR_LLM_MODEL"),
        ("SIDECAR_LLM_API_KEY", "k", "SIDECAR_LLM_BASE_URL"),
    ],
)
def test_settings_of_a_chat_model_need_each_other(
    name: str, value: str, needs: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid, match=f"{name} needs {needs}"):
        load()


@pytest.mark.parametrize("key", ["sk-Ñ", "sk-1\nsk-2", "sk 1"])
def test_a_key_that_no_header_takes_is_refused_before_it_is_used_and_is_not_shown(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "DEEPGRAM_API_KEY"):
        monkeypatch.setenv(name, key)
    with pytest.raises(SettingsInvalid) as error:
        load()
    assert "OPENAI_API_KEY: must be letters" in str(error.value)
    assert "DEEPGRAM_API_KEY: must be letters" in str(error.value)
    assert "sk" not in str(error.value)
