# Each target sets up what it needs in .venv: Python 3.11+, make and a package index are all it takes.
# Another interpreter: make PYTHON=/path/to/python <target>. Options for pytest: make test ARGS="-k einsum -x".

BIN := .venv/bin
PYTHONS := $(or $(PYTHON),python3.13 python3.12 python3.11 python3)
INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check
PYTEST := $(BIN)/python -m pytest -q -n auto --maxprocesses 8 --dist worksteal

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test test-slow test-torch test-jax lint format docs bench wheel clean

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

demo: .venv/with-data,viz ## train on handwritten digits; a loss plot and a graph go to artifacts/
	$(BIN)/python examples/digits_torch_style.py

# The test workers are the parallelism; threads of BLAS would only get in their way.
test test-slow test-torch test-jax: export OPENBLAS_NUM_THREADS := 1
test test-slow test-torch test-jax: export OMP_NUM_THREADS := 1
test test-slow test-torch test-jax: export MPLBACKEND := Agg
test test-slow test-torch test-jax: export MINITORCH_TRACEBACK := full

test: .venv/with-test ## run the tests and the examples in the docs
	$(PYTEST) -m "not slow" $(ARGS)

test-slow: .venv/with-test ## run the long tests
	$(PYTEST) -m slow $(ARGS)

test-torch: .venv/with-test,peers ## compare with PyTorch
	$(PYTEST) -m "torch and not slow" $(ARGS)

test-jax: .venv/with-test,jax ## compare with JAX and optax
	$(PYTEST) -m "jax and not slow" $(ARGS)

lint: .venv/with-lint ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/with-lint ## rewrite the sources in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/with-docs,viz,data ## write the API reference to artifacts/docs
	$(BIN)/pdoc minitorch -o artifacts/docs

bench: .venv/with-bench,peers,jax ## time the workloads beside PyTorch, JAX and NumPy
	$(BIN)/python -m benchmarks $(ARGS)

wheel: .venv/with-test ## build artifacts/dist/*.whl
	rm -rf artifacts/dist
	$(BIN)/python -m pip wheel -qq --no-deps --wheel-dir artifacts/dist .

clean: ## remove everything that is made
	rm -rf .venv artifacts build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A name on the path may be a shim that cannot run, or lack venv, so each candidate is tried.
$(BIN)/python:
	@for python in $(PYTHONS); do \
	    if "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "$$python -m venv .venv"; exec "$$python" -m venv --clear .venv; \
	    fi; \
	done; \
	echo "No Python 3.11 or newer with venv among: $(PYTHONS). Try: make PYTHON=/path/to/python" >&2; exit 1

.venv/with-%: pyproject.toml | $(BIN)/python
	$(INSTALL) -e ".[$*]"
	@touch $@
