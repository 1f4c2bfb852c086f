"""Static files: kept for good under their fingerprint, never guessed at."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from sidecar.server.pages.static_files import StaticFiles
from tests.unit.server.pages.conftest import Pages


async def style_url(pages: Pages) -> str:
    """The address that the page itself uses."""
    html = await (await pages.client.get("/")).text()
    found = re.search(r'href="(/static/\w+/css/tokens\.css)"', html)
    assert found is not None
    return found[1]


async def test_a_file_under_its_fingerprint_is_immutable_and_typed(pages: Pages) -> None:
    answer = await pages.client.get(await style_url(pages))
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_under_another_fingerprint_the_present_file_is_served_and_not_kept(pages: Pages) -> None:
    answer = await pages.client.get("/static/0ld0ld0ld0ld/css/tokens.css")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-cache"


async def test_what_is_not_a_static_file_is_not_found(pages: Pages) -> None:
    for path in ("css/nothing.css", "../templates/base.html", "..%2Ftemplates%2Fbase.html", "%00"):
        assert (await pages.client.get(f"/static/x/{path}")).status == 404, path


async def test_text_is_packed_for_those_who_take_it_and_fonts_are_not(pages: Pages) -> None:
    base = (await style_url(pages)).removesuffix("css/tokens.css")
    packed = await pages.client.get(base + "css/tokens.css", headers={"Accept-Encoding": "gzip"})
    plain = await pages.client.get(base + "css/tokens.css", headers={"Accept-Encoding": "identity"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in plain.headers
    assert await packed.read() == await plain.read()
    font = await pages.client.get(base + "fonts/inter-latin-variable.woff2")
    assert font.content_type == "font/woff2"
    assert "Content-Encoding" not in font.headers


def test_the_fingerprint_changes_with_any_file(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    before = StaticFiles.load(tmp_path)
    (tmp_path / "a.js").write_text("2")
    assert StaticFiles.load(tmp_path).version != before.version
    assert before.url("a.js") == f"/static/{before.version}/a.js"


def test_a_file_of_unlisted_type_and_an_address_of_nothing_are_mistakes_of_ours(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text("1")
    with pytest.raises(KeyError):
        StaticFiles.load(tmp_path).url("b.js")
    (tmp_path / "a.exe").write_text("1")
    with pytest.raises(KeyError):
        StaticFiles.load(tmp_path)


def test_a_page_names_its_script_and_each_module_that_is_imported_once(tmp_path: Path) -> None:
    (tmp_path / "rooms").mkdir()
    (tmp_path / "page.js").write_text('// A page.\nimport { b } from "./rooms/b.js";\nimport "./c.js";\n')
    (tmp_path / "rooms" / "b.js").write_text('import { c, d } from "../c.js";\nimport "./d.js";\n// import "./e.js";\n')
    (tmp_path / "rooms" / "d.js").write_text('import { page } from "../page.js";\n')
    (tmp_path / "c.js").write_text("")
    files = StaticFiles.load(tmp_path)
    assert files.modules("page.js") == [files.url(name) for name in ("page.js", "rooms/b.js", "c.js", "rooms/d.js")]


@pytest.mark.parametrize("template", ["conference", "wallboard"])
def test_the_scripts_and_styles_of_a_live_page_stay_under_60_kb_packed(template: str) -> None:
    """All that the page names, and the worker in which its stream runs; the font aside."""
    web = Path(__file__).parents[4] / "web"
    sources = "".join((web / "templates" / f"{name}.html").read_text() for name in ("base", template))
    named = {name for name in re.findall(r"static\(['\"]([\w/.-]+)['\"]\)", sources) if not name.startswith("fonts/")}
    modules = {url.split("/", 3)[3] for url in StaticFiles.load(web / "static").modules(f"js/{template}.js")}
    files = named | modules | {"icons/sprite.svg", "js/stream_worker.js"}
    assert len(files) > 20
    assert sum(len(gzip.compress((web / "static" / name).read_bytes())) for name in files) < 60_000
