"""``/settings/audit``: the audit log to read, page by page, for administrators."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from sidecar.domain.access.callers import UserRole
from sidecar.domain.audit import AuditEntry
from sidecar.server.app_keys import ACCOUNTS, AUDIT
from tests.callers import add_session, add_user
from tests.fakes import ScriptedRecogniser
from tests.service import Service, running_service

PATH = "/settings/audit"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def entry(n: int, **changes: object) -> AuditEntry:
    """The n-th thing that the key "crm" did."""
    of_it = {
        "id": f"aud_{n:06}", "tenant": "", "at": NOON + timedelta(seconds=n), "actor": "key_1", "actor_name": "crm",
        "by": "key", "action": "transcript.read", "target": f"cnf_{n}", "address": "192.0.2.7",
    } | changes  # fmt: skip
    return AuditEntry(**of_it)  # type: ignore[arg-type]


async def page(service: Service, path: str, session: str, status: int = 200) -> str:
    """What a browser without scripts shows."""
    cookie = {"Cookie": f"sidecar-{service.base.rpartition(':')[2]}={session}"}
    async with aiohttp.ClientSession(headers=cookie) as http, http.get(service.base + path) as answer:
        assert answer.status == status
        return html.unescape(await answer.text())


async def test_an_admin_reads_page_by_page_who_did_what(tmp_path: Path) -> None:
    async with running_service(tmp_path, ScriptedRecogniser()) as service:
        accounts, log = service.app[ACCOUNTS], service.app[AUDIT]
        await add_session(accounts, await add_user(accounts, role=UserRole.ADMIN), "admin")
        await add_session(accounts, await add_user(accounts, "Ben"), "supervisor")
        assert "Nothing has been noted yet" in await page(service, PATH, "admin")
        for n in range(50):
            await log.add(entry(n))
        change = {"before": {"role": "viewer", "name": "<b>Lee</b>"}, "after": {"role": "admin", "name": "<b>Lee</b>"}}
        await log.add(entry(50, action="user.role_changed", by="session", actor_name="Ana", target="usr_9", **change))
        await log.add(entry(51, action="POST /v1/things", tenant="globex", actor_name="zeppelin"))
        await log.add(entry(52, action="POST /v1/things", target=""))

        newest = await page(service, PATH, "admin")
        assert re.search(r"changed a user's role.*usr_9.*role:.*viewer.*→.*admin", newest, re.DOTALL)
        assert "name:" not in newest, "what stayed as it was is no change"
        assert "POST /v1/things" in newest
        assert "zeppelin" not in newest
        assert 'href="/conferences/cnf_49"' in newest
        assert newest.count("192.0.2.7") == 50
        older = re.search(rf'href="({PATH}\?after=[^"]+)"', newest)
        assert older
        last = await page(service, older[1], "admin")
        assert [f"cnf_{n}<" in last for n in (0, 1, 2, 3)] == [True, True, False, False]
        assert "Older" not in last
        assert f'href="{PATH}"' in last

        assert "after is not a cursor" in await page(service, f"{PATH}?after=nonsense", "admin", 400)
        await page(service, PATH, "supervisor", 403)
