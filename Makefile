# make quickstart   convert the sample corpora, train on them, test: a first look in minutes
# make test         the full test suite
# make fuzz         damaged inputs for every reader until Ctrl-C; also FAMILY=formats MINUTES=30
# make fuzz-case    one finding of make fuzz again: CASE=fuzz-findings/...
# make lint         style and types
# make docs         the documentation as a site, in build/site; warnings are errors
# make bench        the figures of docs/speed.md; some minutes, best on an idle machine
# make setup        only the environment, in .venv
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
REQUIREMENTS := pyproject.toml constraints.txt

.DELETE_ON_ERROR:
.PHONY: setup quickstart test fuzz fuzz-case lint docs bench clean

setup: $(VENV)/installed

$(VENV)/installed: $(REQUIREMENTS)
	$(PYTHON) -c 'import sys; sys.exit("mtner needs Python 3.11 or newer; say which with: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt pip setuptools
	# torch by itself first, so that its one build is settled before anything depends on it
	$(PIP) install --quiet --constraint constraints.txt torch
	$(PIP) install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# torch-scatter compiles against the torch in .venv; without a C++ compiler we go on without it.
$(VENV)/installed-scatter: $(VENV)/installed
	@if command -v c++ > /dev/null; then \
		echo 'compiling torch-scatter (about five minutes; once)'; \
		printf '[build_ext]\nparallel = %s\n' "$$(getconf _NPROCESSORS_ONLN)" > $(VENV)/build.cfg; \
		DIST_EXTRA_CONFIG="$(CURDIR)/$(VENV)/build.cfg" \
			$(PIP) install --quiet --constraint constraints.txt --no-build-isolation torch-scatter; \
	else \
		echo 'no C++ compiler here: going on without torch-scatter; its tests will be skipped'; \
	fi
	touch $@

quickstart: $(VENV)/installed
	$(BIN)/mtner convert corpora configs/corpora/samples.yaml
	$(BIN)/mtner train configs/quickstart.yaml

test: $(VENV)/installed-dev $(VENV)/installed-scatter
	$(BIN)/python -m pytest

fuzz: $(VENV)/installed-dev
	$(BIN)/python -m tests.fuzz $(if $(FAMILY),--family $(FAMILY)) $(if $(MINUTES),--minutes $(MINUTES))

fuzz-case: $(VENV)/installed-dev
	$(BIN)/python -m tests.fuzz $(CASE)

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(VENV)/installed-dev
	$(BIN)/mkdocs build --strict --quiet

bench: $(VENV)/installed-dev
	$(BIN)/python -m tests.benchmarks.bench

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
