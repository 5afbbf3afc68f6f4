# `make` lists the commands. Each command first installs what is missing.

.DEFAULT_GOAL := help
.PHONY: help setup run test test-docker test-flink test-faults test-install check bench screenshots clean

BIN := .venv/bin
READY := .venv/.ready
CACHES := .pytest_cache .hypothesis .mypy_cache .ruff_cache .import_linter_cache dist site .faults
ARGS ?=

help: ## Lists these commands.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## Installs everything into .venv, or continues an interrupted installation.
	@:

run: $(READY) ## Runs the pipeline; options go in ARGS="...".
	@$(BIN)/huberflow run $(ARGS)

test: $(READY) ## Runs the tests; options for pytest go in ARGS="...".
	@$(BIN)/python -m pytest -n 2 $(ARGS)

test-docker: $(READY) ## Builds the images and tests them with compose; needs Docker.
	@$(BIN)/python -m pytest tests/docker --timeout 3600 $(ARGS)

test-flink: $(READY) ## Runs the pipeline on a real Flink on this machine; needs Java and Maven.
	@$(BIN)/python -m pytest tests/flink $(ARGS)

test-faults: $(READY) ## Strikes runs with faults, such as a full disk; options go in ARGS="...".
	@PYTHONPATH=tests/support $(BIN)/python -m faults $(ARGS)

test-install: $(READY) ## Installs the wheel with each extra into fresh environments; needs a network.
	@$(BIN)/python -m pytest tests/fresh_installs $(ARGS)

check: $(READY) ## Checks style, types, imports, containers, the lock file and the docs.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint docker/*.Dockerfile tests/docker/*.Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker/compose.yaml
	.uv/bin/uv lock --check --python $(BIN)/python
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

screenshots: $(READY) ## Takes the screenshots of the guides again; needs Chromium.
	@PYTHONPATH=tests/support $(BIN)/python scripts/screenshots.py $(ARGS)

bench: $(READY) ## Runs the benchmarks; options go in ARGS="...".
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## Deletes the caches of the tools; keeps .venv and workspace.
	@rm -rf $(CACHES)
	@find . \( -name .venv -o -name .uv -o -name .git -o -name workspace \) -prune \
	  -o -type d -name __pycache__ -prune -exec rm -rf {} +

$(READY): pyproject.toml uv.lock scripts/setup.sh
	@sh scripts/setup.sh
