# `make run` starts the server, `make test` runs every test. Each installs what it
# needs into .venv first and is quick the second time.

MODEL ?= base
QUANT ?= q8_0
# More options of `make bench`, such as BENCH='--offline --limit 6'.
BENCH ?=
BASELINES := build/baselines
TEST_MODELS := base-q8_0 tiny.en-q8_0 silero-v6.2.0
# Percent of lines and branches that `make check` wants covered.
FAIL_UNDER ?= 99

VENV := .venv
BIN := $(VENV)/bin
WS := $(BIN)/python -m whispercpp_ws
QUIET_PIP := pip --disable-pip-version-check --no-input install --quiet
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install

# Only what was given here: the environment and a TOML file may name a model too.
GIVEN_MODEL = $(if $(filter-out file,$(origin MODEL)),--model '$(MODEL)') \
	$(if $(filter-out file,$(origin QUANT)),--quant '$(QUANT)')

# The first interpreter that is new enough; asked for only when .venv is made.
PYTHONS := python3.13 python3.12 python3.11 python3 python
IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON = $(shell for p in $(PYTHONS); do \
	$$p -c '$(IS_NEW_ENOUGH)' 2>/dev/null && echo $$p && break; done)

INSTALL = @echo 'Installing $(1) into $(VENV) ...'; $(PIP) --editable '$(2)' || { \
	echo 'Could not install $(1): see the lines above; is a package index reachable?' \
	>&2; exit 1; }

# Options of `make mic`, such as MIC='--lang ru'.
MIC ?=

.PHONY: run mic test test-page test-units check lint format types coverage demo models
.PHONY: bench readme clean
.PHONY: bench-baselines bench-compared numbers compared compatibility clients native

# What `make native` builds, and with CUDA=1, and which of them there is, that for a GPU
# if both are.
NATIVE_LIBRARY := build/native/lib/libwhisper.so
CUDA_LIBRARY := build/native-cuda/lib/libwhisper.so
NATIVE_BUILT = $(firstword $(wildcard $(CUDA_LIBRARY) $(NATIVE_LIBRARY)))
run bench: export WHISPERCPP_WS_LIBWHISPER ?= $(abspath $(NATIVE_BUILT))

run: $(VENV)/installed
	@exec $(WS) serve $(GIVEN_MODEL)

mic: $(VENV)/installed-mic
	@exec $(WS) mic $(MIC)

# Tests of the page mostly wait for speech, those of units wait for nothing: side by
# side they take five minutes less. What needs both cores comes behind them, alone.
PYTEST := $(BIN)/python -m pytest
TESTS_ALONE := tests/e2e tests/scripts
test: $(VENV)/installed-dev test-models
	@$(MAKE) --no-print-directory --jobs=2 test-page test-units
	$(PYTEST) $(TESTS_ALONE)

# Shown once it is over: two runs at once would write into each other's lines.
test-page: $(VENV)/installed-dev test-models
	@mkdir -p build
	@$(PYTEST) tests/browser >build/test-page.log 2>&1; code=$$?; \
		cat build/test-page.log; exit $$code

test-units: $(VENV)/installed-dev test-models
	$(PYTEST) $(addprefix --ignore=,tests/browser $(TESTS_ALONE))

check: lint coverage

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/installed-dev
	$(BIN)/mypy

coverage: $(VENV)/installed-dev test-models
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=$(FAIL_UNDER)

demo: $(VENV)/installed
	@$(WS) demo

models: $(VENV)/installed
	@$(WS) models fetch $(MODEL) --quant $(QUANT)

bench: $(VENV)/installed-dev
	$(BIN)/python -m scripts.bench --model '$(MODEL)' --quant '$(QUANT)' $(BENCH)

# Three servers to compare with: two in environments of their own (about 2 GB), with the
# weights of base, and whisper.cpp's, which is built and needs cmake and a C++ compiler:
# `make bench BENCH='--server whisper-live'` measures one.
WHISPER_SERVER_PROGRAM := $(BASELINES)/whisper-server/bin/whisper-server
bench-baselines: $(BASELINES)/sliding-window/installed \
		$(BASELINES)/whisper-live/installed $(BASELINES)/base/model.bin \
		$(WHISPER_SERVER_PROGRAM)
	@echo "Ready: make bench BENCH='--server sliding-window'"
	@echo "       make bench BENCH='--server whisper-live'"
	@echo "       make bench BENCH='--server whisper-server'"

