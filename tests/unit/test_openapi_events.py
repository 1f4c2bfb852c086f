"""The events in ``docs/openapi.yaml`` are those of the code, field by field, and its examples fit their schemas."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import msgspec
import pytest

import sidecar.app
from sidecar.domain import events
from sidecar.domain.access.callers import Scope
from sidecar.domain.alerts.rules import RuleDraft
from sidecar.domain.conference.values import Role
from sidecar.domain.webhooks.endpoints import BATCH_TYPE, BATCHED_PREFIX, EndpointDisabled
from sidecar.server.api import (
    alert_rules,
    alerts,
    api_keys,
    assistants,
    dial_out,
    notes,
    panel_tokens,
    participants,
    pauses,
    redaction_settings,
    redactions,
    stream_tickets,
    webhook_deliveries,
    webhook_endpoints,
)
from tests.contract import schema_breaches
from tests.openapi import METHODS, closed, document, event_schemas, flat

assert sidecar.app  # with it every module that has events


def event_types() -> list[type[events.EventData]]:
    return [event for event in events.EventData.__subclasses__() if event.__module__.startswith("sidecar.domain.")]


def told_to_endpoints() -> set[str]:
    """The types of the messages that an endpoint can get."""
    alone = {event.type for event in events.DURABLE if not event.type.startswith(BATCHED_PREFIX)}
    return alone | {BATCH_TYPE, EndpointDisabled.type}


def test_every_event_is_described_and_no_other() -> None:
    assert set(event_schemas()) == {event.type for event in event_types()}


@pytest.mark.parametrize("event", event_types(), ids=lambda event: event.type)
def test_an_event_has_the_fields_of_its_struct_in_order(event: type[events.EventData]) -> None:
    described = event_schemas()[event.type]
    passing = event not in (*events.DURABLE, EndpointDisabled)
    assert described.get("x-passing", False) is passing
    fields = msgspec.structs.fields(event)
    assert list(described["properties"]) == [field.name for field in fields]
    assert described["required"] == [field.name for field in fields]
    [made], components = msgspec.json.schema_components([event], ref_template="{name}")
    for name, schema in components[made["$ref"]]["properties"].items():
        assert kinds(described["properties"][name]) == kinds(schema, components), name
        words = enumerated(schema, components)
        assert not words or enumerated(described["properties"][name], document()["components"]["schemas"]) == words, (
            name
        )


def kinds(schema: Any, components: Any = None) -> set[str]:
    """What a value may be, in words that both sides have: its JSON types, or the words of an enumeration."""
    if "$ref" in schema:
        return kinds((components or document()["components"]["schemas"])[schema["$ref"].rpartition("/")[2]], components)
    if "anyOf" in schema:
        return set().union(*(kinds(one, components) for one in schema["anyOf"]))
    if "enum" in schema and components is not None:
        return {"string"}
    return set(schema["type"] if isinstance(schema["type"], list) else [schema["type"]]) if "type" in schema else set()


def enumerated(schema: Any, components: Any) -> set[str]:
    """The words of an enumeration; empty for anything else."""
    if "$ref" in schema:
        schema = components[schema["$ref"].rpartition("/")[2]]
    return set(schema.get("enum", ()))


@pytest.mark.parametrize(("name", "words"), [("Scope", Scope), ("Role", Role)])
def test_an_enumeration_has_the_words_of_the_code(name: str, words: type[StrEnum]) -> None:
    assert document()["components"]["schemas"][name]["enum"] == list(words)


def test_every_message_to_an_endpoint_is_a_webhook_of_the_document() -> None:
    assert set(document()["webhooks"]) == told_to_endpoints()
    for type_, item in document()["webhooks"].items():
        schema = flat(item["post"]["requestBody"]["content"]["application/json"]["schema"])
        assert schema["properties"]["type"] == {"const": type_}
        if type_ != BATCH_TYPE:
            assert flat(schema["properties"]["data"])["x-event"] == type_
            continue
        items = [flat(one)["properties"] for one in schema["properties"]["data"]["items"]["anyOf"]]
        batched = {event.type for event in events.DURABLE if event.type.startswith(BATCHED_PREFIX)}
        assert {one["type"]["const"] for one in items} == batched
        assert all(flat(one["data"])["x-event"] == one["type"]["const"] for one in items)


# What the handler of each operation decodes.
WISHES: dict[str, type[msgspec.Struct]] = {
    "acknowledge_alert": alerts.Acknowledgement,
    "add_alert_rule": RuleDraft,
    "add_note": notes.NoteWish,
    "assistant_say": assistants.Words,
    "change_alert_rule": alert_rules.RuleChange,
    "change_assistant": assistants.Manners,
    "change_redaction": redaction_settings.Change,
    "change_webhook_endpoint": webhook_endpoints.Change,
    "correct_participant": participants.Correction,
    "create_webhook_endpoint": webhook_endpoints.NewEndpoint,
    "dial_out": dial_out.DialWish,
    "invite_assistant": assistants.Invitation,
    "make_api_key": api_keys.KeyWish,
    "make_panel_token": panel_tokens.PanelTokenWish,
    "make_stream_ticket": stream_tickets.TicketWish,
    "pause_transcription": pauses.PauseWish,
    "prompt_assistant": assistants.Prompt,
    "redact_utterance": redactions.RedactionWish,
    "resend_webhooks": webhook_deliveries.Again,
    "rotate_webhook_secret": webhook_endpoints.Rotation,
    "test_alert_rule": alert_rules.Trial,
    "test_redaction": redaction_settings.Trial,
    "test_webhook_endpoint": webhook_endpoints.Sample,
}


def bodies() -> dict[str, Any]:
    """By operation, the schema of its body."""
    operations = [item[method] for item in document()["paths"].values() for method in METHODS if method in item]
    return {
        one["operationId"]: flat(one["requestBody"]["content"]["application/json"]["schema"])
        for one in operations
        if "requestBody" in one
    }


def test_the_structs_of_all_bodies_are_known_here() -> None:
    assert set(bodies()) == set(WISHES)


@pytest.mark.parametrize("operation", sorted(WISHES))
def test_a_body_has_the_fields_of_its_struct(operation: str) -> None:
    described, fields = bodies()[operation], msgspec.structs.fields(WISHES[operation])
    assert set(described["properties"]) == {field.encode_name for field in fields}
    assert set(described.get("required", [])) == {field.encode_name for field in fields if field.required}
    assert described["additionalProperties"] is False
    assert WISHES[operation].__struct_config__.forbid_unknown_fields


def examples() -> Iterator[tuple[str, Any, Any]]:
    """Where, the schema, and the example of it."""
    for path, item in closed()["paths"].items():
        for method in METHODS:
            operation = item.get(method, {})
            contents = [("body", operation.get("requestBody", {}))]
            contents += [(status, one) for status, one in operation.get("responses", {}).items() if "$ref" not in one]
            for part, holder in contents:
                for media in holder.get("content", {}).values():
                    if "example" in media:
                        yield f"{method} {path} {part}", media["schema"], media["example"]


@pytest.mark.parametrize(("schema", "example"), [one[1:] for one in examples()], ids=[one[0] for one in examples()])
def test_an_example_fits_its_schema(schema: Any, example: Any) -> None:
    assert schema_breaches(schema, example) == []


def test_every_code_is_explained_and_every_explanation_is_used() -> None:
    known = document()["x-problems"]
    places = [*document()["components"]["responses"].values()]
    places += [item[method] for item in document()["paths"].values() for method in METHODS if method in item]
    used = {code for place in places for code in place.get("x-problems", [])}
    assert used - set(known) == set()
    assert set(known) - used == {"internal_error"}


def test_every_operation_says_what_all_may_answer() -> None:
    lacking = []
    for path, item in document()["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            needed = {"401", "403", "429", "503"} | ({"404"} if "{" in path else set())
            needed |= {"400", "413", "415", "422"} if "requestBody" in item[method] else set()
            missing = needed - set(item[method]["responses"])
            lacking += [f"{method} {path} {sorted(missing)}"] if missing else []
    assert lacking == []
