"""Users, their login links and sessions, and the keys of programs. Tokens come in as hashes (domain.access)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from sidecar.domain.access.callers import ApiKey, LoginLink, PanelToken, Session, User, UserRole


class Accounts(Protocol):
    """Rows in short transactions. All methods raise StoreUnavailable when the store does not answer."""

    async def add_user(self, user: User) -> None:
        """Raises NameRefused when somebody has that name."""
        ...

    async def user_named(self, name: str) -> User | None:
        """None when nobody has that name."""
        ...

    async def user(self, user_id: str, *, tenant: str) -> User:
        """Raises NotFound for an unknown id, and for a user of another tenant."""
        ...

    async def users(self, *, tenant: str | None = None) -> Sequence[User]:
        """All, or a tenant's, by name."""
        ...

    async def set_role(self, user_id: str, role: UserRole) -> None:
        """Ends every session of the user: what is open was opened as who they were."""
        ...

    async def password_hash(self, name: str) -> str | None:
        """None when nobody has that name, and for somebody without a password."""
        ...

    async def set_password(self, user_id: str, hashed: str | None, *, keep_session: str | None = None) -> None:
        """Ends every session of the user but ``keep_session``, and their links. None: no password any more."""
        ...

    async def renew_hash(self, name: str, *, before: str, after: str) -> None:
        """The same password, hashed anew; unless it has been changed meanwhile."""
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

    async def open_session(
        self, user_id: str, *, session_id: str, session_hash: str, expires_at: datetime, now: datetime
    ) -> Session:
        """For somebody who has shown their password. NotFound when the user is gone."""
        ...

    async def sessions(self, user_id: str, *, now: datetime) -> Sequence[Session]:
        """Those that have not ended, the one used last first."""
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
        """The key, if it is not revoked and has not expired. Notes the use now and then."""
        ...

    async def keys(self, *, tenant: str | None = None) -> Sequence[ApiKey]:
        """All, or a tenant's, oldest first, revoked ones too."""
        ...

    async def revoke_key(self, name_or_id: str, *, tenant: str, now: datetime) -> ApiKey:
        """This key opens nothing any more. NotFound when the tenant has none of that name or id that did."""
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
