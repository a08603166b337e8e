# Two commands for a fresh clone: `make compare` and `make test`. Each does its own set-up in .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# Of the tests. auto: as many as the memory and the cores allow (tests/support/resources.py).
PROCESSES ?= auto
# A program of the tests runs for a few steps: JAX compiles it faster with less effort and with the simpler of XLA's code
# generators. Values stay the same to the accuracy that the tests ask for.
QUICK_XLA := --xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1
# Of the hunt: how many pairs, and which.
COUNT ?= 300
SEED ?= 0
BIN := .venv/bin
# Commands and workers are short processes that import the same modules: compiled once, whatever the machine's default.
export PYTHONDONTWRITEBYTECODE :=
SHELL := /bin/bash
# The folders that setup.py puts below the package `twotrack`.
MAPPED := shared keras_track torch_track
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet --constraint constraints.txt --editable

.PHONY: compare check fast test slow hunt mixups specs campaign sizes maps benchmark costs gpu lint types browser slurm hooks docs documents reference pictures playground clean
.DELETE_ON_ERROR:

compare: .venv/.compare  ## train the MNIST CNN in PyTorch and in Keras on TensorFlow; ends by naming the report
	$(BIN)/twotrack compare mnist_cnn --tracks torch,keras:tensorflow --recipe fast

check: lint types  ## style and types

fast: .venv/.test  ## the tests that need no framework
	$(BIN)/python -m pytest --fast --quiet -rfE --numprocesses $$(nproc) --dist loadfile

test: .venv/.test check browser slurm  ## the whole default test suite, every track
	OMP_WAIT_POLICY=PASSIVE XLA_FLAGS="$(QUICK_XLA) $$XLA_FLAGS" $(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile

slow: .venv/.test  ## what takes longer: full recipes, every pair on every backend
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -m slow --numprocesses $(PROCESSES) --dist loadfile

hunt: .venv/.test  ## climb with 300 generated pairs, wrong and honest; COUNT=n, SEED=n for others
	XLA_FLAGS="$(QUICK_XLA) $$XLA_FLAGS" $(BIN)/python -m tests.hunt --count $(COUNT) --seed $(SEED) --table build/hunt.txt

mixups: .venv/.test  ## plant what people mix up in every training spec, on either side, on every backend
	XLA_FLAGS="$(QUICK_XLA) $$XLA_FLAGS" $(BIN)/python -m tests.mixups --table build/mixups.txt

specs: .venv/.test  ## every training spec over 2,000 steps beside NumPy, on every track; writes the tables of docs/reference
	$(BIN)/python -m tests.optimizers.table
	$(BIN)/python -m tests.specs

campaign: .venv/.test  ## kill commands, damage inputs, fill disks, cut the power; SEED=n for others
	$(BIN)/python -m tests.reliability --seed $(SEED) --table build/campaign.txt

sizes: .venv/.test  ## what models of real sizes take to verify: ResNet50, BERT-base, BERT-large; PAIRS=NAME for others
	$(BIN)/python -m tests.benchmarks.sizes $(PAIRS)

maps: .venv/.test  ## found maps of published architectures against those written by hand; NAMES=NAME for some
	$(BIN)/python -m tests.benchmarks.maps $(NAMES)

benchmark: .venv/.test  ## how fast mnist_cnn trains beside a learner's scripts; writes the tables of docs/reference/benchmarks.md
	@mkdir -p build
	$(BIN)/twotrack benchmark mnist_cnn --recipes fast,sprint,best --to 0.99 --rounds 10 --out build/benchmark.json --report build/benchmark.html
	$(BIN)/python -m tests.benchmarks.tables build/benchmark.json

costs: .venv/.test  ## what a verification costs: by the number of weights, and of every chapter
	$(BIN)/python -m tests.benchmarks.verify_cost sizes
	$(BIN)/python -m tests.benchmarks.verify_cost chapters

gpu: .venv/.test  ## doctor, two ladders and the benchmark to 99 % on a GPU
	$(BIN)/twotrack doctor
	$(BIN)/twotrack verify mnist_cnn
	$(BIN)/twotrack verify churn_transformer
	$(BIN)/twotrack benchmark mnist_cnn --tracks torch,keras:tensorflow,keras:jax,keras:torch --recipes fast,sprint --precision float32,bfloat16 --to 0.99 --device cuda --out benchmark-gpu.json --report benchmark-gpu.html

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.test  ## mypy over all that is installed as `twotrack`; its messages name the files of the repository
	@rm -rf build/types && mkdir -p build/types/twotrack
	@ln -s $(CURDIR)/twotrack/* $(foreach folder,$(MAPPED),$(CURDIR)/$(folder)) build/types/twotrack
	@set -o pipefail; $(BIN)/python -m mypy | sed -E 's,^build/types/(twotrack/($(subst $() ,|,$(MAPPED))))?,\2,'

browser: .venv/.test  ## the browser that the tests of pages look through
	$(BIN)/python -m tests.support.browser

slurm: .venv/.test  ## the Slurm that the tests of clusters start
	$(BIN)/python -m tests.support.slurm

hooks: .venv/.test  ## check before every commit, run the fast lane before every push
	$(BIN)/pre-commit install --hook-type pre-commit --hook-type pre-push

pictures: .venv/.test  ## draw the pictures of the chapters again; PICTURES=NAME for some
	$(BIN)/python -m docs.pictures $(PICTURES)

playground: .venv/.test  ## train, export and measure what the playground shows, anew
	$(BIN)/python -m docs.playground

documents: .venv/.test  ## run the pages alone, commands, code and notebooks, and show what takes longest
	OMP_WAIT_POLICY=PASSIVE XLA_FLAGS="$(QUICK_XLA) $$XLA_FLAGS" $(BIN)/python -m pytest tests/docs tests/exercises --numprocesses $(PROCESSES) --dist loadfile --durations 20

reference: .venv/.test  ## write the tables of options in the reference of the command line
	$(BIN)/python -m docs.command_line

docs: .venv/.docs  ## build the documentation, and a notebook of every lesson, into site/
	$(BIN)/python -m mkdocs build --strict

clean:
	rm -rf .venv build site *.egg-info

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.compare: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing PyTorch, TensorFlow and Keras into .venv; this takes a few minutes"
	$(INSTALL) '.[torch,tensorflow]'
	@touch $@

.venv/.test: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing every framework and the test tools into .venv; this takes a few minutes"
	$(INSTALL) '.[torch,tensorflow,jax,tfds,bert,vision,export,serving,tensorboard,slurm,ray,cdnow,test,docs]'
	@touch $@

.venv/.docs: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) '.[docs]'
	@touch $@
