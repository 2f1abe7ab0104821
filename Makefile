# `make demo` and `make test` are all a fresh machine needs: each sets .venv up first, and skips what is done.
PYTHON ?= python3
# Where pip gets torch from; set it to a CPU wheel index to avoid gigabytes of CUDA libraries.
TORCH_INDEX ?=
# A worker per core, each with one thread; what tests share is made once (tests/conftest.py says what goes together).
PYTEST = OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadgroup --no-loadscope-reorder

.PHONY: demo app test check lint bench screenshots cluster clean

demo: .venv/installed
	@.venv/bin/neurons demo

app: .venv/installed
	@.venv/bin/neurons app

test: .venv/installed
	$(PYTEST) -m "not slow"

check: .venv/installed
	$(PYTEST) -m slow

lint: .venv/installed
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/sqlfluff lint models sql/macros tests/dbt
	.venv/bin/sqlfluff lint --templater placeholder sql/*.sql sql/app/*.sql

bench: .venv/installed
	.venv/bin/python -m tests.bench

# Pictures of the explorer on the demo and its experiments, for docs/; needs Debian's chromium.
screenshots: .venv/installed
	.venv/bin/python -m tests.app.screenshots

# Ray, for workers on several machines.
cluster: .venv/installed
	@.venv/bin/pip install --quiet --disable-pip-version-check --no-build-isolation --constraint requirements.lock \
		--editable '.[cluster]'

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 2; }
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv || \
		{ echo "venv is missing: apt-get install python3-venv"; rm -rf .venv; exit 2; }
	@echo "setting up .venv (once, a few minutes)"
	@.venv/bin/pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -r requirements.lock
	@.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch .venv/installed

clean:
	rm -rf .venv
