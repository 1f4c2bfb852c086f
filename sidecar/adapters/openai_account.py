"""OpenAI's SDK: the client that chat, speech and realtime share, and what its errors mean.

Any server that speaks the same protocol will do: Ollama, vLLM, llama.cpp. Loading it takes half a second and 40 MB, so
``app`` imports what needs it late. Its log lines hold no bodies and no keys, at any level (tests show it).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import openai

from sidecar.adapters.vendor_problems import Problem, Vendor, header, refused, unreachable

CONNECT_TIMEOUT_S = 3.0
CLOSE_TIMEOUT_S = 1.0


OPENAI = Vendor("OpenAI", key="OPENAI_API_KEY", address="OPENAI_BASE_URL", model="SIDECAR_LLM_MODEL")


@dataclass(frozen=True)
class OpenaiAccount:
    """Where and as whom. ``base_url``: with its ``/v1``. ``api_key``: empty for a server that wants none."""

    base_url: str = "https://api.openai.com/v1"
    api_key: str = field(default="", repr=False)
    vendor: Vendor = OPENAI


def client_of(account: OpenaiAccount) -> openai.AsyncOpenAI:
    """A client without retries and without time limits but for connecting: who waits sets them."""
    return openai.AsyncOpenAI(
        api_key=account.api_key or "none",
        base_url=account.base_url,
        timeout=openai.Timeout(None, connect=CONNECT_TIMEOUT_S),
        max_retries=0,
    )


def problem_of(error: openai.OpenAIError, vendor: Vendor) -> Problem:
    """What an error of the SDK means."""
    if isinstance(error, openai.APIStatusError):
        headers = error.response.headers
        return refused(
            vendor,
            error.status_code,
            vendor_code=error.code or error.type,
            request_id=error.request_id,
            retry_after=header(headers, "retry-after"),
        )
    if isinstance(error, openai.APIConnectionError):
        return unreachable(vendor, type(error.__cause__ or error).__name__)
    if isinstance(error, openai.APIError):  # told in the middle of a stream
        return refused(vendor, 0, vendor_code=error.code or error.type)
    return unreachable(vendor, type(error).__name__)
