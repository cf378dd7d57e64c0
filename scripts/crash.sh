#!/usr/bin/env bash
# The crash test at full size: gateway and bank are killed at random while apps pay. First a build that sends before it commits
# must be found, so that the test is known to see what it is for. `scripts/crash.sh KILLS PAYMENTS` for another size.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "== a gate that sends before it commits is found"
cargo test --locked --features fault-injection --test it crash::a_gate_that_sends -- --nocapture
echo "== ${1:-200} kills, ${2:-10000} payments"
COUNTERSIGN_CRASH_KILLS=${1:-200} COUNTERSIGN_CRASH_PAYMENTS=${2:-10000} \
    cargo test --locked --test it crash::nothing_acknowledged -- --nocapture
