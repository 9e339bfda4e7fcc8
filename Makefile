# Every command of the hall. Each target is one line; the work is in the script that it calls.

.DEFAULT_GOAL := help
.PHONY: help environment environments pages run demo reconcile reset test check quick format lock lint-services courier-conformance chaos bench lighthouse package deploy

PYTHON ?= .venv/bin/python
SYSTEM_PYTHON ?= python3
STAGE ?= prod

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {sub(/:.*/, "", $$1); printf "  \033[1m%-19s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- on this machine

environment: ## bring .venv to what requirements/dev.txt says
	@$(SYSTEM_PYTHON) -m infra.local.bootstrap environment

environments:
	@$(SYSTEM_PYTHON) -m infra.local.bootstrap environments

pages: environment ## build the pages' static files
	@$(PYTHON) -m infra.web.build

run: ## open the whole hall here; Ctrl-C closes it (PORT=8000 AWS_PORT=4566 STRIPE_PORT=8420 COURIER_PORT=8430 S3_PORT=8440 STATE=.local)
	@$(SYSTEM_PYTHON) -m infra.local.bootstrap

demo: ## walk a case of each service from door to door against the open hall, and show its log (STATE=.local)
	@$(PYTHON) -m infra.local.demo

reconcile: ## compare books with the payment provider's statement, as every night or a day's, in the open hall (DATE=2026-11-22 STATE=.local)
	@$(PYTHON) -m infra.local.reconcile $(DATE)

reset: ## forget what the hall here has kept (STATE=.local)
	@$(SYSTEM_PYTHON) -m infra.local.forget

# --- quality

test: environments pages ## the whole test suite, from nothing (THOROUGH=1: with more sizes, languages and answers)
	@$(PYTHON) -m tests $(if $(THOROUGH),--thorough)

check: quick test ## what CI asks: format, lint, types, layers, services, and the whole test suite

quick: environment ## the quick half of check, without tests
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports --no-cache
	@$(PYTHON) -m infra.web.check
	@$(MAKE) --no-print-directory lint-services

format: environment ## put code into shape
	@$(PYTHON) -m ruff check --fix-only --quiet .
	@$(PYTHON) -m ruff format .

lock: environment ## renew the lock files from requirements.in and requirements/*.in
	@requirements/lock

lint-services: environment ## check every service: its form, texts, examples, and that nobody has to come in person
	@$(PYTHON) -m chalicelib.forms.lint

courier-conformance: environment ## put an endpoint of the open courier contract to the kit (URL=… SECRET=whsec_… DRIVE=… LISTEN=host:port WAIT=20 HAND=1)
	@COURIER_SECRET='$(SECRET)' $(PYTHON) -m tests.conformance --url '$(URL)' --drive '$(DRIVE)' --listen '$(LISTEN)' $(if $(WAIT),--wait $(WAIT)) $(if $(HAND),--by-hand)

chaos: environment ## whole journeys in simulated time, with everything going wrong (N=1000 SEED=1, or REPLAY=4711 for the story of one)
	@$(PYTHON) -m tests.chaos $(if $(N),--journeys $(N)) $(if $(SEED),--seed $(SEED)) $(if $(REPLAY),--replay $(REPLAY))

bench: environments pages ## measure the hall on this machine (ROWS=20000)
	@$(PYTHON) -m tests.bench

lighthouse: environments ## Lighthouse's scores of the open hall's form and tracking pages, on a machine at rest (STATE=.local)
	@$(PYTHON) -m tests.bench.lighthouse

# --- AWS

package: pages ## pack for AWS into build/STAGE/ (STAGE=prod, ARCHITECTURE=arm64|x86_64)
	@$(PYTHON) -m infra.aws.package --stage $(STAGE) $(if $(ARCHITECTURE),--architecture $(ARCHITECTURE))

deploy: pages ## pack and deploy to AWS (STAGE=prod HALL_URL=https://…, see infra/aws/README.md)
	@$(PYTHON) -m infra.aws.deploy --stage $(STAGE) $(if $(ARCHITECTURE),--architecture $(ARCHITECTURE)) $(if $(HALL_URL),--parameter HallUrl=$(HALL_URL))
