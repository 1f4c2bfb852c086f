"""Each import rule of pyproject.toml bites: a forbidden import breaks the contract that names it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

# contract id -> the trespasser (made or extended), and the import that must break that contract
TRESPASSES = {
    "layers": ("domain/trespasser.py", "sidecar.ports.clock"),
    "config": ("server/trespasser.py", "sidecar.config"),
    "runtime": ("emulator/trespasser.py", "sidecar.runtime"),
    "wire": ("runtime/trespasser.py", "sidecar.wire"),
    "speech": ("server/trespasser.py", "sidecar.speech"),
    "ports": ("emulator/trespasser.py", "sidecar.ports"),
    "assets": ("adapters/trespasser.py", "sidecar.assets"),
    "pure-rules": ("domain/trespasser.py", "asyncio"),
    "pure-parsers": ("wire/trespasser.py", "os"),
    "models": ("speech/trespasser.py", "asyncio"),
    "runtime-web": ("runtime/trespasser.py", "aiohttp"),
    "sqlalchemy": ("server/trespasser.py", "sqlalchemy"),
    "twilio": ("server/trespasser.py", "twilio"),
    "prometheus": ("runtime/trespasser.py", "prometheus_client"),
    "argon2": ("server/trespasser.py", "argon2"),
    "cryptography": ("server/trespasser.py", "cryptography"),
    "deepgram": ("adapters/recognisers/deepgram.py", "deepgram"),
    "openai": ("adapters/voices/local.py", "openai"),
    "jinja2": ("adapters/trespasser.py", "jinja2"),
    "yaml": ("domain/trespasser.py", "yaml"),
    "models-door": ("adapters/trespasser.py", "moonshine_voice"),
    "voice-door": ("cli/trespasser.py", "onnxruntime"),
    "spine": ("wire/media_stream.py", "sidecar.config"),
}


def lint_imports(tree: Path, contract: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache", "--contract", contract]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The package and its rules, copied to where they may be broken."""
    shutil.copytree(ROOT / "sidecar", tmp_path / "sidecar", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_has_a_trespass() -> None:
    assert [contract["id"] for contract in CONTRACTS] == list(TRESPASSES)


@pytest.mark.parametrize("contract", TRESPASSES)
def test_a_forbidden_import_breaks_its_contract(contract: str, tree: Path) -> None:
    place, forbidden = TRESPASSES[contract]
    with (tree / "sidecar" / place).open("a") as file:
        file.write(f"\nimport {forbidden}\n")
    importer = f"sidecar.{place.removesuffix('.py').replace('/', '.')}"

    result = lint_imports(tree, contract)

    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{importer} -> {forbidden}" in result.stdout


def test_a_module_beside_the_rooms_breaks_the_layers(tree: Path) -> None:
    (tree / "sidecar" / "utils.py").touch()

    result = lint_imports(tree, "layers")

    assert result.returncode == 1
    assert "- sidecar.utils" in result.stdout
