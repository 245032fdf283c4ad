# One file of commands; each sets up what it needs. Nothing is installed outside .venv.

PROMPT  ?= upbeat funk with slap bass and drums, 125 bpm, A minor
SECONDS ?= 10
OUT     ?= out
PYTEST  ?= -n 2

CHAOS_OUT ?= .chaos
SOAK_OUT  ?= .soak

export PROMPT OUT  # by the environment, so that quotes in them stay quotes

BIN  := .venv/bin
BASE := .venv/.base
DEV  := .venv/.dev

.DEFAULT_GOAL := help
.PHONY: help demo serve test check pages picture docs docs-serve bench bench-gpu bench-peers judge load simulate soak chaos audit format wheel-test images-test web web-check e2e examples clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(BASE)  ## a song from one command: PROMPT="..." SECONDS=20 SEED=9
	@$(BIN)/muscgen demo --seconds $(SECONDS) --seed $(or $(SEED),8) --out "$$OUT" -- "$$PROMPT"

serve: $(BASE)  ## the service on http://127.0.0.1:8000 until Ctrl-C
	@$(BIN)/muscgen serve

test: $(DEV)  ## the tests
	@scripts/test $(PYTEST)

check: $(DEV)  ## lint, format, types, and which room may import which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive src

pages: $(DEV)  ## write the pages of docs/ that follow from the code, and the README's table
	$(BIN)/python -m pages

picture: $(DEV)  ## what `make demo` makes, as the picture of the README
	$(BIN)/python -m pages.picture

docs: $(DEV)  ## the site of docs/, in out/site
	@$(BIN)/python -m pip install --quiet --group docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

docs-serve: docs  ## the same on http://127.0.0.1:8001, built anew when a page changes
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs serve --dev-addr 127.0.0.1:8001

bench: $(DEV)  ## speed against others at musicgen-small's shapes (two hours): BENCH="--seconds 4 --rounds 1"
	$(BIN)/python -m benchmarks $(BENCH)

bench-gpu: $(DEV)  ## speed on the GPU that is here, against transformers (two minutes): BENCH="--short"
	$(BIN)/python -m benchmarks.gpu $(BENCH)

bench-peers: $(DEV)  ## fetch audiocraft and OpenVINO for the benchmark, into .bench
	$(BIN)/python -m pip install --quiet --no-deps --target .bench/audiocraft audiocraft==1.3.0 einops julius \
		flashy num2words docopt colorlog omegaconf antlr4-python3-runtime==4.9.3
	$(BIN)/python -m pip install --quiet --no-deps --target .bench/openvino openvino openvino-telemetry nncf \
		natsort tabulate psutil ninja pydot pyparsing jsonschema

judge: $(DEV)  ## muscgen-tiny against its stored figures (three minutes): JUDGE="--model ./mine"
	$(BIN)/python recipes/muscgen-tiny/judge.py $(JUDGE)

load: $(DEV)  ## what the API bears: LOAD="--seconds 5 --steady 60" (a quarter of an hour without)
	@ulimit -n 8192 2>/dev/null; $(BIN)/python -m load $(LOAD)

simulate: $(DEV)  ## what Redis bears: up to 1,000 workers without engines (five minutes): SIMULATE="--workers 1 10"
	$(BIN)/python -m simulate $(SIMULATE)

soak: $(DEV)  ## mixed traffic at 80 % of what the machine bears: HOURS=1 (CI: 0.05); results in SOAK_OUT, or .soak
	$(BIN)/python -m soak --hours $(or $(HOURS),0.05) --out $(SOAK_OUT) $(SOAK)

chaos: $(DEV)  ## songs while everything dies: MINUTES=60 SEED=7 (drawn without); results in CHAOS_OUT, or .chaos
	$(BIN)/python -m chaos --minutes $(or $(MINUTES),3) $(if $(SEED),--seed $(SEED)) --out $(CHAOS_OUT)

audit: $(DEV)  ## known faults of what is installed; needs the advisory service, so CI does not run it
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/pip-audit --skip-editable

format: $(DEV)  ## put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel-test: $(DEV)  ## build the wheel, install it in an empty environment, generate with it
	scripts/wheel-test

images-test:  ## build the images, run them, weigh them (root; a quarter of an hour): SUITE=jammy CUDA=1
	CUDA=$(CUDA) scripts/images-test $(SUITE)

web:  ## build the playground from web/ into the package (needs Node)
	cd web && npm ci --silent --no-audit --no-fund && npm run --silent build

web-check:  ## whether the committed playground is what web/ builds (needs Node)
	scripts/web-check

.PHONY: client client-check
client: $(DEV)  ## generate what the TypeScript client has from the service (needs Node)
	$(BIN)/python clients/typescript/generate.py
	cd clients/typescript && npm ci --silent --no-audit --no-fund && npm run --silent types

client-check: $(DEV)  ## whether that is current, and the client's tests; skipped where Node is missing
	scripts/client-check

e2e: $(DEV)  ## the playground in a real browser; pictures in out/e2e (needs Chromium)
	@scripts/system chromium
	@$(BIN)/python -m pip install --quiet --group e2e
	$(BIN)/python -m pytest e2e -p no:randomly

examples: $(DEV)  ## the Gradio page of examples/, in an environment of its own
	scripts/examples-test

clean:  ## remove what these commands made
	rm -rf .venv .bench out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BASE): pyproject.toml scripts/setup
	@echo "setting up .venv (about a minute) ..."
	@scripts/setup base
	@touch $@

$(DEV): pyproject.toml scripts/setup
	@echo "setting up .venv with the test dependencies (some minutes) ..."
	@scripts/setup dev
	@touch $@ $(BASE)
