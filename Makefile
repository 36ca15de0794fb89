# Thin: each target calls one thing. `make` alone lists them.

VENV := .venv
PYTHON := $(VENV)/bin/python
STAMP := $(VENV)/.installed

.PHONY: help setup demo test lint docs
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

setup: $(STAMP) ## make the virtual environment

$(STAMP): source/requirements.txt source/requirements-dev.txt
	python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet --disable-pip-version-check \
		-r source/requirements-dev.txt
	touch $@

demo: $(STAMP) ## the connector with two simulated stations, in this terminal
	@cd source && ../$(PYTHON) -m demo

lint: $(STAMP) ## format, lint, types and import contracts
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	PYTHONPATH=source $(VENV)/bin/lint-imports --no-logo

test: lint ## everything that CI checks, but the image
	$(VENV)/bin/pytest

docs: $(STAMP) ## make the generated parts of the documents
	cd source && ../$(PYTHON) -m connector.tests.documents

.PHONY: image lock wheels audit licences sbom

image: ## build the image; a failing test fails the build
	./build_docker_image.sh

lock wheels audit licences sbom: ## see .ci/supply
	.ci/supply $@

.PHONY: fuzz mutants

fuzz: $(STAMP) ## a million mutated captures and MQTT messages
	cd source && ../$(PYTHON) -m end_to_end.fuzz

mutants: ## change the core a thousand times; which change goes unnoticed?
	.ci/mutants

.PHONY: bench soak

BENCH_STAMP := $(VENV)/.installed-bench

$(BENCH_STAMP): $(STAMP) source/requirements-bench.txt
	$(PYTHON) -m pip install --quiet --disable-pip-version-check \
		-r source/requirements-bench.txt
	touch $@

bench: $(BENCH_STAMP) ## how fast it is, beside its goals
	PYTHONPATH=source $(PYTHON) -m bench $(BENCH)

soak: $(BENCH_STAMP) ## hours of changing faults; SOAK="--seconds 600"
	PYTHONPATH=source $(PYTHON) -m soak $(SOAK)
