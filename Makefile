# Development of feedmill. `make` alone lists the verbs.
#
# Each verb sets up what it needs: the interpreter and the environment once, the kernel whenever a source has changed.

PYTHON     := .venv/bin/python
PYTHON_GIL := .venv-gil/bin/python
MADE_FROM  := pyproject.toml setup.py $(wildcard tools/constraints*.txt)

# Forcing the GIL on would test nothing, forcing it off hides a module that switches it on.
unexport PYTHON_GIL
# More for pytest: make test ARGS='-k channel -x'
ARGS ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help
help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | awk -F '\t' '{ printf "  make %-13s %s\n", $$1, $$2 }'

##—— The environments ——

# An environment whose interpreter was removed is made again.
alive = $(shell $(1) -c 0 2>/dev/null || echo absent)

.PHONY: absent
.venv/made-from: $(MADE_FROM) $(call alive,$(PYTHON))
	@tools/make-venv .venv free-threaded
.venv-gil/made-from: $(MADE_FROM) $(call alive,$(PYTHON_GIL))
	@tools/make-venv .venv-gil gil

.PHONY: setup
setup: build ## Find or build a free-threaded CPython 3.13, make .venv, build the kernel

.PHONY: setup-gil
setup-gil: build-gil ## The same on CPython 3.13 with the GIL, in .venv-gil

##—— The kernel ——

# setup.py does nothing in a second when nothing has changed. The lock is for two shells in one checkout; its directory
# is one that `make clean` takes away.
$(shell mkdir -p build)
build_kernel = flock build/kernel.lock $(1) setup.py -q build_ext --inplace

.PHONY: build
build: .venv/made-from ## Build the kernel where src/_core has changed
	@$(call build_kernel,$(PYTHON))

.PHONY: build-gil
build-gil: .venv-gil/made-from
	@$(call build_kernel,$(PYTHON_GIL))

##—— The sample ——

RUN := .venv/bin/feedmill process examples/dealer_feed.csv --dealers examples/dealers.csv \
	--to sqlite:///build/run/feedmill.db --rejects build/run/rejects.csv --report build/run/report.json

# Some records of the sample are bad, as in life: exit code 1 says so and is no failure of the run.
.PHONY: run
run: build ## Load the sample feed into build/run/feedmill.db and show what became of its records
	@rm -rf build/run && mkdir -p build/run
	$(RUN) || [ $$? -eq 1 ]
	@echo
	@echo "Three of the rejects in build/run/rejects.csv (the database is build/run/feedmill.db):"
	@sed -n '1p; 2p; 200p; 500p' build/run/rejects.csv

##—— The tests ——

.PHONY: test
test: build ## Run the tests without the GIL; ARGS='-k name' narrows them
	$(PYTHON) -m pytest $(ARGS)

.PHONY: test-gil
test-gil: build-gil ## Run the tests with the GIL
	$(PYTHON_GIL) -m pytest $(ARGS)

# What changes something of the whole process (standard output, the environment, a logger's level) is found by its fixtures
# and runs in one thread; what else cannot be doubled is marked thread_unsafe, with its reason.
PARALLEL := tests/core tests/readers tests/pipeline $(filter-out tests/test_cli% tests/test_layers.py \
	tests/test_examples.py tests/test_interpreter.py tests/test_readme.py tests/test_benchmarks.py tests/test_fuzz.py, $(wildcard tests/test_*.py))

.PHONY: test-parallel
test-parallel: build ## Run each test in four threads at once, without the GIL
	$(PYTHON) -m pytest --parallel-threads=4 $(or $(ARGS),$(PARALLEL))

MINUTES ?= 30
.PHONY: soak
soak: build ## Run with random faults for half an hour, or MINUTES=N: no hang, no leaked thread, no wrong count
	$(PYTHON) -m tests.soak --minutes $(MINUTES)

# The thousand kills come first, and take half an hour; a test of one kind of call may take long, as it takes each.
TORTURE = FEEDMILL_FAULTS=$(or $(FAULTS),500) $(PYTHON) -m pytest -s -o faulthandler_timeout=3600 $(ARGS)
.PHONY: torture
torture: build ## Kill a thousand runs, and a run at each call that writes; each time compare with an undisturbed one
	$(TORTURE) tests/faults/test_kills.py
	$(TORTURE) tests/faults --ignore=tests/faults/test_kills.py

# On the build with the GIL: only there can Python's objects be given to malloc, so that a read past their end is seen.
# Leaks are not looked for: the interpreter itself leaves memory to the end of the process.
.PHONY: asan
asan: .venv-gil/made-from ## Run the kernel's tests under the address and undefined-behaviour sanitizers
	FEEDMILL_SANITIZE=address flock build/kernel.lock $(PYTHON_GIL) setup.py -q build --build-lib build/asan
	@# Loaded first of all libraries, or the sanitizers refuse to start.
	LD_PRELOAD="$$(cc -print-file-name=libasan.so) $$(cc -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
	PYTHONPATH=build/asan $(PYTHON_GIL) -m pytest --hypothesis-profile=feedmill tests/core tests/test_fuzz.py $(ARGS)

