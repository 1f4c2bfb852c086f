"""The assistant's tools: what a model is told of them, and its wishes read as any stranger's input is. Pure.

Whether a wish is granted, ``tool_policy`` decides.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec

from sidecar.domain.errors import SidecarError

RESULTS_MOST = 8
QUERY_MAX_CHARS = 200
REASON_MAX_CHARS = 300
ARGUMENTS_MAX_CHARS = 4_000


class ToolName(StrEnum):
    """The tools there are."""

    SEARCH_TRANSCRIPT = "search_transcript"
    NOTIFY_SUPERVISOR = "notify_supervisor"
    LEAVE = "leave"


class ToolSpec(msgspec.Struct, frozen=True):
    """What a model is told of a tool. ``parameters``: a JSON schema of an object."""

    name: ToolName
    description: str
    parameters: dict[str, Any]


class Search(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Look for words in what was said on this call."""

    query: Annotated[str, msgspec.Meta(min_length=1, max_length=QUERY_MAX_CHARS)]
    limit: Annotated[int, msgspec.Meta(ge=1, le=RESULTS_MOST)] = 5


class Notify(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Call the attention of the supervisors to this call."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_MAX_CHARS)]


class LeaveCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Say goodbye and leave."""


ToolWish = Search | Notify | LeaveCall
_KINDS: dict[ToolName, type[ToolWish]] = {
    ToolName.SEARCH_TRANSCRIPT: Search,
    ToolName.NOTIFY_SUPERVISOR: Notify,
    ToolName.LEAVE: LeaveCall,
}

TOOLS = (
    ToolSpec(
        ToolName.SEARCH_TRANSCRIPT,
        "Find what was said earlier on this call. Gives lines with time, speaker and words.",
        {
            "type": "object",
            "properties": {
                "query": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": QUERY_MAX_CHARS,
                    "description": "Words to look for.",
                },
                "limit": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": RESULTS_MOST,
                    "description": "How many lines at most.",
                },
            },
            "required": ["query"],
            "additionalProperties": False,
        },
    ),
    ToolSpec(
        ToolName.NOTIFY_SUPERVISOR,
        "Call a supervisor's attention to this call. Only when the agent asks for it.",
        {
            "type": "object",
            "properties": {
                "reason": {
                    "type": "string",
                    "minLength": 1,
                    "maxLength": REASON_MAX_CHARS,
                    "description": "Why, in one sentence.",
                }
            },
            "required": ["reason"],
            "additionalProperties": False,
        },
    ),
    ToolSpec(
        ToolName.LEAVE,
        "Leave the call, when the agent asks you to. Say goodbye in the same answer.",
        {"type": "object", "properties": {}, "additionalProperties": False},
    ),
)


class ToolRefused(SidecarError):
    """A tool is not used. The message is for the model too: it holds nothing of what was said.

    ``code``: tool_unknown, tool_arguments_invalid, tool_not_asked_for, tool_asker_may_not, tool_limit_reached.
    """

    code = "tool_not_asked_for"


def read_wish(name: str, arguments: str) -> ToolWish:
    """The model's wish as a value. Raises ToolRefused for a tool that is none, and for arguments that do not fit."""
    try:
        kind = _KINDS[ToolName(name)]
    except ValueError:
        raise ToolRefused(
            "There is no such tool.", code="tool_unknown", next_step=f"There are {', '.join(ToolName)}."
        ) from None
    if len(arguments) > ARGUMENTS_MAX_CHARS:
        raise _arguments_invalid(f"more than {ARGUMENTS_MAX_CHARS} characters")
    try:
        wish = msgspec.json.decode(arguments or "{}", type=kind)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise _arguments_invalid(_without_values(error)) from None
    if (isinstance(wish, Search) and not wish.query.strip()) or (isinstance(wish, Notify) and not wish.reason.strip()):
        raise _arguments_invalid("nothing but blanks")
    return wish


def _arguments_invalid(problem: str) -> ToolRefused:
    return ToolRefused(
        f"The arguments do not fit: {problem}.", code="tool_arguments_invalid", next_step="Follow the tool's schema."
    )


def _without_values(error: Exception) -> str:
    """msgspec names types, limits and paths; names of unknown fields come from the model and are left out."""
    if isinstance(error, msgspec.ValidationError):
        return "unknown field" if "unknown field" in str(error) else str(error)
    return "no JSON"
