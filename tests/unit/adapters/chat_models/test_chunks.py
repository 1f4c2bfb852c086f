"""Chunks of an answer put together, whatever a server sends."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from sidecar.adapters.chat_models.chunks import Answer

NAMES = [
    "choices", "delta", "content", "refusal", "finish_reason", "tool_calls", "function", "name", "arguments", "index",
    "id", "usage", "prompt_tokens", "completion_tokens",
]  # fmt: skip
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4).map(lambda d: SimpleNamespace(**d))
    ),
    max_leaves=25,
)


def content(text: str) -> Any:
    return SimpleNamespace(choices=[SimpleNamespace(delta=SimpleNamespace(content=text))])


def test_a_character_that_is_torn_into_two_chunks_is_put_together_and_a_half_one_is_replaced() -> None:
    """Else it could neither be stored nor spoken."""
    answer = Answer()
    told = [answer.take(content(text)) for text in ("ok \ud83d", "", "\ude00!", "\ud83d", "x \udc00")]
    assert told == ["ok ", "", "😀!", "", "\ufffdx \ufffd"]


@given(st.lists(anything, max_size=6))
@example([SimpleNamespace(choices=[SimpleNamespace(delta=SimpleNamespace(tool_calls=[SimpleNamespace(index=[])]))])])
def test_any_chunks_at_all_give_text_and_calls_of_the_right_types(chunks: list[Any]) -> None:
    answer = Answer()
    texts = [answer.take(chunk) for chunk in chunks] + [answer.rest()]
    assert all(isinstance(text, str) for text in texts)
    assert sum(map(len, texts)) <= answer.characters
    "".join(texts).encode()
    for call in answer.calls():
        f"{call.name}{call.arguments}".encode()
        assert call.id
        assert call.name
        assert isinstance(call.arguments, str)
