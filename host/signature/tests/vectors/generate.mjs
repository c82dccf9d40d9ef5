// Writes one vector a provider beside this file. See README.md.
//
//   node generate.mjs DIRECTORY    a directory whose node_modules holds the packages that README.md names
import { execFileSync } from "node:child_process";
import crypto from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath, pathToFileURL } from "node:url";

const from = path.resolve(process.argv[2], "package.json");
const require = createRequire(from);
// `file` is for packages that offer no CommonJS.
const load = async (name, file) =>
  file ? import(pathToFileURL(path.join(path.dirname(from), "node_modules", name, file))) : require(name);
const version = (name) => {
  const file = path.join(path.dirname(from), "node_modules", name, "package.json");
  return `npm ${name} ${JSON.parse(readFileSync(file)).version}`;
};

// Judges look at the clock: it stands still.
const NOW = 1_700_000_000_000;
const SECONDS = String(NOW / 1000);
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...of) {
    super(...(of.length ? of : [NOW]));
  }
  static now() {
    return NOW;
  }
};

const hmac = (algorithm, key, content, encoding) => crypto.createHmac(algorithm, key).update(content).digest(encoding);
const sha256 = (key, content, encoding = "hex") => hmac("sha256", key, content, encoding);
const here = path.dirname(fileURLToPath(import.meta.url));
const must = (yes, what) => {
  if (!yes) throw new Error(`the judge refused: ${what}`);
};
const refuses = async (judge, what) => {
  let accepted = false;
  try {
    accepted = (await judge()) !== false;
  } catch {}
  if (accepted) throw new Error(`the judge accepted a tampered body: ${what}`);
};

const vector = (provider, source, secret, headers, body, more = {}) => {
  const { file = provider, ...rest } = more;
  const all = { provider, source, secret, method: "POST", url: "https://hooks.example.com/in", headers, body, now_ms: NOW, delivery_id: null, ...rest };
  writeFileSync(path.join(here, `${file}.json`), JSON.stringify(all, null, 2) + "\n");
};

const json = (fields) => JSON.stringify(fields);
const event = json({ id: "evt_1", type: "order.paid", text: "größer ✓", amount: 12.5 });
const KEY = "secret-of-the-test-0123456789";
const WHSEC = "whsec_" + Buffer.from("a key of the tests, 32 bytes lo!").toString("base64");

// Standard Webhooks and Svix, signed by the libraries themselves, and judged by the senders' own.
const std = async (provider, Lib, source, prefix, judge) => {
  const time = new RealDate(NOW);
  const signature = new Lib(WHSEC).sign("msg_1", time, event);
  const headers = [[`${prefix}-id`, "msg_1"], [`${prefix}-timestamp`, SECONDS], [`${prefix}-signature`, signature]];
  const named = Object.fromEntries(headers);
  if (judge) {
    await judge(event, named);
    await refuses(() => judge(event + " ", named), provider);
  }
  vector(provider, source, WHSEC, headers, event, { delivery_id: "msg_1" });
};
{
  const { Webhook } = await load("standardwebhooks");
  const svix = await load("svix");
  const lib = version("standardwebhooks");
  await std("standard-webhooks", Webhook, `${lib} signs and judges`, "webhook", (b, h) => new Webhook(WHSEC).verify(b, h));
  await std("gitlab-signed", Webhook, `${lib} signs; no judge of GitLab`, "webhook");
  await std("svix", svix.Webhook, `${version("svix")} signs and judges`, "svix", (b, h) => new svix.Webhook(WHSEC).verify(b, h));
  const OpenAI = (await load("openai")).default;
  const openai = new OpenAI({ apiKey: "none" });
  await std("openai", Webhook, `${lib} signs, ${version("openai")} judges`, "webhook", (b, h) => openai.webhooks.verifySignature(b, h, WHSEC));
  const { validateWebhook } = await load("replicate");
  await std("replicate", Webhook, `${lib} signs, ${version("replicate")} judges`, "webhook", (body, h) =>
    validateWebhook({ id: h["webhook-id"], timestamp: h["webhook-timestamp"], signature: h["webhook-signature"], body, secret: WHSEC }));
  const { Resend } = await load("resend");
  await std("resend", svix.Webhook, `${version("svix")} signs, ${version("resend")} judges`, "svix", (payload, h) =>
    new Resend("re_none").webhooks.verify({ payload, headers: { id: h["svix-id"], timestamp: h["svix-timestamp"], signature: h["svix-signature"] }, webhookSecret: WHSEC }));
  const { verifyWebhook } = await load("@clerk/backend/webhooks");
  await std("clerk", svix.Webhook, `${version("svix")} signs, ${version("@clerk/backend")} judges`, "svix", (body, headers) =>
    verifyWebhook(new Request("https://hooks.example.com/in", { method: "POST", headers, body }), { signingSecret: WHSEC }));
}

