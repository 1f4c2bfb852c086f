"""Who may come in, and what they may do: users by a session of their browser, programs by a key, agents by a panel.

Tokens and keys are handed out once and are not kept; what is stored is their hash, and a hash opens nothing. Everybody
belongs to one tenant, and what belongs to another one does not exist for them. ``""`` is the tenant of an
installation that has no others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol

import msgspec

from sidecar.domain.conference.values import Role
from sidecar.domain.errors import SidecarError

# A session ends this long after it was last used; an open page uses it.
SESSION_IDLE = timedelta(hours=12)
# And this long after it was opened, however much it is used.
SESSION_LONGEST = timedelta(days=7)
# A link for one sign-in.
LINK_LASTS = timedelta(minutes=15)

# A token for one conference's panel: how long it lasts, unless told otherwise, and at most.
PANEL_LASTS = timedelta(minutes=15)
PANEL_LONGEST = timedelta(hours=4)

PANEL_PREFIX = "skp_"
KEY_PREFIX = "sck_"  # by which a scanner for lost secrets knows it
NAME_LENGTH_MOST = 80


class Scope(StrEnum):
    """One thing that somebody may do within their tenant. A key lists them; a role stands for some."""

    CONFERENCES_READ = "conferences:read"  # which calls there are, who is in them
    CONFERENCES_WRITE = "conferences:write"  # fork them; pause and resume their transcription
    PARTICIPANTS_WRITE = "participants:write"  # correct who somebody is; call somebody in
    TRANSCRIPTS_READ = "transcripts:read"  # what is said: pages, streams, exports, search, notes
    TRANSCRIPTS_REDACT = "transcripts:redact"  # take words out of them, for good
    NOTES_WRITE = "notes:write"
    ASSISTANTS_WRITE = "assistants:write"  # invite the assistant, tell it what to do, let it go
    PANELS_CREATE = "panels:create"  # hand out panels; whoever has one may do what PANEL_SCOPES says
    ALERTS_ACKNOWLEDGE = "alerts:acknowledge"
    ALERTS_MANAGE = "alerts:manage"  # their rules
    WEBHOOKS_MANAGE = "webhooks:manage"  # endpoints, deliveries, resending
    ADMIN = "admin"  # all of these, and users, keys, the audit log, redaction, retention


class UserRole(StrEnum):
    """What a user is: ``ROLE_SCOPES`` says what that one may do."""

    VIEWER = "viewer"  # reads everything
    AGENT = "agent"  # their own conferences only, see ``is_own``
    SUPERVISOR = "supervisor"
    ADMIN = "admin"


EVERYTHING = frozenset(Scope)
_READING = frozenset({Scope.CONFERENCES_READ, Scope.TRANSCRIPTS_READ})
# What an agent may do in a conference: as its agent by session, or by its panel's token.
PANEL_SCOPES = _READING | {Scope.CONFERENCES_WRITE, Scope.ASSISTANTS_WRITE, Scope.NOTES_WRITE}
ROLE_SCOPES = {
    UserRole.VIEWER: _READING,
    UserRole.AGENT: PANEL_SCOPES,
    UserRole.SUPERVISOR: EVERYTHING - {Scope.WEBHOOKS_MANAGE, Scope.ADMIN},
    UserRole.ADMIN: EVERYTHING,
}


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may sign in. ``name`` is unique among all tenants, for it signs in. ``has_password``: without one,
    only a link does."""

    id: str
    name: str
    role: UserRole
    created_at: datetime
    tenant: str = ""
    has_password: bool = False


class LoginLink(msgspec.Struct, frozen=True, kw_only=True):
    """A way to sign in as ``user``: once, or until it expires when it is reusable."""

    user: User
    reusable: bool
    expires_at: datetime


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in browser. ``expires_at`` is the latest end; it ends earlier when nobody uses it."""

    id: str
    user: User
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A program's way in. ``name`` is unique among the keys of its tenant that are not revoked.

    ``ending``: the last characters of the key, by which people tell keys apart. ``expires_at`` None: never.
    """

    id: str
    name: str
    created_at: datetime
    tenant: str = ""
    scopes: frozenset[Scope] = frozenset()
    ending: str = ""
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class PanelToken(msgspec.Struct, frozen=True, kw_only=True):
    """The way of one agent to the panel of one conference and to nothing else. ``name``: of that agent."""

    id: str
    conference_id: str
    name: str
    created_at: datetime
    expires_at: datetime
    tenant: str = ""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a request: ``id`` of the session, key or panel token, ``name`` of the user, key or agent.

    ``role``: of a user. ``scopes``: what it may do, whatever it comes by. ``conference``: by a panel's token, the one
    conference that it is for. ``user``: the id of the user, by session.
    """

    id: str
    name: str
    by: Literal["session", "key", "panel"]
    tenant: str
    scopes: frozenset[Scope]
    role: UserRole | None = None
    conference: str | None = None
    user: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether this is allowed, in general; of which conferences is another question."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    @property
    def only_own(self) -> str | None:
        """The name by which this caller's own conferences are known, if it may see no others."""
        return self.name if self.role is UserRole.AGENT else None


class Identity(Protocol):
    """Whoever has a role and is called something: a participant, in a row or on the wallboard."""

    @property
    def role(self) -> Role: ...
    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...


def is_own(participants: Iterable[Identity], name: str) -> bool:
    """Whether a conference is the agent's of that name: a participant of role agent has it as name or label."""
    return any(one.role is Role.AGENT and name in (one.name, one.label) for one in participants)


class LinkRefused(SidecarError):
    """A link does not sign anybody in: login_link_unknown, login_link_used, login_link_expired."""

    code = "login_link_unknown"


class ScopeRefused(SidecarError):
    """A key without scopes, or one that ends before it begins: scopes_missing, expires_invalid."""

    code = "scopes_missing"


class NameRefused(SidecarError):
    """A name for a user or key that cannot be had: name_taken, name_invalid."""

    code = "name_taken"


def token_hash(token: str) -> str:
    """What is stored of a token or key: a leaked database opens nothing.

    A token has 96 random bits or more, so one round of SHA-256 is enough.
    """
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def checked_name(name: str) -> str:
    """The name without blanks around it. Raises NameRefused for none, a long one, or what cannot be printed."""
    stripped = name.strip()
    if not stripped or len(stripped) > NAME_LENGTH_MOST or not stripped.isprintable():
        raise NameRefused(
            f"A name has 1 to {NAME_LENGTH_MOST} printable characters.",
            next_step="Choose another.",
            code="name_invalid",
        )
    return stripped


def check_link(link: LoginLink | None, *, used: bool, now: datetime) -> LoginLink:
    """The link, if it signs somebody in at ``now``. Raises LinkRefused."""
    if link is None:
        raise LinkRefused("This link is not known.", code="login_link_unknown")
    if link.expires_at <= now:
        raise LinkRefused("This link has expired.", code="login_link_expired")
    if used and not link.reusable:
        raise LinkRefused("This link was used before; it works once.", code="login_link_used")
    return link
