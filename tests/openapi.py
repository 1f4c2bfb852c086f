"""``docs/openapi.yaml`` as tests read it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).parents[1] / "docs" / "openapi.yaml"
METHODS = ("get", "put", "post", "delete", "patch")


@cache
def document() -> Any:
    """The whole document; nobody changes it."""
    return yaml.load(PATH.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe both
