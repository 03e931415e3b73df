# The list of commands. Every target does its own set-up; `make demo` and `make test` are all that
# a fresh machine needs.

SHELL := /bin/bash
.DEFAULT_GOAL := help
KAFKA := deploy/dev/kafka/kafka.sh
SETUP := deploy/dev/setup.sh
# Arguments for the program: make demo ARGS="--points 200 --days 2"
ARGS ?=
# Files over this many lines have two concepts in them more often than not.
LINES := 500

.PHONY: help demo test lint doc bench kafka-up kafka-down gates

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

demo: ## the main job: build, then a province from Kafka to anomalies, ratio and review queue
	@$(SETUP) build
	cargo run --locked --bin nonsite -- demo $(ARGS)

test: ## all tests, with a real Kafka broker of their own
	@$(SETUP) test
	@$(KAFKA) fetch >/dev/null
	cargo test --locked --workspace

lint: gates ## formatting, clippy and the repository's own gates
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings

gates: ## cheap checks of the repository itself
	@.ci/gates $(LINES)

doc: ## API documentation, every warning an error
	RUSTDOCFLAGS=-Dwarnings cargo doc --locked --workspace --no-deps

bench: ## micro benches (criterion); benches/README.md has the end-to-end ones
	@$(SETUP) build
	cargo bench --locked --workspace

kafka-up: ## start a Kafka broker for development, print its address
	@$(SETUP) test
	@$(KAFKA) start
	@$(KAFKA) env

kafka-down: ## stop it and delete its records
	@$(KAFKA) stop --purge
