"""The account's telephone numbers and TwiML applications, for the commands that look at them and set them up."""

from __future__ import annotations

from collections.abc import Iterable

from sidecar.adapters.twilio import TwilioTelephony
from sidecar.domain.number_wiring import Change, Number, Wiring

# More than this many numbers nobody picks from by eye; --number names one.
NUMBERS_MOST = 1_000
# The fields of Wiring by the names of Twilio's client.
_FIELDS = {"application_sid": "voice_application_sid"}


class TwilioNumbers:
    """Every method raises TelephonyFailed. ``telephony`` is closed by its owner."""

    def __init__(self, telephony: TwilioTelephony) -> None:
        self._telephony = telephony

    async def all(self, phone_number: str = "") -> list[Number]:
        """The numbers of the account; ``phone_number``: only this one, if the account has it."""
        exact = {"phone_number": phone_number} if phone_number else {}
        listed = await self._telephony.ask(
            lambda client: client.incoming_phone_numbers.list_async(limit=NUMBERS_MOST, **exact),
            "the account's numbers",
        )
        return [
            Number(
                sid=number.sid,
                phone_number=number.phone_number,
                wiring=Wiring(
                    voice_url=number.voice_url or "",
                    voice_method=number.voice_method or "POST",
                    status_callback=number.status_callback or "",
                    status_callback_method=number.status_callback_method or "POST",
                    application_sid=number.voice_application_sid or "",
                ),
            )
            for number in listed
        ]

    async def change(self, number: Number, changes: Iterable[Change]) -> None:
        """Set these fields and leave all others as they are."""
        fields = {_FIELDS.get(change.field, change.field): change.wanted for change in changes}
        await self._telephony.ask(
            lambda client: client.incoming_phone_numbers(number.sid).update_async(**fields), number.sid
        )

    async def voice_url_of(self, application_sid: str) -> str:
        """Where a TwiML application leads; "" when it leads nowhere."""
        found = await self._telephony.ask(
            lambda client: client.applications(application_sid).fetch_async(), application_sid
        )
        return str(found.voice_url or "")

    async def application_named(self, name: str) -> str | None:
        """The TwiML application of that friendly name."""
        found = await self._telephony.ask(
            lambda client: client.applications.list_async(friendly_name=name, limit=1), "the account's applications"
        )
        return str(found[0].sid) if found else None

    async def create_application(self, name: str, voice_url: str) -> str:
        """A new one; its id."""
        made = await self._telephony.ask(
            lambda client: client.applications.create_async(
                friendly_name=name, voice_url=voice_url, voice_method="POST"
            ),
            "a new application",
        )
        return str(made.sid)

    async def point_application(self, application_sid: str, voice_url: str) -> None:
        """Let it lead there."""
        await self._telephony.ask(
            lambda client: client.applications(application_sid).update_async(voice_url=voice_url, voice_method="POST"),
            application_sid,
        )
