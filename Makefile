# The list of commands; `make` alone prints it. Variables reach a command through the environment, never through the
# text of a shell command, so quotes, $ and % in them need no escaping.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
# The stamp file of a finished set-up. Its name is a checksum of the lock files, pyproject.toml and the path of the
# checkout, because .venv contains absolute paths.
stamp = $(BIN)/.$(1)-$(shell { pwd; cat deploy/local/setup.sh pyproject.toml $(2); } | cksum | tr -d ' ')
RUNTIME := $(call stamp,runtime,deploy/requirements.lock)
DEV := $(call stamp,dev,deploy/requirements.lock deploy/requirements-dev.lock)

# $(call pass,NAME): exports the variable as it was typed. $(call option,NAME,--name): --name "value" if it is given.
define pass
ifneq ($(origin $(1)),undefined)
override $(1) := $$(value $(1))
export $(1)
endif
endef
option = $${$(1):+$(2) "$$$(1)"}
VARIABLES := SQL FORMAT ID PHONE FROM TO SOURCE MESSAGES DURATION RATE SEED TRUTH FAULTS MINUTES JSON YES KEEP FILE ARGS TOPIC INTO SWAP DROP RESUME RESTART FAST WAIT REPAIR
$(foreach name,$(VARIABLES),$(eval $(call pass,$(name))))

.PHONY: help setup packages-up packages-test up status down clean demo simulate chaos query message check replay diff sent test test-fast fuzz lint bench bench-panels screenshots grafana lock

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  %-12s %s\n' "$$name" "$$text"; done

setup: packages-up $(RUNTIME) ## Create .venv with the pinned packages (every command does it when needed)

up: packages-up $(RUNTIME) ## Start everything and wait until it is healthy
	@$(BIN)/ackstream up

status: $(RUNTIME) ## Show each part: address, health, unprocessed records, last error (JSON=1)
	@$(BIN)/ackstream status $${JSON:+--json}

down: $(RUNTIME) ## Stop everything; stored data is kept
	@$(BIN)/ackstream down

clean: $(RUNTIME) ## Stop everything and delete all stored messages (YES=1: do not ask)
	@$(BIN)/ackstream clean $${YES:+--yes}

demo: $(RUNTIME) ## Post invented traffic and check every number (MESSAGES=20000 RATE= SEED= TRUTH=file)
	@$(BIN)/ackstream demo $(call option,MESSAGES,--messages) $(call option,RATE,--rate) $(call option,SEED,--seed) \
		$(call option,TRUTH,--truth)

simulate: $(RUNTIME) ## Post what providers post, at their times (DURATION=10m RATE=100 SEED= TRUTH=file MESSAGES=)
	@$(BIN)/ackstream simulate $(call option,MESSAGES,--messages) $(call option,DURATION,--duration) \
		$(call option,RATE,--rate) $(call option,SEED,--seed) $(call option,TRUTH,--truth) $$ARGS

query: $(RUNTIME) ## Run SQL on ClickHouse (SQL='SELECT ...' FORMAT=json)
	@$(BIN)/ackstream query $(call option,FORMAT,--format) -- $${SQL:+"$$SQL"}

message: $(RUNTIME) ## Show everything known about a message (ID=wamid... or PHONE=+49...)
	@$(BIN)/ackstream message -- $${ID:+"$$ID"} $${PHONE:+"$$PHONE"}

check: $(RUNTIME) ## Prove that nothing is lost or counted twice (TRUTH=file FROM= TO= SOURCE= FAST=1 WAIT=1 REPAIR=1 JSON=1)
	@$(BIN)/ackstream check $(call option,TRUTH,--truth) $(call option,FROM,--from) $(call option,TO,--to) \
		$(call option,SOURCE,--source) $${FAST:+--fast} $${WAIT:+--wait} $${REPAIR:+--repair} $${JSON:+--json}

replay: $(RUNTIME) ## Read stored bodies again (FROM=2026-11-01 TO= SOURCE= TOPIC= RATE= INTO=name; SWAP=name; DROP=name)
	@$(BIN)/ackstream replay $(call option,FROM,--from) $(call option,TO,--to) $(call option,SOURCE,--source) \
		$(call option,TOPIC,--topic) $(call option,RATE,--rate) $(call option,INTO,--into) $(call option,SWAP,--swap) \
		$(call option,DROP,--drop) $${RESUME:+--resume} $${RESTART:+--restart}

diff: $(RUNTIME) ## Show which numbers a replay into separate tables would change (INTO=name JSON=1)
	@$(BIN)/ackstream diff $${JSON:+--json} -- $${INTO:+"$$INTO"}

sent: $(RUNTIME) ## Report what your own program sent (FILE=records.csv or .ndjson, SOURCE=)
	@$(BIN)/ackstream sent $(call option,SOURCE,--source) -- $${FILE:+"$$FILE"}

test: packages-test $(DEV) ## Run the tests (ARGS='tests/deploy/local -k name')
	@$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder $$ARGS

test-fast: $(DEV) ## Run the tests that need no service (ARGS=tests/schemas)
	@$(BIN)/python -m pytest --numprocesses 2 -m 'not service and not fuzz' $$ARGS

fuzz: packages-test $(DEV) ## Test with random inputs until one fails or the time is over (MINUTES=5 ARGS=tests/schemas)
	@$(BIN)/python -m tests.support.fuzz $(call option,MINUTES,--minutes) $$ARGS

chaos: $(DEV) ## Break every part under load and prove that nothing is lost (FAULTS=60 MINUTES=10 SEED=1)
	@$(BIN)/python -m tests.faults $(call option,FAULTS,--faults) $(call option,MINUTES,--minutes) $(call option,SEED,--seed)

lint: $(DEV) ## Check style, complexity, docstrings and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(DEV) ## Measure speed against a reference in the same run
	@for file in tests/bench/[a-z]*.py; do \
		name=$$(basename "$$file" .py); echo "== $$name"; $(BIN)/python -m "tests.bench.$$name" || exit 1; done

bench-panels: $(DEV) ## Time every panel over many messages (MESSAGES=10000000, KEEP=folder to fill once)
	@$(BIN)/python -m tests.bench.panels $(call option,MESSAGES,--messages) $(call option,KEEP,--keep)

screenshots: packages-test $(DEV) ## Take the pictures of README.md from the running stack
	@$(BIN)/python -m tests.support.screenshots

grafana: $(DEV) ## Build the Grafana dashboards and alert rules from the panels
	@$(BIN)/python -m dashboards.grafana.build

lock: $(DEV) ## Write the lock files from pyproject.toml (UPGRADE=1: with the newest versions)
	@sh deploy/local/lock.sh

# Installs the system packages that a target needs, or prints the command. Only the tests of dashboards need a browser.
packages-up:
	@sh deploy/local/setup.sh packages up

packages-test:
	@case "$$ARGS" in \
	'' | *dashboards*) sh deploy/local/setup.sh packages test ;; \
	*schemas*) ;; \
	*) sh deploy/local/setup.sh packages up ;; \
	esac

$(BIN)/python:
	@sh deploy/local/setup.sh create

$(RUNTIME): $(BIN)/python
	@sh deploy/local/setup.sh runtime "$@"

$(DEV): $(RUNTIME)
	@sh deploy/local/setup.sh dev "$@"
