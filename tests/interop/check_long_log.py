"""A log of 70,000 entries, grown by the gateway's own store and sequencer, through a restart, payments, and a rotation of its key;
then verified as `audit export --tiles` leaves it, against a checkpoint that was kept from before. Every hash and every signature
is checked by `check_log`, from the specifications alone.

TLOG-01 to TLOG-07, TLOG-10, TLOG-13.
"""

import base64
import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import check_log
from check_log import COUNTERSIGN, HOME, Checkpoint, Key, bundle_entries, leaf, root, run, tile_path, widths
from client import Client
from cryptography.exceptions import InvalidSignature
from demo import totp

BENCH = Path(COUNTERSIGN).with_name("countersign-bench")
ENTRIES = 70_000
KEPT_AT = 40_000
PAYMENTS = 25
PROOFS = 12
PASSWORD = secrets.token_urlsafe(18)
TOTP = base64.b32encode(secrets.token_bytes(20)).decode()
PAYEE = "BE68539007547034"

SEED = f"""
[[client]]
client_id = "app"
client_name = "App"
profile = "first-party"
scope = "accounts payments"
grant_types = ["authorization_code", "refresh_token"]
token_endpoint_auth_method = "none"

[[customer]]
username = "alice"
password = "{PASSWORD}"
totp_secret = "{TOTP}"
trusted_payees = [{{ payee = "{PAYEE}" }}]
"""


class Gateway(check_log.Gateway):
    """With a backend, a customer and an app."""

    def __init__(self):
        super().__init__()
        certs = HOME / "certs"
        run("certs", "issue", "backend", "localhost", "--dir", certs)
        (HOME / "people.toml").write_text(SEED)
        run("seed", HOME / "people.toml", "--config", self.config)
        (port,) = check_log.free_ports(1)
        self.config.write_text(self.config.read_text().replace("localhost:7443", f"localhost:{port}"))
        pair = ["--chain", certs / "backend/localhost.pem", "--key", certs / "backend/localhost.key.pem"]
        self.app = None
        self.backend = subprocess.Popen([BENCH, "origin", "--port", str(port), *pair])

    def grow(self, entries):
        subprocess.run([BENCH, "grow", "--config", self.config, "--entries", str(entries)], check=True, stdout=subprocess.DEVNULL)

    def pay(self, count):
        url = f"https://localhost:{self.public}"
        if self.app is None:
            self.app = Client(url, HOME / "certs/ca.pem", "app")
            self.token = self.app.login("alice", PASSWORD, totp(TOTP), "accounts payments")
        for number in range(count):
            body = {
                "instructedAmount": {"amount": f"{number + 1}.50", "currency": "EUR"},
                "creditorAccount": {"iban": PAYEE},
                "creditorName": "Corner Bookshop",
            }
            status, answer = self.app.pay(url + "/payments", self.token, json.dumps(body).encode(), secrets.token_urlsafe(16))
            assert status == 201, (status, answer)


def exported(folder, size):
    """Entries, and the tiles that have to be there, no more and no fewer."""
    entries = []
    for index, width in widths(size):
        entries += bundle_entries((folder / "tile/entries" / tile_path(index, width)).read_bytes())
    assert len(entries) == size
    leaves = [leaf(entry) for entry in entries]
    level, hashes, expected = 0, leaves, set()
    while hashes:
        for index, width in widths(len(hashes)):
            path = folder / "tile" / str(level) / tile_path(index, width)
            assert path.read_bytes() == b"".join(hashes[index * 256 : index * 256 + width]), path
            expected.add(path)
        level, hashes = level + 1, [root(hashes[at : at + 256]) for at in range(0, len(hashes) - 255, 256)]
    found = {path for path in (folder / "tile").rglob("*") if path.is_file() and "entries" not in path.parts}
    assert found == expected, found ^ expected
    return entries, leaves


def whole_export(gateway, key):
    """An export that has every payment: the last of them may be sequenced a moment after its answer."""
    for attempt in range(20):
        folder = HOME / f"export-{attempt}"
        run("audit", "export", "--tiles", folder, *gateway.as_ada)
        new = Checkpoint((folder / "checkpoint").read_text(), [key])
        entries, leaves = exported(folder, new.size)
        kinds = [json.loads(entry)["event"]["kind"] for entry in entries]
        if kinds.count("permitted") == 2 * PAYMENTS:
            return folder, new, entries, leaves, kinds
    sys.exit(f"{kinds.count('permitted')} of {2 * PAYMENTS} payments are on record")


def check(gateway):
    began = time.monotonic()
    gateway.grow(KEPT_AT)
    gateway.start()
    old_keys, old_vkeys = gateway.keys()
    kept = gateway.checkpoint(KEPT_AT, old_keys)
    gateway.pay(PAYMENTS)
    gateway.stop(check_log.signal.SIGKILL)
    gateway.grow(ENTRIES)
    grown = time.monotonic()
    gateway.start()
    run("keys", "rotate", "log", "--now", *gateway.as_ada)
    keys, vkeys = gateway.keys()
    (newest,) = (Key(text) for text in vkeys if text not in old_vkeys)
    gateway.pay(PAYMENTS)
    gateway.checkpoint(ENTRIES + 2 * PAYMENTS, [newest])
    folder, new, entries, leaves, kinds = whole_export(gateway, newest)
    check_log.check_entries(entries)
    assert root(leaves) == new.root, "the root is not that of the entries"
    assert root(leaves[: kept.size]) == kept.root, "the log does not continue what it was"
    Checkpoint(kept.note, keys)
    try:
        Checkpoint(kept.note, [newest])
        sys.exit("a key signed before its time")
    except InvalidSignature:
        pass
    assert "key-changed" in kinds[ENTRIES:], "the rotation is on record"
    places = [1, 256, 257, 65_536, 65_537, kept.size, new.size, *(1 + secrets.randbelow(new.size) for _ in range(PROOFS - 7))]
    for sequence in places:
        check_log.check_proof(gateway, sequence, keys)

    # The gateway's own verifier agrees, and one bit in 70,000 entries is enough for both to see.
    flags = [flag for key in vkeys for flag in ("--vkey", key)]
    (HOME / "kept").write_text(kept.note)
    verify = ["--json", "audit", "verify", "--tiles", folder, "--checkpoint", HOME / "kept", *flags]
    assert json.loads(run(*verify))["continues_kept_checkpoint"]
    bundle = folder / "tile/entries" / tile_path(137)
    data = bundle.read_bytes()
    bundle.write_bytes(data[:300] + bytes([data[300] ^ 1]) + data[301:])
    assert root([leaf(entry) for entry in bundle_entries(bundle.read_bytes())]) != root(leaves[137 * 256 : 138 * 256])
    assert json.loads(run(*verify, code=1))["findings"][0]["kind"] == "changed-entry"
    gateway.stop()
    print(
        f"a long log verifies: {new.size} entries, {len(places)} proofs, two keys, a kill, {2 * PAYMENTS} payments;"
        f" grown in {grown - began:.0f} s, {time.monotonic() - began:.0f} s in all"
    )


def main():
    gateway = Gateway()
    try:
        check(gateway)
    finally:
        gateway.backend.kill()
        gateway.backend.wait()
        if gateway.process.poll() is None:
            gateway.process.kill()
            gateway.process.wait()


if __name__ == "__main__":
    main()
