"""Errors with a stable code, a sentence of what happened and a sentence of what to do next."""

from __future__ import annotations


class SidecarError(Exception):
    """Base of every error that the project raises on purpose.

    code: stable, snake_case, safe to show and to match on (``fork_token_used``).
    message: what happened, to which id; never transcript text, a phone number or a secret.
    next_step: what the reader can do about it, or "" when there is nothing to do.
    """

    code = "internal_error"

    def __init__(self, message: str, *, next_step: str = "", code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class NotFound(SidecarError):
    """An id that names nothing."""

    code = "not_found"


class ConferenceOver(SidecarError):
    """What was asked for needs a conference that goes on, and this one has ended."""

    code = "conference_over"


class StoreUnavailable(SidecarError):
    """The event log cannot take or give rows just now; nothing of the batch was stored. Try again."""

    code = "store_unavailable"


class ForkRefused(SidecarError):
    """A media stream may not bind to a fork. ``code`` says why:

    fork_token_unknown, fork_token_used, fork_token_expired, fork_token_other_call.
    """

    code = "fork_token_unknown"


class TelephonyFailed(SidecarError):
    """The telephony provider refused or did not answer.

    ``gone``: the call or conference is over, so there is nothing to try again.
    ``provider_code``: the provider's own error number, if it gave one; ``reason``: what it said, for people.
    ``refused``: it did nothing, and will not do the same if it is asked again. Without it nobody knows what it did.
    ``retry_after_s``: for so long it wants no more requests.
    """

    code = "telephony_failed"

    def __init__(
        self,
        message: str,
        *,
        gone: bool = False,
        provider_code: int | None = None,
        reason: str = "",
        refused: bool = False,
        retry_after_s: float | None = None,
        next_step: str = "",
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.gone = gone
        self.provider_code = provider_code
        self.reason = reason or message
        self.refused = refused or gone
        self.retry_after_s = retry_after_s


class RecogniserUnavailable(SidecarError):
    """The recogniser cannot be built or opened on this machine or account, or it broke off.

    ``gap_reason``: what to call the audio that goes unheard, a key of domain.events.GAP_REASONS.
    ``permanent``: no second try mends it; somebody has to see to the account or the settings.
    """

    code = "recogniser_unavailable"

    def __init__(
        self,
        message: str,
        *,
        next_step: str = "",
        code: str | None = None,
        gap_reason: str = "recogniser_failed",
        permanent: bool = False,
    ) -> None:
        super().__init__(message, next_step=next_step, code=code)
        self.gap_reason = gap_reason
        self.permanent = permanent

    def again(self) -> RecogniserUnavailable:
        """The same as a new object, to be raised at another place."""
        return RecogniserUnavailable(
            self.message,
            next_step=self.next_step,
            code=self.code,
            gap_reason=self.gap_reason,
            permanent=self.permanent,
        )


class ChatModelFailed(SidecarError):
    """A chat model gave no answer, or broke off in the middle of one. ``code`` says why (docs/assistant-engines.md).

    ``permanent``: no second try mends it; somebody has to see to the account or the settings.
    ``retry_after_s``: for so long it wants no more requests.
    """

    code = "chat_failed"

    def __init__(
        self,
        message: str,
        *,
        next_step: str = "",
        code: str | None = None,
        permanent: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, next_step=next_step, code=code)
        self.permanent = permanent
        self.retry_after_s = retry_after_s


class VoiceFailed(SidecarError):
    """A voice could not speak, or broke off in the middle of a sentence. ``code`` says why (docs/assistant-engines.md).

    ``permanent``: no second try mends it; somebody has to see to the account or the settings.
    """

    code = "voice_failed"

    def __init__(self, message: str, *, next_step: str = "", code: str | None = None, permanent: bool = False) -> None:
        super().__init__(message, next_step=next_step, code=code)
        self.permanent = permanent


class RealtimeFailed(SidecarError):
    """A realtime model gave no answer, broke off, or cannot be reached. ``code`` says why (docs/assistant-engines.md).

    ``permanent``: no second try mends it; somebody has to see to the account or the settings.
    """

    code = "realtime_failed"

    def __init__(self, message: str, *, next_step: str = "", code: str | None = None, permanent: bool = False) -> None:
        super().__init__(message, next_step=next_step, code=code)
        self.permanent = permanent

    def again(self) -> RealtimeFailed:
        """The same as a new object, to be raised at another place."""
        return RealtimeFailed(self.message, next_step=self.next_step, code=self.code, permanent=self.permanent)
