# make demo: set up, then from nothing to a flashable, verified project.
# make test: set up, then every check.
# Both need Python 3.10 to 3.13 and make, and install the rest into .venv. If the system has no C++ compiler, they install one
# for what microgen compiles. The tests of the firmware itself need g++ and clang++.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# The tests compile what they import; to compile all that the packages hold takes pip longer than to install them.
INSTALL := $(PIP) install --no-compile
DEMO ?= sine-esp32
# As many tests at a time, one more than there are cores, since some wait; each may start TensorFlow (2 GB).
JOBS ?= $(shell n=$$(nproc 2>/dev/null || echo 1); echo $$((n < 4 ? n + 1 : 4)))
PYTEST := pytest -n $(JOBS) --dist worksteal
# The tests write and remove some ten thousand folders: in memory where it has 8 GB of room and may run programs.
ROOM := $(shell f=/dev/shm; [ -z "$$TMPDIR" ] && [ "$$(df -k --output=avail $$f 2>/dev/null | tail -1)" -gt 8000000 ] 2>/dev/null \
	&& ! findmnt -no OPTIONS $$f | grep -q noexec && echo $$f)
COMPILER := $(shell command -v $(CXX) || command -v g++ || command -v clang++)
COMMA := ,
# The tests start microgen hundreds of times: Python is to keep its bytecode, whatever the environment says.
export PYTHONDONTWRITEBYTECODE =
# PyTorch's own index has builds for the CPU alone, which are a tenth as large: TORCH_INDEX is its address.
TORCH_INDEX ?=
EXTRAS := train,flash$(if $(COMPILER),,$(COMMA)compiler)
# What some tests compile with; they skip with a reason where it is missing and cannot be installed.
DEBIAN := g++ chromium clang cmake cppcheck libclang-rt-dev doctest-dev espeak-ng fish gcc-arm-none-eabi \
	gcc-riscv64-unknown-elf gcc-xtensa-lx106 libnewlib-arm-none-eabi libstdc++-arm-none-eabi-newlib picolibc-riscv64-unknown-elf pkg-config qemu-system-arm \
	qemu-system-misc shellcheck xxd zsh

# The Pico SDK is a package of Debian 13 and later; an older one unpacks its sources here.
PICO_SDK := $(HOME)/.cache/pico-sdk-source

# Programs that tests ask in an environment of their own; those that need them skip with a reason where it cannot be made.
TOOLS := $(HOME)/.cache/microgen-tools

.PHONY: demo test setup checks lint types cpp-format cpp-test collect pytest fuzz coverage mutants docs lock format debian tools benchmark clean

demo: $(VENV)/demo.stamp
	$(BIN)/microgen build --board esp32 --out $(DEMO)

test: setup checks pytest

# What needs nothing of the others runs at the same time.
setup:
	$(MAKE) -j3 $(VENV)/test.stamp debian tools

checks: setup
	$(MAKE) -j2 --output-sync lint types cpp-format collect cpp-test

# Compiles the tests and what they import once, instead of in each process that runs them.
collect: $(VENV)/test.stamp
	@$(BIN)/python -m pytest --collect-only -qq >$(VENV)/collected.txt || { cat $(VENV)/collected.txt; exit 1; }

lint: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo --no-cache

types: $(VENV)/test.stamp
	$(BIN)/mypy

CPP := $(shell find firmware tests/firmware tests/devices tests/preprocessing -name '*.h' -o -name '*.c' -o -name '*.cc' -o -name '*.cpp')

cpp-format: $(VENV)/test.stamp
	$(BIN)/clang-format --dry-run -Werror $(CPP)

cpp-test: $(VENV)/test.stamp debian
	$(MAKE) -j$(JOBS) -C tests/firmware test

pytest: $(VENV)/test.stamp debian tools
	@folder=$$(mktemp -d $(if $(ROOM),$(ROOM)/)microgen-tests-XXXXXX$(if $(ROOM),, -t)) && \
	  trap 'rm -rf "$$folder"' EXIT && trap 'exit 130' INT TERM && TMPDIR=$$folder $(BIN)/python -m $(PYTEST)

# Random models in the compiled runtime under ASan and UBSan, byte by byte against TFLM: within a minute of one core.
# SEEDS='0 10000' takes others.
SEEDS ?= 0 400

fuzz: $(VENV)/test.stamp
	$(BIN)/python -m tests.runtimes.compiled.fuzz $(SEEDS)

# Which lines and branches of microgen/ the tests run, workers included.
coverage: $(VENV)/test.stamp debian tools
	rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/coverage run -m $(PYTEST)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# Changes the reader, the planner and the verdict in small ways, and lists the changes that no test notices. Takes hours;
# MUTATE='microgen.runtimes.tflm.planner.kernels.*' takes one file.
mutants: $(VENV)/test.stamp
	$(INSTALL) -c constraints.txt mutmut==3.8.1
	$(BIN)/mutmut run --max-children 1 $(if $(MUTATE),'$(MUTATE)')
	$(BIN)/mutmut results | sed '/: not checked$$/d'

# What the documentation has from elsewhere: references, figures of the benchmarks, pictures, and what its commands print.
docs: $(VENV)/test.stamp
	$(BIN)/python docs/reference.py
	$(BIN)/python docs/figures.py
	$(BIN)/python docs/images/way.py
	$(BIN)/python docs/images/runtimes.py
	$(BIN)/python docs/images/compression.py
	$(BIN)/python docs/images/listening.py
	$(BIN)/python -m tests.support.docs

# The hashes of what microgen and its extras need, and of what builds it, for every Python and machine; asks the index.
lock: $(VENV)/test.stamp
	$(INSTALL) uv==0.13.9
	$(BIN)/python requirements/lock.py

format: $(VENV)/test.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP)

# Debian packages that are missing are installed when this runs as root.
debian:
	@missing=$$(for p in $(DEBIAN); do dpkg -s $$p >/dev/null 2>&1 || echo $$p; done); \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing $$missing"; \
	  (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing) \
	    >/dev/null 2>&1 || echo "not installed: $$missing; the tests that need them skip"; \
	fi
	@if [ -z "$$PICO_SDK_PATH" ] && ! [ -d /usr/src/pico-sdk ] && ! [ -d $(PICO_SDK) ] && command -v apt-get >/dev/null; then \
	  tests/support/pico_sdk.sh $(PICO_SDK) >/dev/null 2>&1 || echo "no Pico SDK; the tests that need it skip"; \
	fi

tools:
	@cmp -s tests/support/tools.txt $(TOOLS)/installed.txt || { \
	  rm -rf $(TOOLS) && $(PYTHON) -m venv $(TOOLS) && \
	  $(TOOLS)/bin/python -m pip --disable-pip-version-check --quiet install --no-compile --no-deps -r tests/support/tools.txt && \
	  cp tests/support/tools.txt $(TOOLS)/installed.txt; \
	} >/dev/null 2>&1 || echo "no ESPHome, no ESP-IDF component manager; the tests that need them skip"

benchmark: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/demo.stamp: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing TensorFlow and the other packages into $(VENV); this takes some minutes"
	$(PIP) install -c constraints.txt -e '.[$(EXTRAS)]'
	touch $@

$(VENV)/test.stamp: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "installing TensorFlow, PyTorch and the other packages into $(VENV); this takes some minutes"
	$(INSTALL) -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) -e '.[$(EXTRAS),torch,dev]'
	touch $(VENV)/demo.stamp $@

clean:
	rm -rf $(VENV) $(DEMO) build dist .pytest_cache .mypy_cache .ruff_cache mutants
