# Two commands do all set-up: `make demo` and `make test`. Both need Python 3.11 or newer, make and git.

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; break; fi; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
CONTRACT := tests/contract
AIMOCK := $(CONTRACT)/node_modules/.installed

.PHONY: demo test docs soak bench lint types contracts format constraints clean

demo: .venv/.demo
	@$(BIN)/moa ask "Does a failed proposer stop the run?"

test: .venv/.test $(AIMOCK)
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup

# The pages of docs/ in build/docs: open build/docs/index.html.
docs: .venv/.test
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -b html docs build/docs

# 3,000 mixtures, 64 at a time, a fifth of all calls faulty, and a rate limit beside: five to ten minutes.
soak: .venv/.test
	$(BIN)/python -m tests.soak

# Every case beside what people would use instead, each in an environment of its own: some 40 minutes.
bench: .venv/.test
	$(BIN)/python -m benchmarks

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.test
	$(BIN)/mypy

contracts: .venv/.test
	$(BIN)/lint-imports

format: .venv/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Exact versions for CI, without addresses.
constraints: .venv/.test
	$(PIP) uv
	$(BIN)/uv pip compile pyproject.toml --group dev --all-extras --universal --upgrade --no-header --no-annotate \
		--output-file constraints.txt

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist $(CONTRACT)/node_modules benchmarks/.environments

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or run make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "pip>=25.1"

.venv/.demo: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing langgraph-moa into .venv: once, a minute or two ..."
	@$(PIP) --editable .
	@touch $@

.venv/.test: .venv/.demo
	@echo "Installing what the tests need: once ..."
	@$(PIP) --group dev
	@touch $@

# A provider for the contract tests. Without it they are skipped, so nothing here stops the others.
$(AIMOCK): $(CONTRACT)/package.json $(CONTRACT)/package-lock.json $(CONTRACT)/.npmrc
	@if ! command -v npm >/dev/null; then \
		echo "npm is not installed: the contract tests against aimock will be skipped"; \
	elif echo "Installing aimock: once ..." && (cd $(CONTRACT) && npm ci --silent); then \
		touch $@; \
	else \
		echo "npm could not install aimock: the contract tests against it will be skipped"; \
	fi
