"""A backend in Python: checks everything that the gateway promises about a forwarded request, with libraries of other people.

    backend.py --keys keys.json --txn-keys txn-keys.json --issuer https://pay.example --trust-domain bank < request.json

`keys.json` is the gateway's /.well-known/countersign/keys, `txn-keys.json` its /.well-known/countersign/txn-keys. The request is
{"method", "target", "authority", "headers": {name: value or [values]}, "body"}, where `authority` is this backend's own. Exit code 0
and a line of JSON when all of it verifies; 1 and the reason when not.

A server does two things more, which one process per request cannot: it remembers every `nonce` for 75 seconds, and every `txn` it
executed for as long as its books, and refuses the second.
"""

import argparse
import base64
import datetime
import hashlib
import json
import sys
import time

import jwt
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)

MAX_AGE = 60
MAX_AHEAD = 10
NONCE_CHARACTERS = 22
ALWAYS = ["@method", "@authority", "@path", "@query", "txn-token", "forwarded"]
WHERE_PRESENT = ["content-digest", "content-type", "idempotency-key", "traceparent"]
ONCE = ["txn-token", "forwarded", *WHERE_PRESENT]
PAYMENT = ["@method", "@target-uri", "content-digest", "content-type", "idempotency-key"]
TRUSTED_STATES = {None, "pre-active", "active", "retiring"}


class Refused(Exception):
    """Why the request is not to be acted upon."""


def demand(condition, reason):
    if not condition:
        raise Refused(reason)


class Headers:
    """Every field line in order, as the signature library wants them."""

    def __init__(self, headers):
        self.lines = []
        for name, values in headers.items():
            for value in [values] if isinstance(values, str) else values:
                self.lines.append((name.lower(), value))

    def items(self):
        return self.lines

    def all(self, name):
        return [value for line, value in self.lines if line == name]

    def once(self, name):
        values = self.all(name)
        demand(len(values) <= 1, f"{name} stands more than once")
        return values[0] if values else None


class Message:
    """A request as the signature library wants it."""

    def __init__(self, method, url, headers):
        self.method = method
        self.url = url
        self.headers = headers


class Keys(HTTPSignatureKeyResolver):
    """The public keys that may sign, by name."""

    def __init__(self, keys):
        self.keys = keys

    def resolve_public_key(self, key_id):
        return self.keys.get(key_id)


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def message_keys(document):
    """The Ed25519 keys that sign messages now, as jwt.PyJWK reads them."""
    return {
        key["kid"]: jwt.PyJWK(key, algorithm="EdDSA").key
        for key in document["keys"]
        if key.get("purpose") == "message" and key.get("crv") == "Ed25519" and key.get("state") in TRUSTED_STATES
    }


def verifier(algorithm, keys):
    built = HTTPMessageVerifier(signature_algorithm=algorithm, key_resolver=Keys(keys))
    built.max_clock_skew = datetime.timedelta(seconds=MAX_AHEAD)
    return built


def labels(headers):
    """The labels of the signatures. The library has checked the form of the field before anything depends on this."""
    return {part.split("=", 1)[0].strip() for line in headers.all("signature-input") for part in line.split(",") if "=(" in part}


def verify_gateway(request, headers, keys):
    """The gateway's own signature: one, by a key it publishes, over everything that matters, made just now."""
    required = ALWAYS + [name for name in WHERE_PRESENT if headers.all(name)]
    for label in ("client", "payment"):
        if label in labels(headers):
            required += [f'"signature";key="{label}"', f'"signature-input";key="{label}"']
    message = Message(request["method"], f"https://{request['authority']}{request['target']}", headers)
    results = verifier(algorithms.ED25519, message_keys(keys)).verify(
        message,
        max_age=datetime.timedelta(seconds=MAX_AGE),
        expect_tag="countersign-forward",
        require_components=required,
        body=request["body"].encode() if headers.all("content-digest") else None,
    )
    demand(len(results) == 1 and results[0].label == "countersign", "the gateway's signature does not stand once under its label")
    parameters = results[0].parameters
    demand({"created", "expires", "nonce", "keyid"} <= parameters.keys(), "a parameter of the gateway's signature is missing")
    demand(parameters["expires"] - parameters["created"] <= MAX_AGE, "the gateway's signature is valid for too long")
    demand(len(parameters["nonce"]) >= NONCE_CHARACTERS, "the nonce is too short")
    return parameters


