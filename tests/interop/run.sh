#!/usr/bin/env bash
# Runs every check_*.py and check_*.mjs of this folder, in order of their names. Each is a client or verifier built on
# libraries of other people, gets the gateway's binary in COUNTERSIGN and a folder of its own in SCRATCH, starts what it
# needs and ends what it started. Exit code 0 is a pass.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
shopt -s nullglob
checks=(check_*.py check_*.mjs)

venv=$root/.venv

# Both compare what is installed with what is asked for, so a changed list is noticed.
python_is_ready() { [[ ! -f requirements.txt ]] || cmp -s requirements.txt "$venv/installed.txt"; }
node_is_ready() { [[ ! -f package.json ]] || cmp -s package-lock.json node_modules/installed.json; }

# `run.sh --would-install` says what a run would install.
if [[ ${1:-} == --would-install ]]; then
    python_is_ready && echo "PyPI: nothing" || echo "PyPI: $(grep -v '^#' requirements.txt | xargs) (into .venv)"
    node_is_ready && echo "npm: nothing" || echo "npm: those of tests/interop/package-lock.json (into node_modules beside it)"
    exit
fi

install_python() {
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r requirements.txt
    cp requirements.txt "$venv/installed.txt"
}

install_node() {
    npm ci --no-audit --no-fund --loglevel=error
    cp package-lock.json node_modules/installed.json
}

python_is_ready || install_python
node_is_ready || install_node

export COUNTERSIGN=$root/target/debug/countersign
if ((${#checks[@]} > 0)); then
    cargo build --locked --manifest-path "$root/Cargo.toml" --workspace --bins
fi
failed=()
for check in "${checks[@]}"; do
    SCRATCH=$(mktemp -d)
    export SCRATCH
    echo "-- $check"
    case $check in
        *.py) runner=("$venv/bin/python") ;;
        *) runner=(node) ;;
    esac
    if "${runner[@]}" "$check"; then
        rm -rf "$SCRATCH"
    else
        failed+=("$check (its files: $SCRATCH)")
    fi
done
echo "interop: $((${#checks[@]} - ${#failed[@]})) of ${#checks[@]} passed"
if ((${#failed[@]} > 0)); then
    printf '  failed: %s\n' "${failed[@]}"
    exit 1
fi
