#!/usr/bin/env bash
# Everything that checks the project, from a fresh clone. It says first what it will install, and installs nothing that is
# there already. The last line is `make test: passed` or `make test: FAILED at <step>`, for people and machines.
set -euo pipefail
cd "$(dirname "$0")/.."

step="start"
homes=""
finish() {
    local code=$?
    if [[ $code == 0 ]]; then
        rm -rf "$homes"
    else
        echo "make test: FAILED at $step${homes:+; what it left is in $homes}"
    fi
}
trap finish EXIT

begin() {
    step=$1
    printf '\n== %s (%d s)\n' "$step" "$SECONDS"
}

# A C compiler for ring and SQLite; Python and Node for the clients of other people; a scanner of TLS servers.
missing_debian_packages() {
    command -v cc >/dev/null || echo build-essential
    command -v python3 >/dev/null || echo python3
    python3 -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
    command -v node >/dev/null || echo nodejs
    command -v npm >/dev/null || echo npm
    command -v testssl >/dev/null || echo testssl.sh
}

announce() {
    local packages
    packages=$(missing_debian_packages | sort -u | xargs)
    echo "make test installs what is missing:"
    echo "  Debian: ${packages:-nothing}"
    echo "  crates: those of Cargo.lock; $(scripts/lint.sh --would-install | grep . || echo 'no tool')"
    tests/interop/run.sh --would-install | sed 's/^/  /'
    if [[ -n $packages ]]; then
        install_debian "$packages"
    fi
}

install_debian() {
    if [[ $(id -u) != 0 ]]; then
        echo "not root: install these first: $1" >&2
        return 1
    fi
    apt-get update -q
    # Word splitting is meant: a list of names.
    # shellcheck disable=SC2086
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $1
}

# Homes of gateways lie in memory where there is plenty: no test looks at what a flush leaves behind after a loss of power,
# and a disk that stands still for seconds would make gateways refuse what tests expect of them.
homes_in_memory() {
    local free available
    free=$(df --output=avail -k /dev/shm 2>/dev/null | tail -1) || return 0
    available=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo)
    if ((free > 4 << 20 && available > 6 << 20)); then
        homes=$(mktemp -d -p /dev/shm countersign-test.XXXXXX)
        export TMPDIR=$homes
    fi
}

# A test that does not end is a failed one. At a terminal, an interrupt of the keyboard must reach what runs.
bounded() {
    local how=(--kill-after=30)
    [[ ! -t 0 ]] || how+=(--foreground)
    timeout "${how[@]}" "$@"
}

begin "what is needed"
announce
begin "format, lints, dependencies"
scripts/lint.sh
begin "unit, property, integration and documentation tests, and a short run of every fuzz target"
homes_in_memory
cargo test --locked --workspace --no-run
BOLERO_RANDOM_TEST_TIME_MS=${BOLERO_RANDOM_TEST_TIME_MS:-3000} bounded 30m cargo test --locked --workspace
begin "the crash test finds a gate that sends before it commits"
cargo test --locked --features fault-injection --test it --no-run
bounded 10m cargo test --locked --features fault-injection --test it crash::a_gate_that_sends
begin "clients and verifiers of other people"
bounded 30m tests/interop/run.sh
printf '\nmake test: passed (%d s)\n' "$SECONDS"
