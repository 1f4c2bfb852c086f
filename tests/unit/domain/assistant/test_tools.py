"""What a model is told of its tools, and its wishes as values or refusals."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_schema_validator import OAS31Validator

from sidecar.domain.assistant.tools import (
    ARGUMENTS_MAX_CHARS,
    QUERY_MAX_CHARS,
    TOOLS,
    LeaveCall,
    Notify,
    Search,
    ToolName,
    ToolRefused,
    ToolWish,
    read_wish,
)


@pytest.mark.parametrize(
    ("name", "arguments", "wish"),
    [
        ("search_transcript", '{"query": "refund"}', Search("refund")),
        ("search_transcript", '{"query": "refund", "limit": 2}', Search("refund", 2)),
        ("notify_supervisor", '{"reason": "The customer is angry."}', Notify("The customer is angry.")),
        ("leave", "{}", LeaveCall()),
        ("leave", "", LeaveCall()),
    ],
)
def test_a_wish_that_fits_is_a_value(name: str, arguments: str, wish: ToolWish) -> None:
    assert read_wish(name, arguments) == wish


@pytest.mark.parametrize(
    ("name", "arguments", "code"),
    [
        ("hang_up_everybody", "{}", "tool_unknown"),
        ("", "{}", "tool_unknown"),
        ("search_transcript", "{}", "tool_arguments_invalid"),
        ("search_transcript", '{"query": ""}', "tool_arguments_invalid"),
        ("search_transcript", '{"query": "  "}', "tool_arguments_invalid"),
        ("search_transcript", '{"query": 5}', "tool_arguments_invalid"),
        ("search_transcript", '{"query": "a", "limit": 900}', "tool_arguments_invalid"),
        ("search_transcript", '{"query": "a", "conference": "cnf_other"}', "tool_arguments_invalid"),
        ("search_transcript", json.dumps({"query": "a" * (QUERY_MAX_CHARS + 1)}), "tool_arguments_invalid"),
        ("search_transcript", '{"query": "a"' + " " * ARGUMENTS_MAX_CHARS + "}", "tool_arguments_invalid"),
        ("notify_supervisor", "not json", "tool_arguments_invalid"),
        ("notify_supervisor", '["reason"]', "tool_arguments_invalid"),
        ("leave", '{"at": "once"}', "tool_arguments_invalid"),
        ("leave", "null", "tool_arguments_invalid"),
        ("leave", '{"\ud800": 1}', "tool_arguments_invalid"),
    ],
)
def test_a_wish_that_does_not_fit_is_refused_with_a_reason(name: str, arguments: str, code: str) -> None:
    with pytest.raises(ToolRefused) as refused:
        read_wish(name, arguments)
    assert refused.value.code == code
    assert refused.value.next_step


def test_a_refusal_repeats_nothing_of_the_arguments() -> None:
    for arguments in ('{"query": 5, "secret-word": 1}', '{"secret-word": 1}', '"secret-word"', "secret-word"):
        with pytest.raises(ToolRefused) as refused:
            read_wish("search_transcript", arguments)
        assert "secret" not in str(refused.value)


EXAMPLES = [
    ("search_transcript", {"query": "refund", "limit": 8}),
    ("search_transcript", {"query": "refund", "limit": 9}),
    ("search_transcript", {"query": "a" * QUERY_MAX_CHARS}),
    ("search_transcript", {"query": "a" * (QUERY_MAX_CHARS + 1)}),
    ("search_transcript", {"query": ""}),
    ("search_transcript", {"q": "refund"}),
    ("notify_supervisor", {"reason": "angry"}),
    ("notify_supervisor", {"reason": None}),
    ("notify_supervisor", {}),
    ("leave", {}),
    ("leave", {"now": True}),
]


@pytest.mark.parametrize(("name", "arguments"), EXAMPLES)
def test_the_schema_that_the_model_sees_is_the_one_that_is_kept(name: str, arguments: dict[str, object]) -> None:
    schema = next(tool.parameters for tool in TOOLS if tool.name == name)
    fits = OAS31Validator(schema).is_valid(arguments)
    try:
        read_wish(name, json.dumps(arguments))
    except ToolRefused:
        assert not fits
    else:
        assert fits


def test_every_tool_is_told_of_once() -> None:
    assert [tool.name for tool in TOOLS] == list(ToolName)


@given(name=st.sampled_from([*ToolName, "x"]), arguments=st.text(max_size=60))
def test_any_arguments_end_in_a_value_or_a_refusal(name: str, arguments: str) -> None:
    try:
        wish = read_wish(name, arguments)
    except ToolRefused:
        return
    assert read_wish(name, msgspec.json.encode(wish).decode()) == wish