// Ed25519 and ECDSA: the libraries only verify; the key is made here and thrown away.
const ed25519 = () => {
  const { publicKey, privateKey } = crypto.generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(-32);
  return { raw, sign: (content, encoding) => crypto.sign(null, Buffer.from(content), privateKey).toString(encoding) };
};
{
  const key = ed25519();
  const signature = "v1a," + key.sign(`msg_1.${SECONDS}.${event}`, "base64");
  vector("standard-webhooks-ed25519", "node:crypto signs; no judge", "whpk_" + key.raw.toString("base64"),
    [["webhook-id", "msg_1"], ["webhook-timestamp", SECONDS], ["webhook-signature", signature]], event, { delivery_id: "msg_1" });
}
{
  const { verifyKey } = await load("discord-interactions");
  const key = ed25519();
  const body = json({ id: "1187", type: 2, data: { name: "größer" } });
  const signature = key.sign(SECONDS + body, "hex");
  must(await verifyKey(body, signature, SECONDS, key.raw.toString("hex")), "discord");
  await refuses(() => verifyKey(body + " ", signature, SECONDS, key.raw.toString("hex")), "discord");
  vector("discord", `node:crypto signs, ${version("discord-interactions")} judges`, key.raw.toString("hex"),
    [["X-Signature-Ed25519", signature], ["X-Signature-Timestamp", SECONDS]], body, { delivery_id: "1187" });
}
{
  const { TelnyxWebhook } = await load("telnyx/lib/webhooks");
  const key = ed25519();
  const body = json({ data: { id: "d-1", event_type: "call.initiated" } });
  const headers = { "telnyx-signature-ed25519": key.sign(`${SECONDS}|${body}`, "base64"), "telnyx-timestamp": SECONDS };
  const judge = new TelnyxWebhook(key.raw.toString("base64"));
  await judge.verify(body, headers);
  await refuses(() => judge.verify(body + " ", headers), "telnyx");
  vector("telnyx", `node:crypto signs, ${version("telnyx")} judges`, key.raw.toString("base64"), Object.entries(headers), body, { delivery_id: "d-1" });
}
{
  const { EventWebhook } = await load("@sendgrid/eventwebhook");
  const { publicKey, privateKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spki = publicKey.export({ format: "der", type: "spki" }).toString("base64");
  const body = json([{ email: "a@example.com", event: "open", sg_event_id: "e-1" }]) + "\r\n";
  const signature = crypto.sign("sha256", Buffer.from(SECONDS + body), privateKey).toString("base64");
  const judge = new EventWebhook();
  must(judge.verifySignature(judge.convertPublicKeyToECDSA(spki), body, signature, SECONDS), "sendgrid");
  await refuses(() => judge.verifySignature(judge.convertPublicKeyToECDSA(spki), body + " ", signature, SECONDS), "sendgrid");
  vector("sendgrid", `node:crypto signs, ${version("@sendgrid/eventwebhook")} judges`, spki,
    [["X-Twilio-Email-Event-Webhook-Signature", signature], ["X-Twilio-Email-Event-Webhook-Timestamp", SECONDS]], body);
}

// HMAC, with an official library as the sender or the judge.
{
  const { sign, verify } = await load("@octokit/webhooks-methods", "dist-node/index.js");
  const signature = await sign(KEY, event);
  must(await verify(KEY, event, signature), "github");
  await refuses(() => verify(KEY, event + " ", signature), "github");
  vector("github", `${version("@octokit/webhooks-methods")} signs and judges`, KEY, [["X-GitHub-Delivery", "g-1"], ["X-Hub-Signature-256", signature]], event, { delivery_id: "g-1" });
}
{
  const Stripe = await load("stripe");
  const stripe = new (Stripe.default ?? Stripe)("sk_test_none");
  const secret = "whsec_test_secret";
  const header = stripe.webhooks.generateTestHeaderString({ payload: event, secret, timestamp: NOW / 1000 });
  stripe.webhooks.constructEvent(event, header, secret);
  await refuses(() => stripe.webhooks.constructEvent(event + " ", header, secret), "stripe");
  vector("stripe", `${version("stripe")} signs and judges`, secret, [["Stripe-Signature", header]], event, { delivery_id: "evt_1" });
}
{
  const { WorkOS } = await load("@workos-inc/node");
  const header = `t=${NOW}, v1=${sha256(KEY, `${NOW}.${event}`)}`;
  const judge = (body) => new WorkOS("sk_none").webhooks.constructEvent({ payload: JSON.parse(body), sigHeader: header, secret: KEY });
  const body = json({ id: "event_1", event: "user.created", data: {}, created_at: "2023-11-14T22:13:20.000Z" });
  const signed = `t=${NOW}, v1=${sha256(KEY, `${NOW}.${body}`)}`;
  await new WorkOS("sk_none").webhooks.verifyHeader({ payload: JSON.parse(body), sigHeader: signed, secret: KEY });
  await refuses(() => judge(body), "workos");
  vector("workos", `node:crypto signs, ${version("@workos-inc/node")} judges`, KEY, [["WorkOS-Signature", signed]], body, { delivery_id: "event_1" });
}
{
  const { Paddle } = await load("@paddle/paddle-node-sdk");
  const body = json({ event_id: "evt_1", event_type: "transaction.paid" });
  const header = `ts=${SECONDS};h1=${sha256(KEY, `${SECONDS}:${body}`)}`;
  must(await new Paddle("none").webhooks.isSignatureValid(body, KEY, header), "paddle");
  must(!(await new Paddle("none").webhooks.isSignatureValid(body + " ", KEY, header)), "paddle tampered");
  vector("paddle", `node:crypto signs, ${version("@paddle/paddle-node-sdk")} judges`, KEY, [["Paddle-Signature", header]], body, { delivery_id: "evt_1" });
}
{
  const { Signature } = await load("@hubspot/api-client");
  const url = "https://hooks.example.com/in?a=1";
  const make = (signatureVersion) => Signature.getSignature("POST", signatureVersion, { clientSecret: KEY, requestBody: event, url, timestamp: NOW });
  vector("hubspot", `${version("@hubspot/api-client")} signs; no judge`, KEY, [["X-HubSpot-Signature-v3", make("v3")], ["X-HubSpot-Request-Timestamp", String(NOW)]], event, { url });
  vector("hubspot-v1", `${version("@hubspot/api-client")} signs; no judge`, KEY, [["X-HubSpot-Signature", make("v1")]], event, { url });
}
{
  const { WebhooksHelper } = await load("square");
  const url = "https://hooks.example.com/in";
  const body = json({ event_id: "sq-1", type: "payment.updated" });
  const signature = sha256(KEY, url + body, "base64");
  const judge = (requestBody) => WebhooksHelper.verifySignature({ requestBody, signatureHeader: signature, signatureKey: KEY, notificationUrl: url });
  must(await judge(body), "square");
  await refuses(() => judge(body + " "), "square");
  vector("square", `node:crypto signs, ${version("square")} judges`, KEY, [["x-square-hmacsha256-signature", signature]], body, { delivery_id: "sq-1" });
}
{
  const twilio = await load("twilio");
  const source = `${version("twilio")} signs and judges`;
  const url = "https://hooks.example.com/in?foo=1&bar=2";
  const params = { To: "+18005551212", From: "+12349013030", Body: "größer & co", MediaUrl: ["b", "a", "b"] };
  const signature = twilio.getExpectedTwilioSignature(KEY, url, params);
  must(twilio.validateRequest(KEY, signature, url, params), "twilio");
  must(!twilio.validateRequest(KEY, signature, url, { ...params, Body: "another" }), "twilio tampered");
  const pairs = Object.entries(params).flatMap(([name, value]) => [value].flat().map((one) => [name, one]));
  const form = [["Content-Type", "application/x-www-form-urlencoded; charset=UTF-8"], ["I-Twilio-Idempotency-Token", "t-1"], ["X-Twilio-Signature", signature]];
  vector("twilio", source, KEY, form, new URLSearchParams(pairs).toString(), { url, delivery_id: "t-1" });
  const hashed = `${url}&bodySHA256=${crypto.createHash("sha256").update(event).digest("hex")}`;
  const other = twilio.getExpectedTwilioSignature(KEY, hashed, {});
  must(twilio.validateRequestWithBody(KEY, other, hashed, event), "twilio json");
  must(!twilio.validateRequestWithBody(KEY, other, hashed, event + " "), "twilio tampered");
  vector("twilio", source, KEY, [["Content-Type", "application/json"], ["X-Twilio-Signature", other]], event, { url: hashed, file: "twilio-json" });
}
{
  const { LinearWebhookClient } = await load("@linear/sdk", "dist/webhooks/index.mjs");
  const body = json({ action: "create", type: "Issue", webhookTimestamp: NOW, webhookId: "w-1" });
  const signature = sha256(KEY, body);
  const judge = new LinearWebhookClient(KEY);
  must(judge.verify(Buffer.from(body), signature, NOW), "linear");
  await refuses(() => judge.verify(Buffer.from(body + " "), signature, NOW), "linear");
  vector("linear", `node:crypto signs, ${version("@linear/sdk")} judges`, KEY, [["Linear-Delivery", "l-1"], ["Linear-Signature", signature]], body, { delivery_id: "l-1" });
}
{
  const { signWebhookPayload } = await load("@notionhq/client");
  const signature = await signWebhookPayload({ body: event, verificationToken: KEY });
  vector("notion", `${version("@notionhq/client")} signs; no judge`, KEY, [["X-Notion-Signature", signature]], event, { delivery_id: "evt_1" });
}
{
  const { verifySlackRequest } = require(path.join(path.dirname(from), "node_modules/@slack/bolt/dist/receivers/verify-request.js"));
  const body = json({ type: "event_callback", event_id: "Ev1", event: { type: "message" } });
  const headers = { "x-slack-signature": "v0=" + sha256(KEY, `v0:${SECONDS}:${body}`), "x-slack-request-timestamp": SECONDS };
  const judge = (text) => verifySlackRequest({ signingSecret: KEY, body: text, headers: { ...headers, "x-slack-request-timestamp": Number(SECONDS) } });
  judge(body);
  await refuses(() => judge(body + " "), "slack");
  vector("slack", `node:crypto signs, ${version("@slack/bolt")} judges`, KEY, Object.entries(headers), body, { delivery_id: "Ev1" });
}
{
  const { ElevenLabsClient } = await load("@elevenlabs/elevenlabs-js");
  const header = `t=${SECONDS},v0=${sha256(KEY, `${SECONDS}.${event}`)}`;
  const { webhooks } = new ElevenLabsClient({ apiKey: "none" });
  await webhooks.constructEvent(event, header, KEY);
  await refuses(() => webhooks.constructEvent(event + " ", header, KEY), "elevenlabs");
  vector("elevenlabs", `node:crypto signs, ${version("@elevenlabs/elevenlabs-js")} judges`, KEY, [["ElevenLabs-Signature", header]], event);
}
{
  const { WebflowClient } = await load("webflow-api");
  const headers = { "x-webflow-timestamp": String(NOW), "x-webflow-signature": sha256(KEY, `${NOW}:${event}`) };
  const { webhooks } = new WebflowClient({ accessToken: "none" });
  must(await webhooks.verifySignature({ headers, body: event, secret: KEY }), "webflow");
  must(!(await webhooks.verifySignature({ headers, body: event + " ", secret: KEY })), "webflow tampered");
  vector("webflow", `node:crypto signs, ${version("webflow-api")} judges`, KEY, Object.entries(headers), event);
}
{
  await load("@shopify/shopify-api/adapters/node");
  const { shopifyApi } = await load("@shopify/shopify-api");
  const shopify = shopifyApi({ apiKey: "none", apiSecretKey: KEY, scopes: ["read_orders"], hostName: "hooks.example.com", apiVersion: "2026-04", isEmbeddedApp: true });
  const headers = {
    "X-Shopify-Hmac-Sha256": sha256(KEY, event, "base64"), "X-Shopify-Topic": "orders/paid", "X-Shopify-API-Version": "2026-04",
    "X-Shopify-Shop-Domain": "a.myshopify.com", "X-Shopify-Webhook-Id": "s-1",
  };
  const judge = async (rawBody) => (await shopify.webhooks.validate({ rawBody, rawRequest: { method: "POST", url: "/in", headers }, rawResponse: {} })).valid;
  must(await judge(event), "shopify");
  await refuses(() => judge(event + " "), "shopify");
  vector("shopify", `node:crypto signs, ${version("@shopify/shopify-api")} judges`, KEY, Object.entries(headers), event, { delivery_id: "s-1" });
}
{
  const Mux = await load("@mux/mux-node");
  const mux = new (Mux.default ?? Mux)({ tokenId: "none", tokenSecret: "none" });
  const headers = { "mux-signature": `t=${SECONDS},v1=${sha256(KEY, `${SECONDS}.${event}`)}` };
  await mux.webhooks.verifySignature(event, headers, KEY);
  await refuses(() => mux.webhooks.verifySignature(event + " ", headers, KEY), "mux");
  vector("mux", `node:crypto signs, ${version("@mux/mux-node")} judges`, KEY, Object.entries(headers), event, { delivery_id: "evt_1" });
}
{
  const { validateSignature } = await load("@line/bot-sdk");
  const signature = sha256(KEY, event, "base64");
  must(validateSignature(event, KEY, signature), "line");
  must(!validateSignature(event + " ", KEY, signature), "line tampered");
  vector("line", `node:crypto signs, ${version("@line/bot-sdk")} judges`, KEY, [["x-line-signature", signature]], event);
}
{
  const { AccessToken, WebhookReceiver } = await load("livekit-server-sdk");
  const body = json({ event: "room_started", id: "EV_1", createdAt: "1700000000" });
  const token = new AccessToken("api-key", KEY, { ttl: 300 });
  token.sha256 = crypto.createHash("sha256").update(body).digest("base64");
  const jwt = await token.toJwt();
  await new WebhookReceiver("api-key", KEY).receive(body, jwt);
  await refuses(() => new WebhookReceiver("api-key", KEY).receive(body + " ", jwt), "livekit");
  vector("livekit", `${version("livekit-server-sdk")} signs and judges`, KEY, [["Authorization", jwt]], body, { delivery_id: "EV_1" });
}
{
  const jwt = await load("jsonwebtoken");
  const body = json({ event: { id: "f-1", type: "user.create" } });
  const claims = { request_body_sha256: crypto.createHash("sha256").update(body).digest("base64") };
  const token = jwt.sign(claims, KEY, { keyid: "k-1", noTimestamp: true });
  vector("fusionauth", `${version("jsonwebtoken")} signs; no judge`, KEY, [["X-FusionAuth-Signature-JWT", token]], body, { delivery_id: "f-1" });
}
{
  const { encodeSignatureHeader, isValidSignature } = await load("@sanity/webhook");
  const header = await encodeSignatureHeader(event, NOW, KEY);
  must(await isValidSignature(event, header, KEY), "sanity");
  await refuses(() => isValidSignature(event + " ", header, KEY), "sanity");
  vector("sanity", `${version("@sanity/webhook")} signs and judges`, KEY, [["idempotency-key", "i-1"], ["sanity-webhook-signature", header]], event, { delivery_id: "i-1" });
}
{
  const { signatureHelper } = await load("@kontent-ai/webhook-helper");
  vector("kontent-ai", `${version("@kontent-ai/webhook-helper")} signs; no judge`, KEY, [["X-Kontent-ai-Signature", signatureHelper.getHashFromString(event, KEY)]], event);
}
{
  const { WebhookEventVerifier } = await load("@onfido/api");
  const signature = sha256(KEY, event);
  new WebhookEventVerifier(KEY).readPayload(event, signature);
  await refuses(() => new WebhookEventVerifier(KEY).readPayload(event + " ", signature), "onfido");
  vector("onfido", `node:crypto signs, ${version("@onfido/api")} judges`, KEY, [["X-SHA2-Signature", signature]], event);
}
{
  const Razorpay = await load("razorpay");
  const signature = sha256(KEY, event);
  must(Razorpay.validateWebhookSignature(event, signature, KEY), "razorpay");
  must(!Razorpay.validateWebhookSignature(event + " ", signature, KEY), "razorpay tampered");
  vector("razorpay", `node:crypto signs, ${version("razorpay")} judges`, KEY, [["X-Razorpay-Event-Id", "r-1"], ["X-Razorpay-Signature", signature]], event, { delivery_id: "r-1" });
}

// RSA keys that the sender publishes. The key is made here and thrown away; `keys` is what stands at its URL.
const published = (name) => {
  const folder = mkdtempSync(path.join(tmpdir(), "vectors-"));
  const [key, certificate] = ["key.pem", "certificate.pem"].map((file) => path.join(folder, file));
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "36500", "-subj", `/CN=${name}`, "-keyout", key, "-out", certificate], { stdio: "ignore" });
  const made = { privateKey: readFileSync(key, "utf8"), certificate: readFileSync(certificate, "utf8") };
  rmSync(folder, { recursive: true });
  return made;
};
{
  const Validator = await load("sns-validator");
  const { privateKey, certificate } = published("sns.amazonaws.com");
  const arn = "arn:aws:sns:eu-west-1:123456789012:orders";
  // The judge fetches the certificate; here it gets ours.
  require("https").get = (url, then) => {
    const answer = Readable.from([Buffer.from(certificate)]);
    answer.statusCode = 200;
    then(answer);
    return answer;
  };
  const judge = (message) => new Promise((yes, no) => new Validator().validate(message, (error) => (error ? no(error) : yes(true))));
  const sns = async (file, version, algorithm, message) => {
    const names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
    const text = names.filter((name) => name in message).map((name) => `${name}\n${message[name]}\n`).join("");
    const Signature = crypto.sign(algorithm, Buffer.from(text), privateKey).toString("base64");
    const body = { ...message, SignatureVersion: version, Signature, SigningCertURL: "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem" };
    await judge(body);
    await refuses(() => judge({ ...body, Message: body.Message + " " }), file);
    vector("aws-sns", `node:crypto signs, ${sourceOfSns} judges`, arn, [["Content-Type", "text/plain; charset=UTF-8"], ["x-amz-sns-message-type", message.Type]],
      JSON.stringify(body, null, 2), { file, delivery_id: message.MessageId, keys: certificate });
  };
  const sourceOfSns = version("sns-validator");
  const base = { MessageId: "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", TopicArn: arn, Timestamp: new RealDate(NOW).toISOString() };
  const notification = { Type: "Notification", ...base, Subject: "größer", Message: event };
  await sns("aws-sns", "2", "sha256", notification);
  const { Subject, ...plain } = notification;
  await sns("aws-sns-version-1", "1", "sha1", plain);
  await sns("aws-sns-subscription", "2", "sha256", {
    Type: "SubscriptionConfirmation", ...base, Token: "2336412f37", Message: "You have chosen to subscribe to the topic",
    SubscribeURL: `https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${arn}&Token=2336412f37`,
  });
}
{
  const { privateKey, certificate } = published("messageverificationcerts.paypal.com");
  const id = "1JE4291016473214C";
  const body = json({ id: "WH-1", event_type: "PAYMENT.CAPTURE.COMPLETED", text: "größer ✓" });
  const [sent, time] = ["69cd13f0-d67a-11e5-baa3-778b53f4ae55", new RealDate(NOW).toISOString().replace(".000", "")];
  const crc = [...Buffer.from(body)].reduce((crc, byte) => {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    return crc >>> 0;
  }, 0xffffffff) ^ 0xffffffff;
  const signature = crypto.sign("sha256", Buffer.from(`${sent}|${time}|${id}|${crc >>> 0}`), privateKey).toString("base64");
  vector("paypal", "node:crypto signs; no judge", id, [["PAYPAL-AUTH-ALGO", "SHA256withRSA"], ["PAYPAL-CERT-URL", "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"],
    ["PAYPAL-TRANSMISSION-ID", sent], ["PAYPAL-TRANSMISSION-TIME", time], ["PAYPAL-TRANSMISSION-SIG", signature]], body, { delivery_id: "WH-1", keys: certificate });
}
{
  const jwt = await load("jsonwebtoken");
  const { OAuth2Client } = await load("google-auth-library");
  const { privateKey, certificate } = published("google");
  const public_ = crypto.createPublicKey(certificate);
  const email = "push@project.iam.gserviceaccount.com";
  const url = "https://hooks.example.com/in";
  const claims = { aud: url, azp: "113774264463038321964", email, email_verified: true, exp: NOW / 1000 + 3600, iat: NOW / 1000, iss: "https://accounts.google.com", sub: "113774264463038321964" };
  const token = jwt.sign(claims, privateKey, { algorithm: "RS256", keyid: "k-1" });
  const judge = (token) => new OAuth2Client().verifySignedJwtWithCertsAsync(token, { "k-1": certificate }, url, ["https://accounts.google.com"]);
  must((await judge(token)).getPayload().email === email, "google-pubsub");
  await refuses(() => judge(token.replace(/.{4}$/, "AAAA")), "google-pubsub");
  const keys = json({ keys: [{ kid: "k-0", kty: "RSA", alg: "RS256", use: "sig", n: "AQAB", e: "AQAB" }, { kid: "k-1", alg: "RS256", use: "sig", ...public_.export({ format: "jwk" }) }] });
  vector("google-pubsub", `${version("jsonwebtoken")} signs, ${version("google-auth-library")} judges`, email, [["Authorization", `Bearer ${token}`]],
    json({ message: { data: "aGVsbG8=", messageId: "136969346945", publishTime: "2023-11-14T22:13:20Z" }, subscription: "projects/project/subscriptions/orders" }), { delivery_id: "136969346945", keys });
}
{
  const { default: HmacValidator } = require(path.join(path.dirname(from), "node_modules/@adyen/api-library/lib/src/utils/hmacValidator.js"));
  const source = `${version("@adyen/api-library")} signs and judges`;
  const key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
  const judge = new HmacValidator();
  const item = { pspReference: "7914073381342284", originalReference: "", merchantAccountCode: "TestMerchant", merchantReference: "TestPayment-1407325143704", amount: { value: 1130, currency: "EUR" }, eventCode: "AUTHORISATION", success: "true" };
  const signed = { ...item, additionalData: { hmacSignature: judge.calculateHmac(item, key) } };
  must(judge.validateHMAC(signed, key), "adyen");
  must(!judge.validateHMAC({ ...signed, success: "false" }, key), "adyen tampered");
  vector("adyen", source, key, [], json({ live: "false", notificationItems: [{ NotificationRequestItem: signed }] }));
  const signature = judge.calculateHmac(event, key);
  must(judge.validateHMACSignature(key, signature, event), "adyen-platform");
  must(!judge.validateHMACSignature(key, signature, event + " "), "adyen-platform tampered");
  vector("adyen-platform", source, key, [["HmacSignature", signature]], event);
}
{
  const { verifySignature } = await load("@vonage/jwt");
  const jwt = await load("jsonwebtoken");
  const claims = { iat: NOW / 1000, jti: "v-1", iss: "Vonage", payload_hash: crypto.createHash("sha256").update(event).digest("hex"), api_key: "a1b2c3d" };
  const token = jwt.sign(claims, KEY);
  must(verifySignature(token, KEY), "vonage");
  await refuses(() => verifySignature(token, KEY + "x"), "vonage");
  vector("vonage", `${version("jsonwebtoken")} signs, ${version("@vonage/jwt")} judges all but the digest of the body`, KEY, [["Authorization", `Bearer ${token}`]], event);
  const netlify = jwt.sign({ iss: "netlify", sha256: crypto.createHash("sha256").update(event).digest("hex") }, KEY, { noTimestamp: true });
  vector("netlify", `${version("jsonwebtoken")} signs; no judge`, KEY, [["X-Webhook-Signature", netlify]], event);
}

