# Thin: each target calls one thing. `make` alone lists them.

VENV := .venv
STAMP := $(VENV)/.installed
KEBA := $(VENV)/bin/keba

# What the virtual environment is made with.
PYTHON ?= python3

.PHONY: help setup demo test lint docs
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z ]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 34

setup: $(STAMP) $(KEBA) ## make the virtual environment, with the command keba

$(STAMP): source/requirements.txt source/requirements-dev.txt
	@($(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))') \
		2>/dev/null || { echo >&2 'Python 3.11 or newer is needed, and' \
		'$(PYTHON) is not. Name one that is: make $(or $(MAKECMDGOALS),setup)' \
		'PYTHON=python3.12'; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo >&2 \
		"Python's module venv is needed; in Debian it is python3-venv."; exit 1; }
	$(PYTHON) -m venv $(VENV_OPTIONS) $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		-r source/requirements-dev.txt
	touch $@

# Named in the call, it takes the place of another one.
ifeq ($(origin PYTHON), command line)
ifneq ($(shell $(PYTHON) -V 2>/dev/null), $(shell $(VENV)/bin/python -V 2>/dev/null))
.PHONY: $(STAMP)
$(STAMP): VENV_OPTIONS := --clear
endif
endif

# The tools of this checkout, whatever folder they are called in.
$(KEBA): $(STAMP)
	printf '#!/bin/sh\nexec "%s/bin/python" "%s/source/connector/cli.py" "$$@"\n' \
		"$$(cd $(VENV) && pwd)" '$(CURDIR)' >$@
	chmod +x $@

# With job control Ctrl-C is for the demo alone, which ends well; make would
# call it an error.
demo: $(STAMP) ## the connector with two simulated stations, in this terminal
	@if [ -t 0 ]; then set -m; fi; cd source && ../$(VENV)/bin/python -m demo

lint: $(STAMP) ## format, lint, types and import contracts
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	PYTHONPATH=source $(VENV)/bin/lint-imports --no-logo

# pytest keeps the tests that it has made ready as bytecode: seconds each time.
test check: export PYTHONDONTWRITEBYTECODE :=

test: lint ## everything that CI checks, but the image
	$(VENV)/bin/pytest

.PHONY: check format

check: lint ## lint, types and the quick tests; for after every edit
	$(VENV)/bin/pytest -m "not io" --numprocesses 2 --dist loadfile

format: $(STAMP) ## format, and mend what ruff can mend
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

docs: $(STAMP) ## make the generated parts of the documents
	cd source && ../$(VENV)/bin/python -m connector.tests.documents

.PHONY: pictures

SHOOT = chromium --headless --no-sandbox --hide-scrollbars "file://$(CURDIR)/build/day.html"

pictures: $(KEBA) ## those of the status page; needs chromium
	mkdir -p build
	cd source && ../$(VENV)/bin/python -m end_to_end.tools.sample_day ../build/day.jsonl
	TZ=UTC $(KEBA) page --from build/day.jsonl --out build/day.html \
		--title "Charging at the depot"
	$(SHOOT) --window-size=1120,1405 --screenshot=docs/images/status-page.png
	$(SHOOT) --window-size=390,1130 --screenshot=docs/images/status-page-phone.png

.PHONY: image lock wheels audit licences sbom

image: ## build the image; a failing test fails the build
	./build_docker_image.sh

lock wheels audit licences sbom: ## see .ci/supply
	.ci/supply $@

.PHONY: fuzz mutants

fuzz: $(STAMP) ## a million mutated captures and MQTT messages
	cd source && ../$(VENV)/bin/python -m fuzz

mutants: ## change the core a thousand times; which change goes unnoticed?
	.ci/mutants

.PHONY: bench soak

BENCH_STAMP := $(VENV)/.installed-bench

$(BENCH_STAMP): $(STAMP) source/requirements-bench.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		-r source/requirements-bench.txt
	touch $@

bench: $(BENCH_STAMP) ## how fast it is, beside its goals
	PYTHONPATH=source $(VENV)/bin/python -m bench $(BENCH)

soak: $(BENCH_STAMP) ## hours of changing faults; SOAK="--seconds 600"
	PYTHONPATH=source $(VENV)/bin/python -m soak $(SOAK)
