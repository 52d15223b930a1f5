# `make demo` and `make test` do all the set-up on a fresh machine. `make help` lists the rest.
SHELL := /bin/bash
PROFILE ?= demo
PORT ?= 8080
VENV := .venv
BIN := $(VENV)/bin
MODELS := tests/training/ tests/end_to_end/
SERVING := tests/serving/
PYTEST := $(BIN)/python -m pytest -q --durations=15 -p no:cacheprovider
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help setup system demo test test-lint test-data test-models test-serving lint ui chat serve cluster-test circle-test test-stack spark-package clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 15

setup: system $(VENV)/.ready  ## install what Parlance needs: system programs (as root), Python packages

system:
	@need=""; \
	command -v java >/dev/null || [ -n "$$JAVA_HOME" ] || need="$$need openjdk-17-jre-headless"; \
	if [ -n "$$need" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing$$need"; apt-get update -qq && apt-get install -y -qq --no-install-recommends $$need; \
	  else \
	    echo "error: missing$$need; install with: sudo apt-get install$$need" >&2; exit 1; \
	  fi; \
	fi

# uv reads neither pip's configuration nor its find-links; without a local wheel it picks the torch build
# that fits the machine (CPU or CUDA) itself.
$(VENV)/.ready: requirements.lock pyproject.toml
	@python=$$(for p in python3.11 python3.12 python3; do command -v $$p; done | while read -r p; do \
	  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null && echo $$p && break; done); \
	[ -n "$$python" ] || { echo "error: no Python 3.11 or 3.12 on PATH; install one" >&2; exit 1; }; \
	[ -x $(BIN)/python ] || $$python -m venv $(VENV) || { echo "error: venv failed; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv
	@echo "installing Python packages (about a minute)"
	@if [ -n "$$PIP_FIND_LINKS" ]; then links="--find-links $$PIP_FIND_LINKS"; else links="--torch-backend=auto"; fi; \
	$(BIN)/uv pip install -q --compile-bytecode --python $(BIN)/python $$links -r requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

demo: setup  ## the whole pipeline under Airflow; DATA=path for your own conversations, PROFILE=name
	@$(BIN)/python -m plugins.standalone demo --profile "$(PROFILE)" $(if $(DATA),--data "$(DATA)") --port $(PORT) $(ARGS)

ui: setup  ## Airflow with the DAGs; prints address and login; PORT=8080
	@$(BIN)/python -m plugins.standalone ui --port $(PORT)

chat: setup  ## talk to the champion
	@$(BIN)/parlance chat

serve: setup  ## the champion over HTTP, as OpenAI's API; ARGS="--port 9000"
	@$(BIN)/parlance serve $(ARGS)

lint: setup  ## ruff and mypy
	@$(MAKE) --no-print-directory test-lint

test-lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .

# Two at a time, in this order: whatever ends first makes room for the next, so that no core waits.
test: setup  ## lint and all tests, two processes side by side
	@$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=line test-lint test-data test-models test-serving

test-data:
	$(PYTEST) $(filter-out $(MODELS) $(SERVING),$(wildcard tests/*/ tests/test_*.py)) $(ARGS)

test-models:
	$(PYTEST) $(MODELS) $(ARGS)

test-serving:
	$(PYTEST) $(SERVING) $(ARGS)

cluster-test: setup  ## tests on several hosts and under Slurm, which it installs; as root, on Debian
	apt-get install -y -qq --no-install-recommends iproute2 openssh-server pdsh slurmctld slurmd slurm-client munge
	$(BIN)/python -m pytest -q -m cluster

circle-test: setup  ## people talk to the champion, it is trained anew, one of them is erased: ten minutes
	$(BIN)/python -m pytest -q -m circle tests/end_to_end

test-stack: setup  ## docker-compose.yml without a container engine, its parts killed; installs PostgreSQL, Redis; 20 minutes
	@need=""; \
	ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || need="$$need postgresql"; \
	command -v redis-server >/dev/null || need="$$need redis-server"; \
	if [ -n "$$need" ]; then apt-get update -qq && apt-get install -y -qq --no-install-recommends $$need; fi
	timeout --signal=INT 1200 $(BIN)/python -m pytest -q -s -p no:cacheprovider -m stack tests/stack $(ARGS)

spark-package: setup  ## dist/: the code and the packages that Spark executors need (docs/operating.md); ARGS="--with torch"
	@$(BIN)/python -m pipeline.spark.package dist $(ARGS)

clean:  ## delete artifacts and runs (var/), not the environment
	rm -rf var
