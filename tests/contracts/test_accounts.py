"""The contract of ports.accounts, on every fulfilment."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from sidecar.adapters.sql import Database, SqlAccounts, SqlDirectory
from sidecar.domain.access.callers import (
    SESSION_IDLE,
    SESSION_LONGEST,
    ApiKey,
    LinkRefused,
    LoginLink,
    NameRefused,
    PanelToken,
    Scope,
    Session,
    User,
    UserRole,
)
from sidecar.domain.errors import NotFound
from sidecar.ports.accounts import Accounts
from tests.facts import NOON, open_call

MINUTE = timedelta(minutes=1)


@pytest.fixture
def accounts(any_database: Database) -> Accounts:
    return SqlAccounts(any_database)


def user(name: str = "Ana", role: UserRole = UserRole.SUPERVISOR) -> User:
    return User(id=f"usr_{name}", name=name, role=role, created_at=NOON)


def key(name: str = "crm", id_: str = "key_1") -> ApiKey:
    return ApiKey(id=id_, name=name, created_at=NOON)


async def add_link(accounts: Accounts, who: User, name: str = "link", *, reusable: bool = False) -> LoginLink:
    link = LoginLink(user=who, reusable=reusable, expires_at=NOON + 15 * MINUTE)
    await accounts.add_link(link, token_hash=name)
    return link


async def sign_in(accounts: Accounts, name: str = "s1", *, link: str = "link", at: timedelta = MINUTE) -> Session:
    return await accounts.sign_in(
        link_hash=link,
        session_id=f"uss_{name}",
        session_hash=f"hash of {name}",
        expires_at=NOON + at + SESSION_LONGEST,
        now=NOON + at,
    )


async def refusal(accounts: Accounts, link: str = "link", *, at: timedelta = MINUTE) -> str:
    with pytest.raises(LinkRefused) as looked_at:
        await accounts.link(link, now=NOON + at)
    with pytest.raises(LinkRefused) as used:
        await sign_in(accounts, "refused", link=link, at=at)
    assert looked_at.value.code == used.value.code
    return used.value.code


async def test_users_have_names_of_their_own(accounts: Accounts) -> None:
    await accounts.add_user(user("Ben", UserRole.ADMIN))
    await accounts.add_user(user("Ana"))
    assert list(await accounts.users()) == [user("Ana"), user("Ben", UserRole.ADMIN)]
    assert await accounts.user_named("Ben") == user("Ben", UserRole.ADMIN)
    assert await accounts.user_named("ben") is None
    with pytest.raises(NameRefused, match="Ana") as taken:
        await accounts.add_user(User(id="usr_other", name="Ana", role=UserRole.ADMIN, created_at=NOON))
    assert (taken.value.code, len(await accounts.users())) == ("name_taken", 2)


async def test_of_many_who_take_a_name_at_once_one_gets_it(accounts: Accounts) -> None:
    async def take(n: int) -> bool:
        try:
            await accounts.add_user(User(id=f"usr_{n}", name="Ana", role=UserRole.ADMIN, created_at=NOON))
        except NameRefused:
            return False
        return True

    async with asyncio.TaskGroup() as group:
        tries = [group.create_task(take(n), name=f"take {n}") for n in range(5)]
    assert sorted(one.result() for one in tries) == [False] * 4 + [True]


async def test_a_link_is_looked_at_as_often_as_one_likes_and_signs_in_once(accounts: Accounts) -> None:
    await accounts.add_user(user())
    link = await add_link(accounts, user())
    for _ in range(3):
        assert await accounts.link("link", now=NOON) == link
    session = await sign_in(accounts)
    assert (session.id, session.user, session.created_at) == ("uss_s1", user(), NOON + MINUTE)
    assert session.expires_at == NOON + MINUTE + SESSION_LONGEST
    assert await accounts.session("hash of s1", now=NOON + MINUTE) == session
    assert await refusal(accounts) == "login_link_used"
    assert await accounts.session("hash of refused", now=NOON + MINUTE) is None


async def test_of_many_who_use_a_link_at_once_one_gets_in(accounts: Accounts) -> None:
    await accounts.add_user(user())
    await add_link(accounts, user())

    async def use(n: int) -> str:
        try:
            return (await sign_in(accounts, str(n))).id
        except LinkRefused as refused:
            return refused.code

    async with asyncio.TaskGroup() as group:
        tries = [group.create_task(use(n), name=f"use {n}") for n in range(6)]
    outcomes = sorted(one.result() for one in tries)
    assert outcomes[:5] == ["login_link_used"] * 5
    assert outcomes[5].startswith("uss_")
    found = [await accounts.session(f"hash of {n}", now=NOON + MINUTE) for n in range(6)]
    assert len([one for one in found if one is not None]) == 1


async def test_a_reusable_link_signs_in_until_it_expires(accounts: Accounts) -> None:
    await accounts.add_user(user())
    await add_link(accounts, user(), reusable=True)
    assert {(await sign_in(accounts, f"s{n}")).id for n in range(3)} == {"uss_s0", "uss_s1", "uss_s2"}
    assert await refusal(accounts, at=15 * MINUTE) == "login_link_expired"


async def test_links_that_are_late_or_made_up_sign_nobody_in(accounts: Accounts) -> None:
    await accounts.add_user(user())
    await add_link(accounts, user())
    assert await refusal(accounts, at=15 * MINUTE) == "login_link_expired"
    assert await refusal(accounts, "made up") == "login_link_unknown"
    assert await refusal(accounts, "\0") == "login_link_unknown"
    with pytest.raises(NotFound, match="usr_Nobody"):
        await add_link(accounts, user("Nobody"), "other")


async def test_a_session_ends_when_nobody_uses_it(accounts: Accounts) -> None:
    await accounts.add_user(user())
    await add_link(accounts, user())
    opened = (await sign_in(accounts)).last_used_at
    nearly = SESSION_IDLE - timedelta(seconds=1)
    assert await accounts.session("hash of s1", now=opened + nearly) is not None
    # That use counted.
    assert await accounts.session("hash of s1", now=opened + 2 * nearly) is not None
    assert await accounts.session("hash of s1", now=opened + 2 * nearly + SESSION_IDLE) is None


async def test_a_session_ends_after_its_longest_time_however_much_it_is_used(accounts: Accounts) -> None:
    await accounts.add_user(user())
    await add_link(accounts, user())
    session = await sign_in(accounts)
    moment = session.created_at
    while moment < session.expires_at:
        assert await accounts.session("hash of s1", now=moment) is not None
        moment += SESSION_IDLE / 2
    assert await accounts.session("hash of s1", now=session.expires_at) is None
    assert await accounts.still_welcome({"uss_s1"}, now=session.expires_at) == set()


async def test_signing_out_ends_one_session_and_no_other(accounts: Accounts) -> None:
    await accounts.add_user(user())
    await add_link(accounts, user(), reusable=True)
    for name in ("here", "there"):
        await sign_in(accounts, name)
    await accounts.end_session("uss_here")
    await accounts.end_session("uss_nobody")
    assert await accounts.session("hash of here", now=NOON + MINUTE) is None
    assert await accounts.session("hash of there", now=NOON + MINUTE) is not None
    assert await accounts.still_welcome({"uss_here", "uss_there"}, now=NOON + MINUTE) == {"uss_there"}


async def test_a_user_who_is_removed_leaves_neither_session_nor_link(accounts: Accounts) -> None:
    for who in (user("Ana"), user("Ben")):
        await accounts.add_user(who)
        await add_link(accounts, who, f"link of {who.name}", reusable=True)
        await sign_in(accounts, who.name, link=f"link of {who.name}")
    await accounts.remove_user("usr_Ana")
    await accounts.remove_user("usr_Ana")
    assert list(await accounts.users()) == [user("Ben")]
    assert await refusal(accounts, "link of Ana") == "login_link_unknown"
    assert await accounts.still_welcome({"uss_Ana", "uss_Ben"}, now=NOON + MINUTE) == {"uss_Ben"}


async def test_a_key_opens_until_it_is_revoked_and_its_name_may_be_given_again(accounts: Accounts) -> None:
    await accounts.add_key(key(), token_hash="old")
    assert await accounts.key("old", now=NOON) == key()
    assert await accounts.key("made up", now=NOON) is None
    with pytest.raises(NameRefused, match="crm"):
        await accounts.add_key(key(id_="key_2"), token_hash="new")
    revoked = await accounts.revoke_key("crm", tenant="", now=NOON + MINUTE)
    assert (revoked.id, revoked.revoked_at) == ("key_1", NOON + MINUTE)
    assert await accounts.key("old", now=NOON + MINUTE) is None
    with pytest.raises(NotFound, match="crm"):
        await accounts.revoke_key("crm", tenant="", now=NOON)
    await accounts.add_key(key(id_="key_2"), token_hash="new")
    assert [one.id for one in await accounts.keys()] == ["key_1", "key_2"]
    assert await accounts.still_welcome({"key_1", "key_2"}, now=NOON) == {"key_2"}


async def test_the_last_use_of_a_key_is_known_to_the_minute(accounts: Accounts) -> None:
    await accounts.add_key(key(), token_hash="k")
    for seconds in (0, 20, 59, 61, 90):
        await accounts.key("k", now=NOON + timedelta(seconds=seconds))
    [found] = await accounts.keys()
    assert found.last_used_at == NOON + timedelta(seconds=61)


async def test_a_panel_s_token_is_for_one_conference_until_it_expires(
    accounts: Accounts, any_database: Database
) -> None:
    conference = (await open_call(SqlDirectory(any_database))).conference
    token = PanelToken(
        id="pan_1", conference_id=conference.id, name="Maya", created_at=NOON, expires_at=NOON + 15 * MINUTE
    )
    await accounts.add_panel_token(token, token_hash="panel")
    late = NOON + 15 * MINUTE
    assert await accounts.panel_token("panel", now=late - timedelta(seconds=1)) == token
    assert await accounts.panel_token("panel", now=late) is None
    assert await accounts.panel_token("other", now=NOON) is None
    assert await accounts.still_welcome({"pan_1"}, now=late - timedelta(seconds=1)) == {"pan_1"}
    assert await accounts.still_welcome({"pan_1"}, now=late) == set()


async def test_an_open_stream_counts_as_use(accounts: Accounts) -> None:
    await accounts.add_user(user())
    await add_link(accounts, user())
    moment = (await sign_in(accounts)).created_at
    for _ in range(3):
        moment += SESSION_IDLE * 0.75
        assert await accounts.still_welcome({"uss_s1", "uss_nobody"}, now=moment) == {"uss_s1"}
    assert await accounts.still_welcome(set(), now=moment) == set()
    assert await accounts.still_welcome({"uss_s1"}, now=moment + SESSION_IDLE) == set()


async def test_what_is_long_over_is_cleared_away(accounts: Accounts) -> None:
    await accounts.add_user(user())
    await add_link(accounts, user())
    old = await sign_in(accounts)
    late = SESSION_LONGEST + 10 * MINUTE
    await accounts.add_link(LoginLink(user=user(), reusable=False, expires_at=NOON + 2 * late), token_hash="fresh")
    await sign_in(accounts, "s2", link="fresh", at=late)
    assert await accounts.session("hash of s1", now=old.created_at) is None
    assert await refusal(accounts, "link", at=late) == "login_link_unknown"


async def test_a_password_ends_every_other_session_and_every_link(accounts: Accounts) -> None:
    await accounts.add_user(user())
    assert await accounts.password_hash("Ana") is None
    for name in ("here", "there"):
        await add_link(accounts, user(), f"link {name}", reusable=True)
        await sign_in(accounts, name, link=f"link {name}")
    await accounts.set_password("usr_Ana", "a hash", keep_session="uss_here")
    assert await accounts.password_hash("Ana") == "a hash"
    assert await accounts.password_hash("Nobody") is None
    [ana] = await accounts.users()
    assert ana.has_password
    assert await accounts.still_welcome({"uss_here", "uss_there"}, now=NOON + MINUTE) == {"uss_here"}
    assert await refusal(accounts, "link here") == "login_link_unknown"
    await accounts.renew_hash("Ana", before="another", after="lost")
    await accounts.renew_hash("Ana", before="a hash", after="a better one")
    assert await accounts.password_hash("Ana") == "a better one"
    assert await accounts.still_welcome({"uss_here"}, now=NOON + MINUTE) == {"uss_here"}
    await accounts.set_password("usr_Ana", None)
    assert await accounts.still_welcome({"uss_here"}, now=NOON + MINUTE) == set()
    assert await accounts.password_hash("Ana") is None


async def test_a_role_that_changes_ends_every_session(accounts: Accounts) -> None:
    await accounts.add_user(user())
    await add_link(accounts, user())
    await sign_in(accounts)
    await accounts.set_role("usr_Ana", UserRole.VIEWER)
    assert (await accounts.users())[0].role is UserRole.VIEWER
    assert await accounts.session("hash of s1", now=NOON + MINUTE) is None


async def test_who_has_shown_a_password_gets_a_session_and_sees_all_of_theirs(accounts: Accounts) -> None:
    await accounts.add_user(user())
    for n in (1, 2):
        opened = await accounts.open_session(
            "usr_Ana",
            session_id=f"uss_{n}",
            session_hash=f"h{n}",
            expires_at=NOON + SESSION_LONGEST,
            now=NOON + n * MINUTE,
        )
        assert opened.user == user()
    assert [one.id for one in await accounts.sessions("usr_Ana", now=NOON + 3 * MINUTE)] == ["uss_2", "uss_1"]
    assert await accounts.sessions("usr_Ana", now=NOON + 2 * SESSION_IDLE) == []
    with pytest.raises(NotFound):
        await accounts.open_session("usr_Ben", session_id="uss_3", session_hash="h3", expires_at=NOON, now=NOON)


async def test_users_and_keys_belong_to_a_tenant(accounts: Accounts) -> None:
    ana = User(id="usr_Ana", name="Ana", role=UserRole.ADMIN, created_at=NOON, tenant="acme")
    await accounts.add_user(ana)
    await accounts.add_user(user("Ben"))
    assert list(await accounts.users(tenant="acme")) == [ana]
    assert await accounts.user("usr_Ana", tenant="acme") == ana
    with pytest.raises(NotFound):
        await accounts.user("usr_Ana", tenant="")
    scopes = frozenset({Scope.ADMIN, Scope.CONFERENCES_READ})
    ours = ApiKey(id="key_1", name="crm", created_at=NOON, tenant="acme", scopes=scopes, ending="abcd")
    await accounts.add_key(ours, token_hash="ours")
    await accounts.add_key(key(id_="key_2"), token_hash="theirs")
    assert await accounts.key("ours", now=NOON) == ours
    assert [one.id for one in await accounts.keys(tenant="acme")] == ["key_1"]
    for name_or_id in ("key_2", "nothing"):
        with pytest.raises(NotFound):
            await accounts.revoke_key(name_or_id, tenant="acme", now=NOON)
    await accounts.revoke_key("key_1", tenant="acme", now=NOON)
    assert await accounts.key("ours", now=NOON) is None
    assert await accounts.key("theirs", now=NOON) is not None


async def test_a_key_opens_nothing_from_its_end_on(accounts: Accounts) -> None:
    ending = ApiKey(id="key_1", name="crm", created_at=NOON, expires_at=NOON + MINUTE)
    await accounts.add_key(ending, token_hash="k")
    assert await accounts.key("k", now=NOON) is not None
    assert await accounts.still_welcome({"key_1"}, now=NOON) == {"key_1"}
    assert await accounts.key("k", now=NOON + MINUTE) is None
    assert await accounts.still_welcome({"key_1"}, now=NOON + MINUTE) == set()
