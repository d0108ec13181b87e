# make demo    train a small GPT and a small nGPT, compare them, serve the dashboard
# make test    run the tests
# make experiments   repeat the paper's experiments (SCALE=tiny, JOBS=2) and draw their figures
# make test-families   compare with transformers and ngpt-pytorch themselves, write docs/families.md (some minutes)
# make test-evaluate   compare what lm-evaluation-harness says with independent computations (installs it)
# make test-trackers   what trackers read back, and callbacks in the trainers themselves (installs them)
# make matrix   install the wheel in clean environments, Python 3.11 to 3.14, lowest and newest versions (long; needs uv)
# make site    build the documents as a web site in site/ (with Zensical, in a virtual environment of its own)
# make docs    write the parts of README and docs that are made from code and results (DEMO=1: those of make demo too)
# make test-processors   the numeric tests with the instructions of other processors, on one and two threads
# make check   what CI runs: format, lint, types, import contracts, documents, tests
PYTHON ?= python3
DASHBOARD ?= 1
PORT ?= 8501
BIN := .venv/bin
INSTALLED := .venv/installed
RUNS := runs/demo/gpt runs/demo/ngpt
SCALE ?= tiny
JOBS ?= 2
# Two processes with one thread each: faster than one with two, for matrices this small. In the order
# of their names: the slow files, of few tests each, would else come last and leave one idle. Compiled
# modules are kept even where the environment says not to: every process the tests start reads them.
PYTEST := OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install demo demo-gpt demo-ngpt dashboard experiments test test-families test-evaluate test-trackers test-processors docs site matrix check format clean

help:
	@sed -n 's/^# make/make/p' Makefile

install: $(INSTALLED)

# torch goes first and pinned: no later package then asks for a CUDA build of it.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "ngpt-inspect needs Python 3.11 or later: make PYTHON=python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	  -e '.[app,compiled,export,parquet,train,cluster,gguf,remote,examples,dev]'
	@touch $@

# Side by side, a thread each: two models this small are trained in the time of one.
demo: install
	@$(MAKE) --no-print-directory -j2 demo-gpt demo-ngpt
	$(BIN)/ngpt-inspect summary $(RUNS)
	$(BIN)/ngpt-inspect condition-numbers $(RUNS) --roles W_q,W_k
ifneq ($(DASHBOARD),0)
	$(BIN)/ngpt-inspect dashboard --port $(PORT) $(RUNS)
endif

demo-gpt demo-ngpt: demo-%: install
	OMP_NUM_THREADS=1 $(BIN)/python -m reference_model.train --model $* --preset demo --resume \
	  --progress lines --out runs/demo/$*

dashboard: install
	$(BIN)/ngpt-inspect dashboard --port $(PORT) $(RUNS)

# In this order each reuses the runs of those before it; interrupted, it goes on where it stopped.
experiments: install
	for name in decay_exposure paper_length heads_and_depth learning_rates speed_up ablations longer_context step_time; do \
	  $(BIN)/python -m reference_model.experiments.$$name --scale $(SCALE) --jobs $(JOBS) || exit; \
	done
	$(BIN)/ngpt-inspect figures results/$(SCALE) -o results/$(SCALE)/figures

test: install
	$(PYTEST)

test-families: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[families]'
	$(BIN)/python -m pytest --run-slow tests/ngpt_inspect/architectures
	$(BIN)/python tests/ngpt_inspect/architectures/every_family.py docs/families.md

test-evaluate: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[evaluate]'
	$(BIN)/python -m pytest tests/reference_model/evaluate

test-trackers: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	  -e '.[tensorboard,wandb,trackio,mlflow,callbacks]'
	$(BIN)/python -m pytest tests/ngpt_inspect/trackers tests/ngpt_inspect/callbacks

docs: install
	$(BIN)/python docs/generate.py $(if $(DEMO),--demo)

# Apart: it pins what it is built with, and nobody needs it to work here.
site: .venv/site
	.venv/site/bin/zensical build --clean --strict

.venv/site: constraints.txt | install
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt zensical

# Without CUDA where the index of CPU builds can be reached: make matrix MATRIX='--torch-backend cpu'.
matrix:
	$(PYTHON) tests/matrix.py $(MATRIX)

# MKL and torch choose their code by the processor; these make them choose as on another one.
PROCESSORS := MKL_ENABLE_INSTRUCTIONS=SSE4_2 MKL_ENABLE_INSTRUCTIONS=AVX2 \
  MKL_ENABLE_INSTRUCTIONS=AVX512 ATEN_CPU_CAPABILITY=default
NUMERIC := $(addprefix tests/ngpt_inspect/,numerics measures \
  tables/test_matrix_views.py tables/test_statistics.py tables/test_summaries.py)

test-processors: install
	for processor in $(PROCESSORS); do for threads in 1 2; do \
	  echo "$$processor OMP_NUM_THREADS=$$threads"; \
	  env $$processor OMP_NUM_THREADS=$$threads $(BIN)/python -m pytest -q $(NUMERIC) || exit; \
	done; done

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check
	$(PYTEST)

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
