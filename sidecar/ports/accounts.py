"""Users, their login links and sessions, and the keys of programs. Tokens come in as hashes (domain.access)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from sidecar.domain.access import ApiKey, LoginLink, PanelToken, Session, User


class Accounts(Protocol):
    """Rows in short transactions. All methods raise StoreUnavailable when the store does not answer."""

    async def add_user(self, user: User) -> None:
        """Raises NameRefused when somebody has that name."""
        ...

    async def user_named(self, name: str) -> User | None:
        """None when nobody has that name."""
        ...

    async def users(self) -> Sequence[User]:
        """All, by name."""
        ...

    async def remove_user(self, user_id: str) -> None:
        """With every link and session. An unknown id changes nothing."""
        ...

    async def add_link(self, link: LoginLink, *, token_hash: str) -> None:
        """A way to sign in. NotFound when the user is gone."""
        ...

    async def link(self, token_hash: str, *, now: datetime) -> LoginLink:
        """Look at a link without using it. Raises LinkRefused (its code says why)."""
        ...

    async def sign_in(
        self, *, link_hash: str, session_id: str, session_hash: str, expires_at: datetime, now: datetime
    ) -> Session:
        """Use a link and open a session, both or neither: of many who hold a link for one sign-in, one gets in.

        Raises LinkRefused.
        """
        ...

    async def session(self, token_hash: str, *, now: datetime) -> Session | None:
        """The session behind a cookie, if it has not ended. Notes the use now and then, and so keeps it from ending."""
        ...

    async def end_session(self, session_id: str) -> None:
        """Sign out. An unknown id changes nothing."""
        ...

    async def add_key(self, key: ApiKey, *, token_hash: str) -> None:
        """Raises NameRefused when a key that is not revoked has that name."""
        ...

    async def key(self, token_hash: str, *, now: datetime) -> ApiKey | None:
        """The key, if it is not revoked. Notes the use now and then."""
        ...

    async def keys(self) -> Sequence[ApiKey]:
        """All, oldest first, revoked ones too."""
        ...

    async def revoke_key(self, name: str, *, now: datetime) -> ApiKey:
        """The key of that name opens nothing any more. NotFound when there is none that did."""
        ...

    async def add_panel_token(self, token: PanelToken, *, token_hash: str) -> None:
        """Clears away those that have expired."""
        ...

    async def panel_token(self, token_hash: str, *, now: datetime) -> PanelToken | None:
        """The token, if it has not expired."""
        ...

    async def still_welcome(self, ids: Collection[str], *, now: datetime) -> set[str]:
        """Those of these sessions, keys and panel tokens that have not ended or been revoked. Counts as their use."""
        ...
