# SPDX-License-Identifier: GPL-2.0-or-later
#
# The front door; meson and ninja do the work. What needs root says so. As root, what is built still
# belongs to the owner of this tree (tools/as-owner), so that `sudo make demo` and then `make` works.

# In CI a warning is an error.
SETUP := tools/as-owner meson setup $(if $(CI),--werror)

.PHONY: help bootstrap build build-aarch64 demo check check-asan kernel-check kernel-check-series kernel-check-patched bench bench-long bench-machine
.PHONY: suites twins lint install clean

# What kernel-check boots.
KERNELS := 6.1 6.12

help:
	@echo 'make demo        install what is needed, build, run real programs through a NAT64   (root)'
	@echo 'make check       install what is needed, build, run every test                     (root)'
	@echo 'make bootstrap   install the Debian packages that are needed                       (root)'
	@echo 'make build       build/reseat; needs only its packages: tools/bootstrap build'
	@echo 'make build-aarch64  the same for aarch64; needs besides: tools/bootstrap aarch64'
	@echo 'make check-asan  the tests once more, built with ASan and UBSan                    (root)'
	@echo 'make twins       random programs, natively and under reseat, for SECONDS=600           (root)'
	@echo 'make kernel-check  a selection of tests on Debian'"'"'s kernels 6.1 and 6.12, in QEMU; FULL=1: all'
	@echo 'make kernel-check-series  build a kernel with kernel/patches, and run its tests'
	@echo 'make kernel-check-patched  the same, and a selection of ours on it; FULL=1: all, debugging kernels too'
	@echo 'make suites      other people'"'"'s test suites natively and under reseat, an hour; SUITE=go: one (root)'
	@echo 'make bench       measure what reseat costs, 5 minutes; QUICK=1: 90 seconds         (root)'
	@echo 'make bench-long  the supervisor over 1,000,000 swaps, 5 minutes                    (root)'
	@echo 'make bench-machine  swaps up to 1,000,000 descriptors on a kernel with kernel/patches, in QEMU, 30 minutes (root)'
	@echo 'make lint        clang-tidy over the sources'
	@echo 'make install     into PREFIX (/usr/local), under DESTDIR if given                  (root)'
	@echo 'make clean       remove all that was built'

bootstrap:
	@tools/bootstrap

build: build/build.ninja
	tools/as-owner ninja -C build

build/build.ninja:
	$(SETUP) build

build-asan/build.ninja:
	$(SETUP) -Db_sanitize=address,undefined -Db_lundef=false build-asan

build-aarch64: build-aarch64/build.ninja
	tools/as-owner ninja -C build-aarch64

build-aarch64/build.ninja: | build-aarch64/cross.ini
	$(SETUP) --cross-file build-aarch64/cross.ini build-aarch64

build-aarch64/cross.ini:
	tools/as-owner tools/sysroot-aarch64 build-aarch64

demo: bootstrap
	$(MAKE) build
	demo/run

check: bootstrap
	@tools/bootstrap aarch64 bench suites
	tools/check build build-asan build-aarch64 demo

check-asan: bootstrap
	@tools/bootstrap bench
	tools/check build-asan

# SEED=N: those of another run again.
twins:
	@tools/bootstrap build test
	$(MAKE) build
	tests/random/run --reseat build/reseat --interpret build/tests/random/interpret --seconds $(or $(SECONDS),600) \
		$(if $(SEED),--seed $(SEED))

kernel-check:
	@tools/bootstrap build test bench machine
	tools/check machine $(addprefix kernel-,$(KERNELS))

kernel-check-series:
	@tools/bootstrap build test machine kernel
	tools/check series

kernel-check-patched:
	@tools/bootstrap build test bench machine kernel
	tools/check series kernel-patched $(if $(filter 1,$(FULL)),series-debug series-kcsan each mutations)

suites:
	@tools/bootstrap build suites
	$(MAKE) build
	tests/suites/run --reseat build/reseat --json build/suites/results.json $(SUITE)

# QUICK=1: less than 90 seconds.
bench:
	@tools/bootstrap build bench
	$(MAKE) build
	bench/run --reseat build/reseat --build build $(if $(QUICK),--quick)
	bench/report --plots build/bench build/bench/results.json

bench-long:
	@tools/bootstrap build bench
	$(MAKE) build
	bench/run --reseat build/reseat --build build --part memory --count 1000000 --json build/bench/long.json

bench-machine:
	@tools/bootstrap build bench machine kernel
	$(MAKE) build
	rm -rf build/bench/machine
	kernel/machine/run --memory 8192 --processors 1 --limit 3600 --share build/bench/machine patched -- \
		sh -c 'exec bench/run --reseat build/reseat --build build --part descriptors --max 1000000 --seconds 240 \
			--emulated --json "$$SHARE/emulated.json"'

lint:
	@tools/bootstrap build lint
	$(MAKE) build
	tools/lint

install: build
	meson install -C build --no-rebuild $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

clean:
	rm -rf build build-asan build-aarch64 build-kernel
