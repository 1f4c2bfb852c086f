"""Every setting with its default, and what its value has to be like."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sidecar.config import checks
from sidecar.config.sources import Unreadable, vendor

# The groups of entry points in which engines plug in (ports/engines.py), by the setting that names one.
_ENGINES = {"stt": "sidecar.recognisers", "chat_model": "sidecar.chat_models", "voice": "sidecar.voices"}


class Fields(BaseSettings):
    """Every setting with its default. In the environment: ``SIDECAR_`` and the name, vendors' names as they are."""

    model_config = SettingsConfigDict(
        env_prefix="SIDECAR_", env_file=".env", toml_file="sidecar.toml", extra="ignore", populate_by_name=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=1, le=65535, description="Port to listen on.")
    public_url: str = Field(
        "", description="How Twilio reaches the service, such as https://sidecar.example.com. Default: host and port."
    )
    tls_certificate: Path | None = Field(
        None, description="PEM file with the certificate for https, when no proxy does that. Needs the key."
    )
    tls_key: Path | None = Field(None, description="PEM file with the key of the certificate.")
    database_url: str = Field(
        "sqlite:///sidecar.sqlite3", description="sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME."
    )
    redact: str = Field(
        "card,ssn",
        description="What is hidden in transcripts: card, ssn, email, phone, separated by commas, or none. Holds for "
        "tenants that have not chosen for themselves.",
    )
    retention_days: int = Field(
        0,
        ge=0,
        le=36_500,
        description="A conference is deleted so many days after its end. 0: never. Holds for tenants that have not "
        "chosen for themselves.",
    )
    stt: str = Field("auto", description="Recogniser. auto: deepgram when DEEPGRAM_API_KEY is set, else local.")
    stt_fallback: Literal["auto", "none"] = Field(
        "auto",
        description="Who listens while Deepgram fails. auto: the local recogniser, where it is installed; English.",
    )
    stt_max_sessions: int = Field(
        0, ge=0, description="Deepgram streams at once, at most; further ones go to the fallback. 0: no limit of ours."
    )
    language: str = Field(
        "en",
        description="Language that is spoken, as a BCP 47 tag. The local recogniser: English; Deepgram: multi, too.",
    )
    keyterms: str = Field(
        "", description="Names and words that Deepgram shall listen for, separated by commas; 500 tokens in all."
    )
    local_model: Path | None = Field(None, description="Folder of another model for the local recogniser.")
    local_workers: int = Field(0, ge=0, le=64, description="Threads of the local recogniser. 0: one per core.")
    chat_model: str = Field(
        "auto",
        description="What the assistant thinks with. auto: openai-compatible when SIDECAR_LLM_BASE_URL or "
        "OPENAI_API_KEY is set, else scripted, which quotes the transcript.",
    )
    llm_base_url: str = Field(
        "", description="Any server that speaks OpenAI's chat completions, such as http://127.0.0.1:11434/v1 (Ollama)."
    )
    llm_api_key: SecretStr = Field(SecretStr(""), description="Its key, if it wants one.")
    llm_model: str = Field("", description="Its model. For OpenAI's own address there is a default.")
    realtime_model: str = Field("", description="OpenAI's realtime model; the default is gpt-realtime-2.1.")
    voice: str = Field(
        "auto",
        description="The assistant's voice. auto: openai beside openai-realtime; else aura when DEEPGRAM_API_KEY is "
        "set, openai when OPENAI_API_KEY is, or local.",
    )
    voice_name: str = Field(
        "", description="Which of its voices: aura-2-thalia-en and so on for aura, marin and so on with OpenAI."
    )
    voice_model: str = Field("", description="Model of the voice openai; the default is gpt-4o-mini-tts.")
    max_forks: int = Field(
        500, ge=1, description="Participants transcribed at once. Further calls go on without being transcribed."
    )
    trusted_proxies: str = Field(
        "",
        description="Networks of proxies in front, such as 10.0.0.0/8,::1. X-Forwarded-For, -Proto and -Host count "
        "from these only.",
    )
    phone_port: int = Field(
        0, ge=0, le=65535, description="Demo: port of the emulator on the same host, for Listen and softphone. 0: none."
    )
    api_key: SecretStr = Field(
        SecretStr(""), description="For commands that ask the running service: a key of `sidecar keys create`."
    )
    notice: str = Field("", max_length=500, description="Spoken to each caller before transcription starts.")
    dial_out: str = Field(
        "", description="Countries whose numbers may be called into conferences, as in DE,US. None: nobody is called."
    )
    dial_out_per_hour: int = Field(10, ge=1, description="Calls that a tenant may place within an hour.")
    dial_out_per_day: int = Field(100, ge=1, description="Calls that all tenants together may place within a day.")
    assistant: str = Field(
        "auto",
        description="Its runtime: cascade, openai-realtime, or off: nobody can invite it. auto: openai-realtime when "
        "SIDECAR_REALTIME_MODEL and OPENAI_API_KEY are set, else cascade.",
    )
    assistant_name: str = Field("Ava", pattern=r"^[^\W\d_]{1,40}$", description="One word, which it answers to.")
    assistant_minutes: int = Field(60, ge=1, le=240, description="After so long in a conference it leaves.")
    assistant_tokens: int = Field(500_000, ge=1_000, description="What its thinking may cost in one call, in tokens.")
    assistant_per_hour: int = Field(30, ge=1, description="Assistants that a tenant may invite within an hour.")
    tenant_rules: str = Field(
        "",
        description="Whose calls are whose, where the voice URL does not say it by tenant=: number:+15550100=acme, "
        "room:acme-*=acme, separated by commas; the first that fits counts, numbers before rooms.",
    )
    cors_origins: str = Field(
        "",
        description="Origins of other sites' pages that may use the API, with a key of their own, such as "
        "https://crm.example.com, separated by commas. None: no page but ours.",
    )
    rate_limit: int = Field(
        1200, ge=0, description="Requests that a session, key or panel may make within a minute; 0 for no limit."
    )
    panel_origins: str = Field(
        "",
        description="Origins of pages that may show the agent's panel in a frame, such as https://crm.example.com, "
        "separated by commas. None: only our own.",
    )
    forward_events_to: str = Field(
        "",
        description="Your own URL for conference callbacks, if you had one: what Twilio tells us is passed on to it.",
    )
    webhook_allow_nets: str = Field(
        "",
        description="Networks of your own where webhooks may be sent, such as 10.0.0.0/8,fd00::/8. Others that are not "
        "public are refused whenever a connection is made.",
    )
    webhook_allow_http: bool = Field(False, description="Whether webhook URLs may begin with http://, too.")
    webhook_log_days: int = Field(30, ge=1, le=365, description="How long the log of webhook deliveries is kept.")
    webhook_body_days: int = Field(
        7, ge=1, le=365, description="How long what receivers answered is kept in that log. What was sent is no copy."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")
    metrics_token: SecretStr = Field(
        SecretStr(""), description="What a scraper of /metrics shows. Without it, only this machine may read them."
    )
    styleguide: bool = Field(
        False, description="Whether /styleguide shows every component of the pages. The demo does."
    )

    twilio_account_sid: str = Field("", validation_alias=vendor("TWILIO_ACCOUNT_SID"), description="AC…")
    twilio_auth_token: SecretStr = Field(
        SecretStr(""),
        validation_alias=vendor("TWILIO_AUTH_TOKEN"),
        description="Checks Twilio's signatures; several, separated by commas, while it is being rotated.",
    )
    twilio_shared_keys: SecretStr = Field(
        SecretStr(""),
        validation_alias=vendor("TWILIO_SHARED_KEYS"),
        description="Webhook shared keys, for accounts that sign with them: ID:SECRET, several separated by commas.",
    )
    twilio_api_key: str = Field(
        "", validation_alias=vendor("TWILIO_API_KEY"), description="SK…, for REST calls instead of the auth token."
    )
    twilio_api_secret: SecretStr = Field(
        SecretStr(""), validation_alias=vendor("TWILIO_API_SECRET"), description="The API key's secret."
    )
    twilio_api_base_url: str = Field(
        "", validation_alias=vendor("TWILIO_API_BASE_URL"), description="Another place for Twilio's API: an emulator."
    )

    twilio_from: str = Field(
        "",
        validation_alias=vendor("TWILIO_FROM"),
        pattern=r"^(\+[0-9]{6,15})?$",
        description="Number of the account from which further participants and the assistant are called, as +15550100.",
    )
    twilio_twiml_app_sid: str = Field(
        "",
        validation_alias=vendor("TWILIO_TWIML_APP_SID"),
        pattern=r"^(AP[0-9a-fA-F]{32})?$",
        description="AP…: the TwiML application by which the assistant joins; without it nobody can invite it.",
    )

    deepgram_api_key: SecretStr = Field(
        SecretStr(""),
        validation_alias=vendor("DEEPGRAM_API_KEY"),
        validate_default=True,
        description="Key of a Deepgram project.",
    )
    deepgram_base_url: str = Field(
        "https://api.deepgram.com",
        validation_alias=vendor("DEEPGRAM_BASE_URL"),
        description="Deepgram's API: another region, or a server of your own.",
    )

    openai_api_key: SecretStr = Field(
        SecretStr(""), validation_alias=vendor("OPENAI_API_KEY"), description="Key of an OpenAI project."
    )
    openai_base_url: str = Field(
        "https://api.openai.com/v1",
        validation_alias=vendor("OPENAI_BASE_URL"),
        description="OpenAI's API: another region, or a server of your own.",
    )

    @field_validator("*", mode="before")
    @classmethod
    def _readable(cls, value: object) -> object:
        if isinstance(value, Unreadable):
            raise ValueError(str(value))
        return value

    _web_addresses = field_validator(
        "public_url", "twilio_api_base_url", "deepgram_base_url", "llm_base_url", "openai_base_url"
    )(checks.web_address)
    _keys = field_validator("deepgram_api_key", "llm_api_key", "openai_api_key")(checks.key_of_vendor)
    _networks = field_validator("trusted_proxies", "webhook_allow_nets")(checks.networks)
    _ids_and_secrets = field_validator("twilio_shared_keys")(checks.ids_and_secrets)
    _origins = field_validator("panel_origins", "cors_origins")(checks.origins)
    _redacted = field_validator("redact")(checks.redacted)
    _tenant_rules = field_validator("tenant_rules")(checks.tenant_rules)
    _countries = field_validator("dial_out")(checks.countries)
    _known_database = field_validator("database_url")(checks.database)

    @field_validator("forward_events_to")
    @classmethod
    def _somebody_else(cls, value: str, info: ValidationInfo) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with https:// or http://")
        public_url = info.data.get("public_url")
        if public_url and value.startswith(public_url):
            raise ValueError("must not be this service itself")
        return value

    @field_validator("deepgram_api_key")
    @classmethod
    def _key_for_deepgram(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        if info.data.get("stt") == "deepgram" and not value.get_secret_value():
            raise ValueError("is needed, because SIDECAR_STT is deepgram")
        return value

    @field_validator("stt", "chat_model", "voice")
    @classmethod
    def _installed(cls, value: str, info: ValidationInfo) -> str:
        installed = entry_points(group=_ENGINES[info.field_name or ""]).names
        if value != "auto" and value not in installed:
            raise ValueError(f"must be auto or an engine that is installed: {', '.join(sorted(installed))}")
        return value

    @field_validator("local_model", "tls_certificate", "tls_key", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        """An empty path would be the present folder."""
        return None if value == "" else value

    @model_validator(mode="after")
    def _whole_certificate(self) -> Fields:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("SIDECAR_TLS_CERTIFICATE and SIDECAR_TLS_KEY need each other")
        return self

    @model_validator(mode="after")
    def _number_to_call_from(self) -> Fields:
        if self.dial_out and not self.twilio_from:
            raise ValueError("SIDECAR_DIAL_OUT needs TWILIO_FROM, the number that is shown to whoever is called")
        return self

    @field_validator("assistant")
    @classmethod
    def _runtime(cls, value: str) -> str:
        known = ["auto", "off", "cascade", *sorted(entry_points(group="sidecar.realtime_models").names)]
        if value not in known:
            raise ValueError(f"must be one of {', '.join(known)}")
        return value

    @model_validator(mode="after")
    def _key_for_realtime(self) -> Fields:
        if self.assistant == "openai-realtime" and not self.openai_api_key.get_secret_value():
            raise ValueError("SIDECAR_ASSISTANT is openai-realtime, which needs OPENAI_API_KEY")
        return self

    @model_validator(mode="after")
    def _whole_chat_model(self) -> Fields:
        if self.llm_base_url and not self.llm_model:
            raise ValueError("SIDECAR_LLM_BASE_URL needs SIDECAR_LLM_MODEL")
        if self.llm_api_key.get_secret_value() and not self.llm_base_url:
            raise ValueError("SIDECAR_LLM_API_KEY needs SIDECAR_LLM_BASE_URL; a key of OpenAI itself is OPENAI_API_KEY")
        return self
