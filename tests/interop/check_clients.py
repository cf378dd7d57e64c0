"""Client apps in Python and Node log in, read and pay at a running gateway, and the bank sees each payment once."""

import json
import subprocess
import sys
from pathlib import Path

from demo import Demo, totp

HERE = Path(__file__).parent
CLIENTS = {
    # Each logs in as another customer, with the code of the next step: a code is good once, and the story used this one.
    "Python": ([sys.executable, str(HERE / "client.py")], "load"),
    "Node": (["node", str(HERE / "client.mjs")], "alice"),
}


def arguments(demo, customer):
    facts = demo.facts
    app = next(each for each in facts["clients"] if each["profile"] == "first-party")
    return [
        *("--url", facts["public_url"], "--ca", facts["ca"], "--client-id", app["client_id"]),
        *("--username", customer["username"], "--password", customer["password"], "--otp", totp(customer["totp_secret"], ahead=1)),
        *("--accounts-url", facts["routes"]["proof"]["url"], "--route-url", facts["routes"]["payment"]["url"]),
    ]


def pay(demo, name, command, username):
    customer = next(each for each in demo.facts["customers"] if each["username"] == username)
    payment = demo.facts["payment_body"] | {
        "amount": "1.00",
        "payee": customer["trusted_payee"],
        "debtor": customer["accounts"][0]["iban"],
        "reference": name,
    }
    done = subprocess.run(
        command + arguments(demo, customer),
        input=json.dumps(payment),
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE,
    )
    if done.returncode != 0:
        return f"{name}: {done.stderr.strip()}"
    print(f"   {name}: {done.stdout.strip()}")
    lines = map(json.loads, (demo.folder / "bank.log").read_text().splitlines())
    seen = sum(f'"reference": "{name}"' in line["body"] for line in lines)
    return None if seen == 1 else f"{name}: the bank saw the payment {seen} times"


def main():
    with Demo() as demo:
        demo.wait_for_story()
        failures = [pay(demo, name, *client) for name, client in CLIENTS.items()]
    failures = [failure for failure in failures if failure]
    print("\n".join(failures) or "   each paid once, and the same order again got the same answer")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
