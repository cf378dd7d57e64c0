"""The audit log, verified from the specifications alone: RFC 6962, RFC 8785, C2SP signed-note, tlog-checkpoint, tlog-tiles
and tlog-proof. Nothing of the gateway's own code is believed: hashes are made here, signatures checked by `cryptography`.

TLOG-01 to TLOG-10, TLOG-12, TLOG-13, PCI-15.
"""

import base64
import hashlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

COUNTERSIGN = os.environ["COUNTERSIGN"]
HOME = Path(os.environ["SCRATCH"]) / "gate"
EVENTS = 700  # more than two full bundles
WAIT = 60


# -- the tree (RFC 6962, section 2.1) ------------------------------------------------------------------------------


def sha256(data):
    return hashlib.sha256(data).digest()


def leaf(entry):
    return sha256(b"\x00" + entry)


def node(left, right):
    return sha256(b"\x01" + left + right)


def root(leaves):
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"")
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node(root(leaves[:split]), root(leaves[split:]))


def root_by_proof(hash_, index, size, proof):
    """RFC 9162, section 2.1.3.2."""
    at, last = index, size - 1
    for sibling in proof:
        assert last > 0, "the proof is too long"
        if at & 1 or at == last:
            hash_ = node(sibling, hash_)
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            hash_ = node(hash_, sibling)
        at, last = at >> 1, last >> 1
    assert last == 0, "the proof is too short"
    return hash_


# -- signed notes and checkpoints (C2SP) -----------------------------------------------------------------------------


class Key:
    """A vkey: name+id+base64(type || public key)."""

    def __init__(self, text):
        self.name, identifier, encoded = text.split("+", 2)
        typed = base64.b64decode(encoded, validate=True)
        assert typed[0] == 1, "an Ed25519 log key"
        self.id = sha256(self.name.encode() + b"\n" + typed)[:4]
        assert self.id.hex() == identifier, "the key's identifier"
        self.public = Ed25519PublicKey.from_public_bytes(typed[1:])


class Checkpoint:
    """A checkpoint that one of `keys` has signed."""

    def __init__(self, note, keys):
        text, signatures = note.rsplit("\n\n", 1)
        text += "\n"
        origin, size, hash_ = text.split("\n")[:3]
        assert text.count("\n") == 3 and text.endswith("\n"), "three lines, no extension"
        assert re.fullmatch("0|[1-9][0-9]*", size), "a plain decimal"
        self.note, self.origin, self.size = note, origin, int(size)
        self.root = base64.b64decode(hash_, validate=True)
        assert signatures.endswith("\n")
        good = 0
        for line in signatures[:-1].split("\n"):
            dash, name, encoded = line.split(" ")
            assert dash == "\u2014"
            blob = base64.b64decode(encoded, validate=True)
            for key in keys:
                if (key.name, key.id) == (name, blob[:4]):
                    key.public.verify(blob[4:], text.encode())
                    good += 1
        if not good:
            raise InvalidSignature


def tile_path(index, width=256):
    steps = [f"{index % 1000:03}"]
    while index := index // 1000:
        steps.insert(0, f"x{index % 1000:03}")
    return "/".join(steps) + (f".p/{width}" if width < 256 else "")


def bundle_entries(data):
    entries = []
    while data:
        length = int.from_bytes(data[:2], "big")
        assert len(data) >= 2 + length, "the bundle ends within an entry"
        entries.append(data[2 : 2 + length])
        data = data[2 + length :]
    return entries


