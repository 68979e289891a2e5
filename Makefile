# make demo: the whole chain on this machine.  make demo-thermal: that of a thermal study.
# make test: all tests.  make docs: build/docs/index.html.
# All set up first if needed.
# As root, the tests start a Slurm cluster of virtual nodes; make test-slurm runs these alone.
SHELL := /bin/bash
PYTHON := .venv/bin/python
RANKS ?= 2

.PHONY: demo demo-thermal test test-slurm docs setup lint clean

setup:
	@./install.sh >.install.log 2>&1 || { tail -n 30 .install.log; exit 2; }

demo: JOB := jobs/demo.toml
demo-thermal: JOB := jobs/thermal_demo.toml
demo demo-thermal:
	@if [ ! -f .venv/.installed ]; then echo "setting up (a few minutes, log in .install.log)"; fi
	@$(MAKE) --no-print-directory setup
	@$(PYTHON) -m dcl_hpc.run $(JOB) --ranks $(RANKS)

test:
	@if [ ! -f .venv/.installed ]; then echo "setting up (a few minutes, log in .install.log)"; fi
	@$(MAKE) --no-print-directory setup
	@$(MAKE) --no-print-directory lint
	@source slurm/env.sh && $(PYTHON) -m pytest -m "not slurm" -n auto --dist loadfile --no-loadscope-reorder && $(PYTHON) -m pytest -m slurm

test-slurm:
	@$(MAKE) --no-print-directory setup
	@$(PYTHON) -m pytest -m slurm

docs:
	@$(MAKE) --no-print-directory setup
	@$(PYTHON) -m sphinx -W --keep-going -q -b html docs build/docs && echo build/docs/index.html

lint:
	@$(PYTHON) -m ruff check . && $(PYTHON) -m ruff format --check . && .venv/bin/lint-imports
	@if command -v shellcheck >/dev/null; then shellcheck install.sh slurm/*.sh tests/slurm/*.sh .ci/run; else echo "shellcheck not installed: shell scripts not checked"; fi

clean:
	rm -rf .venv .install.log build/docs