$(BASELINES)/whisper-live/installed: scripts/bench/baselines/whisper-live.no-deps.txt
$(BASELINES)/%/installed: scripts/bench/baselines/%.txt | $(VENV)/made
	@echo 'Installing $* into $(@D) ...'
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m $(QUIET_PIP) --requirement $<
	@$(if $(wildcard $(<:.txt=.no-deps.txt)),$(@D)/bin/python -m $(QUIET_PIP) \
		--no-deps --requirement $(<:.txt=.no-deps.txt))
	@touch $@

$(BASELINES)/base/model.bin: | $(VENV)/installed
	@echo 'Fetching the CTranslate2 files of base into $(@D) ...'
	@$(BIN)/python -m scripts.bench.baselines.weights $(@D)

# Clients of other servers that are no Python packages, or have needs of their own:
# see tests/e2e/foreign.py. Those of Node are left out where there is no npm.
CLIENTS := build/clients
CLIENT_LISTS := tests/e2e/clients
clients: $(CLIENTS)/installed $(CLIENTS)/installed-node

$(CLIENTS)/installed: $(CLIENT_LISTS)/requirements.txt \
		$(CLIENT_LISTS)/requirements.no-deps.txt | $(VENV)/made
	@echo 'Installing clients of other servers into $(@D) (about 1 GB) ...'
	@$(BIN)/python -m venv --clear $(@D)
	@$(@D)/bin/python -m $(QUIET_PIP) --requirement $<
	@$(@D)/bin/python -m $(QUIET_PIP) --no-deps \
		--requirement $(CLIENT_LISTS)/requirements.no-deps.txt
	@touch $@

$(CLIENTS)/installed-node: $(CLIENT_LISTS)/package.json
	@mkdir -p $(@D)
	@if command -v npm >/dev/null; then \
		echo 'Installing clients of other servers into $(<D)/node_modules ...'; \
		npm install --prefix $(<D) --no-package-lock --no-audit --no-fund --silent \
		&& touch $@; \
	else echo 'No npm here: clients that run in Node are left out.' >&2; fi

# Tries the clients of other servers, and writes README's table of what works.
compatibility: $(VENV)/installed-dev test-models clients
	RECORD_COMPATIBILITY=1 $(BIN)/python -m pytest -m proves tests/e2e tests/browser
	$(BIN)/python -m tests.test_docs

# The sources of the libwhisper that the wheel carries.
WHISPER_CPP := build/whisper.cpp/fetched
$(WHISPER_CPP): | $(VENV)/installed
	@command -v cmake >/dev/null || { \
		echo 'cmake and a C++ compiler are needed to build whisper.cpp.' >&2; exit 1; }
	@$(BIN)/python -m scripts.whisper_cpp $(@D)
	@touch $@

BUILD_WHISPER_CPP = cmake -S build/whisper.cpp -DCMAKE_BUILD_TYPE=Release \
	-DWHISPER_BUILD_TESTS=OFF >/dev/null

# The instructions are those of the wheel, too.
$(WHISPER_SERVER_PROGRAM): | $(WHISPER_CPP)
	@echo 'Building whisper-server into $(@D) (minutes) ...'
	@$(BUILD_WHISPER_CPP) -B $(@D)/.. -DBUILD_SHARED_LIBS=OFF -DGGML_NATIVE=OFF \
		-DCMAKE_C_FLAGS=-w -DCMAKE_CXX_FLAGS=-w
	@cmake --build $(@D)/.. --target whisper-server --parallel >/dev/null

# libwhisper for the processor of this machine, with kernels that the wheel leaves out;
# with CUDA=1 for its NVIDIA GPU as well, beside the other.
# Not with AMX: gcc 12 makes code of it that crashes on q8_0 (llama.cpp #20824).
CUDA :=
native: $(if $(filter-out 0,$(CUDA)),$(CUDA_LIBRARY),$(NATIVE_LIBRARY))
	@echo 'Ready: `make run` and `make bench` take $<; other commands with'
	@echo "       export WHISPERCPP_WS_LIBWHISPER='$(abspath $<)'"

