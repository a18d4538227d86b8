# `make` alone lists the targets. Every target sets up what it needs first.
#
#   PYTHON=...          the interpreter to build the environment with
#   BAYESCALE_VENV=...  where the environment lies (default: .venv)
#   PYTEST_ARGS=...     more arguments for pytest: a path, -k name, -x, -n 0
#   DEMO_OUT=...        where the demonstration writes (default: demo-output)

VENV := $(or $(BAYESCALE_VENV),.venv)
BIN := $(VENV)/bin
DEMO_OUT ?= demo-output
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

unexport PYTHONHOME PYTHONPATH

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format slow constraints clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: ## Find a Python 3.12 or newer and build the environment (once)
	@scripts/setup

demo: setup ## Fit, compare and forecast the runs inside the package
	$(BIN)/bayescale demo --out $(DEMO_OUT)

test: lint ## Lint, then every test that is not slow
	$(PYTEST) $(PYTEST_ARGS)

lint: setup ## Style, types, and the floors of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: setup ## Put the code into the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

slow: setup ## The slow tests: long sampling, calibration
	$(PYTEST) -m slow $(PYTEST_ARGS)

constraints: setup ## Write constraints.txt from what is in the environment
	$(BIN)/python -m pip list --format freeze --exclude-editable --exclude pip > constraints.new
	mv constraints.new constraints.txt

clean: ## Remove the environment, caches and demo output
	rm -rf demo-output build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find bayescale tests -name __pycache__ -type d -prune -exec rm -rf {} +
	if [ -f "$(VENV)/bayescale-setup" ]; then rm -rf "$(VENV)"; fi
