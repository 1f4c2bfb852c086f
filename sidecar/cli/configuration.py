"""``sidecar config``: which settings hold, and where each of them comes from."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from sidecar.cli.settings import example, shown
from sidecar.config import load

config = typer.Typer(help="Settings.", no_args_is_help=True, rich_markup_mode=None)


@config.command()
def show(as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Print every setting, secrets masked, as ``serve`` would take it here. Example: sidecar config show"""
    rows = shown(load())
    if as_json:
        print(json.dumps([row._asdict() for row in rows], indent=2))
        return
    width = max(len(row.name) for row in rows)
    for row in rows:
        origin = "" if row.origin == "default" else f"   ({row.origin})"
        print(f"{row.name:<{width}}  {row.value or '-'}{origin}")


@config.command("example")
def print_example() -> None:
    """Print an .env file with every setting, commented out. Example: sidecar config example > .env"""
    print(example(), end="")
