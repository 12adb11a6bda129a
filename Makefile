# `make demo` and `make test` bring all that they need into .venv; `make help` lists the rest.
#
# Settings, as in `make setup TORCH_INDEX=...`:
#   PYTHON       interpreter for .venv, default the first of 3.11 to 3.13 that is found
#   TORCH_INDEX  package index with CPU builds of torch (Linux's default build is the CUDA one)
#   WORKERS      parallel test processes
#   PYTEST_ARGS  further arguments for pytest

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do $$p -c \
	'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& { echo $$p; break; }; done)
TORCH_INDEX ?=
WORKERS ?= 2
PYTEST_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PINS := constraints/constraints.txt
OVERRIDES := constraints/overrides.txt
PICTURES := .github

# What each target installs; the stamps fall behind when one of these files changes.
INPUTS := pyproject.toml hatch_build.py Makefile $(PINS) $(OVERRIDES)
DEMO_READY := $(VENV)/.ready-demo
READY := $(VENV)/.ready

# uv reads no pip configuration, so a mirror that is set there is handed over.
UV = UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($(BIN)/python -m pip config get \
	global.index-url 2>/dev/null)}}" $(BIN)/uv
INSTALL = $(UV) pip install --quiet --python $(BIN)/python --constraint $(PINS) \
	--override $(OVERRIDES) --build-constraint $(PINS)

SYSTEM_PACKAGES := libegl1 libgles2
HAS_LIBRARIES = $(BIN)/python -c \
	'import ctypes; ctypes.CDLL("libEGL.so.1"); ctypes.CDLL("libGLESv2.so.2")' 2>/dev/null

.PHONY: help setup demo test test-faults lint types bench schemas docs screenshots pins clean libraries weights

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) weights ## every extra, the development tools and the BlazePose weights
	@echo "Ready: source $(BIN)/activate"

demo: $(DEMO_READY) libraries ## render a signer, build and verify a small data set (demo-build/)
	$(BIN)/sign-etl demo --out demo-build
	$(BIN)/sign-etl verify demo-build

test: lint weights ## linters, types, layers and the whole test suite
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

test-faults: $(READY) weights ## kill points, poison, the media zoo, fuzzing (a part of `make test`)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder tests/faults \
		$(PYTEST_ARGS)

lint: $(READY) ## ruff (rules and format), mypy --strict, import-linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

types: $(READY) ## mypy --strict alone
	$(BIN)/mypy

bench: $(READY) weights ## the benchmarks, one after the other
	$(BIN)/python -m pytest -s -o python_files='bench_*.py' tests/benchmarks $(PYTEST_ARGS)

schemas: $(READY) ## write the published contracts in schemas/ anew
	$(BIN)/python -m sign_etl.schema.publish

docs: $(READY) ## write the README's table of data sets anew
	$(BIN)/python -m sign_etl.app.docs README.md

screenshots: $(READY) demo ## draw the pictures of the README and of docs/gallery.md anew
	mkdir -p $(PICTURES)
	$(BIN)/sign-etl show demo-build --clips 3 --frames 2 --out $(PICTURES)/demo.png
	$(BIN)/python tests/support/screenshots.py demo-build docs/pictures

pins: $(VENV)/.uv constraints/held.txt ## resolve the constraints anew (newest versions that work together)
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
		--all-extras --group dev --constraint constraints/held.txt --override $(OVERRIDES) \
		--no-emit-package opencv-python --no-emit-package opencv-contrib-python --no-annotate \
		--custom-compile-command 'make pins' --output-file $(PINS) pyproject.toml

clean: ## remove .venv, caches and builds
	rm -rf $(VENV) demo-build demo-build.png dist build .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .hypothesis

# Where Debian's python3-venv is missing, pip itself fills an empty environment.
$(VENV)/.created:
	@test -n "$(PYTHON)" || { echo "sign-etl needs Python 3.11, 3.12 or 3.13:" \
		"sudo apt-get install -y python3 python3-venv python3-pip" >&2; exit 2; }
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
		$(PYTHON) -m venv $(VENV); \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
		$(PYTHON) -m venv --without-pip $(VENV) \
		&& $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; \
	else \
		echo "$(PYTHON) can make no virtual environment:" \
			"sudo apt-get install -y python3-venv" >&2; exit 2; \
	fi
	@touch $@

$(VENV)/.uv: $(PINS) | $(VENV)/.created
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(PINS) uv
	@touch $@

$(DEMO_READY): $(INPUTS) $(VENV)/.uv
	@echo "Installing sign-etl[blazepose] into $(VENV)"
	@$(INSTALL) --editable '.[blazepose]' --group headless
	@touch $@

# torch comes through pip, which prefers a CPU build (2.x.y+cpu) wherever it is offered one.
$(READY): $(INPUTS) $(VENV)/.uv
	@echo "Installing sign-etl[all] and the development tools into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(PINS) \
		$(if $(TORCH_INDEX),--extra-index-url '$(TORCH_INDEX)') torch
	@$(INSTALL) --editable '.[all]' --group dev
	@touch $@ $(DEMO_READY)

libraries: $(DEMO_READY)
	@if [ "$$(uname)" = Linux ] && ! $(HAS_LIBRARIES); then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "Installing $(SYSTEM_PACKAGES)"; \
			apt-get update -qq; \
			DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
				$(SYSTEM_PACKAGES) >/dev/null; \
		fi; \
		$(HAS_LIBRARIES) || echo "BlazePose cannot run without two system libraries:" \
			"sudo apt-get install -y --no-install-recommends $(SYSTEM_PACKAGES)" >&2; \
	fi

weights: libraries
	@$(BIN)/sign-etl pose fetch blazepose || echo "The BlazePose weights cannot be had now:" \
		"tests that need them will be skipped, the demo takes the renderer's truth" >&2
