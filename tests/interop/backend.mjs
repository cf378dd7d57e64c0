// A backend in Node: checks everything that the gateway promises about a forwarded request, with libraries of other people.
//
//   node backend.mjs --keys keys.json --txn-keys txn-keys.json --issuer https://pay.example --trust-domain bank < request.json
//
// Arguments, input, output and exit code are those of backend.py beside this file. A server also remembers every `nonce` for 75
// seconds, and every `txn` it executed for as long as its books, and refuses the second.

import { createHash, createPublicKey, verify as verifySignature } from "node:crypto";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { decodeProtectedHeader, importJWK, jwtVerify } from "jose";
import signatures from "http-message-signatures";
import { parseDictionary, serializeInnerList } from "structured-headers";

const MAX_AGE = 60;
const MAX_AHEAD = 10;
const NONCE_CHARACTERS = 22;
const ALWAYS = ["@method", "@authority", "@path", "@query", "txn-token", "forwarded"];
const WHERE_PRESENT = ["content-digest", "content-type", "idempotency-key", "traceparent"];
const PAYMENT = ["@method", "@target-uri", "content-digest", "content-type", "idempotency-key"];
const TRUSTED_STATES = [undefined, "pre-active", "active", "retiring"];

class Refused extends Error {}

function demand(condition, reason) {
  if (!condition) throw new Refused(reason);
}

const base64url = (bytes) => Buffer.from(bytes).toString("base64url");
const sha256 = (bytes) => createHash("sha256").update(bytes).digest();

// Lower-case names, every value a list of field lines.
function readHeaders(headers) {
  const read = {};
  for (const [name, values] of Object.entries(headers)) {
    read[name.toLowerCase()] = (read[name.toLowerCase()] ?? []).concat(values);
  }
  return read;
}

function once(headers, name) {
  const values = headers[name] ?? [];
  demand(values.length <= 1, `${name} stands more than once`);
  return values[0];
}

// Method, authority, path and query exactly as they came: URL objects would rewrite them.
function exactly(request, authority) {
  const question = request.target.indexOf("?");
  const path = question < 0 ? request.target : request.target.slice(0, question);
  const query = question < 0 ? "?" : request.target.slice(question);
  const values = {
    "@method": request.method,
    "@authority": authority.toLowerCase().replace(/:443$/, ""),
    "@path": path,
    "@query": query,
    "@target-uri": `https://${authority.toLowerCase().replace(/:443$/, "")}${request.target}`,
  };
  return (name) => (name in values ? [values[name]] : null);
}

// The signatures of the message: label, what is covered, parameters.
function readSignatures(headers) {
  const inputs = parseDictionary((headers["signature-input"] ?? []).join(", "));
  const bytes = parseDictionary((headers["signature"] ?? []).join(", "));
  demand(inputs.size === bytes.size && [...inputs.keys()].every((label) => bytes.has(label)), "labels do not fit");
  return [...inputs].map(([label, [components, parameters]]) => ({
    label,
    covered: components.map((item) => serializeInnerList([[item], new Map()]).slice(1, -1)),
    parameters: Object.fromEntries(parameters),
  }));
}

// The one signature with the tag and label, covering what it must.
function select(all, tag, label, required, parameters) {
  const tagged = all.filter((signature) => signature.parameters.tag === tag);
  demand(tagged.length === 1 && tagged[0].label === label, `the signature ${tag} does not stand once under its label`);
  const [signature] = tagged;
  for (const name of required) {
    const identifier = name.startsWith('"') ? name : `"${name}"`;
    demand(signature.covered.includes(identifier), `${tag} does not cover ${identifier}`);
  }
  for (const name of parameters) demand(name in signature.parameters, `${tag} has no parameter ${name}`);
  demand(signature.parameters.nonce.length >= NONCE_CHARACTERS, `the nonce of ${tag} is too short`);
  return signature;
}

// Has the library build the signature base anew and verify it with `key`, only for the signature with this tag.
async function verifyMessage(request, headers, authority, tag, key) {
  const verified = await signatures.httpbis.verifyMessage(
    {
      keyLookup: async (parameters) => (parameters.tag === tag ? key : null),
      componentParser: exactly(request, authority),
      tolerance: MAX_AHEAD,
      maxAge: 2 * MAX_AGE,
    },
    { method: request.method, url: `https://${authority}${request.target}`, headers },
  );
  demand(verified === true, `the signature ${tag} does not verify`);
}

// A key as the library wants it. The kind of the key fixes the algorithm.
function verificationKey(jwk) {
  const key = createPublicKey({ key: jwk, format: "jwk" });
  const ways = {
    Ed25519: ["ed25519", (base, signature) => verifySignature(null, base, key, signature)],
    "P-256": [
      "ecdsa-p256-sha256",
      (base, signature) => verifySignature("sha256", base, { key, dsaEncoding: "ieee-p1363" }, signature),
    ],
  };
  const way = ways[jwk.crv];
  demand(way, "the key is of a kind that is not accepted");
  return { id: jwk.kid, algs: [way[0]], verify: async (base, signature) => way[1](base, signature) };
}

