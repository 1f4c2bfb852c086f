"""``docs/openapi.yaml`` as a page shows it: plain values in the document's order, and no reference left to follow."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import quote

METHODS = ("get", "post", "put", "patch", "delete")
SCHEMAS = "#/components/schemas/"
JSON = "application/json"
# Stands in the rendered page for the reader's own origin, which is put in as it is asked for.
ORIGIN = "https://origin.invalid"


class Word(NamedTuple):
    """A piece of a sentence; ``code``: to be set as such."""

    text: str
    code: bool


Words = tuple[Word, ...]


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a value may be. ``link``: the anchor of the object that it is."""

    words: str
    link: str = ""
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Field:
    """A member of an object, or a parameter. ``note``: where it stands, whether it is needed."""

    name: str
    shape: Shape
    note: str
    about: Words


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One status of an operation. ``codes``: of the problems that come with it."""

    status: str
    about: Words
    media: tuple[str, ...]
    shape: Shape | None
    example: str
    codes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One thing that can be asked for. ``anchor`` is its operationId."""

    anchor: str
    method: str
    path: str
    title: str
    about: Words
    parameters: tuple[Field, ...]
    body: Shape | None
    curl: str
    answers: tuple[Answer, ...]


@dataclass(frozen=True, kw_only=True)
class Group:
    """The operations of a tag."""

    anchor: str
    title: str
    about: Words
    operations: tuple[Operation, ...]


@dataclass(frozen=True, kw_only=True)
class Object:
    """A schema with a name. ``title``: that name, the type of an event, or the code of a problem."""

    anchor: str
    title: str
    about: Words
    fields: tuple[Field, ...]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ReferencePage:
    """All that ``reference.html`` may use. ``stored`` and ``passing`` are event types."""

    title: str
    paragraphs: tuple[Words, ...]
    origin: str
    groups: tuple[Group, ...]
    webhook_headers: tuple[Field, ...]
    webhooks: tuple[Object, ...]
    stored: tuple[Object, ...]
    passing: tuple[Object, ...]
    problems: tuple[Object, ...]
    objects: tuple[Object, ...]


def reference_page(document: Mapping[str, Any]) -> ReferencePage:
    """The whole page."""
    return _Reader(document).page()


def words(text: str) -> Words:
    """A sentence with its ```code``` told apart."""
    return tuple(Word(piece, bool(n % 2)) for n, piece in enumerate(text.strip().split("`")) if piece)


