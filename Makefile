.DEFAULT_GOAL := help
.PHONY: help setup demo serve test check bench soak screenshots chaos fuzz lock clean
# Services are started again and again here: compiling them anew takes each longer than all the rest.
unexport PYTHONDONTWRITEBYTECODE

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup: ## make .venv with what the service needs (does nothing when nothing changed)
	@.ci/setup

demo: setup ## sample calls on this machine: emulator, service, pages to watch
	@.venv/bin/sidecar demo

serve: setup ## the service alone, set up by SIDECAR_* variables (docs/settings.md)
	@.venv/bin/sidecar serve

test: ## everything: lint, types, import rules, tests with coverage, real browser, built wheel
	@.ci/lint
	@.ci/test

check: ## the quick part: lint, format, types, import rules, unit tests
	@.ci/lint
	@.venv/bin/python -m pytest -q tests/unit

bench: ## measure everything (some twelve minutes, on a quiet machine) and write docs/performance.md
	@.ci/setup dev
	@.venv/bin/python -m benchmarks

soak: ## a day in two tabs, in minutes: 20,000 lines, 40 conferences; 10 minutes with the assistants; writes docs/soak.md
	@.ci/setup dev
	@.ci/system
	@.venv/bin/python -m benchmarks.soak

screenshots: ## pictures of every state of the pages (build/screenshots; those of the README in docs/screenshots)
	@.ci/setup dev
	@.ci/system
	@.venv/bin/python -m docs.screenshots.take
	@.venv/bin/python -m docs.screenshots.loop

chaos: ## calls to which everything happens (some thirty minutes): no word, no webhook may be lost; writes docs/chaos.md
	@.ci/setup dev
	@.venv/bin/python -m chaos
	@.venv/bin/python -m chaos.webhooks

fuzz: ## the API against what its document allows and does not (four minutes); prints what it finds
	@.ci/setup dev
	@.venv/bin/python -m tests.fuzz

lock: ## choose the newest allowed versions and write both locks
	@.ci/lock

clean: ## remove .venv, caches and build results
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage* htmlcov build dist
