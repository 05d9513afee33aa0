# Everything one does with a checkout. Needs make and Python 3.11 or newer; `make help` lists the targets.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help setup demo up test check spec format bench chaos openapi sdk clean

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SPECTRAL := openapi/spectral/node_modules/.installed

# Python 3.11 and 3.12 come first: for them a Redis server comes as a wheel. A name on the path is run before
# it is believed, because version managers put names there that do not run.
SUITS = -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, $(1)))" 2>/dev/null
PYTHON ?= $(shell for newest in 12 99; do \
	for python in python3 python3.12 python3.11 python3.14 python3.13 python; do \
	if $$python $(call SUITS,$$newest); then echo $$python; exit; fi; done; done)

# Taken as it was typed: quotes, dollar signs and all go to the program through the environment, past the shell.
ifdef PROMPT
override PROMPT := $(value PROMPT)
export PROMPT
endif

# How many tests run at once; one thread each, or they fight over the same cores.
JOBS ?= auto
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= PASSIVE

help: ## list these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1	\2/' | expand -t 16

setup: $(STAMP) ## install everything into .venv (again: nothing to do)

$(STAMP): requirements.lock pyproject.toml sdk/python/pyproject.toml
	@if [ -z "$(PYTHON)" ]; then echo 'Kinora needs Python 3.11 or newer and finds none on the path;' \
		'install one, or name it: make setup PYTHON=/path/to/python3.12' >&2; exit 1; fi
	@if ! "$(PYTHON)" $(call SUITS,99); then \
		echo '$(PYTHON) does not run or is older than Python 3.11' >&2; exit 1; fi
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
		echo '$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv' >&2; \
		exit 1; }
	@echo 'Installing the packages of requirements.lock into $(VENV); the first time takes minutes.'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps \
		--editable . --editable sdk/python
	@touch $@

demo: $(STAMP) ## make one clip end to end and save it as demo.mp4 (PROMPT="…" names it)
	@$(BIN)/kinora demo

up: $(STAMP) ## run the whole backend until Ctrl-C; data stays in ./data
	@$(BIN)/kinora up

test: $(STAMP) ## run every test on the embedded servers
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup

check: $(STAMP) ## lint, types, import contracts, layout, and generated files against their source
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python .ci/house.py
	@$(BIN)/kinora openapi --check
	@$(BIN)/python -m sdk.generate --check
	@$(BIN)/python -m sdk.breaking_changes

spec: $(STAMP) $(SPECTRAL) ## lint the OpenAPI document, and drive the API with TypeScript, Kotlin and Swift clients
	@$(dir $(SPECTRAL)).bin/spectral lint openapi/openapi.json --ruleset openapi/spectral/ruleset.yaml \
		--fail-severity hint --quiet
	@NEEDS_NODE=1 GENERATED_CLIENTS=1 $(BIN)/python -m pytest -n 0 -rs tests/sdk/test_typescript.py \
		tests/sdk/test_generated_clients.py

$(SPECTRAL): openapi/spectral/package-lock.json
	@cd openapi/spectral && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

format: $(STAMP) ## put the code into the form that check asks for
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) ## measure and print a table
	@$(BIN)/python -m bench

chaos: $(STAMP) ## kill workers and engines while they hold jobs (SHORT=1: thirty times)
	@$(BIN)/python -m bench.chaos $(if $(SHORT),--short)

openapi: $(STAMP) ## write openapi/openapi.json anew
	@$(BIN)/kinora openapi

sdk: $(STAMP) ## write the generated part of the Python SDK anew
	@$(BIN)/python -m sdk.generate

clean: ## remove what the tools left; keep .venv and data
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info build dist \
		tests/sdk/*/build tests/sdk/kotlin/.tools
	@find api engine bench sdk tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
