# make demo    the whole job on generated clips: prepare, train, evaluate, export, predict
# make test    one test of each kind; `make test-all`: all of them, so every preset and checkpoint
# make bench   the speed of ops, models and exports beside their goals: benchmarks/results/, docs/performance.md
# make lint    ruff, clang-format, and the table of allowed imports (.importlinter)
# make docs    the documentation site, in site/; a broken link or an unknown name is an error
# make setup   .venv/ with the pinned stack and the compiled ops; the others call it
#
# make fuzz CASES=1000 SEED=0    damaged and hostile inputs, counted (docs/reliability.md)
# make audit        looks for published holes in the pinned packages
# make lock         renews locks/: the pinned versions with the hashes of their files
# make sanitize     the op tests with the C++ code under AddressSanitizer and UBSan
# make test-tf221   the op tests on TensorFlow 2.21, in .venv-tf221/
# make bazel        the op tests with the library that Bazel builds
#
# PYTHON=... chooses the interpreter (3.11 is what the pinned stack is for).

CASES ?= 1000
SEED ?= 0
FUZZERS := tests.data.fuzz_videos tests.data.fuzz_records tests.data.fuzz_descriptions \
	tests.data.fuzz_notes tests.weights.fuzz_checkpoints tests.training.fuzz_workdirs tests.ops.fuzz_ops
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# Each file that is installed must have one of the hashes in the lock.
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation
LOCKED := $(INSTALL) --require-hashes -r
TOOLS := .venv-tools/bin
BUILD_INPUTS := setup.py setup.cfg pyproject.toml locks/build.txt locks/setup.txt \
	$(shell find custom_ops -type f \( -name '*.cc' -o -name '*.cu' -o -name '*.h' \
	-o -name 'CMakeLists.txt' -o -name 'sources.bzl' -o -name 'build_info.py' \))
CXX_SOURCES := $(shell find custom_ops -name '*.cc' -o -name '*.cu' -o -name '*.h')

.PHONY: demo test test-all bench docs fuzz audit lock sanitize test-tf221 bazel lint format setup clean

demo: setup
	$(BIN)/python -m trainers.demo --output=demo

test: .venv/.test-complete
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

test-all: .venv/.test-complete
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --exhaustive

fuzz: .venv/.test-complete
	@status=0; for fuzzer in $(FUZZERS); do \
	  echo "$$fuzzer"; \
	  $(BIN)/python -m $$fuzzer --cases=$(CASES) --seed=$(SEED) || status=1; \
	done; exit $$status

audit: .venv-tools/.complete
	@$(TOOLS)/pip-audit --strict --disable-pip --require-hashes --vulnerability-service osv \
	  --progress-spinner off $(addprefix --requirement ,$(wildcard locks/*.txt)) || { \
	  echo "audit: not passed. Above is a published hole, or the reason why https://api.osv.dev did" \
	    "not answer." >&2; exit 1; }

lock: setup .venv-tools/.complete
	$(BIN)/python .ci/lock $(TOOLS)/uv

sanitize: setup
	.ci/sanitize $(BIN)/python

test-tf221:
	.ci/tf221 $(PYTHON)

bazel: setup
	.ci/bazel $(BIN)/python

bench: .venv/.bench-complete
	$(BIN)/python -m benchmarks.op_speed --csv=benchmarks/results/op_speed.csv \
	  --docs=docs/performance.md
	$(BIN)/python -m benchmarks.model_speed --csv=benchmarks/results/model_speed.csv \
	  --docs=docs/performance.md
	$(BIN)/python -m benchmarks.export_speed --csv=benchmarks/results/export_speed.csv \
	  --docs=docs/performance.md

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(CXX_SOURCES)
	$(BIN)/lint-imports --no-cache

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CXX_SOURCES)

setup: .venv/.complete

.venv/.complete: $(BUILD_INPUTS)
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v == (3, 11) else \
	  "The pinned stack is for Python 3.11; this is %d.%d. Set PYTHON=python3.11." % v)'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { test "$$(id -u)" = 0 && apt-get update -qq && apt-get install -y -qq python3.11-venv; } || \
	  { echo "Python has no venv module; on Debian: apt-get install python3.11-venv"; exit 1; }
	$(PYTHON) -m venv .venv
	$(LOCKED) locks/build.txt
	$(LOCKED) locks/setup.txt
	$(INSTALL) --no-deps --editable .
	$(BIN)/python -m gsf_tf.doctor
	touch $@

# PyPI has no torch for CPUs alone (docs/install.md); the other one brings the CUDA libraries.
.venv/.test-complete: .venv/.complete locks/torch-cpu.txt locks/torch-cuda.txt
	$(LOCKED) locks/torch-cpu.txt --no-deps || { \
	  echo "torch for CPUs could not be installed (above); PyPI's comes with the CUDA libraries."; \
	  $(LOCKED) locks/torch-cuda.txt --no-deps; }
	touch $@

.venv/.bench-complete: .venv/.test-complete locks/bench.txt
	$(LOCKED) locks/bench.txt
	touch $@

.venv-tools/.complete: locks/tools.txt
	$(PYTHON) -m venv .venv-tools
	$(TOOLS)/pip install --quiet --disable-pip-version-check --require-hashes -r locks/tools.txt
	touch $@

clean:
	rm -rf .venv .venv-tf221 .venv-tools build dist site *.egg-info gsf_tf/ops/_gsf_tf_ops.so gsf_tf/ops/_build_info.json
