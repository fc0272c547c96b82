# These commands do everything on a Debian or Ubuntu machine that has a Rust toolchain:
#   make run    builds Hilum and opens the demo case (without a display: analyses it and says where the results lie)
#   make test   format, lints, all tests, documentation
#   make dist   a .deb and a relocatable archive in out/dist
SHELL := /bin/bash
.PHONY: run test dist help

help:
	@sed -n '2,4p' Makefile | sed 's/^# *//'

run:
	@scripts/prepare run
	@scripts/run-demo

test:
	@scripts/prepare test
	@scripts/test

dist:
	@scripts/prepare dist
	@scripts/dist
