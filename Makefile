# `make` lists the targets. REPO and REF reach `autodeploy` as environment variables: no value of
# a user is ever part of a shell line.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# Many processes run the same modules, and each would compile them anew.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEV_READY := $(VENV)/.ready-dev

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' \
		$(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## Make .venv from the lock file (PYTHON=… chooses the interpreter)
	@:

.PHONY: deploy
deploy: $(READY) ## Start the platform and deploy REPO (path or git URL; default examples/guestbook) at REF
	@exec $(BIN)/autodeploy up --deploy

.PHONY: up
up: $(READY) ## Start the platform alone; Ctrl-C stops it
	@exec $(BIN)/autodeploy up

SIDE_BY_SIDE := --numprocesses=auto --dist=loadfile --no-loadscope-reorder

.PHONY: test
test: $(DEV_READY) ## Run the tests
	@exec $(BIN)/pytest -m "not e2e and not long" $(SIDE_BY_SIDE)

.PHONY: e2e
e2e: $(DEV_READY) ## Deploy apps of other people's generators (needs the registries), and break whole platforms
	@exec $(BIN)/pytest -m "e2e or long" $(SIDE_BY_SIDE)

.PHONY: test-contract
test-contract: $(DEV_READY) ## Hold our calls against the descriptions of providers (PROVIDER=github: of that one)
	@exec $(BIN)/pytest -m "contract$${PROVIDER:+(provider='$$PROVIDER')}" tests/contract tests/providers

.PHONY: chaos
chaos: $(DEV_READY) ## Break whole deployments by SEEDS seeds (default 20) from START (default 1; HOSTED=1: at providers)
	@exec $(BIN)/python -m tests.chaos.run --seeds "$${SEEDS:-20}" --start "$${START:-1}" \
		$${HOSTED:+--hosted}

.PHONY: check
check: $(DEV_READY) ## Lint, format, types, import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: mutate-authz
mutate-authz: $(DEV_READY) ## Remove each check of permission in turn: the tests must notice
	@exec $(BIN)/python -m tools.mutate_authz

.PHONY: bench
bench: $(DEV_READY) ## Measure all that has a budget (needs registries)
	$(BIN)/python -m bench.overhead
	$(BIN)/python -m bench.redeploy
	$(BIN)/python -m bench.caches
	$(BIN)/python -m bench.startup
	$(BIN)/python -m bench.memory
	$(BIN)/python -m bench.idle
	$(BIN)/python -m bench.switching
	$(BIN)/python -m bench.analyzer_speed
	$(BIN)/python -m bench.vault
	$(BIN)/python -m bench.provider_calls
	$(BIN)/python -m bench.logins
	$(BIN)/python -m bench.api
	$(BIN)/python -m bench.load
	$(BIN)/python -m bench.pushes
	$(BIN)/python -m bench.polling
	$(BIN)/python -m bench.growth
	$(BIN)/python -m bench.logs

.PHONY: bench-analyzer
bench-analyzer: $(READY) ## Predict the labelled cases of MANIFEST into OUT, one JSON object a line
	@exec $(BIN)/python -m bench.analyzer "$${MANIFEST:?is needed}" "$${OUT:?is needed}"

.PHONY: picture
picture: $(READY) ## Record the terminal pictures of the README from real deployments
	@exec $(BIN)/python scripts/record_terminal.py

.PHONY: lock
lock: $(DEV_READY) ## Compile requirements*.in to the lock files
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header -q requirements.in -o requirements.txt
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header -q requirements-dev.in -o requirements-dev.txt

$(READY): requirements.txt scripts/setup
	@scripts/setup $(VENV)
	@touch $@

$(DEV_READY): $(READY) requirements-dev.txt
	@echo "Installing the development tools into $(VENV)" >&2
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-input \
		--require-hashes -r requirements-dev.txt
	@touch $@
