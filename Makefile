# SPDX-License-Identifier: GPL-2.0-or-later
#
# The front door; meson and ninja do the work. What needs root says so. As root, what is built still
# belongs to the owner of this tree (tools/as-owner), so that `sudo make demo` and then `make` works.

# In CI a warning is an error.
SETUP := tools/as-owner meson setup $(if $(CI),--werror)

.PHONY: help bootstrap build demo check check-asan bench lint install clean

help:
	@echo 'make demo        install what is needed, build, run real programs through a NAT64   (root)'
	@echo 'make check       install what is needed, build, run every test                     (root)'
	@echo 'make bootstrap   install the Debian packages that are needed                       (root)'
	@echo 'make build       build/reseat; needs only its packages: tools/bootstrap build'
	@echo 'make check-asan  the tests once more, built with ASan and UBSan                    (root)'
	@echo 'make bench       measure what a swap costs                                         (root)'
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

demo: bootstrap
	$(MAKE) build
	demo/run

check: bootstrap
	tools/check build build-asan demo

check-asan: bootstrap
	tools/check build-asan

bench: bootstrap
	$(MAKE) build
	ninja -C build bench

lint:
	@tools/bootstrap build lint
	$(MAKE) build
	tools/lint

install: build
	meson install -C build --no-rebuild $(if $(DESTDIR),--destdir $(abspath $(DESTDIR)))

clean:
	rm -rf build build-asan