def widths(total):
    return [(index, min(256, total - index * 256)) for index in range((total + 255) // 256)]


# -- the gateway -------------------------------------------------------------------------------------------------------


def run(*arguments, code=0):
    done = subprocess.run([COUNTERSIGN, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == code, f"{arguments}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Gateway:
    def __init__(self):
        certs = HOME / "certs"
        run("init", HOME)
        run("certs", "init", "--dir", certs)
        run("certs", "issue", "server", "localhost", "--san", "login.localhost", "--san", "127.0.0.1", "--dir", certs)
        run("certs", "issue", "backend", "gateway", "--dir", certs)
        run("certs", "issue", "admin", "ada", "--dir", certs)
        (HOME / "seed.toml").write_text(
            '[[admin]]\nname = "ada"\nperson = "Ada Adler"\nroles = ["auditor", "custodian"]\n'
            'certificate = "file:certs/admin/ada.pem"\n'
        )
        self.public, mutual, self.admin, self.operations = free_ports(4)
        config = HOME / "countersign.toml"
        text = re.sub(r', "\[::1\]:\d+"', "", config.read_text())
        ports = {8443: self.public, 8444: mutual, 9443: self.admin, 9464: self.operations}
        text = re.sub(r"\b(8443|8444|9443|9464)\b", lambda found: str(ports[int(found[0])]), text)
        text = text.replace("[log]\n", '[log]\nanchor = "elsewhere/anchor"\n')
        config.write_text(text)
        (HOME / "elsewhere").mkdir()
        run("seed", HOME / "seed.toml", "--config", config)
        self.config = config
        self.as_ada = ["--config", config, "--certificate", certs / "admin/ada.pem", "--key", certs / "admin/ada.key.pem"]
        self.trust = ssl.create_default_context(cafile=certs / "ca.pem")
        self.ada = ssl.create_default_context(cafile=certs / "ca.pem")
        self.ada.load_cert_chain(certs / "admin/ada.pem", certs / "admin/ada.key.pem")

    def start(self):
        with open(HOME / "serve.out", "a") as out:
            command = [COUNTERSIGN, "serve", "--config", str(self.config)]
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        self.wait(lambda: self.readiness()[0] is not None)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(timeout=WAIT)

    def wait(self, condition):
        deadline = time.monotonic() + WAIT
        while not (found := condition()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the gateway does not go on:\n{(HOME / 'serve.out').read_text()}")
            time.sleep(0.05)
        return found

    def readiness(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.operations, timeout=5)
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return None, ""

    def get(self, paths, admin=False):
        """The answers at `paths`, over one connection."""
        port, context = (self.admin, self.ada) if admin else (self.public, self.trust)
        connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=30)
        for path in paths:
            connection.request("GET", path)
            answer = connection.getresponse()
            yield answer.status, answer.headers, answer.read()
        connection.close()

    def one(self, path, admin=False):
        status, headers, body = next(self.get([path], admin))
        assert status == 200, (path, status, body)
        return headers, body

    def keys(self):
        document = json.loads(self.one("/.well-known/countersign/keys")[1])
        assert document["log"]["origin"] == "localhost"
        return [Key(text) for text in document["log"]["vkeys"]], document["log"]["vkeys"]

    def checkpoint(self, at_least, keys):
        def covering():
            status, headers, body = next(self.get(["/log/checkpoint"]))
            if status != 200:
                return None
            assert headers["content-type"] == "text/plain; charset=utf-8"
            try:
                found = Checkpoint(body.decode(), keys)
            except InvalidSignature:
                return None  # the one before a rotation, when only the new key is asked for
            return found if found.size >= at_least else None

        return self.wait(covering)


# -- what is checked -----------------------------------------------------------------------------------------------------


def check_entries(entries):
    """Canonical JSON of five members, each naming the one before (TLOG-13)."""
    previous = sha256(b"")
    for index, entry in enumerate(entries):
        assert len(entry) <= 65535
        members = json.loads(entry)
        assert sorted(members) == ["at", "event", "previous", "salt", "sequence"]
        canonical = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert canonical.encode() == entry, f"entry {index} is not canonical"
        assert members["sequence"] == index + 1
        encoded = base64.urlsafe_b64encode(previous).rstrip(b"=").decode()
        assert members["previous"] == encoded, f"entry {index} does not follow the one before"
        assert len(members["salt"]) == 43 and isinstance(members["event"]["kind"], str)
        previous = leaf(entry)


def check_tiles(gateway, size, leaves):
    level, hashes = 0, leaves
    while hashes:
        expected = [hashes[index * 256 : index * 256 + width] for index, width in widths(len(hashes))]
        paths = [f"/log/tile/{level}/{tile_path(index, len(tile))}" for index, tile in enumerate(expected)]
        for path, tile, (status, headers, body) in zip(paths, expected, gateway.get(paths), strict=True):
            assert (status, body) == (200, b"".join(tile)), path
            assert headers["content-type"] == "application/octet-stream"
            assert "immutable" in headers["cache-control"]
        level, hashes = level + 1, [root(tile) for tile in expected if len(tile) == 256]
    beyond = [f"/log/tile/0/{tile_path(size // 256 + 1)}", "/log/tile/entries/000", "/log/tile/0/0", "/log/tile/9/000.p/1"]
    assert [status for status, *_ in gateway.get(beyond)] == [404] * len(beyond)


def fetch_entries(gateway, size):
    paths = [f"/admin/v1/log/tile/entries/{tile_path(index, width)}" for index, width in widths(size)]
    entries = []
    for status, _, body in gateway.get(paths, admin=True):
        assert status == 200
        entries += bundle_entries(body)
    assert len(entries) == size
    return entries


def check_log(gateway, checkpoint):
    entries = fetch_entries(gateway, checkpoint.size)
    check_entries(entries)
    leaves = [leaf(entry) for entry in entries]
    assert root(leaves) == checkpoint.root, "the root is not that of the entries"
    check_tiles(gateway, checkpoint.size, leaves)
    return leaves


def check_proof(gateway, sequence, keys):
    """C2SP tlog-proof, with the entry in its extra line."""
    printed = json.loads(run("--json", "audit", "prove", "--sequence", sequence, *gateway.as_ada))["proofs"][0]
    head, note = printed.split("\n\n", 1)
    first, extra, index, *hashes = head.split("\n")
    assert first == "c2sp.org/tlog-proof@v1" and index == f"index {sequence - 1}"
    entry = base64.b64decode(extra.removeprefix("extra "), validate=True)
    checkpoint = Checkpoint(note, keys)
    proof = [base64.b64decode(text, validate=True) for text in hashes]
    assert root_by_proof(leaf(entry), sequence - 1, checkpoint.size, proof) == checkpoint.root
    assert root_by_proof(leaf(entry + b" "), sequence - 1, checkpoint.size, proof) != checkpoint.root
    return printed


def check_tampering(folder, vkeys):
    """What this script sees broken, the gateway's own verifier names."""
    flags = [flag for key in vkeys for flag in ("--vkey", key)]

    def verdict(code, *more):
        return json.loads(run("--json", "audit", "verify", "--tiles", folder, *flags, *more, code=code))

    good = verdict(0)
    assert good["verified"] and good["unwitnessed"] and not good["findings"]

    def swapped(data):
        entries = bundle_entries(data)
        entries[3], entries[4] = entries[4], entries[3]
        return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)

    def flipped(data):
        return data[:200] + bytes([data[200] ^ 1]) + data[201:]

    for place, change, name in [
        ("tile/entries/000", flipped, "changed-entry"),
        ("tile/entries/001", swapped, "reordered"),
        ("tile/0/001", flipped, "changed-tile"),
        ("tile/entries/001", lambda data: b"", "removed-tail"),
    ]:
        path = folder / place
        data = path.read_bytes()
        path.write_bytes(change(data))
        found = verdict(1)
        assert not found["verified"] and found["findings"][0]["kind"] == name, (place, found)
        path.write_bytes(data)
    assert verdict(0)["verified"]
    return verdict


def main():
    gateway = Gateway()
    try:
        check(gateway)
    finally:
        gateway.process.kill()
        gateway.process.wait()


def check(gateway):
    gateway.start()
    keys, first_vkeys = gateway.keys()
    for status, _, body in gateway.get(["/admin/v1/keys"] * EVENTS, admin=True):
        assert status == 200, body
    old = gateway.checkpoint(EVENTS, keys)
    check_log(gateway, old)
    proof = check_proof(gateway, 300, keys)

    # Killed, started again, and its key rotated: the old checkpoint still counts, and the log continues it.
    gateway.stop(signal.SIGKILL)
    store = HOME / "countersign.sqlite"
    for file in HOME.glob("countersign.sqlite*"):
        shutil.copy(file, HOME / file.name.replace("countersign", "backup"))
    gateway.start()
    run("keys", "rotate", "log", "--now", *gateway.as_ada)
    keys, vkeys = gateway.keys()
    assert len(keys) == 2
    newest = next(key for key, text in zip(keys, vkeys, strict=True) if text not in first_vkeys)
    new = gateway.checkpoint(old.size + 1, [newest])
    leaves = check_log(gateway, new)
    assert root(leaves[: old.size]) == old.root, "the new log does not continue the old one"
    Checkpoint(old.note, keys)
    try:
        Checkpoint(old.note, [newest])
        sys.exit("a key signed before its time")
    except InvalidSignature:
        pass

    # Proofs and copies, by the gateway's own verifier and here.
    (HOME / "kept").write_text(old.note)
    (HOME / "proof").write_text(proof)
    flags = [flag for key in vkeys for flag in ("--vkey", key)]
    run("audit", "verify", "--proof", HOME / "proof", *flags)
    folder = HOME / "export"
    run("audit", "export", "--tiles", folder, *gateway.as_ada)
    verdict = check_tampering(folder, vkeys)
    assert verdict(0, "--checkpoint", HOME / "kept")["continues_kept_checkpoint"]
    found = json.loads(run("--json", "audit", "search", "--kind", "key-changed", *gateway.as_ada))["events"]
    assert {event["event"]["purpose"] for event in found} >= {"log", "token"}
    assert "key-changed" in run("audit", "search", "--contains", "retiring", *gateway.as_ada)
    assert len(run("audit", "tail", "-n", 5, *gateway.as_ada).splitlines()) == 5

    # The store at rest, whole and tampered with; then the backup under the anchor that has seen more.
    gateway.stop()
    stored = json.loads(run("--json", "audit", "verify", "--store", store, "--checkpoint", HOME / "elsewhere/anchor", *flags))
    assert stored["verified"], stored
    for file in HOME.glob("countersign.sqlite*"):
        file.unlink()
    for file in HOME.glob("backup.sqlite*"):
        shutil.copy(file, HOME / file.name.replace("backup", "countersign"))
    put_back = run("--json", "audit", "verify", "--store", store, "--checkpoint", HOME / "elsewhere/anchor", *flags, code=1)
    kinds = [finding["kind"] for finding in json.loads(put_back)["findings"]]
    assert kinds == ["rollback"], kinds
    gateway.start()
    status, text = gateway.readiness()
    assert status == 503 and "rollback" in text and "restore the newest store" in text, text
    assert next(gateway.get(["/admin/v1/keys"], admin=True))[0] == 503
    gateway.stop()
    print(f"the log verifies: {new.size} entries, two keys, a kill and a rotation; a backup put back is refused")


def check_seventy_thousand():
    """The tree of the specification's example, its tiles and one proof, by this script's own hashes."""
    leaves = [leaf(str(number).encode()) for number in range(70_000)]
    whole = root(leaves)
    level = [root(leaves[index * 256 : index * 256 + width]) for index, width in widths(70_000)]
    assert root(level) == whole, "subtrees of 256 make the same root"
    index, proof, low, high = 12_345, [], 0, 70_000
    while high - low > 1:
        split = low + (1 << ((high - low - 1).bit_length() - 1))
        proof.insert(0, root(leaves[split:high]) if index < split else root(leaves[low:split]))
        low, high = (low, split) if index < split else (split, high)
    assert root_by_proof(leaves[index], index, 70_000, proof) == whole


if __name__ == "__main__":
    check_seventy_thousand()
    main()
