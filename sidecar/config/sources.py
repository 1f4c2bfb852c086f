"""Where settings come from besides the environment: what they are called there, and the files that hold secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource


def vendor(name: str) -> Any:
    """A setting that goes by the vendor's own name, without our prefix."""
    return AliasChoices(name, name.lower())


class Unreadable(str):
    """In the place of a secret: why it could not be read. Reported with all other errors."""

    __slots__ = ()


class SecretFiles(PydanticBaseSettingsSource):
    """The contents of the files that ``NAME_FILE`` variables name, without the line break at the end."""

    def __init__(self, settings: type[BaseSettings], variables: PydanticBaseSettingsSource) -> None:
        super().__init__(settings)
        self._given = variables.env_vars if isinstance(variables, EnvSettingsSource) else {}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """One setting: its value (None: not given), its key, and that it needs no decoding."""
        name = variable(field_name, field)
        key = name if field.validation_alias else field_name
        path = self._given.get(f"{name}_file".lower())
        if not path or not holds_secret(field_name, field):
            return None, key, False
        if self._given.get(name.lower()):
            return Unreadable(f"{name} and {name}_FILE are both set: keep one"), key, False
        try:
            return Path(path).read_text().strip(), key, False
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            return Unreadable(f"{name}_FILE names {path}, which cannot be read: {why}"), key, False

    def __call__(self) -> dict[str, Any]:
        """All that such files give."""
        found = (self.get_field_value(field, name) for name, field in self.settings_cls.model_fields.items())
        return {key: value for value, key, _ in found if value is not None}


def variable(name: str, field: FieldInfo) -> str:
    """What a setting is called in the environment."""
    alias = field.validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else f"SIDECAR_{name.upper()}"


def holds_secret(name: str, field: FieldInfo) -> bool:
    """Whether NAME_FILE may give it: secrets, and the database's address, which may hold a password."""
    return field.annotation is SecretStr or name == "database_url"
