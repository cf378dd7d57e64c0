"""Backends in Python and Node verify what a running gateway forwards, and refuse it once anything about it was changed.

Starts `countersign demo`, pays with `countersign login` and `pay`, takes the request from bank.log as the bank received it, and gives
it to backend.py and backend.mjs: as it is, and bent in every part.
"""

import copy
import json
import subprocess
import sys
from pathlib import Path

from demo import SCRATCH, Demo

HERE = Path(__file__).parent
VERIFIERS = {
    "Python": [sys.executable, str(HERE / "backend.py")],
    "Node": ["node", str(HERE / "backend.mjs")],
}


def captured(line):
    wanted = {name: line[name] for name in ("method", "target", "headers", "body")}
    return wanted | {"authority": line["headers"]["host"][0]}


class Case:
    """Everything a verifier is given."""

    def __init__(self, demo):
        self.request = captured(demo.pay())
        self.keys = demo.document("/.well-known/countersign/keys")
        self.txn_keys = demo.document("/.well-known/countersign/txn-keys")
        self.issuer = demo.facts["public_url"]
        self.trust_domain = demo.trust_domain()

    def judge(self, verifier):
        """Whether it verifies, and what the verifier says."""
        keys, txn_keys = SCRATCH / "keys.json", SCRATCH / "txn-keys.json"
        keys.write_text(json.dumps(self.keys))
        txn_keys.write_text(json.dumps(self.txn_keys))
        arguments = ["--keys", str(keys), "--txn-keys", str(txn_keys), "--issuer", self.issuer, "--trust-domain", self.trust_domain]
        done = subprocess.run(
            verifier + arguments, input=json.dumps(self.request), capture_output=True, text=True, check=False, cwd=HERE
        )
        return done.returncode == 0, (done.stdout or done.stderr).strip()

    def header(self, name, change):
        headers = self.request["headers"]
        headers[name] = change(headers[name])

    def line(self, name, label, change):
        """Changes the line of the signature fields that belongs to `label`."""
        self.header(name, lambda lines: [change(line) if line.startswith(label + "=") else line for line in lines])


def flip(text):
    """Another character of base64 in the middle."""
    at = len(text) // 2
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def set_request(name, change):
    def bend(case):
        case.request[name] = change(case.request[name])

    return bend


def set_header(name, change):
    return lambda case: case.header(name, lambda values: [change(values[0])])


def set_state(case):
    for key in case.keys["keys"]:
        key["state"] = "compromised"


def other_token_key(case):
    case.txn_keys["keys"] = [key | {"x": key["y"], "y": key["x"]} for key in case.txn_keys["keys"]]


BENDS = {
    "another method": set_request("method", lambda _: "PUT"),
    "another path": set_request("target", lambda target: target + "/"),
    "a query added": set_request("target", lambda target: target + "?a=b"),
    "another host": set_request("authority", lambda _: "bank.example"),
    "one cent more": set_request("body", lambda body: body.replace("12.50", "12.51")),
    "a space more": set_request("body", lambda body: body + " "),
    "another media type": set_header("content-type", lambda _: "text/plain"),
    "another idempotency key": set_header("idempotency-key", lambda _: '"another"'),
    "another original host": set_header("forwarded", lambda value: value.replace("localhost", "evil.example")),
    "another trace": set_header("traceparent", lambda value: value[:-2] + "00"),
    "another digest": set_header("content-digest", flip),
    "another token": set_header("txn-token", flip),
    "no token": lambda case: case.request["headers"].pop("txn-token"),
    "two tokens": lambda case: case.header("txn-token", lambda values: values * 2),
    "no digest": lambda case: case.request["headers"].pop("content-digest"),
    "no signatures": lambda case: [case.request["headers"].pop(name) for name in ("signature", "signature-input")],
    "the gateway's signature changed": lambda case: case.line("signature", "countersign", flip),
    "the payment's signature changed": lambda case: case.line("signature", "payment", flip),
    "the client's signature changed": lambda case: case.line("signature", "client", flip),
    "another nonce": lambda case: case.line("signature-input", "countersign", lambda line: line.replace('nonce="', 'nonce="x')),
    "a later end": lambda case: case.line("signature-input", "countersign", lambda line: line.replace("expires=1", "expires=2")),
    "another tag": lambda case: case.line("signature-input", "countersign", lambda line: line.replace("-forward", "-backward")),
    "another label": lambda case: [
        case.line(name, "countersign", lambda line: line.replace("countersign=", "gateway=", 1))
        for name in ("signature", "signature-input")
    ],
    "the gateway's keys compromised": set_state,
    "other token keys": other_token_key,
    "another issuer": lambda case: setattr(case, "issuer", "https://evil.example"),
    "another trust domain": lambda case: setattr(case, "trust_domain", "merchant"),
}


def main():
    failures = []
    with Demo() as demo:
        case = Case(demo)
        for name, verifier in VERIFIERS.items():
            good, says = case.judge(verifier)
            evidence = good and json.loads(says)["evidence"] == "signed"
            print(f"   {name}: {'verified, with the client’s own signature' if evidence else says}")
            if not evidence:
                failures.append(f"{name} does not verify a good request: {says}")
            for what, bend in BENDS.items():
                bent = copy.deepcopy(case)
                bend(bent)
                accepted, _ = bent.judge(verifier)
                if accepted:
                    failures.append(f"{name} accepts {what}")
    print(f"   {len(BENDS)} ways to bend it, each refused" if not failures else "\n".join(failures))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
