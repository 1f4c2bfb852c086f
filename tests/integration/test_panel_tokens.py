"""A token for the agent's panel opens one conference's panel, what that needs, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp

from tests.fakes import ScriptedRecogniser
from tests.service import Service, running_service


async def conference(service: Service, call_sid: str, room: str) -> str:
    await service.call(call_sid, room=room)
    [found] = (await service.get(f"/v1/conferences?room={room}"))["data"]
    return str(found["id"])


async def token_for(service: Service, conference_id: str, **wish: Any) -> tuple[int, dict[str, Any]]:
    url = f"{service.base}/v1/conferences/{conference_id}/panel_tokens"
    async with service.http.post(url, json={"name": "Maya"} | wish) as answer:
        return answer.status, await answer.json()


async def test_a_token_opens_its_panel_and_nothing_else(tmp_path: Path) -> None:
    origins = "https://crm.example,https://desk.example:8443"
    async with running_service(tmp_path, ScriptedRecogniser(), panel_origins=origins) as service:
        mine, other = (
            await conference(service, "CA" + "1" * 32, "one"),
            await conference(service, "CA" + "2" * 32, "two"),
        )
        status, made = await token_for(service, mine)
        assert (status, made["conference"], made["name"]) == (201, mine, "Maya")
        assert made["url"] == f"{service.base}/agent/{mine}?token={made['token']}"
        assert (await token_for(service, mine, name=""))[1]["code"] == "name_invalid"
        assert (await token_for(service, mine, lasts_s=10**6))[1]["code"] == "lasts_invalid"
        assert (await token_for(service, "cnf_none"))[0] == 404

        bearer = {"Authorization": f"Bearer {made['token']}"}
        async with aiohttp.ClientSession(service.base) as nobody:

            async def status_of(path: str, method: str = "GET", **more: Any) -> int:
                async with nobody.request(method, path, allow_redirects=False, **more) as answer:
                    return answer.status

            async with nobody.get(f"/agent/{mine}?token={made['token']}") as panel:
                assert panel.status == 200
                policy = panel.headers["Content-Security-Policy"]
                assert "frame-ancestors 'self' https://crm.example https://desk.example:8443" in policy
                assert panel.headers["Referrer-Policy"] == "no-referrer"
            stream = f"/v1/stream?topic=conference:{mine}"
            assert await status_of(f"{stream}&token={made['token']}", "HEAD") == 200
            assert await status_of(f"{stream}&topic=wallboard&token={made['token']}", "HEAD") == 403
            assert await status_of(f"/v1/stream?topic=conference:{other}&token={made['token']}", "HEAD") == 403
            for path in (f"/v1/conferences/{mine}/assistants", f"/v1/conferences/{mine}/utterances"):
                assert await status_of(path, headers=bearer) == 200, path
                assert await status_of(path.replace(mine, other), headers=bearer) == 403, path
                assert await status_of(f"{path}?token={made['token']}") == 401, "in the query only where it must be"
            for path in ("/", "/v1/conferences", f"/conferences/{mine}", f"/v1/conferences/{mine}", f"/agent/{other}"):
                assert await status_of(path, headers=bearer) == 403, path
            assert (
                await status_of(f"/v1/conferences/{mine}/panel_tokens", "POST", json={"name": "x"}, headers=bearer)
                == 403
            )
            assert await status_of(f"/agent/{mine}") == 303, "without a token as every page"

            async with nobody.get(f"/agent/{mine}?token=skp_made_up") as closed:
                text = await closed.text()
                assert (closed.status, "The access of this panel has ended" in text) == (401, True)
                assert "https://crm.example" in closed.headers["Content-Security-Policy"]