class _Reader:
    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._schemas: Mapping[str, Any] = document["components"]["schemas"]

    def page(self) -> ReferencePage:
        info = self._document["info"]
        events = {name: one for name, one in self._schemas.items() if "x-event" in one}
        first = next(iter(self._document["webhooks"].values()))["post"]
        return ReferencePage(
            title=info["title"],
            paragraphs=tuple(words(" ".join(part.split())) for part in info["description"].split("\n\n")),
            origin=ORIGIN,
            groups=tuple(self._groups()),
            webhook_headers=tuple(self._parameters(first["parameters"])),
            webhooks=tuple(self._webhooks()),
            stored=tuple(self._event(one) for one in events.values() if not one.get("x-passing")),
            passing=tuple(self._event(one) for one in events.values() if one.get("x-passing")),
            problems=tuple(
                Object(
                    anchor=f"problem-{code}",
                    title=code,
                    about=words(one["text"]),
                    fields=(),
                    note=", ".join(f"{status} {HTTPStatus(status).phrase}" for status in one["status"]),
                )
                for code, one in self._document["x-problems"].items()
            ),
            objects=tuple(
                Object(
                    anchor=f"schema-{name}",
                    title=name,
                    about=words(self._flat(one).get("description", "")),
                    fields=tuple(self._fields(one)),
                )
                for name, one in self._schemas.items()
                if name not in events and "properties" in self._flat(one)
            ),
        )

    def _groups(self) -> Iterator[Group]:
        for tag in self._document["tags"]:
            operations = tuple(
                self._operation(method, path, item)
                for path, item in self._document["paths"].items()
                for method in METHODS
                if tag["name"] in item.get(method, {}).get("tags", ())
            )
            if operations:
                yield Group(
                    anchor=tag["name"],
                    title=tag["name"].replace("_", " ").capitalize(),
                    about=words(tag["description"]),
                    operations=operations,
                )

    def _operation(self, method: str, path: str, item: Mapping[str, Any]) -> Operation:
        operation = item[method]
        parameters = [self._followed(one) for one in [*item.get("parameters", ()), *operation.get("parameters", ())]]
        body = operation.get("requestBody", {}).get("content", {}).get(JSON)
        own = operation.get("x-problems", ())
        return Operation(
            anchor=operation["operationId"],
            method=method.upper(),
            path=path,
            title=operation["summary"],
            about=words(operation.get("description", "")),
            parameters=tuple(self._parameters(parameters)),
            body=self._shape(body["schema"]) if body is not None else None,
            curl=curl(method.upper(), path, parameters, body, streams=path == "/v1/stream"),
            answers=tuple(self._answer(status, one, own) for status, one in operation["responses"].items()),
        )

    def _answer(self, status: str, answer: Mapping[str, Any], own: Sequence[str]) -> Answer:
        followed = self._followed(answer)
        content = followed.get("content", {})
        media = content.get(JSON, {})
        listed = [*followed.get("x-problems", ()), *own]
        of_this = [code for code in listed if int(status) in self._document["x-problems"][code]["status"]]
        return Answer(
            status=status,
            about=words(followed["description"]),
            media=tuple(content),
            shape=self._shape(media["schema"]) if "schema" in media else None,
            example=_pretty(media["example"]) if "example" in media else "",
            codes=tuple(dict.fromkeys(of_this)),
        )

    def _parameters(self, parameters: Sequence[Mapping[str, Any]]) -> Iterator[Field]:
        for one in map(self._followed, parameters):
            needed = ", required" if one.get("required") else ""
            yield Field(
                name=one["name"],
                shape=self._shape(one["schema"]),
                note=f"in the {one['in']}{needed}",
                about=words(one.get("description", "")),
            )

    def _webhooks(self) -> Iterator[Object]:
        for type_, item in self._document["webhooks"].items():
            schema = self._flat(item["post"]["requestBody"]["content"][JSON]["schema"])
            data = Field(name="data", shape=self._shape(schema["properties"]["data"]), note="", about=())
            told = item["post"].get("description", item["post"]["summary"] + ".")
            yield Object(anchor=f"webhook-{type_}", title=type_, about=words(told), fields=(data,))

    def _event(self, schema: Mapping[str, Any]) -> Object:
        return Object(
            anchor=f"event-{schema['x-event']}",
            title=schema["x-event"],
            about=words(schema.get("description", "")),
            fields=tuple(self._fields(schema)),
        )

    def _fields(self, schema: Mapping[str, Any]) -> Iterator[Field]:
        flat = self._flat(schema)
        for name, one in flat.get("properties", {}).items():
            # In what is sent a field may be left out; in what comes all are there, unless it says otherwise.
            left_out = name not in flat.get("required", ())
            about = one.get("description", "") or self._flat(one).get("description", "")
            yield Field(
                name=name, shape=self._shape(one), note="may be left out" if left_out else "", about=words(about)
            )

    def _shape(self, schema: Mapping[str, Any]) -> Shape:
        if "$ref" in schema:
            name = schema["$ref"].removeprefix(SCHEMAS)
            flat = self._flat(schema)
            if "x-event" in flat:
                return Shape(words=flat["x-event"], link=f"event-{flat['x-event']}")
            return Shape(words=name, link=f"schema-{name}") if "properties" in flat else self._shape(flat)
        if "anyOf" in schema:
            shapes = [self._shape(one) for one in schema["anyOf"]]
            link = next((one.link for one in shapes if one.link), "")
            return Shape(words=" or ".join(one.words for one in shapes), link=link)
        flat = self._flat(schema)
        fields = tuple(self._fields(flat)) if "properties" in flat else ()
        if flat.get("type") == "array" and "items" in flat:
            items = self._shape(flat["items"])
            return Shape(words=f"list of {items.words}", link=items.link, fields=items.fields)
        return Shape(words=_kind(flat), fields=fields)

    def _flat(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in schema:
            schema = self._schemas[schema["$ref"].removeprefix(SCHEMAS)]
        if "allOf" not in schema:
            return schema
        made: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
        made |= {key: value for key, value in schema.items() if key != "allOf"}
        for part in map(self._flat, schema["allOf"]):
            made["properties"] = made["properties"] | part.get("properties", {})
            made["required"] = [*made["required"], *part.get("required", ())]
        return made

    def _followed(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """A parameter or a response, itself or the one that it refers to."""
        if "$ref" not in node:
            return node
        _, _, kind, name = node["$ref"].split("/")
        found: Mapping[str, Any] = self._document["components"][kind][name]
        return found


def curl(
    method: str, path: str, parameters: Sequence[Mapping[str, Any]], body: Mapping[str, Any] | None, *, streams: bool
) -> str:
    """The operation on a command line, with the examples of the document, and programs that every machine has."""
    given = {one["name"]: one.get("example") for one in parameters if one["in"] == "path"}
    place = re.sub(r"\{(\w+)\}", lambda name: quote(str(given[name[1]] or name[0]), safe="{}"), path)
    wanted = [one for one in parameters if one["in"] == "query" and ("example" in one or one.get("required"))][:1]
    query = "&".join(f"{one['name']}={quote(_plain(one['example']), safe=':,*')}" for one in wanted if "example" in one)
    parts = ["curl -N" if streams else "curl", '-H "Authorization: Bearer $SIDECAR_API_KEY"']
    if method != "GET":
        parts.insert(1, f"-X {method}")
    if any(one["name"] == "Idempotency-Key" for one in parameters):
        parts.append('-H "Idempotency-Key: $(date +%s%N)"')
    if body is not None:
        parts.append(f"-H 'Content-Type: {JSON}'")
        parts.append(f"-d {shlex.quote(json.dumps(body.get('example', {}), ensure_ascii=False))}")
    parts.append(shlex.quote(f"{ORIGIN}{place}{'?' if query else ''}{query}"))
    return " \\\n  ".join(parts)


def _plain(example: Any) -> str:
    return ",".join(map(str, example)) if isinstance(example, list) else str(example)


def _pretty(example: Any) -> str:
    return json.dumps(example, indent=2, ensure_ascii=False)


def _kind(schema: Mapping[str, Any]) -> str:
    """string, at most 80 characters; integer, 1 to 500; one of a, b."""
    if "const" in schema:
        return json.dumps(schema["const"], ensure_ascii=False)
    kinds = schema.get("type", "anything")
    named = kinds if isinstance(kinds, str) else " or ".join(kinds)
    if "enum" in schema:
        return "one of " + ", ".join("null" if one is None else str(one) for one in schema["enum"])
    if schema.get("format") in ("date-time", "uri"):
        named = named.replace("string", {"date-time": "time", "uri": "URL"}[schema["format"]])
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        named += f", {low} to {high}"
    if "maxLength" in schema:
        named += f", at most {schema['maxLength']} characters"
    if schema.get("default") not in (None, ""):
        named += f", {_plain(schema['default'])} if left out"
    return named
