//! Verifies webhook requests: the signatures, tokens and challenges of the services that send them. Signs
//! samples of such requests, too.
//!
//! **Verification is data, not code.** A [`Scheme`] describes where a signature stands, how it is
//! written and what it signs; one engine, [`verify`], reads it. The scheme of each known service is
//! an entry of [`providers`]; a service that is not known is described in the same words.
//!
//! Everything here is a function of bytes: no I/O, no clock, no global state. The caller passes the
//! request as it arrived ([`Request`]), the secrets that are valid now ([`Secrets`]) and the time.
//!
//! ```
//! use stepwell_signature::{Outgoing, Request, Secret, Secrets, provider, sign, verify};
//!
//! let github = provider("github").expect("a known provider");
//! let secret = Secret::parse(&github.scheme, "It's a Secret to Everybody")?;
//! // The example of GitHub's documentation.
//! let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
//! let request = Request {
//!     method: "POST",
//!     url: "https://example.com/hook",
//!     headers: &[("X-Hub-Signature-256", signature.as_bytes()), ("X-GitHub-Delivery", b"d-1")],
//!     body: b"Hello, World!",
//! };
//! let now_ms = 1_700_000_000_000;
//! let verified = verify(&github.scheme, &Secrets::from(secret), &request, now_ms)?;
//! assert_eq!(verified.delivery_id.as_deref(), Some("d-1"));
//!
//! let tampered = Request { body: b"Hello, World?", ..request };
//! let secret = Secret::parse(&github.scheme, "It's a Secret to Everybody")?;
//! let refused = verify(&github.scheme, &Secrets::from(secret), &tampered, now_ms).unwrap_err();
//! assert_eq!(refused.code(), "signature-mismatch");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it guarantees
//!
//! - It fails closed: whatever is missing, empty, given twice, not decodable or not understood is a
//!   refusal with a stable [code](Refused::code).
//! - Signatures and tokens are compared in constant time.
//! - Encodings are strict: a signature has one spelling, but for the case of hex digits.
//! - A timestamp is checked on both sides: a request that is too old is refused, and so is one from
//!   the future.
//! - No secret and no expected value is in an error's text or in `Debug` output.
//!
//! # What each scheme signs
//!
//! What is not signed can be changed on the way, and without a signed timestamp a
//! request can be sent again at any time: the receiver must store delivery ids and fingerprints to
//! notice a repeat. The parts in braces are those of [`Content`].
//!
//! | Signed | Presets |
//! |---|---|
//! | `v0:{timestamp}:{body}` | slack, zoom |
//! | `{body}` | adyen-platform, attio, bitbucket, cal-com, checkout, docusign, dropbox, github, heroku, hubspot-v1, intercom, jira, kontent-ai, line, linear, meta, notion, onfido, pagerduty, razorpay, sentry, shopify, teams, typeform, vercel, whatsapp, woocommerce, x |
//! | `{header:paypal-transmission-id}|{header:paypal-transmission-time}|{secret}|{body_crc32}`, with a published certificate; not the rest of the body | paypal |
//! | `{id}.{timestamp}.{body}` | clerk, gitlab-signed, openai, replicate, resend, standard-webhooks, standard-webhooks-ed25519, svix |
//! | `{id}{timestamp}{body}` | twitch |
//! | `{lines:Message,MessageId,Subject,SubscribeURL,Timestamp,Token,TopicArn,Type}`, with a published certificate; not the rest of the body | aws-sns |
//! | `{method}{url_unescaped}{body}{timestamp}` | hubspot |
//! | `{pointer?:/notificationItems/0/NotificationRequestItem/pspReference}:{pointer?:/notificationItems/0/NotificationRequestItem/originalReference}:{pointer?:/notificationItems/0/NotificationRequestItem/merchantAccountCode}:{pointer?:/notificationItems/0/NotificationRequestItem/merchantReference}:{pointer?:/notificationItems/0/NotificationRequestItem/amount/value}:{pointer?:/notificationItems/0/NotificationRequestItem/amount/currency}:{pointer?:/notificationItems/0/NotificationRequestItem/eventCode}:{pointer?:/notificationItems/0/NotificationRequestItem/success}`; not the rest of the body | adyen |
//! | `{timestamp}.{body}` | calendly, elevenlabs, mux, sanity, stripe, workos |
//! | `{timestamp}:{body}` | paddle, webflow |
//! | `{timestamp}{body}` | discord, sendgrid, zendesk |
//! | `{timestamp}{pointer:/signature/token}`; not the rest of the body | mailgun |
//! | `{timestamp}|{body}` | telnyx |
//! | `{url}{body}` | square |
//! | `{url}{params}`; of a body that is no form, its SHA-256 in query parameter `bodySHA256` | twilio |
//! | a JSON Web Token with the body's SHA-256 in the claim `payload_hash` | vonage |
//! | a JSON Web Token with the body's SHA-256 in the claim `request_body_sha256` | fusionauth |
//! | a JSON Web Token with the body's SHA-256 in the claim `sha256` | livekit, netlify |
//! | nothing, and who sends is not checked | none |
//! | nothing: a JSON Web Token with a published key says who sends | google-pubsub |
//! | nothing: a token or password says who sends | api-key, basic, bearer, chargebee, event-grid, gitlab, microsoft-graph, okta, postmark |

mod challenge;
mod content;
mod encoding;
mod format;
mod head;
mod jwt;
mod keys;
mod place;
mod pointer;
mod provider;
mod refused;
mod request;
mod sample;
mod scheme;
mod secret;
mod sign;
mod stream;
mod timestamp;
mod token;
mod url_pattern;
mod verify;

pub use challenge::{Answer, Body, Challenge, Condition, Visit, challenge};
pub use content::{Content, ContentError};
pub use encoding::Encoding;
pub use format::Format;
pub use jwt::{Jwt, JwtAlgorithm};
pub use keys::{Certificate, Keys, KeysError, LONGEST_KEYS, keys_url};
pub use place::Place;
pub use provider::{Provider, Setup, provider, providers};
pub use refused::Refused;
pub use request::Request;
pub use sample::{Sample, sample};
pub use scheme::{
    Algorithm, BodyHash, Check, OtherAlgorithm, Scheme, SchemeError, Signature, Token,
};
pub use secret::{Secret, SecretEncoding, SecretError, SecretForm, Secrets};
pub use sign::{Outgoing, SignError, sign};
pub use stream::Stream;
pub use timestamp::{Timestamp, Unit};
pub use url_pattern::{UrlPattern, UrlPatternError};
pub use verify::{Verified, verify, verify_with};