NO_AMX := -mno-amx-tile -mno-amx-int8 -mno-amx-bf16
CONFIGURE_NATIVE = flags=-w; $(CC) $(NO_AMX) -E -x c /dev/null >/dev/null 2>&1 \
	&& flags="-w $(NO_AMX)"; \
	$(BUILD_WHISPER_CPP) -B $(@D)/.. -DBUILD_SHARED_LIBS=ON \
	-DWHISPER_BUILD_EXAMPLES=OFF -DGGML_NATIVE=ON -DGGML_LLAMAFILE=ON \
	-DCMAKE_LIBRARY_OUTPUT_DIRECTORY='$(abspath $(@D))' \
	-DCMAKE_BUILD_RPATH_USE_ORIGIN=ON \
	-DCMAKE_C_FLAGS="$$flags" -DCMAKE_CXX_FLAGS="$$flags"

$(NATIVE_LIBRARY): | $(WHISPER_CPP)
	@echo 'Building libwhisper into $(@D) (minutes) ...'
	@$(CONFIGURE_NATIVE)
	@cmake --build $(@D)/.. --parallel >/dev/null

# "native" is the GPU that is here; else numbers as cmake takes them, such as '86;90'.
CUDA_ARCHITECTURES ?= native
# Flash attention is never asked for (see engine.py), and without its kernels a quarter
# of the files is next to empty. NCCL is for several GPUs, of which only one is used.
CUDA_FLAGS = -DGGML_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES='$(CUDA_ARCHITECTURES)' \
	-DGGML_CUDA_FA=OFF -DGGML_CUDA_NCCL=OFF -DCMAKE_CUDA_FLAGS=-w \
	$(if $(shell command -v ninja),-G Ninja)

# As many compilers as processors, where make would start all of them: each takes half a
# gigabyte.
$(CUDA_LIBRARY): | $(WHISPER_CPP)
	@echo 'Building libwhisper with CUDA into $(@D) (many minutes) ...'
	@$(CONFIGURE_NATIVE) $(CUDA_FLAGS)
	@cmake --build $(@D)/.. --parallel "$$(nproc)" >$(@D)/../build.log 2>&1 || { \
		tail -n 40 $(@D)/../build.log >&2; exit 1; }

# What README shows of the page; other screenshots of tests are in build/screenshots.
.PHONY: screenshots
screenshots: $(VENV)/installed-dev test-models
	KEEP_SCREENSHOTS=1 $(BIN)/python -m pytest tests/browser -k 'black_when_settled or phone'

# The reports of `make bench` whose numbers stand in README.
REPORTS ?=
numbers: $(VENV)/installed-dev
	$(BIN)/python -m scripts.bench.readme $(REPORTS)

# The same recordings through this server and the three others, in turn. They let
# everybody in; ours would refuse a second speaker whom two cores have no time for.
COMPARED ?= --clients 1 2 -- --set librispeech_en --limit 20 -- --max-load 100
bench-compared: $(VENV)/installed-dev bench-baselines
	$(BIN)/python -m scripts.bench.compared $(COMPARED)

compared: $(VENV)/installed-dev
	$(BIN)/python -m scripts.bench.readme --compared $(REPORTS)

readme: $(VENV)/installed-dev
	$(BIN)/python -m tests.test_docs

.PHONY: test-models
test-models: $(VENV)/installed
	@for model in $(TEST_MODELS); do $(WS) models fetch $$model || exit 1; done

clean:
	rm -rf $(VENV) build dist *.egg-info .coverage* .mypy_cache .pytest_cache \
		.ruff_cache .hypothesis

$(VENV)/made:
	@test -n '$(PYTHON)' || { \
		echo 'Python 3.11 or newer is needed; none was found as $(PYTHONS).' >&2; \
		exit 1; }
	@echo 'Creating $(VENV) with $(PYTHON) ...'
	@$(PYTHON) -m venv --clear $(VENV) || { \
		echo 'Could not create $(VENV): see above; is the venv module installed?' >&2; \
		exit 1; }
	@touch $@

$(VENV)/installed: $(VENV)/made pyproject.toml
	$(call INSTALL,whispercpp-ws,.)
	@touch $@

$(VENV)/installed-mic: $(VENV)/installed
	$(call INSTALL,the microphone,.[mic])
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(call INSTALL,the test tools,.[dev])
	@touch $@
