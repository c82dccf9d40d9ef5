//! Refusals: problem documents (RFC 9457).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::payload_schema::SchemaViolation;

/// Why a request was refused, with content type `application/problem+json`. What something between client
/// and server answers, such as a proxy, is none, and may lack any member.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// `urn:stepwell:problem:` and the code.
    #[serde(default)]
    #[schema(required)]
    pub r#type: String,
    /// The status in words.
    #[serde(default)]
    #[schema(required)]
    pub title: String,
    /// The HTTP status.
    #[serde(default)]
    #[schema(required)]
    pub status: u16,
    /// What is wrong, for people; it may change from version to version.
    #[serde(default)]
    #[schema(required)]
    pub detail: String,
    /// With `internal` and `storage-unavailable`: stands in the server's log beside the cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub incident: Option<String>,
    /// A word for programs, which stays as it is.
    #[serde(default)]
    #[schema(required)]
    pub code: String,
    /// Where in a body or a pattern, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub line: Option<u64>,
    /// Where in the line, in bytes from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub column: Option<u64>,
    /// Where in a body, in bytes from 0, that is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub offset: Option<u64>,
    /// With `schema-mismatch`: where the body does not fit the webhook's schema, up to 5 places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub errors: Option<Vec<SchemaViolation>>,
    /// With `schema-mismatch` and `schema-too-costly`: the number of the document in a body of several, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub document: Option<u64>,
    /// Where in a pattern, a condition, a schema or a task's data (RFC 6901).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pointer: Option<String>,
    /// The most that is taken, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub most: Option<u64>,
    /// With `wrong-state`: the state that the task is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub state: Option<String>,
    /// With `bad-schedule`, `bad-authentication`, `bad-webhook` and `bad-token`: the member that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub field: Option<String>,
    /// With `foreign-import`: the import that a step does not have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub import: Option<String>,
    /// With `condition-failed`: the lines that the condition printed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub logs: Option<Vec<String>>,
}

macro_rules! codes {
    ($($status:literal $variant:ident = $word:literal),* $(,)?) => {
        /// A refusal's stable word, which has one status.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = concat!("`", $word, "`")] $variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word as it stands in JSON.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// The HTTP status that it comes with.
            pub fn status(self) -> u16 {
                match self {
                    $(Self::$variant => $status,)*
                }
            }
        }
    };
}

codes! {
    400 BadBody = "bad-body",
    400 BadCloudEvent = "bad-cloudevent",
    400 BadEncoding = "bad-encoding",
    400 BadForm = "bad-form",
    400 BadJson = "bad-json",
    400 BadName = "bad-name",
    400 BadParameter = "bad-parameter",
    400 BadPattern = "bad-pattern",
    400 BrokenBody = "broken-body",
    400 TlsRequired = "tls-required",
    400 TooDeep = "too-deep",
    401 BodyHashMismatch = "body-hash-mismatch",
    401 BodyHashMissing = "body-hash-missing",
    401 ClaimRefused = "claim-refused",
    401 ContentMissing = "content-missing",
    401 DeliveryIdMalformed = "delivery-id-malformed",
    401 DeliveryIdMissing = "delivery-id-missing",
    401 KeyMissing = "key-missing",
    401 KeyUnknown = "key-unknown",
    401 KeyUrlRefused = "key-url-refused",
    401 SecretMissing = "secret-missing",
    401 SecretUnfit = "secret-unfit",
    401 SignatureMalformed = "signature-malformed",
    401 SignatureMismatch = "signature-mismatch",
    401 SignatureMissing = "signature-missing",
    401 TimestampInFuture = "timestamp-in-future",
    401 TimestampMalformed = "timestamp-malformed",
    401 TimestampMissing = "timestamp-missing",
    401 TimestampTooOld = "timestamp-too-old",
    401 TokenMalformed = "token-malformed",
    401 TokenMismatch = "token-mismatch",
    401 TokenMissing = "token-missing",
    401 Unauthorized = "unauthorized",
    401 ValueDoubled = "value-doubled",
    401 ValueUnexpected = "value-unexpected",
    403 AddressRefused = "address-refused",
    403 ChallengeRefused = "challenge-refused",
    403 Forbidden = "forbidden",
    403 LinkRefused = "link-refused",
    404 NoSuchPath = "no-such-path",
    404 NoSuchReply = "no-such-reply",
    404 NotFound = "not-found",
    404 UnknownWebhook = "unknown-webhook",
    405 MethodNotAllowed = "method-not-allowed",
    408 SlowBody = "slow-body",
    409 BeingErased = "being-erased",
    409 Exists = "exists",
    409 LastNode = "last-node",
    409 LimitReached = "limit-reached",
    409 NoBody = "no-body",
    409 NoSample = "no-sample",
    409 NoVersion = "no-version",
    409 Permanent = "permanent",
    409 TaskCancelled = "task-cancelled",
    409 WrongState = "wrong-state",
    413 BodyTooLarge = "body-too-large",
    415 UnsupportedEncoding = "unsupported-encoding",
    415 UnsupportedMediaType = "unsupported-media-type",
    416 BadRange = "bad-range",
    422 BadAuthentication = "bad-authentication",
    422 BadChange = "bad-change",
    422 BadCondition = "bad-condition",
    422 BadConnector = "bad-connector",
    422 BadDedup = "bad-dedup",
    422 BadPointer = "bad-pointer",
    422 BadSchedule = "bad-schedule",
    422 BadSchema = "bad-schema",
    422 BadScript = "bad-script",
    422 BadToken = "bad-token",
    422 BadUrl = "bad-url",
    422 BadWebhook = "bad-webhook",
    422 CompileFailed = "compile-failed",
    422 ConditionFailed = "condition-failed",
    422 ForeignImport = "foreign-import",
    422 MissingExport = "missing-export",
    422 NoSuchRun = "no-such-run",
    422 NotAComponent = "not-a-component",
    422 SchemaMismatch = "schema-mismatch",
    422 SchemaTooCostly = "schema-too-costly",
    422 TooLarge = "too-large",
    422 TooManyParts = "too-many-parts",
    429 RateLimited = "rate-limited",
    429 TooManyAtOnce = "too-many-at-once",
    429 TooManyAttempts = "too-many-attempts",
    500 Internal = "internal",
    500 TaskFailed = "task-failed",
    503 Busy = "busy",
    503 ConfirmationFailed = "confirmation-failed",
    503 KeyUnavailable = "key-unavailable",
    503 Overloaded = "overloaded",
    503 ShuttingDown = "shutting-down",
    503 StorageFailed = "storage-failed",
    503 StorageFull = "storage-full",
    503 StorageUnavailable = "storage-unavailable",
    503 WebhookDisabled = "webhook-disabled",
    507 FilesFull = "files-full",
}
