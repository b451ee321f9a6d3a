# Everything a checkout needs: `make demo` shows what this is, `make test` runs every gate.
# Needs git, make, Python 3.11+ and a package index; uv is fetched into .tools if it is not there.

UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
RUN := $(UV) run --frozen --no-sync
export UV_PYTHON_DOWNLOADS := never
export UV_COMPILE_BYTECODE := 1

.PHONY: help sync demo test gates unit bench public clean

help:
	@echo "make demo    an agent answers a question about a CSV file, offline"
	@echo "make test    lint, types, import rules, tests with coverage"
	@echo "make bench   speed beside other frameworks (installs them into .bench)"
	@echo "make public  rewrite the snapshot of the public names"

.tools/bin/uv:
	python3 -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check uv

sync: $(filter .tools/bin/uv,$(UV))
	$(UV) sync --quiet --frozen --all-extras

demo: sync
	$(RUN) journeyman demo

test: sync gates unit

gates:
	$(RUN) ruff check
	$(RUN) ruff format --check
	$(RUN) mypy
	$(RUN) pyright
	$(RUN) lint-imports --no-cache
	$(RUN) vulture

unit:
	rm -f .coverage .coverage.*
	$(RUN) pytest -n 2 --dist loadfile --cov --cov-report=
	$(RUN) coverage report

bench: sync
	$(RUN) python bench/run.py --write

public: sync
	$(RUN) python tests/test_public.py

clean:
	rm -rf .venv .tools .bench .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
