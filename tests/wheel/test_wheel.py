"""The built wheel does the job by itself: commands, pages, static files and TwiML, with the checkout out of reach."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import sysconfig
import time
import venv
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from twilio.request_validator import RequestValidator

from sidecar.cli.children import free_ports

ROOT = Path(__file__).parents[2]
BUILD_TIMEOUT_S = 120
START_TIMEOUT_S = 30
ANSWER_TIMEOUT_S = 10
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
ASSETS = "sidecar/_assets"


class Installed(NamedTuple):
    """A venv with the wheel, beside our own venv's libraries; ``wheel`` is the file it came from."""

    wheel: Path
    bin: Path
    site: Path

    def run(
        self, *command: str | Path, cwd: Path, settings: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.bin / command[0]), *map(str, command[1:])],
            cwd=cwd,
            env=settings or clean_environment(),
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
            check=False,
        )


class Answer(NamedTuple):
    status: int
    type: str
    body: bytes


class Service(NamedTuple):
    """A running ``sidecar serve`` of the wheel, and a key that ``sidecar keys create`` made for it."""

    port: int
    key: str

    def ask(self, method: str, path: str, body: str = "", headers: Mapping[str, str] | None = None) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_TIMEOUT_S)
        try:
            connection.request(method, path, body=body or None, headers=dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.getheader("Content-Type", ""), response.read())
        finally:
            connection.close()


