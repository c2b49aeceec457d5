# Everything a developer or operator types. `make help` lists it. Each target makes what it needs first.

PYTHON ?= python3
UV ?= uv
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Passed on to pytest and the benchmarks: make test ARGS="-k nps"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run demo down kafka clients test lint bench chaos migration generated lock

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.runtime ## Make .venv with the keepwell command, from the hashed lock
	@echo "Ready. Next: make demo, make run, or $(BIN)/keepwell --help"

setup-dev: .venv/.dev ## The same, with what tests and lint need

run: .venv/.runtime ## PostgreSQL and the four services on this machine (KAFKA=1: on a real Kafka); Ctrl-C stops all
	@$(BIN)/keepwell up $(if $(KAFKA),--kafka)

demo: .venv/.runtime ## The main job, on a sample company
	@$(BIN)/keepwell demo

down: .venv/.runtime ## End a stack that was left running
	@$(BIN)/keepwell down

kafka: .venv/.runtime ## A real Apache Kafka on 127.0.0.1:9092, without Docker (Java 17 and Maven)
	@$(BIN)/python -m deploy.local.kafka

clients: .venv/.dev ## The official clients of senders, for their tests (Node and npm)
	@$(BIN)/python -m tests.support.clients

# In the order of the folders: the long files of flow/ first, so that none is left for one process at the end.
test: .venv/.dev ## The whole suite, from nothing
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

lint: .venv/.dev ## Style, types, import rules, and the Docker files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint deploy/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

bench: .venv/.dev ## Measure, with the machine's limits beside the results
	$(BIN)/python -m bench $(ARGS)

chaos: .venv/.dev ## Kill everything, many times, and count what was lost
	KEEPWELL_CHAOS=1 $(BIN)/python -m pytest tests/chaos $(ARGS)

migration: .venv/.dev ## Write a schema's next version: make migration SCHEMA=scoring MESSAGE="add the pulse"
	$(BIN)/python -m deploy.migrations.new "$(SCHEMA)" "$(MESSAGE)"

generated: .venv/.dev ## Write anew what is made from the code: the files' JSON Schemas, docs/machines.md, docs/library.md and docs/asyncapi.json
	$(BIN)/python -m services.ingest.files
	$(BIN)/python -m services.scoring.files
	$(BIN)/python -m services.playbooks.files
	$(BIN)/python -m services.notifier.files
	$(BIN)/python -m deploy.machines
	$(BIN)/python -m deploy.library
	$(BIN)/python -m shared.messages.asyncapi

LOCKED := --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet
lock: ## Write the lock files anew (needs uv and npm)
	$(UV) pip compile pyproject.toml $(LOCKED) --group build -o requirements.lock
	$(UV) pip compile pyproject.toml $(LOCKED) --group dev -o requirements-dev.lock
	for part in bench/peers/*.in tests/clients/*.in; do $(UV) pip compile $$part $(LOCKED) -o $${part%.in}.lock || exit 1; done
	cd tests/clients && npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund

# --- the environment: stamps tell what is done, so that a second run takes no time ---

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Keepwell needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 setup" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python can't make environments here, because ensurepip is missing. Install it first, on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@

.venv/.runtime: .venv/.made requirements.lock pyproject.toml
	@echo "Installing the locked packages into .venv ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: .venv/.made requirements-dev.lock pyproject.toml
	@echo "Installing the locked packages, and those for tests, into .venv ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch .venv/.runtime $@
