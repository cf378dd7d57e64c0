"""A running demo, for the checks beside this file."""

import base64
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
START_LIMIT = 120


def totp(secret, ahead=0):
    """RFC 6238 with the defaults of authenticator apps; `ahead` steps in the future, for when this step's code was used."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30 + ahead), hashlib.sha1).digest()
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

    def wait_for_story(self):
        """Alice's one-time codes are hers to use until the story has ended."""
        deadline = time.monotonic() + START_LIMIT
        while "keeps serving" not in (SCRATCH / "demo.out").read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the story did not end:\n{(SCRATCH / 'demo.out').read_text()}")
            time.sleep(0.1)

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
