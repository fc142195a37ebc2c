# Every target installs what it needs first and is quick when all is there.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

.PHONY: apt
apt: ## Install the Debian packages of tools/apt-packages.txt that are missing
	@tools/setup apt

.PHONY: venv
venv: apt ## Make .venv from the lock file
	@tools/setup venv

.PHONY: lock
lock: venv ## Compile requirements/*.in into lock files
	tools/lock

.PHONY: format
format: venv ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: lint
lint: venv ## Check format, style, types and the layers of the architecture
	tools/lint

# Which of the orders the tests run in; any should do.
SEED ?= 881371334

# Collection of the integration tests and lint come first, so that the summary of the tests that
# ran is the last thing printed.
PYTEST := $(BIN)/pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder --durations=40 --randomly-seed=$(SEED)

.PHONY: test
test: lint ## Run all tests that need no Juju controller, but the slow ones
	# Not every Python has pytest-operator (requirements/dev.in).
	if $(BIN)/pip --quiet show pytest-operator 2>/dev/null; then \
		$(BIN)/pytest -p pytest_operator.plugin --collect-only --quiet tests/integration; \
	fi
	$(PYTEST) -m "not slow" tests/functional tests/unit

.PHONY: test-slow
test-slow: lint ## Run the tests that are left out of test since they take long
	$(PYTEST) -m slow tests/functional

.PHONY: demo
demo: venv ## Retrofit an image through the packed charm (IMAGE=path takes your own)
	$(BIN)/python -m tests.support.charm.demo $(if $(IMAGE),--image "$(IMAGE)")

.PHONY: bench
bench: venv ## Measure builds against other ways, and write benchmarks/results
	$(BIN)/python -m benchmarks

.PHONY: charm
charm: venv ## Pack the charm for this machine's distribution
	$(BIN)/python -m tests.support.charm.pack

.PHONY: wheel
wheel: venv ## Build dist/*.whl, with Octavia's elements, for pip and pipx
	tools/wheel dist

.PHONY: clean
clean: ## Remove everything that the targets made in this directory
	rm -rf .venv .tox .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist *.charm
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
