# Two commands on a fresh machine: `make demo` shows it, `make test` proves it.

CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := target/tools/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny
XTASK := cargo xtask
# What tests and benches start: programs, each with its name at Debian.
PROGRAMS := wrk:wrk openssl:openssl nginx:nginx haproxy:haproxy h2load:nghttp2-client promtool:prometheus \
	c++:g++ apache2:apache2 curl:curl node:nodejs python3:python3 pip3:python3-pip

.DEFAULT_GOAL := help
.PHONY: help demo test prove bench fuzz fmt tools check-fmt lint deny unit checkers

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Show a good release land and a bad one go around (half a minute, after building)
	@$(XTASK) demo --check

test: check-fmt lint deny unit checkers ## Run every test, and every checker at a small size

prove: ## Run every checker at full size, and write docs/proof.md; goes on where it was (PARTS="sim kill": only these)
	@$(XTASK) prove --check $(PARTS)

bench: ## Measure the engine, the store and the gateway; instructions are counted where valgrind is installed
	@command -v valgrind >/dev/null || echo "valgrind counts instructions (Debian: apt install valgrind); everything else is measured without it"
	@$(XTASK) bench engine
	@cargo run --quiet --profile proof --package store --example speed
	@$(XTASK) bench gateway

fuzz: ## Look for inputs that are read wrongly, an hour for each target (SECONDS=60 TARGETS="head chunked": shorter, only these)
	@$(XTASK) fuzz --check --seconds $(or $(SECONDS),3600) $(TARGETS)

fmt: ## Format everything
	@cargo fmt --all

# What follows are the parts of `make test`, in its order.

tools:
	@command -v cargo >/dev/null || { echo "Glidepath is written in Rust: install it from your system or with rustup, version 1.90 or newer"; exit 1; }
	@command -v cc >/dev/null || { echo "SQLite is built from source: install a C compiler (Debian: apt install gcc libc6-dev)"; exit 1; }
	@PROGRAMS="$(PROGRAMS)" sh .ci/programs
	@cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
	@cargo clippy --version >/dev/null 2>&1 || rustup component add clippy

$(CARGO_DENY): | tools
	@echo "== installing cargo-deny (once; it is built from source)"
	@CARGO_PROFILE_DEV_DEBUG=0 cargo install cargo-deny --quiet --locked --debug \
		--version $(CARGO_DENY_VERSION) --root target/tools/cargo-deny-$(CARGO_DENY_VERSION)

check-fmt: | tools
	@echo "== format"
	@cargo fmt --all --check

lint: | check-fmt
	@echo "== lints"
	@cargo clippy --quiet --workspace --all-targets --all-features --locked -- -D warnings

deny: $(CARGO_DENY) | lint
	@echo "== licences, bans and sources"
	@$(CARGO_DENY) --log-level error --locked check licenses bans sources

unit: | deny
	@echo "== tests"
	@cargo test --workspace --locked

checkers: | unit
	@echo "== checkers, small"
	@$(XTASK) prove --small --check
