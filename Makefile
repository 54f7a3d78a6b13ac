# The newsletter system: tasks for developers, and the demo.
#
#   make run     the demo on http://127.0.0.1:8000 (PORT= for another); no mail is sent outside this machine
#   make test    the whole suite, in parallel (SHUFFLE=1, or another seed, for a random order)
#   make lint    style, types and layers
#   make bench   measured comparisons (WHAT="plan send" for some of them)
#   make lock    write the locks anew from pyproject.toml
#   make sbom    write the bill of materials, sbom.cdx.json, of what an installation has (CycloneDX)
#   make messages   update the catalogues of staff pages, and name what has no translation (CONTRIBUTING.md)
#   make pictures   take the pictures of README.md and docs/tour.md anew, from the demo (needs Debian's package chromium)
#   make gallery FOLDER=/tmp/gallery   the sample edition in all languages, as mail clients show it (needs chromium too)
#   make schema   write mailer/database_schema/*.sql anew, after a change of migrations, models or permissions
#   make release-dump   write tests/project/releases/ for the version in pyproject.toml (docs/upgrading.md)
#   make wheel   build dist/: the wheel, its source, and the lock of what an installation needs (docs/installing.md)

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
ITSELF := --no-deps --no-build-isolation --editable .

.PHONY: run test lint bench lock sbom wheel messages pictures gallery schema release-dump setup

run: .venv/run
	@$(BIN)/mailer demo --port $(PORT)

test: setup
	@$(BIN)/pytest -n logical --maxprocesses 4 --dist loadgroup --no-loadscope-reorder $(if $(SHUFFLE),--shuffle $(SHUFFLE))

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo
	@MAILER_CONFIG=tests/config.toml $(BIN)/mypy

bench: setup
	@$(BIN)/python -m mailer.bench $(WHAT)

lock: setup
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra build pyproject.toml -o requirements-run.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra build --extra test -c requirements-run.lock pyproject.toml -o requirements.lock

	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--group sbom -o requirements-sbom.lock

sbom: .venv-sbom/done
	@.venv-sbom/bin/cyclonedx-py requirements requirements-run.lock --pyproject pyproject.toml --output-reproducible \
		--output-format JSON --output-file sbom.cdx.json
	@echo "Wrote sbom.cdx.json; docs/security.md says how to check it."

wheel: .venv/run
	@rm -rf dist
	@$(BIN)/python -m hatchling build -d dist >/dev/null
	@cp requirements-run.lock dist/
	@ls dist/*

messages: setup
	@$(BIN)/python -m tests.project.catalogues

pictures: setup
	@$(BIN)/python -m tests.pictures

gallery: setup
	@$(BIN)/python -m tests.gallery $(or $(FOLDER),/tmp/gallery)

schema: setup
	@MAILER_CONFIG=tests/config.toml DJANGO_SETTINGS_MODULE=mailer.settings $(BIN)/python -m tests.project.database_schema

release-dump: setup
	@$(BIN)/python -m tests.project.releases

.venv-sbom/done: .venv/bin/python requirements-sbom.lock
	@$(BIN)/python -m venv --clear .venv-sbom
	@.venv-sbom/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-sbom.lock
	@touch $@

setup: .venv/full

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing: install the package python3 (3.11 or newer)."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$$($(PYTHON) --version) is too old: install Python 3.11 or newer, then: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "Python's venv module is missing: install the package python3-venv."; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/run: .venv/bin/python requirements-run.lock pyproject.toml
	@test -e .venv/full || echo "Installing what the demo needs; this takes about half a minute."
	@test -e .venv/full || $(INSTALL) --require-hashes --no-deps -r requirements-run.lock
	@$(INSTALL) $(ITSELF)
	@touch $@

.venv/full: .venv/bin/python requirements.lock pyproject.toml
	@echo "Installing what developing needs; this takes about a minute."
	@$(INSTALL) --require-hashes --no-deps -r requirements.lock
	@$(INSTALL) $(ITSELF)
	@touch .venv/run $@
