"""``docs/openapi.yaml`` as tests read it: as it is, and closed, so that a field nobody described is noticed."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PATH = Path(__file__).parents[1] / "docs" / "openapi.yaml"
METHODS = ("get", "put", "post", "delete", "patch")
SCHEMAS = "#/components/schemas/"


@cache
def document() -> Any:
    """The whole document; nobody changes it."""
    return yaml.load(PATH.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe both


@cache
def closed() -> Any:
    """The document with every ``allOf`` made one schema, and no object that has more than its ``properties``.

    Readers of the API must ignore what they do not know; our own tests must not. Without ``security``: the door has
    tests of its own.
    """
    made = _closed(deepcopy(document()))
    for item in made["paths"].values():
        for method in METHODS:
            item.get(method, {}).pop("security", None)
    made.pop("security")
    return made


def flat(schema: Any) -> Any:
    """A schema with its ``allOf`` as one: all that they require, and their properties, the later over the earlier."""
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].removeprefix(SCHEMAS)]
    if "allOf" not in schema:
        return schema
    made: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"} | {"type": "object"}
    for part in map(flat, schema["allOf"]):
        made["required"] = [*made.get("required", []), *part.get("required", [])]
        made["properties"] = made.get("properties", {}) | part.get("properties", {})
    return made


def event_schemas() -> dict[str, Any]:
    """By event type, what ``data`` is."""
    return {one["x-event"]: one for one in document()["components"]["schemas"].values() if "x-event" in one}


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "allOf" in node:
        node = flat(node)
    made = {key: _closed(value) for key, value in node.items()}
    if isinstance(made.get("properties"), dict) and "type" in made["properties"] | made:
        made.setdefault("additionalProperties", False)
    return made
