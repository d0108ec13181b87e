# make demo    train a small GPT and a small nGPT, compare them, serve the dashboard
# make test    run the tests
# make check   what CI runs: format, lint, types, import contracts, tests
PYTHON ?= python3
DASHBOARD ?= 1
PORT ?= 8501
BIN := .venv/bin
INSTALLED := .venv/installed
RUNS := runs/demo/gpt runs/demo/ngpt

.DEFAULT_GOAL := help
.PHONY: help install demo dashboard test check format clean

help:
	@sed -n 's/^# //p' Makefile

install: $(INSTALLED)

# torch goes first and pinned: no later package then asks for a CUDA build of it.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ngpt-inspect needs Python 3.11 or later: make PYTHON=python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	  -e '.[app,export,parquet,train,cluster,dev]'
	@touch $@

demo: install
	$(BIN)/python -m reference_model.train --model gpt --preset tiny --resume --out runs/demo/gpt
	$(BIN)/python -m reference_model.train --model ngpt --preset tiny --resume --out runs/demo/ngpt
	$(BIN)/ngpt-inspect summary $(RUNS)
ifneq ($(DASHBOARD),0)
	$(BIN)/ngpt-inspect dashboard --port $(PORT) $(RUNS)
endif

dashboard: install
	$(BIN)/ngpt-inspect dashboard --port $(PORT) $(RUNS)

test: install
	$(BIN)/python -m pytest

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