def clean_environment(**settings: str) -> dict[str, str]:
    """Nothing of ours, so that nothing leads back to the checkout."""
    return {"PATH": os.defpath, "LANG": "C.UTF-8"} | settings


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A fresh venv with the wheel, and nothing else but a look at the libraries of the venv that runs the tests."""
    place = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, timeout=BUILD_TIMEOUT_S)
    (wheel,) = place.glob("*.whl")

    home = place / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "install", "-q"]
    subprocess.run(
        [*pip, "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True, timeout=BUILD_TIMEOUT_S
    )
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home)}, scheme="venv"))
    # A path in a .pth comes last and its own .pth files are not read: the editable checkout stays out of reach.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return Installed(wheel, home / "bin", site)


@pytest.fixture(scope="module")
def service(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """``sidecar serve`` in an empty folder."""
    folder = tmp_path_factory.mktemp("service")
    port = free_ports(1)
    environment = clean_environment(
        SIDECAR_HOST="127.0.0.1",
        SIDECAR_PORT=str(port),
        SIDECAR_DATABASE_URL=f"sqlite:///{folder / 'events.sqlite3'}",
        TWILIO_AUTH_TOKEN=AUTH_TOKEN,
    )
    made = installed.run("sidecar", "keys", "create", "wheel", cwd=folder, settings=environment)
    assert made.stdout.startswith("sck_"), made.stderr
    with (
        (folder / "output").open("w+") as output,
        subprocess.Popen(
            [installed.bin / "sidecar", "serve"], cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        running = Service(port, made.stdout.strip())
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while not listens(running):
                if process.poll() is not None or time.monotonic() > deadline:
                    output.seek(0)
                    pytest.fail(f"sidecar serve did not start:\n{output.read()}")
                time.sleep(0.1)
            yield running
        finally:
            process.terminate()
            process.wait(timeout=START_TIMEOUT_S)
    assert process.returncode == 0


def listens(service: Service) -> bool:
    try:
        return service.ask("GET", "/healthz").status == 200
    except OSError:
        return False


def test_the_package_is_imported_from_the_wheel_and_the_checkout_is_out_of_reach(
    installed: Installed, tmp_path: Path
) -> None:
    result = installed.run("python", "-c", "import sidecar, sys; print(sidecar.__file__, *sys.path)", cwd=tmp_path)

    where, *path = result.stdout.split()
    assert where == str(installed.site / "sidecar" / "__init__.py")
    assert str(ROOT) not in path


def test_the_wheel_holds_every_template_static_file_and_twiml_and_no_top_level_strays(installed: Installed) -> None:
    listing = subprocess.run(
        ["git", "ls-files", "web", "twiml"], cwd=ROOT, check=True, capture_output=True, text=True, timeout=30
    )
    with zipfile.ZipFile(installed.wheel) as wheel:
        names = wheel.namelist()

    assert {f"{ASSETS}/{name}" for name in listing.stdout.split()} <= set(names)
    assert {name.split("/")[0] for name in names} == {"sidecar", "conference_sidecar-0.1.0.dist-info"}


def test_the_sample_calls_are_in_the_wheel_with_their_audio(installed: Installed, tmp_path: Path) -> None:
    look = (
        "from pathlib import Path; from sidecar.emulator.scenario import SHIPPED, shipped\n"
        "for path in sorted(SHIPPED.glob('*.toml')):\n"
        "    audio = {said.wav for actor in shipped(path.stem).participants for said in actor.says}\n"
        "    print(path.stem, all(Path(wav).is_file() for wav in audio), len(audio))"
    )
    result = installed.run("python", "-c", look, cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    names = sorted(path.stem for path in (ROOT / "sidecar" / "emulator" / "scenarios").glob("*.toml"))
    assert names
    assert result.stdout.splitlines() == [f"{name} True 2" for name in names]


def test_the_command_lists_what_it_can_do(installed: Installed, tmp_path: Path) -> None:
    result = installed.run("sidecar", "--help", cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    assert [command for command in ("demo", "serve", "emulate", "migrate") if command not in result.stdout] == []


def test_the_service_serves_its_page_and_static_files(service: Service, installed: Installed) -> None:
    assert service.ask("GET", "/").status == 303
    page = service.ask("GET", "/", headers={"Authorization": f"Bearer {service.key}"})
    assert (page.status, page.type) == (200, "text/html; charset=utf-8")

    static = installed.site / ASSETS / "web" / "static"
    files = sorted(path.relative_to(static) for path in static.rglob("*") if path.is_file())
    assert files
    for file in files:
        answer = service.ask("GET", f"/static/any/{file.as_posix()}")
        assert (answer.status, answer.body) == (200, (static / file).read_bytes()), file


def test_the_reference_of_the_api_is_in_the_wheel(service: Service) -> None:
    page = service.ask("GET", "/docs")
    assert (page.status, page.type) == (200, "text/html; charset=utf-8")
    assert b'id="list_conferences"' in page.body
    assert service.ask("GET", "/openapi.yaml").body == (ROOT / "docs" / "openapi.yaml").read_bytes()


def test_the_service_tells_operators_that_it_is_ready_and_what_it_counts(service: Service) -> None:
    """Store, recogniser and disk, with what the wheel brings."""
    ready = service.ask("GET", "/readyz")
    assert (ready.status, ready.type) == (200, "application/json")
    metrics = service.ask("GET", "/metrics")
    assert metrics.status == 200
    assert b"\nsidecar_forks_active 0.0\n" in metrics.body


def test_the_settings_are_shown_as_serve_takes_them(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SIDECAR_PORT=9001\n")
    result = installed.run("sidecar", "config", "show", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert [line.split() for line in result.stdout.splitlines() if "9001" in line] == [
        ["SIDECAR_PORT", "9001", "(.env)"]
    ]


def test_the_service_answers_a_call_with_twiml(service: Service) -> None:
    path = "/twilio/voice?room=wheel"
    form = {"CallSid": "CA" + "1" * 32, "AccountSid": "AC" + "2" * 32, "From": "+15550100", "To": "+15550101"}
    url = f"http://127.0.0.1:{service.port}{path}"
    signature = RequestValidator(AUTH_TOKEN).compute_signature(url, form)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Twilio-Signature": signature}

    answer = service.ask("POST", path, urlencode(form), headers)

    assert (answer.status, answer.type.split(";")[0]) == (200, "text/xml")
    document = ET.fromstring(answer.body)
    assert document.find("Start/Stream/Parameter") is not None
    assert document.findtext("Dial/Conference") == "wheel"


def test_the_service_refuses_a_call_that_nobody_signed(service: Service) -> None:
    assert service.ask("POST", "/twilio/voice", "CallSid=CA1").status == 403
