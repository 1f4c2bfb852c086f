"""Who may come in: users by a session of their browser, programs by a key.

Tokens and keys are handed out once and are not kept; what is stored is their hash, and a hash opens nothing.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

import msgspec

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


class UserRole(StrEnum):
    """What a user may do; today everybody who is signed in sees everything."""

    SUPERVISOR = "supervisor"
    ADMIN = "admin"


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may sign in. ``name`` is unique."""

    id: str
    name: str
    role: UserRole
    created_at: datetime


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
    """A program's way in. ``name`` is unique among the keys that are not revoked."""

    id: str
    name: str
    created_at: datetime
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None


class PanelToken(msgspec.Struct, frozen=True, kw_only=True):
    """The way of one agent to the panel of one conference and to nothing else. ``name``: of that agent."""

    id: str
    conference_id: str
    name: str
    created_at: datetime
    expires_at: datetime


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a request: ``id`` of the session, key or panel token, ``name`` of the user, key or agent.

    ``conference``: by a panel's token, the one conference that it is for.
    """

    id: str
    name: str
    by: Literal["session", "key", "panel"]
    conference: str | None = None


class LinkRefused(SidecarError):
    """A link does not sign anybody in: login_link_unknown, login_link_used, login_link_expired."""

    code = "login_link_unknown"


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
