"""What the pages say is what the code does, and the repository keeps its own house rules."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from pydantic import AliasChoices, SecretStr

from sidecar.config import Settings
from sidecar.domain import events
from sidecar.domain.webhooks.endpoints import EndpointDisabled
from sidecar.emulator import rest
from sidecar.emulator.control import routes as control
from sidecar.emulator.faults import orders

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sidecar"
SPINE_LINES_MAX = 2500
FILE_LINES_MAX = 400

# Split in two, so that this file does not find itself.
HOSTS = ("pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "npmjs" + ".com", "deb.debian" + ".org")
MACHINE_PATHS = ("/work" + "/", "/root" + "/", "/opt/py" + "pi", "/home" + "/", "../sh" + "ared")


def tracked() -> list[Path]:
    """Every file that git keeps, images and fonts aside."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, timeout=30).stdout
    paths = [ROOT / name for name in listing.decode().split("\0") if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8000]]


def sections(page: str) -> dict[str, str]:
    """Heading to text, for the headings that name code: ### `name`."""
    parts = re.split(r"^#+ `?([^`\n]+)`?$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def first_table(section: str) -> list[str]:
    """The names in the first column of a section's first table."""
    table = re.search(r"^\| Field .*\n\|[-| ]+\|\n((?:\|.*\n?)+)", section, flags=re.MULTILINE)
    return re.findall(r"^\| `(\w+)`", table[1], flags=re.MULTILINE) if table else []


def event_types() -> list[type[events.EventData]]:
    return [event for event in events.EventData.__subclasses__() if event.__module__.startswith("sidecar.domain.")]


@pytest.fixture(scope="module")
def events_page() -> dict[str, str]:
    return sections((ROOT / "docs" / "events.md").read_text())


def test_the_events_page_has_exactly_the_events_that_exist(events_page: dict[str, str]) -> None:
    assert {heading for heading in events_page if re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", heading)} == {
        event.type for event in event_types()
    }


def test_the_events_page_tells_durable_from_passing() -> None:
    page = (ROOT / "docs" / "events.md").read_text()
    durable, rest = page.split("## Passing events")
    passing, for_endpoints = rest.split("## Told to endpoints only")
    assert [heading for heading in sections(durable) if "." in heading] == [event.type for event in events.DURABLE]
    others = {event.type for event in event_types()} - {event.type for event in events.DURABLE}
    assert set(sections(for_endpoints)) == {EndpointDisabled.type}
    assert set(sections(passing)) == others - {EndpointDisabled.type}


@pytest.mark.parametrize("event", event_types(), ids=lambda event: event.type)
def test_the_events_page_has_every_field_in_order(event: type[events.EventData], events_page: dict[str, str]) -> None:
    assert first_table(events_page[event.type]) == [field.name for field in msgspec.structs.fields(event)]


def test_the_events_page_has_the_envelope_and_every_reason_for_a_gap(events_page: dict[str, str]) -> None:
    assert first_table(events_page["The envelope"]) == [field.name for field in msgspec.structs.fields(events.Event)]
    reasons = events_page["transcript.gap"].split("| Reason |")[1]
    assert re.findall(r"^\| `(\w+)`", reasons, flags=re.MULTILINE) == list(events.GAP_REASONS)


def test_the_example_on_the_events_page_is_a_real_event() -> None:
    example = re.search(r"```json\n(.+?)```", (ROOT / "docs" / "events.md").read_text(), flags=re.DOTALL)
    assert example
    envelope = msgspec.json.decode(example[1])
    data = events.decode_data(envelope["type"], msgspec.json.encode(envelope["data"]))
    event = msgspec.convert({**envelope, "data": {}}, events.Event)
    assert msgspec.to_builtins(msgspec.structs.replace(event, data=data)) == envelope


def test_the_settings_page_has_every_setting_with_its_default() -> None:
    expected = []
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        shown = alias.choices[0] if isinstance(alias, AliasChoices) else f"SIDECAR_{name.upper()}"
        default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
        expected.append((shown, "" if default is None else str(default), field.description))
    page = (ROOT / "docs" / "settings.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (?:`(.+?)`)? ?\| (.+) \|$", page, flags=re.MULTILINE)
    assert rows == expected


def test_the_emulator_s_page_has_every_route_and_every_fault() -> None:
    page = (ROOT / "docs" / "emulator.md").read_text()
    documented = set(re.findall(r"^\| `(GET|POST|DELETE) (/\S+)` \|", page, flags=re.MULTILINE))
    base = "/2010-04-01/Accounts/{account}"
    paths = {(route.method, route.path.removeprefix(base)) for route in (*rest.routes(), *control.routes())}
    assert documented == {(method, path) for method, path in paths if method != "*"}
    kinds = [(kind.__struct_config__.tag, kind.__struct_fields__) for kind in get_args(orders.FaultOrder)]
    shown = re.findall(r"^\| `(\w+)` \| (.+?) \|", page.split("### Faults")[1], flags=re.MULTILINE)
    assert {kind: set(re.findall(r"`(\w+)`", fields)) for kind, fields in shown} == {
        kind: set(fields) for kind, fields in kinds
    }


def test_every_test_that_a_promise_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/.]+)::(\w+)`", (ROOT / "docs" / "promises.md").read_text())
    assert named
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text()
    ]
    assert missing == []


def test_the_readme_lists_the_spine_and_the_spine_is_short() -> None:
    readme = sections((ROOT / "README.md").read_text())["Read in this order"]
    spine = [ROOT / name for name in re.findall(r"\]\(((?:sidecar|web)/[\w/.]+)\)", readme)]
    assert len(spine) == 10
    assert [str(path) for path in spine if not path.is_file()] == []
    assert sum(len(path.read_text().splitlines()) for path in spine) <= SPINE_LINES_MAX


def test_links_between_pages_lead_somewhere() -> None:
    link = re.compile(r"(?:\]\(|src(?:set)?=\")([^)\s\"#]+)")
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in tracked()
        if page.suffix == ".md"
        for target in link.findall(page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_every_line_of_curl_with_a_body_says_that_it_is_json() -> None:
    """Without it curl says that it is a form, and the API refuses that."""
    wrong, seen = [], 0
    for page in (ROOT / "docs").glob("*.md"):
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(), flags=re.DOTALL):
            for command in re.split(r"^\s*(?=curl )", block, flags=re.MULTILINE):
                if "/v1/" in command and re.search(r" (-d|--data) ", command):
                    seen += 1
                    if "Content-Type: application/json" not in command:
                        wrong.append(f"{page.name}: {command}")
    assert seen
    assert wrong == []


def test_no_file_names_a_package_index_or_somebody_s_machine() -> None:
    pattern = re.compile("|".join(map(re.escape, HOSTS)) + "|(?<![\\w)}>$])(?:" + "|".join(MACHINE_PATHS) + ")")
    found = []
    for path in tracked():
        found += [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
            if pattern.search(line)
        ]
    assert found == []


def test_no_file_has_grown_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {name: lines for name, lines in lengths.items() if lines > FILE_LINES_MAX} == {}


def test_every_room_and_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*.py")
        if not ast.get_docstring(ast.parse(path.read_text())) and path.name != "__main__.py"
    ]
    assert silent == []


@pytest.mark.parametrize("room", ["domain", "ports", "speech", "wire", "runtime", "adapters", "server", "emulator"])
def test_every_room_says_what_it_may_import_and_what_it_never_does(room: str) -> None:
    docstring = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text())) or ""
    assert "Never:" in docstring or room == "ports"
    assert re.search(r"\b[Mm]ay (import|use)\b", docstring)