# The kernel under both sanitizers, against the reference, by inputs that are steered by the ways it takes.
.PHONY: fuzz
fuzz: .venv-gil/made-from ## Fuzz the kernel under the sanitizers for ten minutes, or MINUTES=N: tests/fuzz
	FEEDMILL_SANITIZE=fuzz flock build/kernel.lock $(PYTHON_GIL) setup.py -q build --build-lib build/fuzz/lib
	LD_PRELOAD="$$(cc -print-file-name=libasan.so) $$(cc -print-file-name=libubsan.so)" \
	ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1 PYTHONMALLOC=malloc \
	PYTHONPATH=build/fuzz/lib $(PYTHON_GIL) -m tests.fuzz --minutes $(if $(filter file,$(origin MINUTES)),10,$(MINUTES)) $(ARGS)

# The interpreter is instrumented too, or its own locks would look like races. It borrows the packages of .venv, whose
# kernel it would take as well, were its own not found first. What it imports is compiled once and kept, which takes it
# minutes. Its reports go to files: pytest would swallow those of tests that pass.
TSAN_TESTS := tests/threads tests/test_pool.py tests/test_channel.py tests/test_counters.py tests/test_ordering.py \
	tests/test_watchdog.py tests/pipeline
.PHONY: tsan
tsan: build ## Run the thread tests under the thread sanitizer, on an interpreter built for it: ten minutes, once
	FEEDMILL_SANITIZE=thread flock build/kernel.lock $(PYTHON) setup.py -q build --build-lib build/tsan
	@rm -f build/tsan/race.*
	python=$$(tools/build-python thread-sanitizer) && \
	packages=$$($(PYTHON) -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
	TSAN_OPTIONS="suppressions=$${python%/bin/*}/tsan-suppressions log_path=build/tsan/race exitcode=66" \
	PYTHONPATH="build/tsan:$$packages" PYTHONDONTWRITEBYTECODE= PYTHONPYCACHEPREFIX=build/tsan/bytecode \
		"$$python" -m pytest -p no:cacheprovider -o faulthandler_timeout=1800 $(or $(ARGS),$(TSAN_TESTS)) || \
	{ cat build/tsan/race.* >&2; exit 1; }

# On the build with the GIL, where coverage has a tracer in C. Of the kernel, gcov counts the lines, threads included.
.PHONY: cover
cover: .venv-gil/made-from ## Measure which lines the tests reach, of Python and of the kernel: build/cover/
	FEEDMILL_COVERAGE=1 flock build/kernel.lock $(PYTHON_GIL) setup.py -q build --build-lib build/cover/lib
	find build -name '*.gcda' -delete
	PYTHONPATH=build/cover/lib $(PYTHON_GIL) -m coverage run -m pytest tests $(ARGS)
	$(PYTHON_GIL) -m coverage combine --quiet
	$(PYTHON_GIL) -m coverage html --quiet
	$(PYTHON_GIL) -m coverage report
	$(PYTHON_GIL) -m gcovr build --filter '(.*/)?src/_core' --exclude '.*\.c$$' \
		--include-internal-functions \
		--gcov-ignore-errors=source_not_found --gcov-ignore-errors=no_working_dir_found \
		--html-details build/cover/kernel.html --txt

##—— The profiles ——

# perf and valgrind are the system's; what cannot be had is named, and the pictures that need it say so.
.PHONY: profile
profile: build build-gil ## Draw where the time of the sample job goes, and who waits for whom: build/profile/
	-@command -v perf >/dev/null || tools/system-packages linux-perf
	-@command -v valgrind >/dev/null || tools/system-packages valgrind
	$(PYTHON) profiling/everything.py $(ARGS)

##—— The benchmarks ——

.PHONY: bench
bench: build build-gil ## Measure on both builds what jobs and threads cost, against other executors, and the peers
	$(PYTHON) benchmarks/pool.py
	$(PYTHON) benchmarks/scaling.py
	$(MAKE) bench-peers

# The peers' packages are in .venv-gil. What cannot be had is named and left out.
.PHONY: bench-peers
bench-peers: build build-gil ## Check a feed by feedmill, pydantic, Polars, DuckDB, Go and others, side by side
	-@command -v go >/dev/null || tools/system-packages golang-go
	$(PYTHON_GIL) benchmarks/peers.py $(ARGS)

##—— The gates ——

.PHONY: lint
lint: .venv/made-from ## Check style: Python with ruff, Cython with cython-lint, and the kernel's performance hints
	$(PYTHON) -m ruff check
	$(PYTHON) -m ruff format --check
	PATH="$(CURDIR)/.venv/bin:$$PATH" cython-lint src/_core.pyx src/_core/*.px*
	$(PYTHON) tools/check-hints

.PHONY: types
types: build-gil ## Check types: mypy strictly, and the kernel's stub against the kernel
	$(PYTHON_GIL) -m mypy
	$(PYTHON_GIL) -m mypy.stubtest --mypy-config-file pyproject.toml \
		--allowlist tools/stubtest-allowlist feedmill._core

.PHONY: portable
portable: build ## Check that the kernel is C that other processors' compilers take
	$(PYTHON) tools/check-portable

.PHONY: clean
clean: ## Remove what was built here; the environments and the interpreter stay
	rm -rf build dist .pytest_cache .ruff_cache .hypothesis src/feedmill/_core.*.so
	find src tests -name __pycache__ -prune -exec rm -rf {} +