// No official library: signed here, after the document that data/providers.json names.
const after = (provider, headers, more = {}) => {
  const { secret = KEY, body = event, ...rest } = more;
  vector(provider, "node:crypto signs; no judge", secret, headers, body, rest);
};
const hex = sha256(KEY, event);
const base64 = sha256(KEY, event, "base64");
after("zoom", [["x-zm-request-timestamp", SECONDS], ["x-zm-signature", "v0=" + sha256(KEY, `v0:${SECONDS}:${event}`)]]);
after("sentry", [["Request-ID", "q-1"], ["Sentry-Hook-Signature", hex]], { delivery_id: "q-1" });
after("pagerduty", [["X-PagerDuty-Signature", `v1=${sha256("an older one", event)},v1=${hex}`]]);
after("vercel", [["x-vercel-signature", hmac("sha1", KEY, event, "hex")]]);
after("attio", [["Idempotency-Key", "a-1"], ["Attio-Signature", hex]], { delivery_id: "a-1" });
after("checkout", [["Cko-Signature", hex]]);
after("typeform", [["Typeform-Signature", "sha256=" + base64]]);
after("docusign", [["X-DocuSign-Signature-1", sha256("another", event, "base64")], ["X-DocuSign-Signature-2", base64]]);
after("jira", [["X-Atlassian-Webhook-Identifier", "j-1"], ["X-Hub-Signature", "sha256=" + hex]], { delivery_id: "j-1" });
after("bitbucket", [["X-Request-UUID", "b-1"], ["X-Hub-Signature", "sha256=" + hex]], { delivery_id: "b-1" });
after("intercom", [["X-Hub-Signature", "sha1=" + hmac("sha1", KEY, event, "hex")]], { delivery_id: "evt_1" });
{
  const time = new RealDate(NOW).toISOString();
  after("zendesk", [["X-Zendesk-Webhook-Invocation-Id", "z-1"], ["X-Zendesk-Webhook-Signature-Timestamp", time], ["X-Zendesk-Webhook-Signature", sha256(KEY, time + event, "base64")]], { delivery_id: "z-1" });
  after("twitch", [["Twitch-Eventsub-Message-Id", "tw-1"], ["Twitch-Eventsub-Message-Timestamp", time], ["Twitch-Eventsub-Message-Signature", "sha256=" + sha256(KEY, "tw-1" + time + event)]], { delivery_id: "tw-1" });
}
after("calendly", [["Calendly-Webhook-Signature", `t=${SECONDS},v1=${sha256(KEY, `${SECONDS}.${event}`)}`]]);
after("cal-com", [["X-Cal-Signature-256", hex]]);
{
  const signature = { timestamp: SECONDS, token: "token-of-fifty-characters", signature: sha256(KEY, SECONDS + "token-of-fifty-characters") };
  after("mailgun", [], { body: json({ signature, "event-data": { event: "opened" } }), delivery_id: signature.token });
}
after("meta", [["X-Hub-Signature-256", "sha256=" + hex]]);
after("whatsapp", [["X-Hub-Signature-256", "sha256=" + hex]]);
after("x", [["x-twitter-webhooks-signature", "sha256=" + base64]]);
after("woocommerce", [["X-WC-Webhook-Delivery-ID", "w-1"], ["X-WC-Webhook-Signature", base64]]);
{
  const secret = Buffer.from("a key of the tests, 32 bytes lo!").toString("base64");
  after("teams", [["Authorization", "HMAC " + sha256(Buffer.from(secret, "base64"), event, "base64")]], { secret, delivery_id: "evt_1" });
}
after("dropbox", [["X-Dropbox-Signature", hex]]);
const herokuBody = json({ action: "update", resource: "build", webhook_metadata: { attempt: { id: "t-1" }, delivery: { id: "h-1" } } });
after("heroku", [["Heroku-Webhook-Hmac-SHA256", sha256(KEY, herokuBody, "base64")]], { body: herokuBody, delivery_id: "h-1" });

// What is not signed: written by hand.
const plain = (provider, headers, more = {}) => {
  const { secret = KEY, body = event, ...rest } = more;
  vector(provider, "written by hand; no judge", secret, headers, body, rest);
};
const basic = [["Authorization", "Basic " + Buffer.from("user:pässword:2").toString("base64")]];
plain("postmark", basic, { secret: "user:pässword:2" });
plain("chargebee", basic, { secret: "user:pässword:2", delivery_id: "evt_1" });
plain("basic", basic, { secret: "user:pässword:2" });
plain("bearer", [["Authorization", "bearer " + KEY]]);
plain("api-key", [["X-API-Key", KEY]]);
plain("gitlab", [["Idempotency-Key", "k-1"], ["X-Gitlab-Token", KEY]], { delivery_id: "k-1" });
plain("okta", [["Authorization", KEY]], { body: json({ eventId: "o-1" }), delivery_id: "o-1" });
plain("microsoft-graph", [], { body: json({ value: [{ clientState: KEY, changeType: "created" }] }) });
plain("event-grid", [], { url: `https://hooks.example.com/in?token=${KEY}`, body: json([{ id: "eg-1" }]), delivery_id: "eg-1" });
plain("none", [], { secret: null });
