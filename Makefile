# Everything a contributor needs: `make help` lists it. No root, no network beyond the package index.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
INSTALLED := $(VENV)/requirements.lock
PYTEST := $(PY) -m pytest -n auto
# Tests wait for servers and programs: with one worker more than there are processors, none of these waits.
export PYTEST_XDIST_AUTO_NUM_WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
# Each worker would else compile all tests anew.
unexport PYTHONDONTWRITEBYTECODE
# Other people's programs and data are not everywhere, and take long: .ci/run asks for them by their marks.
OWN := -m "not interop and not real and not browser and not slow"
UV_COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --python-version 3.11 \
	--all-extras --custom-compile-command "make lock"

.PHONY: help setup demo fleet-demo test test-offline lint format bench interop-full mutants fuzz lock docs screenshots clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Create .venv with the locked packages and this project

demo: $(INSTALLED) ## Sign images with a throw-away Sigstore, then judge a pull request
	@$(PY) -m fixtures.demo

fleet-demo: $(INSTALLED) ## Audit three repositories on two nights; a picture of the site where there is a Chromium
	@$(PY) -m fixtures.fleet

test: $(INSTALLED) ## Run the tests that need nothing else and do not take long; .ci/run has all
	@$(PYTEST) $(OWN)

test-offline: $(INSTALLED) ## Run the same where there is no network but loopback
	@$(PY) -m tests.offline $(PYTEST) $(OWN)

lint: $(INSTALLED) ## Check style, types and the import layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(INSTALLED) ## Rewrite the code in its one style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(INSTALLED) ## Measure; results and method are in docs/benchmarks.md
	@$(PY) -m benchmarks

mutants: $(INSTALLED) ## Loosen each check of a signature in turn: a test must notice; writes docs/mutants.md
	@$(PY) -m tests.mutants

fuzz: SEED ?= $(shell date +%s)
fuzz: MUTATIONS ?= 1000000
fuzz: EXAMPLES ?= 20000
fuzz: TREES ?= 1000
fuzz: SECONDS_EACH ?= 600
fuzz: $(INSTALLED) ## Search each parser for SECONDS_EACH, try MUTATIONS altered signatures from SEED on, EXAMPLES of each kind of input, and TREES beside the real kustomize
	@echo "SEED=$(SEED) SECONDS_EACH=$(SECONDS_EACH) MUTATIONS=$(MUTATIONS) EXAMPLES=$(EXAMPLES) TREES=$(TREES)"
	@$(PY) -m tests.fuzz --seed $(SEED) --seconds $(SECONDS_EACH) --jobs $$($(PY) -c 'import os; print(os.cpu_count() or 1)')
	@AUDITOR_SEED=$(SEED) AUDITOR_MUTATIONS=$(MUTATIONS) $(PYTEST) tests/property/signatures/test_mutations.py
	@AUDITOR_EXAMPLES=$(EXAMPLES) $(PYTEST) --hypothesis-seed=$(SEED) tests/property/signatures/test_parsers.py tests/property/registry
	@AUDITOR_EXAMPLES=$(TREES) $(PYTEST) --hypothesis-seed=$(SEED) -m interop tests/property/manifests

interop-full: $(INSTALLED) ## Beside other people's programs, Rekor v1 on Trillian and PostgreSQL among them; needs Go
	@tests/interop/stack/build-rekor1.sh
	@$(PYTEST) -m interop tests/interop tests/interop/full_rekor1.py

lock: $(INSTALLED) ## Pin what pyproject.toml asks for; UPGRADE=--upgrade takes the newest of everything
	@$(UV_COMPILE) --group dev $(UPGRADE) pyproject.toml --output-file requirements.lock
	@$(UV_COMPILE) --group build --constraint requirements.lock pyproject.toml --output-file requirements-run.lock

docs: $(INSTALLED) ## Build the documentation site into .cache/site; a dead link fails
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

screenshots: $(INSTALLED) ## Take the pictures of docs/images: needs a Chromium on PATH
	@$(PY) -m fixtures.browser

clean: ## Remove what the targets above create
	rm -rf $(VENV) dist demo-out .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

# The copy of the lock file inside the environment tells what is installed there.
$(INSTALLED): requirements.lock pyproject.toml
	@for python in "$${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	  echo "Python 3.11 or newer is needed, and none was found; install one, or name it: make PYTHON=/path/to/python3.12 …" >&2; \
	  exit 1; \
	fi; \
	if ! $(PY) -m pip --version >/dev/null 2>&1; then \
	  echo "creating $(VENV) with $$("$$found" --version)" >&2; \
	  "$$found" -m venv --clear $(VENV) || { \
	    echo "python3 -m venv failed; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; \
	fi; \
	if ! cmp --silent requirements.lock $(INSTALLED); then \
	  $(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; \
	fi; \
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .; \
	cp requirements.lock $(INSTALLED)
