"""Settings: flags > environment > .env > sidecar.toml > defaults. Read here and nowhere else; all errors at once.

Secrets may also come from files, as containers hand them in: ``TWILIO_AUTH_TOKEN_FILE=/run/secrets/twilio``.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, TomlConfigSettingsSource

from sidecar.config.checks import listed
from sidecar.config.fields import Fields
from sidecar.config.sources import SecretFiles
from sidecar.domain.errors import SidecarError
from sidecar.domain.redaction.rules import Kind, Policy
from sidecar.domain.webhooks.addresses import AddressPolicy


class SettingsInvalid(SidecarError):
    """One or more settings are wrong; the message has a line for each, by name."""

    code = "settings_invalid"


class Settings(Fields):
    """The settings of ``Fields``, and what they mean together."""

    @property
    def recogniser_engine(self) -> str:
        """What ``auto`` means here."""
        if self.stt != "auto":
            return self.stt
        return "deepgram" if self.deepgram_api_key.get_secret_value() else "local"

    @property
    def assistant_runtime(self) -> str:
        """What ``auto`` means here: ``off``, ``cascade``, or a realtime model."""
        if self.assistant != "auto":
            return self.assistant
        return "openai-realtime" if self.realtime_model and self.openai_api_key.get_secret_value() else "cascade"

    @property
    def chat_model_engine(self) -> str:
        """What ``auto`` means here."""
        if self.chat_model != "auto":
            return self.chat_model
        return "openai-compatible" if self.llm_base_url or self.openai_api_key.get_secret_value() else "scripted"

    @property
    def voice_engine(self) -> str:
        """What ``auto`` means here."""
        if self.voice != "auto":
            return self.voice
        if self.assistant_runtime == "openai-realtime":
            return "openai"  # so that exact words sound like all others
        if self.deepgram_api_key.get_secret_value():
            return "aura"
        return "openai" if self.openai_api_key.get_secret_value() else "local"

    @property
    def realtime_voice(self) -> str:
        """Which voice a realtime model is to have: OpenAI's have those of the voice openai, and no others."""
        same = self.assistant_runtime != "openai-realtime" or self.voice_engine == "openai"
        return self.voice_name if same else ""

    @property
    def dial_out_countries(self) -> frozenset[str]:
        """The countries one by one."""
        return frozenset(listed(self.dial_out))

    @property
    def panel_origin_list(self) -> tuple[str, ...]:
        """The origins one by one."""
        return listed(self.panel_origins)

    @property
    def twilio_tokens(self) -> tuple[str, ...]:
        """The auth tokens that may sign."""
        return listed(self.twilio_auth_token.get_secret_value())

    @property
    def twilio_shared_key_secrets(self) -> dict[str, str]:
        """The secrets of webhook shared keys, by the keys' ids."""
        pairs = (pair.partition(":") for pair in listed(self.twilio_shared_keys.get_secret_value()))
        return {name: secret for name, _, secret in pairs}

    @property
    def trusted_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of proxies whose forwarding headers count."""
        return tuple(ip_network(network, strict=False) for network in listed(self.trusted_proxies))

    @property
    def webhook_addresses(self) -> AddressPolicy:
        """Where webhooks may be sent."""
        own = (ip_network(network, strict=False) for network in listed(self.webhook_allow_nets))
        return AddressPolicy(http=self.webhook_allow_http, networks=tuple(own))

    @property
    def uses_deepgram(self) -> bool:
        """Whether speech goes to Deepgram."""
        return self.recogniser_engine == "deepgram"

    @property
    def redaction(self) -> Policy:
        """What is redacted where nobody chose."""
        return Policy(kinds=frozenset(Kind(kind) for kind in listed(self.redact) if kind != "none"))

    @property
    def keyterm_list(self) -> tuple[str, ...]:
        """The keyterms one by one."""
        return listed(self.keyterms)

    @property
    def scheme(self) -> str:
        """How we are spoken to where we listen."""
        return "http" if self.tls_certificate is None else "https"

    @property
    def base_url(self) -> str:
        """The public URL, or where this machine itself reaches us."""
        return self.public_url or self.local_url

    @property
    def local_url(self) -> str:
        """Where this machine itself reaches us."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1"}
        host = everywhere.get(self.host, self.host)
        host = f"[{host}]" if ":" in host else host
        return f"{self.scheme}://{host}:{self.port}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class names it
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The order of precedence."""
        return (
            init_settings,
            SecretFiles(settings_cls, env_settings),
            env_settings,
            SecretFiles(settings_cls, dotenv_settings),
            dotenv_settings,
            TomlConfigSettingsSource(settings_cls),
        )


def load(**flags: Any) -> Settings:
    """The settings, with flags (None: not given) on top. Raises SettingsInvalid with every error at once."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        lines = [
            f"  {_name(problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in error.errors(include_input=False)
        ]
        raise SettingsInvalid("These settings are wrong:\n" + "\n".join(lines)) from None


def _name(location: tuple[int | str, ...]) -> str:
    if not location:
        return "settings"
    name = str(location[0]).upper()
    return name if name.startswith(("TWILIO_", "DEEPGRAM_", "OPENAI_")) else f"SIDECAR_{name}"
