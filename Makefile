# make setup   the environment in .venv/
# make demo    setup, then the demo: generated data, training, table
# make test    setup, then the test suite in two processes (ARGS='-k word' passes options to pytest)
# make lint    setup, then ruff and the import contracts, by the settings in pyproject.toml
# make types   setup, then mypy, by the settings there
# make docs    the documentation in site/, in an environment of its own (.venv-docs/)
# make clean   remove builds and caches; `rm -rf .venv` removes the environment
#
# PYTHON=/path/to/python3.11 picks the interpreter. What needs the environment and what changes it
# wait for each other, in whichever terminals they were called.

SHELL := /bin/sh
PYTHON := $(shell for p in python3.11 python3; do \
	$$p -c '' >/dev/null 2>&1 && { echo $$p; break; }; done)
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check --no-input
# Written last: a set-up that failed or was interrupted has none, so the next call goes on.
STAMP := $(VENV)/.setup-complete
# There while packages are being installed: where it is still there, one may be half installed,
# and the environment is recreated. (Finished downloads stay in pip's cache.)
UNFINISHED := $(VENV)/.setup-unfinished

CHECK_PYTHON := import sys; v = sys.version_info[:2]; \
	sys.exit(None if v in ((3, 10), (3, 11)) else \
	'The pinned packages need Python 3.11 (or 3.10), and this is %d.%d: %s. ' \
	'Remedy: make setup PYTHON=/path/to/python3.11' % (*v, sys.executable))
# Used once in full, so that a broken package shows here and not in the middle of a run.
CHECK_PACKAGES := import mmst, torchvision, mmpretrain, mmseg.models, mmdet.models, mmpose.models

# What its command lint-imports does.
LINT_IMPORTS := from importlinter.cli import lint_imports_command as lint; lint()

# Who makes or removes an environment is alone with it; any number of calls may use it.
LOCK := .make.lock
DOCS_LOCK := .make-docs.lock
alone = $(if $(PYTHON),$(PYTHON) tools/alone.py $(1) 'make $(2)')
again = @+$(call alone,$(1),$(2)) $(MAKE) --no-print-directory LOCKED=yes $(3)

# Docstrings are read, not imported: the documentation needs neither torch nor a toolbox.
DOCS := .venv-docs

.PHONY: help setup test lint types demo docs documentation clean remove
.NOTPARALLEL:

help:
	@sed -n '1,/^$$/s/^# \{0,1\}//p' Makefile

setup: $(STAMP)

# Looked at once more under the lock: another call may have done it meanwhile.
ifndef LOCKED
$(STAMP): requirements.txt requirements-no-deps.txt setup.py
	$(call again,$(LOCK),setup,$@)
else
$(STAMP): requirements.txt requirements-no-deps.txt setup.py
	@if [ -e $(UNFINISHED) ] || { [ -e $(VENV) ] && ! $(RUN) -c ''; }; then \
		echo 'An earlier set-up was not finished: recreating $(VENV).'; rm -rf $(VENV); fi
	@if [ ! -e $(VENV) ]; then \
		[ -n '$(PYTHON)' ] || { echo 'Python 3.11 was not found. Remedy: install it, or' \
			'make setup PYTHON=/path/to/python3.11' >&2; exit 1; }; \
		$(PYTHON) -c "$(CHECK_PYTHON)" || exit 1; \
		$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "This Python lacks its module venv." \
			"Remedy: apt-get install python3-venv (or your system's package of it)" >&2; exit 1; }; \
	fi
	mkdir -p $(VENV)
	touch $(UNFINISHED)
	[ -x $(RUN) ] || $(PYTHON) -m venv $(VENV)
	$(PIP) install -r requirements.txt
	$(PIP) install --no-deps -r requirements-no-deps.txt
	$(PIP) install --no-deps --no-build-isolation --use-pep517 -e .
	$(RUN) -W ignore -c '$(CHECK_PACKAGES)'
	rm -f $(UNFINISHED)
	touch $@
endif

# A test that hung, against pyproject's timeout, is run once more and listed as RERUN.
test: setup
	$(call alone,--shared $(LOCK),test) $(RUN) -m pytest -n 2 --dist loadfile \
		--reruns 1 --only-rerun Timeout -rfER --durations=40 --durations-min=10 $(ARGS)

lint: setup
	$(call alone,--shared $(LOCK),lint) $(RUN) -m ruff check $(ARGS)
	$(call alone,--shared $(LOCK),lint) $(RUN) -c '$(LINT_IMPORTS)'

types: setup
	$(call alone,--shared $(LOCK),types) $(RUN) -m mypy $(ARGS)

demo: setup
	$(call alone,--shared $(LOCK),demo) $(RUN) -W ignore -m mmst demo $(ARGS)

docs:
	$(call again,$(DOCS_LOCK),docs,documentation)

ifdef LOCKED
documentation: $(DOCS)/.complete
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict $(ARGS)

$(DOCS)/.complete: requirements-docs.txt
	rm -rf $(DOCS)
	$(PYTHON) -m venv $(DOCS)
	$(DOCS)/bin/python -m pip --disable-pip-version-check --no-input install -r requirements-docs.txt
	touch $@
endif

clean:
	$(call again,$(LOCK),clean,remove)

ifdef LOCKED
remove:
	$(call alone,$(DOCS_LOCK),clean) rm -rf build dist site *.egg-info \
		.pytest_cache .ruff_cache .mypy_cache .import_linter_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
endif
