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
scan=$root/.venv-scan

# All compare what is installed with what is asked for, so a changed list is noticed.
python_is_ready() { cmp -s "$1" "$2/installed.txt"; }
node_is_ready() { [[ ! -f package.json ]] || cmp -s package-lock.json node_modules/installed.json; }

# `run.sh --would-install` says what a run would install.
if [[ ${1:-} == --would-install ]]; then
    for pair in "requirements.txt $venv" "requirements-scan.txt $scan"; do
        read -r list folder <<<"$pair"
        python_is_ready "$list" "$folder" && echo "PyPI: nothing (into ${folder##*/})" ||
            echo "PyPI: $(grep -v '^#' "$list" | xargs) (into ${folder##*/})"
    done
    node_is_ready && echo "npm: nothing" || echo "npm: those of tests/interop/package-lock.json (into node_modules beside it)"
    exit
fi

install_python() {
    python3 -m venv --clear "$2"
    "$2/bin/pip" install --quiet --disable-pip-version-check -r "$1"
    cp "$1" "$2/installed.txt"
}

install_node() {
    npm ci --no-audit --no-fund --loglevel=error
    cp package-lock.json node_modules/installed.json
}

python_is_ready requirements.txt "$venv" || install_python requirements.txt "$venv"
python_is_ready requirements-scan.txt "$scan" || install_python requirements-scan.txt "$scan"
node_is_ready || install_node

export COUNTERSIGN=$root/target/debug/countersign
export SSLYZE=$scan/bin/sslyze
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
