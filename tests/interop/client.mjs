// A client app in Node: logs in, reads and pays, with libraries of other people.
//
//   node client.mjs --url https://pay.example --ca ca.pem --client-id app --username alice --password … --otp … \
//     --accounts-url … --route-url … < payment.json
//
// Arguments, input, output and exit code are those of client.py beside this file.

import { createHash, createPublicKey, randomBytes, sign as signBytes, verify as verifyBytes, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { parseArgs } from "node:util";
import { SignJWT, calculateJwkThumbprint } from "jose";
import signatures from "http-message-signatures";
import { parseDictionary } from "structured-headers";

const sha256 = (bytes) => createHash("sha256").update(bytes).digest();
const random = (bytes) => randomBytes(bytes).toString("base64url");
const text = { type: "string" };
const names = ["url", "ca", "client-id", "username", "password", "otp", "accounts-url", "route-url"];
const { values: options } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, text])) });
const ca = readFileSync(options.ca);

// The key of this app: tokens are bound to it.
const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const jwk = publicKey.export({ format: "jwk" });
const thumbprint = await calculateJwkThumbprint(jwk);
let nonce;

// Sends a request over TLS 1.3; a DPoP nonce that comes along is kept (RFC 9449, section 8.2).
function send(method, url, headers, body) {
  return new Promise((resolve, reject) => {
    const sent = httpsRequest(url, { method, headers, ca, minVersion: "TLSv1.3" }, async (answer) => {
      const parts = [];
      for await (const part of answer) parts.push(part);
      nonce = answer.headers["dpop-nonce"] ?? nonce;
      resolve({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(parts) });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

// A DPoP proof for one request (RFC 9449, section 4.2).
function proof(method, url, token) {
  const claims = { htm: method, htu: url.split("?")[0], nonce, ath: token && sha256(token).toString("base64url") };
  return new SignJWT(JSON.parse(JSON.stringify(claims)))
    .setProtectedHeader({ alg: "EdDSA", typ: "dpop+jwt", jwk })
    .setJti(random(16))
    .setIssuedAt()
    .sign(privateKey);
}

// A call of an OAuth endpoint; asked for a nonce, once more with it.
async function postForm(path, fields) {
  const url = options.url + path;
  const form = new URLSearchParams({ client_id: options["client-id"], ...fields }).toString();
  for (let attempt = 0; ; attempt += 1) {
    const headers = { "content-type": "application/x-www-form-urlencoded", dpop: await proof("POST", url) };
    const { status, body } = await send("POST", url, headers, form);
    const answer = JSON.parse(body);
    if (answer.error !== "use_dpop_nonce" || attempt > 0) return { status, answer };
  }
}

// Name, password and one-time code become a token that is bound to the key.
async function login(scope) {
  const verifier = random(32);
  let { status, answer } = await postForm("/oauth/authorize-challenge", {
    response_type: "code",
    scope,
    acr_values: "urn:countersign:acr:2",
    code_challenge: sha256(verifier).toString("base64url"),
    code_challenge_method: "S256",
    username: options.username,
    password: options.password,
  });
  if (answer.error === "insufficient_authorization") {
    ({ status, answer } = await postForm("/oauth/authorize-challenge", { auth_session: answer.auth_session, otp: options.otp }));
  }
  if (status !== 200) throw new Error(`the login was refused: ${JSON.stringify(answer)}`);
  const grant = { grant_type: "authorization_code", code: answer.authorization_code, code_verifier: verifier };
  ({ status, answer } = await postForm("/oauth/token", grant));
  if (status !== 200) throw new Error(`no token: ${JSON.stringify(answer)}`);
  return answer.access_token;
}

// Adds one signature (RFC 9421) to a message {method, url, headers}.
function sign(message, name, tag, fields) {
  const created = new Date();
  return signatures.httpbis.signMessage(
    {
      name,
      fields,
      params: ["created", "expires", "keyid", "nonce", "tag"],
      paramValues: { created, expires: new Date(created.getTime() + 60_000), keyid: thumbprint, nonce: random(16), tag },
      key: { id: thumbprint, sign: async (base) => signBytes(null, base, privateKey) },
    },
    message,
  );
}

// A payment, signed twice: for the gateway, and as evidence for the backend.
async function pay(url, token, body, idempotencyKey) {
  const payment = ["@method", "@target-uri", "content-digest", "content-type", "idempotency-key"];
  let message = {
    method: "POST",
    url,
    headers: {
      authorization: `DPoP ${token}`,
      "content-type": "application/json",
      "content-digest": `sha-256=:${sha256(body).toString("base64")}:`,
      "idempotency-key": `"${idempotencyKey}"`,
    },
  };
  message = await sign(message, "request", "fapi-2-request", [...payment, "authorization"]);
  message = await sign(message, "payment", "countersign-payment", payment);
  const answer = await send("POST", url, message.headers, body);
  await verifyAnswer(answer, message);
  return answer;
}

// Only an answer that the gateway signed for exactly this request is to be believed.
async function verifyAnswer(answer, message) {
  const { body } = await send("GET", `${options.url}/.well-known/countersign/keys`, {});
  const trusted = JSON.parse(body).keys.filter(
    (key) => key.purpose === "message" && ["pre-active", "active", "retiring"].includes(key.state),
  );
  const [components, parameters] = parseDictionary(answer.headers["signature-input"]).get("countersign");
  const covered = components.map(([name, flags]) => [name, ...flags.keys()].join(" "));
  const required = ["@status", "content-digest", "@method req", "@target-uri req", "content-digest req"];
  if (answer.status < 400) required.push("signature key req", "signature-input key req");
  const key = trusted.find((each) => each.kid === parameters.get("keyid"));
  const verified = await signatures.httpbis.verifyMessage(
    {
      keyLookup: async ({ tag }) =>
        tag === "fapi-2-response" && key
          ? { algs: ["ed25519"], verify: async (base, bytes) => verifyBytes(null, base, createPublicKey({ key, format: "jwk" }), bytes) }
          : null,
      maxAge: 600,
      tolerance: 10,
    },
    { status: answer.status, headers: answer.headers },
    message,
  );
  const digest = `sha-256=:${sha256(answer.body).toString("base64")}:`;
  const missing = required.filter((name) => !covered.includes(name));
  if (verified !== true || missing.length > 0 || answer.headers["content-digest"] !== digest) {
    throw new Error(`the answer ${answer.status} is not to be believed: ${missing.join(", ")}`);
  }
}

try {
  const token = await login("accounts payments");
  const url = options["accounts-url"];
  const accounts = await send("GET", url, { authorization: `DPoP ${token}`, dpop: await proof("GET", url, token) });
  if (accounts.status !== 200) throw new Error(`no accounts: ${accounts.status} ${accounts.body}`);
  const [body, key] = [readFileSync(0), random(16)];
  const first = await pay(options["route-url"], token, body, key);
  if (first.status >= 300) throw new Error(`not paid: ${first.status} ${first.body}`);
  // The same order again, with fresh signatures: the stored answer, and no second payment.
  const second = await pay(options["route-url"], token, body, key);
  if (second.status !== first.status || !second.body.equals(first.body)) throw new Error("the same order got another answer");
  console.log(JSON.stringify({ accounts: JSON.parse(accounts.body), paid: JSON.parse(first.body) }));
} catch (reason) {
  console.error(reason.message);
  process.exitCode = 1;
}
