"""A receipt is fetched by an app in Python and verified offline by the script of the documents; a changed one is refused by
the script and by `countersign receipt verify` alike."""

import copy
import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

from client import Client
from demo import SCRATCH, Demo, totp

SCRIPT = Path(__file__).parents[2] / "docs" / "verify_receipt.py"
PATIENCE = 30


class Paying(Client):
    """Remembers where the receipt is."""

    def send(self, *arguments, **named):
        status, headers, body = super().send(*arguments, **named)
        link = headers.get("Link") or ""
        if 'rel="receipt"' in link:
            self.receipt = link.split(">")[0].lstrip("<")
        return status, headers, body


def fetch(client, token):
    deadline = time.monotonic() + PATIENCE
    while True:
        status, headers, body = client.get(client.url + client.receipt, token)
        if status != 202 or time.monotonic() > deadline:
            return status, body
        time.sleep(int(headers["Retry-After"]) / 5)


def paid(demo):
    facts = demo.facts
    customer = next(each for each in facts["customers"] if each["username"] == "load")
    app = next(each for each in facts["clients"] if each["profile"] == "first-party")
    client = Paying(facts["public_url"], facts["ca"], app["client_id"])
    otp = totp(customer["totp_secret"], ahead=1)
    token = client.login("load", customer["password"], otp, "accounts payments")
    payment = facts["payment_body"] | {"payee": customer["trusted_payee"], "debtor": customer["accounts"][0]["iban"]}
    status, answer = client.pay(facts["routes"]["payment"]["url"], token, json.dumps(payment).encode(), secrets.token_urlsafe(16))
    if status not in (200, 201):
        sys.exit(f"not paid: {status} {answer}")
    status, receipt = fetch(client, token)
    if status != 200:
        sys.exit(f"no receipt: {status} {receipt}")
    if token.encode() in receipt:
        sys.exit("the token is in the receipt")
    return json.loads(receipt)


def verdicts(receipt, vkey):
    """Whether the script and the command say that it holds, and what they say."""
    path = SCRATCH / "receipt.json"
    path.write_text(json.dumps(receipt))
    commands = (
        [sys.executable, str(SCRIPT), str(path), vkey],
        [os.environ["COUNTERSIGN"], "receipt", "verify", str(path), "--key", vkey],
    )
    done = [subprocess.run(command, capture_output=True, text=True, check=False) for command in commands]
    return [(each.returncode, each.stdout + each.stderr) for each in done]


def changed(receipt):
    """The receipt with one thing changed, in turn."""
    changes = {
        "amount": lambda r: r["intent"].update(amount="9999.00"),
        "digest of the intent": lambda r: r.update(intent_digest="A" * 43),
        "request": lambda r: r["request"].update(idempotency_key="other"),
        "policies": lambda r: r["decision"].update(policy_version="other"),
        "status": lambda r: r["answer"].update(status=500),
        "signature base": lambda r: r["payment_signature"].update(base=r["payment_signature"]["base"].replace("POST", "PUT")),
        "signature left out": lambda r: r.update(payment_signature=None),
        "index": lambda r: r.update(index=r["index"] + 1),
        "proof": lambda r: r.update(proof=r["proof"][1:]),
        "checkpoint": lambda r: r.update(checkpoint=r["checkpoint"].replace("\n", "\n1", 1)),
        "member too many": lambda r: r.update(token="secret"),
    }
    for name, change in changes.items():
        other = copy.deepcopy(receipt)
        change(other)
        yield name, other


def main():
    failures = []
    with Demo() as demo:
        demo.wait_for_story()
        receipt = paid(demo)
        vkey = demo.facts.get("log_vkey") or demo.document("/.well-known/countersign/keys")["log"]["vkeys"][-1]
    for code, said in verdicts(receipt, vkey):
        print("   " + said.strip().splitlines()[0])
        if code != 0:
            failures.append(f"a good receipt is refused: {said}")
    for name, other in changed(receipt):
        for code, said in verdicts(other, vkey):
            if code != 1:
                failures.append(f"{name} changed, and not found: {said}")
    print("\n".join(failures) or "   every change was found by both")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
