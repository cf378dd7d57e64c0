#!/usr/bin/env bash
# Format, lints on all targets, and the dependency tree against deny.toml. Installs cargo-deny into target/tools when it
# is missing. Advisories are left out: their database may not be reachable from where this runs.
set -euo pipefail
cd "$(dirname "$0")/.."

deny_version=0.20.2

find_deny() {
    local candidate
    for candidate in "$PWD/target/tools/bin/cargo-deny" "$(command -v cargo-deny || true)"; do
        if [[ -x $candidate && $("$candidate" --version) == "cargo-deny $deny_version" ]]; then
            echo "$candidate"
            return
        fi
    done
}

install_deny() {
    echo "installing cargo-deny $deny_version into target/tools"
    # Unoptimised: it is built once and runs for a second.
    cargo install --quiet --debug --locked "cargo-deny@$deny_version" \
        --root target/tools --target-dir target/tools/build
    rm -rf target/tools/build
}

# `lint.sh --would-install` says what a run would install.
if [[ ${1:-} == --would-install ]]; then
    [[ -n $(find_deny) ]] || echo "cargo-deny $deny_version (crates.io, into target/tools)"
    exit
fi

cargo fmt --all --check
cargo clippy --locked --workspace --all-targets -- -D warnings
[[ -n $(find_deny) ]] || install_deny
"$(find_deny)" --locked check --hide-inclusion-graph bans licenses sources
