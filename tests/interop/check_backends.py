"""Backends in Python and Node verify what a running gateway forwards, and refuse it once anything about it was changed.

Starts `countersign demo`, pays with `countersign login` and `pay`, takes the request from bank.log as the bank received it, and gives
it to backend.py and backend.mjs: as it is, and bent in every part.
"""

import base64
import copy
import hashlib
import hmac
import json
import os
import signal
import ssl
import struct
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

COUNTERSIGN = os.environ["COUNTERSIGN"]
SCRATCH = Path(os.environ["SCRATCH"])
HERE = Path(__file__).parent
VERIFIERS = {
    "Python": [sys.executable, str(HERE / "backend.py")],
    "Node": ["node", str(HERE / "backend.mjs")],
}
START_LIMIT = 120


def totp(secret):
    """RFC 6238 with the defaults of authenticator apps."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


def run(*arguments):
    done = subprocess.run([COUNTERSIGN, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"countersign {arguments[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


class Demo:
    """A gateway with its bank, for as long as the block lasts."""

    def __init__(self):
        self.folder = SCRATCH / "demo"

    def __enter__(self):
        with open(SCRATCH / "demo.out", "w") as out:
            command = [COUNTERSIGN, "demo", "--dir", str(self.folder)]
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        deadline = time.monotonic() + START_LIMIT
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the demo did not start:\n{(SCRATCH / 'demo.out').read_text()}")
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(timeout=30)

    def is_ready(self):
        try:
            self.facts = json.loads((self.folder / "demo.json").read_text())
            return urllib.request.urlopen(self.facts["ops_url"] + "/readyz", timeout=2).status == 200
        except (OSError, ValueError, KeyError, urllib.error.URLError):
            return False

    def document(self, path):
        trust = ssl.create_default_context(cafile=self.facts["ca"])
        with urllib.request.urlopen(self.facts["public_url"] + path, context=trust, timeout=10) as answer:
            return json.load(answer)

    def trust_domain(self):
        with open(self.folder / "countersign.toml", "rb") as file:
            return next(each["trust_domain"] for each in tomllib.load(file)["upstream"] if each["name"] == "bank")

    def pay(self):
        """Pays as the customer `load` and answers with the request that the bank received."""
        facts = self.facts
        customer = next(each for each in facts["customers"] if each["username"] == "load")
        app = next(each for each in facts["clients"] if each["profile"] == "first-party")
        password, session = SCRATCH / "password", str(SCRATCH / "session")
        password.write_text(customer["password"])
        run(
            *("login", "--url", facts["public_url"], "--ca", facts["ca"], "--client-id", app["client_id"]),
            *("--username", "load", "--password-file", str(password), "--otp", totp(customer["totp_secret"])),
            *("--acr", "2", "--session", session),
        )
        payment = facts["payment_body"] | {"payee": customer["trusted_payee"], "debtor": customer["accounts"][0]["iban"]}
        body = SCRATCH / "payment.json"
        body.write_text(json.dumps(payment))
        paid = run("--json", "pay", "--session", session, "--route-url", facts["routes"]["payment"]["url"], "--body", str(body))
        key = json.loads(paid)["idempotency_key"]
        lines = map(json.loads, (self.folder / "bank.log").read_text().splitlines())
        return next(line for line in lines if line["headers"].get("idempotency-key") == [f'"{key}"'])


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
