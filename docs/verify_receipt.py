#!/usr/bin/env python3
"""Verifies a receipt offline, with public libraries only (docs/receipts.md):  verify_receipt.py RECEIPT VKEY [VKEY ...]

A VKEY is a key of the log, `<origin>+<8 hex>+<base64>`. Exit code 0 when the receipt holds, 1 with the reason when not.
"""

import base64
import hashlib
import json
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

PARTS = ("answer", "decision", "intent", "payment_signature", "request")
MEMBERS = {"version", "id", "intent_digest", "leaf", "index", "proof", "checkpoint", "cosignatures", *PARTS}


def check(holds, reason):
    if not holds:
        sys.exit(f"the receipt does not hold: {reason}")


def sha256(*octets):
    return hashlib.sha256(b"".join(octets)).digest()


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def digest(purpose, value):
    """SHA-256 over a purpose, a line feed and canonical JSON. Receipts hold texts, whole numbers and null only, and their
    members have ASCII names, so sorted members without spaces are RFC 8785."""
    canonical = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return base64url(sha256(purpose.encode(), b"\n", canonical.encode()))


def no_repeated_member(pairs):
    check(len(dict(pairs)) == len(pairs), "a member stands twice")
    return dict(pairs)


def root(leaf, index, size, proof):
    """The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2)."""
    check(0 <= index < size, "the index is beyond the checkpoint")
    node, last, found = sha256(b"\0", leaf), size - 1, index
    for sibling in proof:
        check(last > 0, "the proof is too long")
        if found & 1 or found == last:
            node = sha256(b"\1", sibling, node)
            while found and not found & 1:
                found, last = found >> 1, last >> 1
        else:
            node = sha256(b"\1", node, sibling)
        found, last = found >> 1, last >> 1
    check(last == 0, "the proof is too short")
    return node


def verify_checkpoint(note, vkeys):
    """The size and root of a checkpoint that one of the keys has signed (C2SP signed-note, tlog-checkpoint)."""
    text, _, lines = note.rpartition("\n\n")
    text += "\n"
    for vkey in vkeys:
        name, key_id, key = vkey.split("+", 2)
        key = base64.b64decode(key)
        check(key[0] == 1 and sha256(name.encode(), b"\n", key)[:4].hex() == key_id, f"{vkey} is no key of a log")
        for line in lines.splitlines():
            dash, signer, signature = line.split(" ")
            signature = base64.b64decode(signature, validate=True)
            if (dash, signer, signature[:4].hex()) == ("—", name, key_id):
                ed25519.Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text.encode())
                origin, size, tree = text.splitlines()[:3]
                check(origin == name, f"the checkpoint is of the log {origin}")
                return int(size), base64.b64decode(tree, validate=True)
    return check(False, "no known key has signed the checkpoint")


def verify_payment_signature(signature, request):
    """The client's own signature over what identifies the request (RFC 9421)."""
    base, jwk = signature["base"], signature["jwk"]
    octets = base64.b64decode(signature["signature"], validate=True)
    if jwk["kty"] == "OKP":
        ed25519.Ed25519PublicKey.from_public_bytes(from_base64url(jwk["x"])).verify(octets, base.encode())
    elif jwk["kty"] == "EC":
        x, y, r, s = (int.from_bytes(part) for part in (*map(from_base64url, (jwk["x"], jwk["y"])), octets[:32], octets[32:]))
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        key.verify(utils.encode_dss_signature(r, s), base.encode(), ec.ECDSA(hashes.SHA256()))
    else:
        n, e = (int.from_bytes(from_base64url(jwk[name])) for name in "ne")
        pss = padding.PSS(padding.MGF1(hashes.SHA512()), salt_length=64)
        rsa.RSAPublicNumbers(e, n).public_key().verify(octets, base.encode(), pss, hashes.SHA512())
    lines = dict(line.split(": ", 1) for line in base.split("\n"))
    check('tag="countersign-payment"' in lines['"@signature-params"'], "the signature was made for something else")
    key = request["idempotency_key"].replace("\\", "\\\\").replace('"', '\\"')
    signed = {'"@method"': request["method"], '"@target-uri"': request["target"], '"idempotency-key"': f'"{key}"'}
    check(all(lines.get(name) == value for name, value in signed.items()), "the client signed another request")
    body = re.search(r"sha-256=:([^:]*):", lines['"content-digest"'])
    check(not body or base64url(base64.b64decode(body[1])) == request["content_digest"], "the client signed another body")


def main(path, *vkeys):
    with open(path, encoding="utf-8") as file:
        receipt = json.load(file, object_pairs_hook=no_repeated_member)
    check(receipt.get("version") == "countersign-receipt/v1" and set(receipt) == MEMBERS, "it is no receipt of version 1")
    leaf = base64.b64decode(receipt["leaf"], validate=True)
    size, tree = verify_checkpoint(receipt["checkpoint"], vkeys)
    proof = [base64.b64decode(sibling, validate=True) for sibling in receipt["proof"]]
    check(root(leaf, receipt["index"], size, proof) == tree, "leaf and proof do not lead to the checkpoint")
    event = json.loads(leaf)["event"]
    check(event["kind"] in ("answered", "settled") and event["transaction"] == receipt["id"], "the leaf is another payment's")
    for part in PARTS:
        recorded = event["receipt"][part] == digest(f"countersign/receipt/v1/{part}", receipt[part])
        check(recorded, f"{part} is not what the log recorded")
    check(digest("countersign/intent/v1", receipt["intent"]) == receipt["intent_digest"], "intent_digest is wrong")
    if receipt["payment_signature"]:
        verify_payment_signature(receipt["payment_signature"], receipt["request"])
    witnessed = f"{len(receipt['cosignatures'])} cosignatures, not verified here" if receipt["cosignatures"] else "unwitnessed"
    signed = "signed by the client" if receipt["payment_signature"] else "not signed by the client"
    print(f"the receipt {receipt['id']} holds: entry {receipt['index']} of {size}, {signed}, {witnessed}")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except InvalidSignature:
        check(False, "a signature is not good")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        check(False, f"it is malformed ({error!r})")
