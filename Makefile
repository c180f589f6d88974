# Needs GNU make and Python 3.11 or newer; everything else goes into .venv.
#   make demo    train on the built-in voices, forget one speaker, write the report and a signed statement
#   make test    all tests
#   make check   static checks and the fast tests, before every commit
#   make docs    the documentation, into docs/_build/html
#   make papers  write docs/papers.md again from the method files
#   make results write docs/results.md again from results/
#   make clean   remove what the targets above made, except .venv and the demo folders

PYTHON ?= python3
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
# one thread a worker: two workers with all threads each are slower than one
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS)

.PHONY: help demo test check lint docs papers results clean
.DELETE_ON_ERROR:

help:
	@sed -n 's/^#  *make/make/p' Makefile

demo: $(VENV)/.demo-stamp
	@out=demo; n=1; \
	while [ -e "$$out" ]; do n=$$((n + 1)); out=demo-$$n; done; \
	echo "$(BIN)/affekt demo --out $$out"; \
	exec $(BIN)/affekt demo --out "$$out"

test: $(VENV)/.test-stamp
	$(PYTEST)

check: lint
	$(PYTEST) -m "not slow"

lint: $(VENV)/.test-stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

# -E: pages also depend on modules that Sphinx does not know of, such as those of inherited settings
docs: $(VENV)/.test-stamp
	$(BIN)/python docs/generate_papers.py --check
	$(BIN)/python docs/generate_results.py --check
	$(BIN)/python -m sphinx -E -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

papers: $(VENV)/.test-stamp
	$(BIN)/python docs/generate_papers.py

results: $(VENV)/.test-stamp
	$(BIN)/python docs/generate_results.py

clean:
	rm -rf build dist docs/_build docs/api .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests docs benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are older than pyproject.toml when dependencies may have changed: then pip looks again.
$(VENV)/.demo-stamp: EXTRAS := sign,torch,voices
$(VENV)/.test-stamp: EXTRAS := voices,test,docs
$(VENV)/.demo-stamp $(VENV)/.test-stamp: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "affekt needs Python 3.11 or newer (got $$($(PYTHON) --version 2>&1)); choose one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$(EXTRAS)]'
	@touch $@
