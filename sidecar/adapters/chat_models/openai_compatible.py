"""Chat models behind any server that speaks OpenAI's chat completions: OpenAI itself, Ollama, vLLM, llama.cpp.

https://platform.openai.com/docs/api-reference/chat. Nothing is tried twice, nothing of prompts and answers is logged.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import openai

from sidecar.adapters.chat_models.chunks import Answer
from sidecar.adapters.openai_account import CLOSE_TIMEOUT_S, OpenaiAccount, client_of, problem_of
from sidecar.adapters.vendor_problems import Problem, Vendor, broken_off, too_slow, unreadable
from sidecar.domain.errors import ChatModelFailed
from sidecar.ports.chat_model import ChatMessage, Piece, TextPiece, Tool
from sidecar.ports.engines import EngineSettings

OPENAI_MODEL = "gpt-5.4-mini"  # quick, and answers without thinking first
OTHER = Vendor("The chat model", "SIDECAR_LLM_API_KEY", "SIDECAR_LLM_BASE_URL", "SIDECAR_LLM_MODEL")
MAX_CHARACTERS = 20_000  # of thoughts, text and tool calls: a model that does not stop is stopped
# Ends of an answer that is not whole. https://platform.openai.com/docs/api-reference/chat/streaming
_NOT_WHOLE = {
    "length": Problem("cut_off", "The model reached its limit of tokens.", "Choose one with a higher limit."),
    "content_filter": Problem("filtered", "The vendor's filter stopped the answer.", ""),
}


@dataclass(frozen=True)
class Limits:
    """Seconds. The runtime gives up long before most of them: they are for when it does not."""

    first_s: float = 20.0  # until the first word or tool call
    stall_s: float = 10.0  # between two chunks behind it
    whole_s: float = 90.0  # the whole answer
    tail_s: float = 1.0  # for the usage, once the answer has ended


class OpenaiCompatibleChatModel:
    """Behind the ChatModel port."""

    engine = "openai-compatible"

    def __init__(self, account: OpenaiAccount, model: str, *, limits: Limits | None = None) -> None:
        self._client = client_of(account)
        self._vendor = account.vendor
        self._model = model
        self._limits = limits or Limits()
        self._asks_for_usage = True  # until the server says that it knows no ``stream_options``

    async def answer(
        self, messages: Sequence[ChatMessage], *, tools: Sequence[Tool] = ()
    ) -> AsyncGenerator[Piece, None]:
        """One answer. Raises ChatModelFailed."""
        request: dict[str, Any] = {"model": self._model, "messages": [_message(message) for message in messages]}
        if tools:
            request["tools"] = [_tool(tool) for tool in tools]
        answer = Answer()
        async with contextlib.aclosing(self._chunks(request, answer)) as chunks:
            async for chunk in chunks:
                if text := answer.take(chunk):
                    yield TextPiece(text)
                if answer.characters > MAX_CHARACTERS:
                    _fail(Problem("endless", "The model does not stop talking.", "Choose another model."))
        if text := answer.rest():
            yield TextPiece(text)
        if not answer.finish:
            _fail(broken_off(self._vendor))
        if answer.finish in _NOT_WHOLE:
            _fail(_NOT_WHOLE[answer.finish])
        for call in answer.calls():
            yield call
        if answer.usage is not None:
            yield answer.usage

    async def close(self) -> None:
        """Close the connections that are kept."""
        await self._client.close()

    async def _chunks(self, request: dict[str, Any], answer: Answer) -> AsyncGenerator[Any, None]:
        """What the server sends, each chunk within its time; how much that is, the answer so far decides."""
        limits, now = self._limits, asyncio.get_running_loop().time
        first_by, whole_by = now() + limits.first_s, now() + limits.whole_s
        stream = await self._opened(request)
        try:
            while True:
                wait_s = limits.tail_s if answer.finish else limits.stall_s if answer.begun else first_by - now()
                try:
                    async with asyncio.timeout(min(wait_s, whole_by - now())):
                        chunk = await anext(stream, None)
                except TimeoutError:
                    if answer.finish:
                        return
                    _fail(self._slow(answer, whole=now() >= whole_by))
                except openai.OpenAIError as error:
                    _fail(problem_of(error, self._vendor))
                except ValueError:
                    _fail(unreadable(self._vendor, "an answer that is no JSON"))
                if chunk is None:
                    return
                yield chunk
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await stream.close()

    async def _opened(self, request: dict[str, Any]) -> openai.AsyncStream[Any]:
        """The stream, once the server has said that there will be one."""
        options: dict[str, Any] = {"stream_options": {"include_usage": True}} if self._asks_for_usage else {}
        create: Any = self._client.chat.completions.create  # its types have no room for messages as dicts
        stream: openai.AsyncStream[Any]
        try:
            async with asyncio.timeout(self._limits.first_s):
                stream = await create(**request, **options, stream=True)
        except TimeoutError:
            _fail(self._slow(Answer()))
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            if not options or "stream_options" not in f"{error.message} {error.param}":
                _fail(problem_of(error, self._vendor))
            self._asks_for_usage = False
            return await self._opened(request)
        except openai.OpenAIError as error:
            _fail(problem_of(error, self._vendor))
        return stream

    def _slow(self, answer: Answer, *, whole: bool = False) -> Problem:
        limits = self._limits
        if whole:
            return too_slow(self._vendor, "a whole answer", limits.whole_s)
        if answer.begun:
            return too_slow(self._vendor, "more of an answer", limits.stall_s)
        return too_slow(self._vendor, "a first word", limits.first_s)


def _fail(problem: Problem) -> NoReturn:
    raise ChatModelFailed(
        problem.message,
        next_step=problem.next_step,
        code=f"chat_{problem.code}",
        permanent=problem.permanent,
        retry_after_s=problem.retry_after_s,
    ) from None


def _message(message: ChatMessage) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "content": message.text, "tool_call_id": message.tool_call_id}
    if not message.tool_calls:
        return {"role": message.role, "content": message.text}
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in message.tool_calls
    ]
    return {"role": message.role, "content": message.text or None, "tool_calls": calls}


def _tool(tool: Tool) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


@contextlib.asynccontextmanager
async def open_openai_compatible(settings: EngineSettings) -> AsyncIterator[OpenaiCompatibleChatModel]:
    """The factory. OpenAI's own key goes to OpenAI's address only. Raises ChatModelFailed for want of a setting."""
    if settings.llm_base_url:
        account = OpenaiAccount(settings.llm_base_url, settings.llm_api_key, OTHER)
    else:
        account = OpenaiAccount(settings.openai_base_url, settings.openai_api_key)
    model = settings.llm_model or ("" if settings.llm_base_url else OPENAI_MODEL)
    if not model or not (settings.llm_base_url or settings.openai_api_key):
        raise ChatModelFailed(
            "The chat model is not configured.",
            code="chat_not_configured",
            next_step="Set OPENAI_API_KEY, or SIDECAR_LLM_BASE_URL and SIDECAR_LLM_MODEL.",
            permanent=True,
        )
    chat_model = OpenaiCompatibleChatModel(account, model)
    try:
        yield chat_model
    finally:
        await chat_model.close()
