# Everything needs only make and Python 3.11 or newer: the first target that needs it makes .venv.
# Stamps in .venv say which extras are installed; pyproject.toml newer than a stamp installs again.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

CANDIDATES := python3 python3.11 python3.12 python3.13 python3.14
PYTHON ?= $(firstword $(foreach p,$(CANDIDATES),$(shell $(p) -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && echo $(p))))
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.stamp-runtime
TEST := $(VENV)/.stamp-test
BENCH := $(VENV)/.stamp-bench
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
WORKERS ?= 2

.PHONY: help demo test lint types test-slow bench docs clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' Makefile

demo: $(RUNTIME) ## compile the sample nets, run both directions, train, show one net at every level
	$(BIN)/python examples/demo.py

test: lint types ## linter, type checker, tests
	$(BIN)/python -m pytest -n $(WORKERS) -q

lint: $(TEST) ## linter
	$(BIN)/ruff check .

types: $(TEST) ## type checker, on the unpacked wheel; paths are printed as in the tree
	cd tests && ../$(BIN)/python -m support.wheel ../build/site
	$(BIN)/mypy | sed -e 's,^build/site/irc/passes/,passes/,' -e 's,^build/site/irc/frontends/,frontends/,' -e 's,^build/site/,,'

test-slow: $(TEST) ## the IR tests under lit with the real executables, and the slow tests
	$(BIN)/lit -sv -j $(WORKERS) tests
	$(BIN)/python -m pytest -n $(WORKERS) -q -m slow || [ $$? -eq 5 ] # 5: there is none

bench: $(BENCH) ## benchmarks beside the rivals; results go to docs/performance.md
	$(BIN)/python benchmarks/run.py

docs: $(RUNTIME) ## regenerate docs/dialects/*.md from the op definitions
	$(BIN)/python -m irc.tools.gen_docs

clean: ## remove everything that was made, .venv included
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer with ensurepip among: $(CANDIDATES); set PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): pyproject.toml | $(BIN)/python
	$(INSTALL) -e .
	@touch $@

$(TEST): pyproject.toml | $(BIN)/python
	$(INSTALL) -e '.[test]'
	@touch $@ $(RUNTIME)

$(BENCH): pyproject.toml | $(BIN)/python
	$(INSTALL) -e '.[bench]'
	@touch $@ $(RUNTIME)
