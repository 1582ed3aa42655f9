# Two commands on a fresh machine: `make demo` and `make test`. Both install what they need.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: install check test live stack demo bench audit lock clean

install: $(INSTALLED)
	@sh tools/packages.sh

# The pins are all that is installed: what a function runs with, then what develops it.
$(INSTALLED): requirements.txt requirements-dev.txt requirements-alone.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-alone.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m tools.terraform check
	$(BIN)/python -m tools.terraform test

test: install
	@sh tools/packages.sh test
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	# What is measured runs alone. The rest waits half of its time: three workers for two processors.
	# In the order of the folders: what takes long comes first, and many short files end it evenly.
	$(BIN)/python -m pytest tests/gates
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --ignore=tests/gates
endif

# Experiments in a real project, which is named and asked about: docs/live.md.
live: install
	@$(BIN)/python -m tests.live --project=$(PROJECT) --region=$(REGION) $(ARGS)

# The local cloud, until Ctrl-C.
stack: install
	@$(BIN)/python -m local $(ARGS)

demo: install
	@$(BIN)/python -m local demo $(ARGS)

audit: install
	$(PYTHON) -m venv .cache/audit
	.cache/audit/bin/pip install --quiet --disable-pip-version-check -r tools/terraform/requirements-audit.txt
	.cache/audit/bin/checkov --config-file infra/.checkov.yaml

bench: install
	$(BIN)/python -m bench $(ARGS)

lock: $(INSTALLED)
	$(PYTHON) -m venv .cache/lock
	.cache/lock/bin/pip install --quiet --disable-pip-version-check pip-tools
	.cache/lock/bin/pip-compile --quiet --strip-extras --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-emit-trusted-host --output-file=requirements.txt requirements.in
	.cache/lock/bin/pip-compile --quiet --strip-extras --no-emit-index-url \
	  --no-emit-find-links --no-emit-trusted-host --output-file=requirements-dev.txt requirements-dev.in

clean:
	rm -rf .venv .cache .local .mypy_cache .pytest_cache .ruff_cache .hypothesis
