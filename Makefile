# The index of commands. Each is a line here or a script beside it.

.PHONY: demo test bench soak crash fuzz lint docs

# The story on your screen; afterwards the gateway keeps serving. `cargo run -- demo --once` ends after the story.
demo:
	cargo run -- demo

# Everything that checks the project. Says first what it will install.
test:
	scripts/test.sh

# Measurements of a release build; tables and plots go into docs/performance.md. About forty minutes, on a machine that has
# nothing else to do. `make bench BENCH=tree` for one of them: payments, tree, restart, compare, growth, stages. Says what
# it will install. `make bench BENCH="compare --only 4"` prints one line of the comparison and writes nothing.
BENCH ?=
bench:
	scripts/bench.sh $(BENCH)

# Twenty minutes at half load: whether memory, descriptors and latencies stay where they were. `make soak SOAK_MINUTES=2`;
# `make soak SOAK=soak-in-memory` where the disk stands still now and then.
SOAK ?= soak
SOAK_MINUTES ?= 20
soak:
	scripts/bench.sh $(SOAK) --minutes $(SOAK_MINUTES)

# Gateway and bank are killed 200 times under 10,000 payments; about ten minutes. A small run is part of `make test`.
crash:
	scripts/crash.sh

# Ten minutes for each fuzz target; `make fuzz FUZZ_SECONDS=60` for less. A short run is part of `make test`.
FUZZ_SECONDS ?= 600
fuzz:
	BOLERO_RANDOM_TEST_TIME_MS=$(FUZZ_SECONDS)000 cargo test --locked -p countersign-fuzz

# Format, lints, and what may be in the dependency tree.
lint:
	scripts/lint.sh

# The documentation of the source, private modules included; a broken link fails.
docs:
	RUSTDOCFLAGS="-D warnings -A rustdoc::private-intra-doc-links" cargo doc --locked --workspace --no-deps --document-private-items
