# Two commands to begin with: `make demo` and `make test`.
# uv is taken from the PATH when it is recent enough; otherwise a copy is made in .tools/, and nothing else is touched.

UV := $(shell uv version >/dev/null 2>&1 && command -v uv || echo .tools/bin/uv)
UV_VERSION := 0.13.9
RUN := $(UV) run --locked --all-extras
EMBEDDED := $(UV) run --locked --no-dev --extra embedded
ARGS ?=
# Two at a time, a file of tests on one of them: each has servers of its own. `make test SIDE_BY_SIDE=` is one after the other.
SIDE_BY_SIDE ?= -n 2 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo dev test test-slow test-postgresql test-all lint format docs bench clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(UV) ## Invent a clinic and watch records change hands (ARGS="--records 300")
	@$(EMBEDDED) passation demo $(ARGS)

dev: $(UV) ## Run server, database and worker in one folder, until Ctrl-C
	@$(EMBEDDED) passation dev $(ARGS)

test: lint ## Check the code, then run the quick tests (ARGS="-k refuse")
	@$(RUN) pytest $(SIDE_BY_SIDE) -m "not slow and not postgresql" $(ARGS)

# A selection without any test is not a failure here; what cannot be collected still is.
test-slow: $(UV) ## Run the slow tests only: real processes, killed and restarted
	@status=0; $(RUN) --group node pytest -m "slow and not postgresql" --collect-only -q $(ARGS) >/dev/null 2>&1 || status=$$?; \
	if [ $$status -ne 5 ]; then $(RUN) --group node pytest -m "slow and not postgresql" $(ARGS); fi

test-postgresql: $(UV) ## Run what needs PostgreSQL, on a server of its own, killed and restarted
	@status=0; $(RUN) --group postgres-tests pytest -m postgresql --collect-only -q $(ARGS) >/dev/null 2>&1 || status=$$?; \
	if [ $$status -ne 5 ]; then $(RUN) --group postgres-tests pytest $(SIDE_BY_SIDE) -m postgresql $(ARGS); fi

test-all: test test-slow test-postgresql ## Check the code, then run every test

lint: $(UV) ## Check style, format, types and which room imports which
	@$(RUN) ruff check
	@$(RUN) ruff format --check
	@$(RUN) mypy
	@$(RUN) lint-imports --no-logo

format: $(UV) ## Format the code and mend what can be mended by itself
	@$(RUN) ruff check --fix
	@$(RUN) ruff format

docs: $(UV) ## Write the generated parts of the pages anew, with answers of commands that really run
	@$(RUN) python -m tests.docs

bench: $(UV) ## Measure transfers per second, what one costs, caseloads, and a hand-over by size
	@$(RUN) python -m benchmarks $(ARGS)
	@$(RUN) python -m benchmarks.bulk
	@$(RUN) python -m benchmarks.handover

clean: ## Remove the environment, the copy of uv, and what checks and builds left
	rm -rf .venv .tools build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.tools/bin/uv:
	python3 -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
