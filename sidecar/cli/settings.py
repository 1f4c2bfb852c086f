"""The settings as an operator sees them: what holds and whence, what is misspelt, and a file to fill in."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import NamedTuple

from pydantic import SecretStr
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource, InitSettingsSource

from sidecar.config import Settings
from sidecar.config.sources import holds_secret, variable

_PREFIX = "SIDECAR_"


def unknown() -> dict[str, str]:
    """Variables that begin with SIDECAR_ and name no setting, each with the setting that may be meant, or ""."""
    known = {variable(name, field) for name, field in Settings.model_fields.items()}
    known |= {
        f"{variable(name, field)}_FILE" for name, field in Settings.model_fields.items() if holds_secret(name, field)
    }
    found = {name.upper() for source in (EnvSettingsSource, DotEnvSettingsSource) for name in source(Settings).env_vars}
    strange = sorted(name for name in found - known if name.startswith(_PREFIX))
    short = {name.removeprefix(_PREFIX): name for name in known}  # what all have in common makes nothing alike
    alike = {name: get_close_matches(name.removeprefix(_PREFIX), short, n=1) for name in strange}
    return {name: short[found[0]] if found else "" for name, found in alike.items()}


class Shown(NamedTuple):
    """A setting as an operator may see it: its variable, its value (secrets masked), and where that comes from."""

    name: str
    value: str
    origin: str


def shown(settings: Settings) -> list[Shown]:
    """Every setting, in the order of the documentation."""
    sources = Settings.settings_customise_sources(
        Settings,
        InitSettingsSource(Settings, {}),
        EnvSettingsSource(Settings),
        DotEnvSettingsSource(Settings),
        InitSettingsSource(Settings, {}),
    )
    places = ("flag", "file in environment", "environment", "file in .env", ".env", "sidecar.toml")
    given = list(zip(places, (source() for source in sources), strict=True))
    rows = []
    for name, field in Settings.model_fields.items():
        keys = {name, variable(name, field), variable(name, field).lower()}
        origin = next((place for place, values in given if keys & set(values)), "default")
        rows.append(Shown(variable(name, field), _masked(getattr(settings, name)), origin))
    return rows


def example() -> str:
    """An .env file with every setting, its meaning and its default, all commented out."""
    blocks = [
        "# Copy this to .env beside where `sidecar serve` is started, and fill in what you need.\n"
        "# For each secret, NAME_FILE may name a file instead. More: docs/settings.md.\n"
    ]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is None or field.annotation is SecretStr else field.default
        blocks.append(f"# {field.description}\n#{variable(name, field)}={default}\n")
    return "\n".join(blocks)


def _masked(value: object) -> str:
    """Whether a secret is set may be seen, and how long it is; of a database's address, all but the password."""
    if isinstance(value, SecretStr):
        secret = value.get_secret_value()
        return f"******** ({len(secret)} characters)" if secret else ""
    return "" if value is None else re.sub(r"//([^:@/]*):.*@", r"//\1:********@", str(value))
