# gwfollow: what people run.  "make" alone says what there is.
.DEFAULT_GOAL := help
.PHONY: help install lock lint test demo demo-stop bench bench-airflow bench-alerts bench-scans site clean

OUT ?= demo-run

help: ## say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 15

install: ## make .venv with everything in it (PYTHON=... chooses the interpreter)
	@PYTHON="$(PYTHON)" sh scripts/install.sh

demo: install ## one event from blueprint to result pages, on a real Airflow and HTCondor (OUT=DIR STRAIN=DIR KEEP=1)
	@.venv/bin/python -m gwfollow.sandbox.demo run --out "$(OUT)" $(if $(STRAIN),--strain "$(STRAIN)") $(if $(KEEP),--keep)

demo-stop: install ## end what "make demo KEEP=1" left running (OUT=DIR)
	@.venv/bin/python -m gwfollow.sandbox.demo stop --out "$(OUT)"

lint: install ## ruff and mypy --strict; changes nothing
	@sh scripts/lint.sh

test: install ## lint and every test (TESTS="tests/ledger -k journal" for some)
	@sh scripts/test.sh $(TESTS)

bench: install ## the measurements against asimov 0.8.0, as a table with ratios (ARGS="--events 100")
	@.venv/bin/python bench/compare_asimov.py $(ARGS)

bench-airflow: install ## what Airflow's part costs: DAG file, waits, latency, overhead over bare bilby_pipe (about 15 minutes)
	@for each in dag_parse waits latency overhead; do echo; .venv/bin/python bench/$$each.py || exit 1; done

bench-alerts: install ## an alert's way: GraceDB, Kafka, inbox, run, job; with 0, 200 and 1000 active events; then 1000 at once (about 10 minutes, ARGS="--bulk 100")
	@.venv/bin/python bench/alert_latency.py $(ARGS)
	@.venv/bin/python bench/alert_burst.py

bench-scans: install ## omega scans and their transform beside gwdetchar-omega and gwpy (about 25 minutes, ARGS="--sizes 0 1")
	@.venv/bin/python bench/qtransform.py
	@.venv/bin/python bench/omega_scan.py $(ARGS)

lock: install ## compile requirements.lock from pyproject.toml (UPGRADE=1: newest of everything)
	@UPGRADE="$(UPGRADE)" sh scripts/lock.sh

site: ## what docker-compose.yaml expects beside it: folders, random secrets, .env
	@sh scripts/site.sh

clean: ## remove .venv and all caches; results stay
	rm -rf .venv .venv-peers .tools build src/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src plugins dags tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
