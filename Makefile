# Set-up and the commands of the README. `make` alone lists them.
# Variables: CORES=8 (jobs at a time), PYTHON=/path/to/python3.12 (what .venv is made from).

CORES ?= $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)

# The first interpreter of a supported version; names are tried by running them.
SUPPORTED = import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,\
	$(shell $(name) -c "$(SUPPORTED)" 2>/dev/null && echo $(name))))

# The user's uv, or one of our own in .uv. It must never fetch a Python by itself.
UV = $(shell uv --version >/dev/null 2>&1 && echo uv || echo .uv/bin/uv)
export UV_PYTHON_DOWNLOADS = never

# Commands find .venv's programs first, as after `source .venv/bin/activate`.
IN_VENV = PATH="$(CURDIR)/.venv/bin:$$PATH"

.PHONY: help setup table2 figures docs bench test test-slurm lint format lock

help: ## list these targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 17

setup: .venv/.stamp ## make .venv with the locked packages (again only when the lock or pyproject.toml changed)

table2: setup ## compute results/table2.csv with the config as it is
	$(IN_VENV) snakemake --cores $(CORES) results/table2.csv

figures: setup ## draw every figure of the paper and judge its claims, with the config as it is
	$(IN_VENV) snakemake --cores $(CORES) figures

docs: setup ## build the documentation into site/, pages that work offline; a dead link ends it
	$(IN_VENV) NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

bench: setup ## measure speed against other programs and limits, into results/benchmarks (ten minutes on two idle cores)
	$(IN_VENV) python -m degcraft.benchmarks

test: setup ## run all tests
	$(IN_VENV) python -m pytest --numprocesses 2 --dist worksteal

test-slurm: setup ## run the workflow on a Slurm cluster of one node, started for it (root, Debian's slurm-wlm and munge)
	$(IN_VENV) DEGCRAFT_TEST_SLURM=1 python -m pytest tests/slurm

lint: setup ## check format, lint, spelling and types; change nothing
	$(IN_VENV) ruff format --check
	$(IN_VENV) ruff check
	$(IN_VENV) snakefmt --check Snakefile workflow
	$(IN_VENV) codespell
	$(IN_VENV) mypy
	$(IN_VENV) snakemake --lint

format: setup ## write Python and Snakemake files in the project's format
	$(IN_VENV) ruff format
	$(IN_VENV) ruff check --fix
	$(IN_VENV) snakefmt Snakefile workflow

lock: setup ## write requirements.lock anew after an edit of the dependencies in pyproject.toml
	$(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
		--extra dev --extra bench --python-version 3.11 pyproject.toml --output-file requirements.lock

# setuptools, which builds the package itself, comes from the lock as well (torch needs it). Bytecode is compiled here:
# where Python is told to write none, each of the many short jobs would compile its imports anew, half of its start or more.
.venv/.stamp: requirements.lock pyproject.toml
	@"$(PYTHON)" -c "$(SUPPORTED)" 2>/dev/null || { echo \
		"error: found no Python 3.11, 3.12 or 3.13; install one, then type: make setup PYTHON=/path/to/python" >&2; exit 1; }
	@$(UV) --version >/dev/null 2>&1 || { $(PYTHON) -m venv .uv && .uv/bin/python -m pip install --quiet uv; }
	@.venv/bin/python -c "$(SUPPORTED)" 2>/dev/null || { rm -rf .venv && $(UV) venv --quiet --python "$(PYTHON)" .venv; }
	$(UV) pip sync --python .venv/bin/python --require-hashes --compile-bytecode requirements.lock
	$(UV) pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
	@touch $@
