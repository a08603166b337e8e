# Two commands for a fresh clone: `make compare` and `make test`. Each does its own set-up in .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# Of the tests. Each starts a worker of every track and takes up to 10 GB of memory.
PROCESSES ?= 2
# A program of the tests runs for a few steps: JAX compiles it faster with less effort and with the simpler of XLA's code
# generators. Values stay the same to the accuracy that the tests ask for.
QUICK_XLA := --xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
INSTALL := $(PIP) install --quiet --constraint constraints.txt --editable

.PHONY: compare test slow lint docs clean
.DELETE_ON_ERROR:

compare: .venv/.compare  ## train the MNIST CNN in PyTorch and in Keras on TensorFlow; ends by naming the report
	$(BIN)/twotrack compare mnist_cnn --tracks torch,keras:tensorflow --recipe fast

test: .venv/.test lint  ## the whole default test suite, every track
	XLA_FLAGS="$(QUICK_XLA) $$XLA_FLAGS" $(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile

slow: .venv/.test  ## the full recipes too
	$(BIN)/python -m pytest -m slow

lint: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

docs: .venv/.docs  ## build the documentation into site/
	$(BIN)/mkdocs build --strict

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
	$(INSTALL) '.[torch,tensorflow,jax,tfds,bert,vision,export,serving,tensorboard,test]'
	@touch $@

.venv/.docs: .venv/bin/python pyproject.toml constraints.txt
	$(INSTALL) '.[docs]'
	@touch $@
