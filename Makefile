# Every target sets itself up; nothing outside this folder is touched.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
SOURCES := collector ml_sidecar dashboards alert_rules demo benchmarks examples tests
QUALITY_DATA ?= ../shared/bench/dev
PYTEST_ARGS ?= -n 2 --dist loadgroup
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
  --no-header --annotation-style line

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-zA-Z_-]+:.*?## ' $(MAKEFILE_LIST) | awk -F ':.*?## ' '{printf "  %-18s %s\n", $$1, $$2}'

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Setting up .venv (once, about a minute)"
	@$(PYTHON) -m venv .venv || { echo "The venv module is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: setup
setup: .venv/.installed ## Make the virtual environment and fetch the servers' binaries
	@$(BIN)/python -m demo.tools

.PHONY: demo
demo: setup ## Run the whole loop on this machine: simulated APIs, collector, Prometheus, Alertmanager, sidecar
	@$(BIN)/python -m demo

.PHONY: up
up: ## Run the stack in containers, probing the APIs of collector/apis.yml, and print the URLs
	@deploy/compose.sh up

.PHONY: up-demo
up-demo: ## Run the stack in containers with simulated APIs and four weeks of history
	@deploy/compose.sh up-demo

.PHONY: down
down: ## End the containers; history and models are kept
	@deploy/compose.sh down

.PHONY: logs
logs: ## Follow what the containers say
	@deploy/compose.sh logs

.PHONY: compose-test
compose-test: setup ## Prove docker-compose.yml on a real engine, with stand-ins for images that can't be pulled (root; eight to ten minutes)
	@$(BIN)/python -m tests.compose.proof --write docs/compose_test.md || [ $$? -eq 77 ] # skipped: the engine's error is shown

.PHONY: test
test: setup ## Run all tests (real servers on free ports)
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

.PHONY: lint
lint: .venv/.installed ## Check style, formatting and types
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/mypy

.PHONY: format
format: .venv/.installed ## Put the code into its standard form
	@$(BIN)/ruff check --fix $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

.PHONY: rules
rules: .venv/.installed ## Generate the Prometheus and Alertmanager files under provisioning/
	@$(BIN)/python -m alert_rules

.PHONY: dashboards
dashboards: .venv/.installed ## Generate the Grafana files under provisioning/ (DASHBOARD_LANGUAGE=pt-BR for Portuguese)
	@$(BIN)/python -m dashboards

.PHONY: reference
reference: .venv/.installed ## Generate the JSON schema and the reference of the collector's configuration
	@$(BIN)/python -m collector schema > collector/apis.schema.json
	@$(BIN)/python -m collector reference > docs/configuration.md

.PHONY: generate
generate: rules dashboards reference ## Generate everything that is generated

.PHONY: check-generated
check-generated: .venv/.installed ## Fail if a generated file differs from what its source gives
	@$(BIN)/python -m alert_rules --check
	@$(BIN)/python -m dashboards --check
	@diff -u collector/apis.schema.json <($(BIN)/python -m collector schema)
	@diff -u docs/configuration.md <($(BIN)/python -m collector reference)

.PHONY: quality
quality: .venv/.installed ## Measure detector and forecasts on labelled series, write docs/quality.md (QUALITY_DATA names their folder)
	@$(BIN)/python -m benchmarks.quality --data $(QUALITY_DATA) --forecasts --write docs/quality.md

.PHONY: lock
lock: ## Renew requirements.lock, and its parts that run: requirements-run.lock, requirements-collector.lock (needs uv)
	@$(LOCK) --extra dev pyproject.toml -o requirements.lock
	@$(LOCK) --constraints requirements.lock pyproject.toml -o requirements-run.lock
	@$(LOCK) --constraints requirements-run.lock --group collector -o requirements-collector.lock
	@sed -i "1i # Exact versions and hashes of everything the project installs. Made by 'make lock'; do not edit." requirements.lock
	@sed -i "1i # The part of requirements.lock that runs in containers and services. Made by 'make lock'; do not edit." requirements-run.lock
	@sed -i "1i # The part of requirements-run.lock that the collector needs. Made by 'make lock'; do not edit." requirements-collector.lock

.PHONY: clean
clean: ## Remove what the demo and the tests left behind
	@rm -rf .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
