# `make` lists the targets. Needs python3 (3.11 or newer) with its venv module, and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# How many tests run at once; `make unit WORKERS=` runs them one after the other.
WORKERS ?= --numprocesses auto --dist worksteal
RUNTIME := $(VENV)/.runtime
DEV := $(VENV)/.dev

# One data file wherever a test starts a subprocess.
export COVERAGE_FILE := $(CURDIR)/.coverage

# $(call gate,NAME,COMMAND): says which gate failed and with what command.
gate = @printf '== %s\n' '$(1)'; $(2) || { printf '*** gate "%s" failed: %s\n' '$(1)' '$(2)' >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help install demo test lint style format types contracts dependencies twins unit chaos mutants fuzz deep-test bench \
	constraints clean distclean

help:
	@echo 'make demo         the whole product on simulators, in about a minute'
	@echo 'make test         every gate and every test, with the coverage floors'
	@echo 'make lint         the gates that run no tests'
	@echo 'make mutants      deliberate bugs, one at a time: each must be seen by a test'
	@echo 'make chaos        ten thousand simulated stores in which everything goes wrong, in about half an hour'
	@echo 'make fuzz         search for bytes that break the ZVT decoders and dialogues'
	@echo 'make deep-test    a real kernel, systemd and bluetoothd, real power cuts: tests/deep/README.md'
	@echo 'make bench        measure against a hand-written script on the official SDK'
	@echo 'make install      only what running needs, into $(VENV)'
	@echo 'make constraints  install the newest versions allowed and write constraints.txt'
	@echo 'make clean        remove what tests and tools leave behind; distclean: $(VENV) too'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo '*** $(PYTHON) is too old: tillgate needs Python 3.11 or newer (make PYTHON=...)' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' \
		|| { echo '*** $(PYTHON) has no venv module: apt-get install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The pip that comes with Python may be too old to know dependency groups.
$(RUNTIME): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt --upgrade pip
	$(PIP) install --quiet --constraint constraints.txt --build-constraint constraints.txt --editable .
	@touch $@

$(DEV): $(RUNTIME)
	$(PIP) install --quiet --constraint constraints.txt --group dev
	@touch $@

install: $(RUNTIME)

demo: $(RUNTIME)
	$(BIN)/tillgate demo $(DEMO)

test: lint unit

# `make --keep-going lint` tells what every gate has to say.
lint: style format types contracts dependencies twins

style: $(DEV)
	$(call gate,$@,$(BIN)/ruff check --quiet .)

format: $(DEV)
	$(call gate,$@,$(BIN)/ruff format --check --quiet .)

types: $(DEV)
	$(call gate,$@,$(BIN)/mypy)

contracts: $(DEV)
	$(call gate,$@,$(BIN)/lint-imports)

dependencies: $(DEV)
	$(call gate,$@,$(BIN)/deptry .)

twins: $(DEV)
	$(call gate,$@,$(BIN)/python tests/gates/twins.py)

unit: $(DEV)
	@$(BIN)/coverage erase
	$(call gate,tests,$(BIN)/coverage run -m pytest $(WORKERS) $(PYTEST))
	@$(BIN)/coverage combine --quiet
	$(call gate,coverage of everything,$(BIN)/coverage report)
	$(call gate,coverage of money and protocol,$(BIN)/coverage report --include=agent/payments/*$(comma)drivers/zvt/* --fail-under=100)

comma := ,

chaos: $(RUNTIME)
	$(BIN)/tillgate chaos --seeds 1..10000 $(CHAOS)

mutants: $(DEV)
	$(BIN)/python -m tests.mutants $(MUTANTS)

fuzz: $(DEV)
	$(BIN)/python -m tests.fuzz $(FUZZ)

# Exit code 77 of the module: it cannot run here, and says why.
deep-test: $(DEV)
	$(BIN)/python -m tests.deep $(DEEP)

bench: $(DEV)
	$(BIN)/python -m bench $(BENCH)

# atheris has a newest version for each Python: it cannot be named here.
constraints: | $(BIN)/python
	$(PIP) install --quiet --upgrade --upgrade-strategy eager pip --editable . --group dev
	{ echo '# The exact versions that `make` installs; renew with `make constraints`.'; \
		$(PIP) freeze --all --exclude-editable | grep -v '^atheris=='; } > constraints.txt

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	find agent drivers tests -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)
