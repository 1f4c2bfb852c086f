"""What the pages to sign in say. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from sidecar.domain.access.callers import NAME_LENGTH_MOST, LinkRefused, LoginLink
from sidecar.domain.errors import SidecarError

_NEW_LINK = ("On the machine of the service this makes one:", "sidecar users link NAME")
_TITLES = {
    "login_link_used": "This link was used before",
    "login_link_expired": "This link has expired",
    "login_link_unknown": "This link is not known",
}


@dataclass(frozen=True, kw_only=True)
class LoginPage:
    """All that ``login.html`` may use. ``token``: of a link that waits for its button, with ``next`` behind it.

    ``asks_password``: with a form for ``name`` and password.

    ``ways``: what to do, each a sentence and a line to copy.
    """

    title: str
    message: str
    token: str = ""
    asks_password: bool = False
    name: str = ""
    next: str = "/"
    ways: tuple[tuple[str, str], ...] = ()
    code: str = ""


def ask(next_path: str, *, signed_out: bool) -> LoginPage:
    """Somebody without session and without link."""
    return LoginPage(
        title="You are signed out" if signed_out else "Sign in",
        message="With your name and password, or with a login link: whoever runs this service makes one. "
        "A demo shows its own on the terminal.",
        next=next_path,
        asks_password=True,
        ways=(_NEW_LINK, ("And this, before the first link, somebody who may sign in:", "sidecar users add NAME")),
    )


def wrong_password(name: str, next_path: str) -> LoginPage:
    """It is not said whether there is such a name."""
    return LoginPage(
        title="Sign in",
        message="No user has this name and this password. Who has no password signs in by a link and sets one.",
        next=next_path,
        asks_password=True,
        name=name[:NAME_LENGTH_MOST],
        ways=(_NEW_LINK,),
        code="sign_in_refused",
    )


def too_often(error: SidecarError) -> LoginPage:
    """Too many passwords were wrong."""
    return LoginPage(
        title="Not so fast",
        message=f"{error} A login link works all the same.",
        ways=(_NEW_LINK,),
        code=error.code,
    )


def confirm(link: LoginLink, token: str, next_path: str) -> LoginPage:
    """A link for one sign-in: programs that look at links in advance must not use it up, so it takes a button."""
    return LoginPage(title=f"Sign in as {link.user.name}", message="This link works once.", token=token, next=next_path)


def refused(error: LinkRefused) -> LoginPage:
    """A link that opens nothing."""
    return LoginPage(
        title=_TITLES.get(error.code, "This link does not work"),
        message="Ask whoever runs this service for a new one. A link works for 15 minutes and for one sign-in.",
        ways=(_NEW_LINK,),
        code=error.code,
    )


def not_over_http(host: str, public_url: str) -> LoginPage:
    """Plain http from somewhere else than the machine itself."""
    port = host.rpartition(":")[2] if host.rpartition(":")[2].isdecimal() else "80"
    ways = [
        (
            f"From another machine, without a certificate: forward the port, then open http://127.0.0.1:{port}/ there.",
            f"ssh -L {port}:127.0.0.1:{port} HOST",
        )
    ]
    if public_url.startswith("https://"):
        ways.insert(0, ("The address of this service by https:", public_url))
    return LoginPage(
        title="Nobody signs in over plain http",
        message=f"You asked for http://{host}. What you are signed in with could be read on the way, so a session "
        "needs https, or a browser on the machine itself. With a proxy in front that speaks https, set "
        "SIDECAR_PUBLIC_URL to its address and let it pass on the Host header.",
        ways=tuple(ways),
        code="https_needed",
    )


def other_site(origin: str, seen: str) -> LoginPage:
    """The button was pressed on a page of another site, or a proxy hides which site this is."""
    return LoginPage(
        title="This sign-in came from another site",
        message=f"The browser speaks of {origin}, the service is asked for as {seen}. If that is the same place, the "
        "proxy between them has to pass on the Host header, and SIDECAR_PUBLIC_URL has to be the address in the "
        "browser. The link was not used.",
        code="cross_site_request",
    )