async function verifyGateway(request, headers, all, keys) {
  const required = [...ALWAYS, ...WHERE_PRESENT.filter((name) => name in headers)];
  for (const label of ["client", "payment"]) {
    if (all.some((signature) => signature.label === label)) {
      required.push(`"signature";key="${label}"`, `"signature-input";key="${label}"`);
    }
  }
  const signature = select(all, "countersign-forward", "countersign", required, ["created", "expires", "nonce", "keyid"]);
  const { created, expires, keyid } = signature.parameters;
  const now = Date.now() / 1000;
  demand(created >= now - MAX_AGE && created <= now + MAX_AHEAD, "the gateway's signature is stale");
  demand(expires > now && expires - created <= MAX_AGE, "the gateway's signature has expired or is valid for too long");
  const jwk = keys.keys.find(
    (key) => key.kid === keyid && key.purpose === "message" && key.crv === "Ed25519" && TRUSTED_STATES.includes(key.state),
  );
  demand(jwk, "the gateway publishes no such message key");
  await verifyMessage(request, headers, request.authority, "countersign-forward", verificationKey(jwk));
  return signature.parameters;
}

function verifyDigest(request, headers) {
  if (!("content-digest" in headers)) return;
  const listed = parseDictionary(headers["content-digest"].join(", "));
  const counted = ["sha-256", "sha-512"].filter((name) => listed.has(name));
  demand(counted.length > 0, "Content-Digest lists neither sha-256 nor sha-512");
  for (const name of counted) {
    const computed = createHash(name.replace("-", "")).update(request.body).digest();
    demand(computed.equals(Buffer.from(listed.get(name)[0])), "the body is not the one that was signed");
  }
}

async function verifyToken(request, headers, options, txnKeys) {
  const token = once(headers, "txn-token");
  const { kid } = decodeProtectedHeader(token);
  const jwk = txnKeys.keys.find((key) => key.kid === kid);
  demand(kid && jwk, "the token names an unknown key");
  const { payload } = await jwtVerify(token, await importJWK(jwk, jwk.alg), {
    algorithms: [jwk.alg],
    typ: "txntoken+jwt",
    issuer: options.issuer,
    audience: options["trust-domain"],
    requiredClaims: ["iss", "aud", "iat", "exp", "sub", "txn", "req_wl", "tctx"],
  });
  demand(payload.aud === options["trust-domain"], "the token is for several trust domains");
  demand(payload.exp - payload.iat <= MAX_AGE, "the token is valid for too long");
  demand(payload.iat <= Date.now() / 1000 + MAX_AHEAD, "the token was issued in the future");
  const facts = payload.tctx;
  demand(facts.method === request.method, "the token is for another method");
  demand(facts.path === request.target.split("?")[0], "the token is for another path");
  demand(facts.content_digest === base64url(sha256(request.body)), "the token is for another body");
  if ("idempotency_key" in facts) {
    const quoted = facts.idempotency_key.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
    demand(once(headers, "idempotency-key") === `"${quoted}"`, "the token is for another idempotency key");
  }
  return payload;
}

// RFC 8785 for what an intent is made of: texts, and lists of objects of texts.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`);
  return `{${members.join(",")}}`;
}

function verifyIntent(facts) {
  if (!("intent" in facts) && !("intent_digest" in facts)) return null;
  const digest = base64url(sha256(`countersign/intent/v1\n${canonical(facts.intent)}`));
  demand(facts.intent_digest === digest, "the intent does not have the digest beside it");
  return facts.intent;
}

async function verifyPayment(request, headers, all, token, forwardedAt) {
  if (!all.some((signature) => signature.label === "payment")) return "attested";
  demand(token.cnf?.jwk, "there is a payment signature but no key to verify it with");
  const signature = select(all, "countersign-payment", "payment", PAYMENT, ["created", "nonce", "keyid"]);
  const before = forwardedAt - signature.parameters.created;
  demand(before >= -MAX_AHEAD && before <= 2 * MAX_AGE, "the payment signature was not made for this request");
  const host = /(?:^|;)host="?([^";]+)"?/.exec(once(headers, "forwarded"))?.[1];
  demand(host, "Forwarded names no host");
  await verifyMessage(request, headers, host, "countersign-payment", verificationKey(token.cnf.jwk));
  return "signed";
}

async function verify(request, options, keys, txnKeys) {
  const headers = readHeaders(request.headers);
  for (const name of ["txn-token", "forwarded", ...WHERE_PRESENT]) once(headers, name);
  demand(once(headers, "txn-token") && once(headers, "forwarded"), "Txn-Token or Forwarded is missing");
  const all = readSignatures(headers);
  const forwarded = await verifyGateway(request, headers, all, keys);
  verifyDigest(request, headers);
  const token = await verifyToken(request, headers, options, txnKeys);
  const intent = verifyIntent(token.tctx);
  const evidence = await verifyPayment(request, headers, all, token, forwarded.created);
  return { txn: token.txn, sub: token.sub, key: forwarded.keyid, intent, evidence };
}

const text = { type: "string" };
const { values: options } = parseArgs({ options: { keys: text, "txn-keys": text, issuer: text, "trust-domain": text } });
const document = (path) => JSON.parse(readFileSync(path, "utf8"));
try {
  const request = JSON.parse(readFileSync(0, "utf8"));
  const verified = await verify(request, options, document(options.keys), document(options["txn-keys"]));
  console.log(JSON.stringify(verified));
} catch (reason) {
  console.error(`refused: ${reason.name}: ${reason.message}`);
  process.exitCode = 1;
}