def verify_token(token, request, headers, arguments, txn_keys):
    """The Txn-Token: who, what and why, for this backend and this very request."""
    header = jwt.get_unverified_header(token)
    demand(header.get("typ", "").lower().removeprefix("application/") == "txntoken+jwt", "the token is of another type")
    known = {key["kid"]: key for key in txn_keys["keys"]}
    demand(header.get("kid") in known, "the token names an unknown key")
    key = jwt.PyJWK(known[header["kid"]])
    claims = jwt.decode(
        token,
        key=key,
        algorithms=[key.algorithm_name],
        audience=arguments.trust_domain,
        issuer=arguments.issuer,
        leeway=MAX_AHEAD,
        options={"require": ["iss", "aud", "iat", "exp", "sub"], "strict_aud": True},
    )
    demand(claims["exp"] > time.time(), "the token has expired")
    demand(claims["exp"] - claims["iat"] <= MAX_AGE, "the token is valid for too long")
    demand(all(claims.get(name) for name in ("txn", "sub", "req_wl")), "a claim of the token is empty")
    facts = claims["tctx"]
    demand(facts["method"] == request["method"], "the token is for another method")
    demand(facts["path"] == request["target"].split("?", 1)[0], "the token is for another path")
    demand(facts["content_digest"] == base64url(hashlib.sha256(request["body"].encode()).digest()), "the token is for another body")
    if "idempotency_key" in facts:
        quoted = facts["idempotency_key"].replace("\\", "\\\\").replace('"', '\\"')
        demand(headers.once("idempotency-key") == f'"{quoted}"', "the token is for another idempotency key")
    return claims


def verify_intent(facts):
    """What the customer agreed to has the digest beside it (SHA-256 over a purpose and RFC 8785 JSON)."""
    if "intent" not in facts and "intent_digest" not in facts:
        return None
    # All members are ASCII names with text values, or lists of such objects: for these RFC 8785 is sorted compact JSON.
    canonical = json.dumps(facts["intent"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(b"countersign/intent/v1\n" + canonical.encode()).digest()
    demand(facts["intent_digest"] == base64url(digest), "the intent does not have the digest beside it")
    return facts["intent"]


def verify_payment(request, headers, claims, forwarded_at):
    """The client's own signature, over the request as it sent it to the gateway, by the key in the token."""
    if "payment" not in labels(headers):
        return "attested"
    demand("jwk" in claims.get("cnf", {}), "there is a payment signature but no key to verify it with")
    jwk = jwt.PyJWK(claims["cnf"]["jwk"])
    algorithm = {
        "EdDSA": algorithms.ED25519,
        "ES256": algorithms.ECDSA_P256_SHA256,
    }.get(jwk.algorithm_name, algorithms.RSA_PSS_SHA512)

    class OneKey(dict):
        def get(self, _name):
            return jwk.key

    parameters = dict(part.split("=", 1) for part in headers.once("forwarded").split(";"))
    host = parameters["host"].strip('"')
    results = verifier(algorithm, OneKey()).verify(
        Message(request["method"], f"https://{host}{request['target']}", headers),
        max_age=datetime.timedelta(seconds=2 * MAX_AGE),
        expect_tag="countersign-payment",
        require_components=PAYMENT,
    )
    demand(len(results) == 1 and results[0].label == "payment", "the payment signature does not stand once under its label")
    before = forwarded_at - results[0].parameters["created"]
    demand(-MAX_AHEAD <= before <= 2 * MAX_AGE, "the payment signature was not made for this request")
    demand(len(results[0].parameters.get("nonce", "")) >= NONCE_CHARACTERS, "the nonce of the payment signature is too short")
    return "signed"


def verify(request, arguments, keys, txn_keys):
    headers = Headers(request["headers"])
    for name in ONCE:
        headers.once(name)
    demand(headers.once("txn-token") and headers.once("forwarded"), "Txn-Token or Forwarded is missing")
    forwarded = verify_gateway(request, headers, keys)
    claims = verify_token(headers.once("txn-token"), request, headers, arguments, txn_keys)
    intent = verify_intent(claims["tctx"])
    evidence = verify_payment(request, headers, claims, forwarded["created"])
    return {"txn": claims["txn"], "sub": claims["sub"], "key": forwarded["keyid"], "intent": intent, "evidence": evidence}


def main():
    parser = argparse.ArgumentParser(description="Verifies a request that the gateway forwarded.")
    for name in ("--keys", "--txn-keys", "--issuer", "--trust-domain"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    with open(arguments.keys) as keys, open(arguments.txn_keys) as txn_keys:
        documents = json.load(keys), json.load(txn_keys)
    try:
        print(json.dumps(verify(json.load(sys.stdin), arguments, *documents)))
    except (Refused, HTTPMessageSignaturesException, jwt.PyJWTError, LookupError, TypeError, ValueError) as reason:
        sys.exit(f"refused: {type(reason).__name__}: {reason}")


if __name__ == "__main__":
    main()
