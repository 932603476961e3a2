# A thin front of meson and ninja. `make help` lists the targets.
#
# On a fresh machine two commands do all set-up, packages included:
#   make demo    runs the main job on the embedded local cloud and proves the result
#   make test    builds and passes all tests

BUILD   ?= build
prefix  ?= /usr/local
SECONDS ?= 300
SEEDS   ?= 2000
PYTHON  ?= python3

.PHONY: all build setup setup-test setup-bench demo test test-clients test-beam install tidy fuzz sim bench asan clean help
.DEFAULT_GOAL := all

all: build

setup:
	@tools/setup build

setup-test:
	@tools/setup build test

setup-bench:
	@tools/setup build test bench

$(BUILD)/build.ninja: | setup
	@meson setup --prefix "$(prefix)" $(BUILD) >$(BUILD).log 2>&1 || { cat $(BUILD).log; exit 1; }
	@mv $(BUILD).log $(BUILD)/setup.log

build: setup $(BUILD)/build.ninja
	@ninja -C $(BUILD) src/cmd/hl7relay
	@ln -sfn $(BUILD)/src/cmd/hl7relay hl7relay

demo: build
	./hl7relay demo $(ARGS)

test: setup-test
	@tools/run-tests $(ARGS)

test-clients: setup-test
	@tools/run-tests --only clients

test-beam: setup-test
	@tools/run-tests --only beam

install: build
	@meson configure $(BUILD) -Dprefix="$(prefix)"
	@DESTDIR="$(DESTDIR)" meson install --no-rebuild -C $(BUILD)

tidy:
	@tools/tidy

fuzz: setup-test
	@tools/run-tests --only fuzz --fuzz-seconds $(SECONDS)

sim: build
	@SIM_SEEDS=$(SEEDS) meson test -C $(BUILD) --suite sim --timeout-multiplier 100 -v

bench: setup-bench build
	@ninja -C $(BUILD)
	@ln -sfn src/cmd/hl7relay $(BUILD)/hl7relay
	@bench/relay $(ARGS)

asan: setup-test
	@tools/run-tests --only asan

clean:
	rm -rf build build-asan build-clang build-fuzz hl7relay

help:
	@echo 'make            install what is missing, build ./hl7relay'
	@echo 'make demo       run the main job on the embedded local cloud and prove the result'
	@echo 'make test       build, run and pass all tests (within 35 minutes on two cores, Beam's runners included)'
	@echo "make test-clients  Google's client libraries against the local cloud, alone"
	@echo 'make test-beam  real Apache Beam runners, installed and driven, alone (within 30 minutes)'
	@echo 'make install    DESTDIR= prefix=/usr/local'
	@echo 'make tidy       layers, names, sizes, banned calls: a second'
	@echo 'make asan       all tests under the address and undefined-behaviour sanitizers'
	@echo 'make sim        the simulator over more seeds: SEEDS=2000'
	@echo 'make fuzz       every fuzzer: SECONDS=300 each'
	@echo 'make bench      figures beside h2load in one run'
	@echo 'make clean      remove what was built'
	@echo 'Arguments for the program or script behind a target: ARGS="..."'
