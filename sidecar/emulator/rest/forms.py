"""What a request's form or query says, as typed values. A bad value is Twilio's 400, naming the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime

from aiohttp import web

from sidecar.emulator.rest.answers import BAD_PARAMETER, RestError
from sidecar.emulator.state import StatusCallback, VoiceHook
from sidecar.emulator.twiml import Method, Redirect
from sidecar.emulator.urls import request_url


def bad(field: str, expected: str) -> RestError:
    """The refusal of one field."""
    return RestError(400, BAD_PARAMETER, f"{field} must be {expected}.")


class Form:
    """The fields of one POST; a field that is empty counts as given, as Twilio has it."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        self._fields = fields

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    @property
    def plain(self) -> dict[str, str]:
        """Each field's first value."""
        return {name: values[0] for name, values in self._fields.items()}

    def text(self, name: str, default: str = "") -> str:
        """The field, or the default when it is not given."""
        return self._fields[name][0] if name in self._fields else default

    def required(self, name: str) -> str:
        """The field, which must be there and say something."""
        if not self.text(name):
            raise RestError(400, BAD_PARAMETER, f"{name} is required.")
        return self.text(name)

    def flag(self, name: str) -> bool | None:
        """true or false; None when it is not given."""
        if name not in self:
            return None
        text = self.text(name).lower()
        if text not in {"true", "false"}:
            raise bad(name, "true or false")
        return text == "true"

    def number(self, name: str, *, at_least: int, at_most: int) -> int | None:
        """A whole number within bounds; None when it is not given."""
        if name not in self:
            return None
        text = self.text(name)
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and at_least <= int(text) <= at_most):
            raise bad(name, f"a whole number from {at_least} to {at_most}")
        return int(text)

    def method(self, name: str, default: Method = "POST") -> Method:
        """GET or POST."""
        text = self.text(name, default).upper()
        if text == "GET":
            return "GET"
        if text != "POST":
            raise bad(name, "GET or POST")
        return "POST"

    def url(self, name: str) -> str:
        """An absolute http or https URL, or "" when the field is empty or not given."""
        text = self.text(name)
        try:
            usable = not text or request_url(text).scheme in {"http", "https"}
        except ValueError:
            usable = False
        if not usable:
            raise bad(name, "an absolute http or https URL")
        return text

    def document(self, name: str, default: Method) -> Redirect | None:
        """The document behind ``<name>Url``, asked for by ``<name>Method``; None when it is not given."""
        url = self.url(f"{name}Url")
        return Redirect(url, self.method(f"{name}Method", default)) if url else None

    def callback(self, name: str, events: frozenset[str] = frozenset()) -> StatusCallback | None:
        """The callback under that name; ``<name>Event`` chooses among its events, ``events`` is Twilio's default."""
        url = self.url(name)
        if not url:
            return None
        chosen = frozenset(word for text in self._fields.get(f"{name}Event", []) for word in text.split())
        return StatusCallback(url=url, method=self.method(f"{name}Method"), events=chosen or events)

    def hook(self, before: VoiceHook) -> VoiceHook:
        """VoiceUrl and StatusCallback with their methods, where given; the rest as before."""
        return VoiceHook(
            url=self.url("VoiceUrl") if "VoiceUrl" in self else before.url,
            method=self.method("VoiceMethod") if "VoiceMethod" in self else before.method,
            status_callback=self.url("StatusCallback") if "StatusCallback" in self else before.status_callback,
            status_callback_method=self.method("StatusCallbackMethod")
            if "StatusCallbackMethod" in self
            else before.status_callback_method,
        )


async def form_of(request: web.Request) -> Form:
    """The form; files that somebody uploads are no fields."""
    fields: dict[str, list[str]] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, str):
            fields.setdefault(name, []).append(value)
    return Form(fields)


def on_day(request: web.Request, name: str) -> Callable[[datetime], bool]:
    """The filter ``Name``, ``Name<`` (then or before) or ``Name>`` (then or after) with a day such as 2026-11-02."""
    wanted = [(sign, _day(request, name + sign)) for sign in ("", "<", ">") if name + sign in request.query]

    def fits(moment: datetime) -> bool:
        return all(
            (sign == "" and moment.date() == day)
            or (sign == "<" and moment.date() <= day)
            or (sign == ">" and moment.date() >= day)
            for sign, day in wanted
        )

    return fits


def _day(request: web.Request, name: str) -> date:
    try:
        return date.fromisoformat(request.query[name][:10])
    except ValueError:
        raise bad(name, "a day such as 2026-11-02") from None
