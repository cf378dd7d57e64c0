"""A client app in Python: logs in, reads and pays, with libraries of other people.

    client.py --url https://pay.example --ca ca.pem --client-id app --username alice --password … --otp … --route-url … < payment.json

The payment on standard input is sent as it is. Exit code 0 and a line of JSON when it was executed and the gateway's signature under
the answer is good; 1 and the reason when not.
"""

import argparse
import base64
import datetime
import hashlib
import json
import secrets
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, MappingKeyResolver, algorithms
from jwt.algorithms import ECAlgorithm

LIFETIME = datetime.timedelta(seconds=60)


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def sha256(text):
    return hashlib.sha256(text if isinstance(text, bytes) else text.encode()).digest()


class Message:
    """A request or an answer as the signature library wants it."""

    def __init__(self, headers, method=None, url=None, status=None, request=None):
        self.headers = headers
        if status is None:
            self.method, self.url = method, url
        else:
            self.status_code, self.request = status, request


class Client:
    def __init__(self, url, ca, client_id):
        self.url, self.client_id = url, client_id
        self.https = ssl.create_default_context(cafile=ca)
        self.https.minimum_version = ssl.TLSVersion.TLSv1_3
        self.key = generate_private_key(SECP256R1())
        self.jwk = {name: value for name, value in ECAlgorithm.to_jwk(self.key.public_key(), as_dict=True).items() if name != "key_ops"}
        # RFC 7638: the required members in order, without spaces.
        required = {name: self.jwk[name] for name in ("crv", "kty", "x", "y")}
        self.thumbprint = base64url(sha256(json.dumps(required, separators=(",", ":"))))
        self.nonce = None

    def send(self, method, url, headers, body=None):
        """Status, headers and body; a DPoP nonce that comes along is kept (RFC 9449, section 8.2)."""
        request = urllib.request.Request(url, data=body, headers=headers, method=method)
        try:
            answer = urllib.request.urlopen(request, context=self.https, timeout=60)
        except urllib.error.HTTPError as refusal:
            answer = refusal
        with answer:
            self.nonce = answer.headers.get("DPoP-Nonce") or self.nonce
            return answer.status, answer.headers, answer.read()

    def proof(self, method, url, token=None):
        """A DPoP proof for one request (RFC 9449, section 4.2)."""
        claims = {"jti": secrets.token_urlsafe(16), "htm": method, "htu": url.split("?")[0], "iat": int(time.time())}
        if token:
            claims["ath"] = base64url(sha256(token))
        if self.nonce:
            claims["nonce"] = self.nonce
        return jwt.encode(claims, self.key, algorithm="ES256", headers={"typ": "dpop+jwt", "jwk": self.jwk})

    def post_form(self, path, fields):
        """A call of an OAuth endpoint; asked for a nonce, once more with it."""
        body = urllib.parse.urlencode({"client_id": self.client_id, **fields}).encode()
        for _ in range(2):
            headers = {"DPoP": self.proof("POST", self.url + path), "Content-Type": "application/x-www-form-urlencoded"}
            status, _, answer = self.send("POST", self.url + path, headers, body)
            answer = json.loads(answer)
            if answer.get("error") != "use_dpop_nonce":
                break
        return status, answer

    def login(self, username, password, otp, scope):
        """Name, password and one-time code become a token that is bound to the key."""
        verifier = secrets.token_urlsafe(32)
        status, answer = self.post_form("/oauth/authorize-challenge", {
            "response_type": "code", "scope": scope, "acr_values": "urn:countersign:acr:2",
            "code_challenge": base64url(sha256(verifier)), "code_challenge_method": "S256",
            "username": username, "password": password,
        })
        if answer.get("error") == "insufficient_authorization":
            status, answer = self.post_form("/oauth/authorize-challenge", {"auth_session": answer["auth_session"], "otp": otp})
        if status != 200:
            sys.exit(f"the login was refused: {answer}")
        code = {"grant_type": "authorization_code", "code": answer["authorization_code"], "code_verifier": verifier}
        status, answer = self.post_form("/oauth/token", code)
        if status != 200:
            sys.exit(f"no token: {answer}")
        return answer["access_token"]

    def get(self, url, token):
        """A read with proof of the key."""
        return self.send("GET", url, {"Authorization": f"DPoP {token}", "DPoP": self.proof("GET", url, token)})

    def pay(self, url, token, body, idempotency_key):
        """A payment, signed twice: for the gateway, and as evidence for the backend."""
        headers = {
            "Authorization": f"DPoP {token}",
            "Content-Type": "application/json",
            "Content-Digest": f"sha-256=:{base64.b64encode(sha256(body)).decode()}:",
            "Idempotency-Key": f'"{idempotency_key}"',
        }
        request = Message(headers, "POST", url)
        payment = ["@method", "@target-uri", "content-digest", "content-type", "idempotency-key"]
        self.sign(request, "request", "fapi-2-request", [*payment, "authorization"])
        self.sign(request, "payment", "countersign-payment", payment)
        status, answer_headers, answer = self.send("POST", url, headers, body)
        self.verify_answer(Message(answer_headers, status=status, request=request), answer)
        return status, answer

    def sign(self, request, label, tag, components):
        keys = MappingKeyResolver(public_keys={}, private_keys={self.thumbprint: self.key})
        now = datetime.datetime.now(datetime.timezone.utc)
        HTTPMessageSigner(signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=keys).sign(
            request,
            key_id=self.thumbprint,
            created=now,
            expires=now + LIFETIME,
            nonce=secrets.token_urlsafe(16),
            label=label,
            tag=tag,
            include_alg=False,
            covered_component_ids=components,
            append_if_signature_exists=True,
            use_existing_digest=True,
        )

    def verify_answer(self, answer, body):
        """Only an answer that the gateway signed for exactly this request is to be believed."""
        _, _, document = self.send("GET", self.url + "/.well-known/countersign/keys", {})
        keys = {
            key["kid"]: jwt.PyJWK(key, algorithm="EdDSA").key
            for key in json.loads(document)["keys"]
            if key["purpose"] == "message" and key["state"] in ("pre-active", "active", "retiring")
        }
        required = ["@status", '"@method";req', '"@target-uri";req', '"content-digest";req']
        required += ['"signature";req;key="request"', '"signature-input";req;key="request"'] if answer.status_code < 400 else []
        resolver = MappingKeyResolver(public_keys=keys, private_keys={})
        HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=resolver).verify(
            answer,
            max_age=datetime.timedelta(minutes=10),
            expect_tag="fapi-2-response",
            require_components=required,
            body=body,
        )


def main():
    parser = argparse.ArgumentParser(description="Logs in, reads and pays.")
    for name in ("--url", "--ca", "--client-id", "--username", "--password", "--otp", "--accounts-url", "--route-url"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    client = Client(arguments.url, arguments.ca, arguments.client_id)
    token = client.login(arguments.username, arguments.password, arguments.otp, "accounts payments")
    status, _, accounts = client.get(arguments.accounts_url, token)
    if status != 200:
        sys.exit(f"no accounts: {status} {accounts}")
    body, key = sys.stdin.buffer.read(), secrets.token_urlsafe(16)
    status, first = client.pay(arguments.route_url, token, body, key)
    if status not in (200, 201):
        sys.exit(f"not paid: {status} {first}")
    # The same order again, with fresh signatures: the stored answer, and no second payment.
    if client.pay(arguments.route_url, token, body, key) != (status, first):
        sys.exit("the same order got another answer")
    print(json.dumps({"accounts": json.loads(accounts), "paid": json.loads(first)}))


if __name__ == "__main__":
    main()
