use http_body_util::BodyExt;
use serde_json::{Value, json};
use stepwell_api::Code;

use super::*;
use crate::domain::data::EditError;
use crate::ingest::body::BodyError;
use crate::ingest::decode::DecodeError;
use crate::sandbox::ComponentError;
use crate::store::BlobError;

async fn body(error: ApiError) -> (Response<()>, Value) {
    let (parts, body) = error.into_response().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (
        Response::from_parts(parts, ()),
        serde_json::from_slice(&bytes).unwrap(),
    )
}

#[tokio::test]
async fn a_refusal_is_a_problem_with_its_place() {
    let error = IngestError::from(BodyError::NotJson {
        message: "expected value".into(),
        line: 3,
        column: 7,
    });
    let (response, problem) = body(error.into()).await;
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
    assert_eq!(
        problem,
        json!({
            "type": "urn:stepwell:problem:bad-json",
            "title": "Bad Request",
            "status": 400,
            "detail": "the body is not JSON: expected value at line 3, column 7",
            "code": "bad-json",
            "line": 3,
            "column": 7,
        })
    );
}

#[tokio::test]
async fn every_refusal_has_its_status_and_code() {
    let catalog = |error: CatalogError| ApiError::Catalog(error);
    let decode = |error: DecodeError| ApiError::Ingest(error.into());
    let component = |error: ComponentError| ApiError::Catalog(error.into());
    for (error, status, code) in [
        (ApiError::Unauthorized, 401, "unauthorized"),
        (
            ApiError::Forbidden {
                principal: "ci".into(),
                scope: crate::domain::principal::Scope::Deploy,
                workspace: None,
            },
            403,
            "forbidden",
        ),
        (ApiError::UnknownWebhook, 404, "unknown-webhook"),
        (ApiError::WebhookDisabled, 503, "webhook-disabled"),
        (ApiError::TlsRequired, 400, "tls-required"),
        (ApiError::NoSuchPath, 404, "no-such-path"),
        (
            ApiError::WrongMethod {
                allowed: "GET".into(),
            },
            405,
            "method-not-allowed",
        ),
        (
            ReadError::TooLarge { most: 1 }.into(),
            413,
            "body-too-large",
        ),
        (
            ActionError::WrongState {
                task: TaskId::MIN,
                state: crate::domain::task::TaskState::Done,
                hint: "no",
            }
            .into(),
            409,
            "wrong-state",
        ),
        (
            ActionError::Busy {
                task: TaskId::MIN,
                seconds: 30,
            }
            .into(),
            503,
            "busy",
        ),
        (
            ActionError::NoSuchRun {
                task: TaskId::MIN,
                asked: 3,
                runs: 2,
            }
            .into(),
            422,
            "no-such-run",
        ),
        (
            ActionError::TooManyMoves { task: TaskId::MIN }.into(),
            409,
            "limit-reached",
        ),
        (
            ActionError::Edit {
                task: TaskId::MIN,
                error: EditError::TooLarge(1),
            }
            .into(),
            422,
            "too-large",
        ),
        (ReadError::Slow { seconds: 1 }.into(), 408, "slow-body"),
        (
            IngestError::NotJsonType("a/b".into()).into(),
            415,
            "unsupported-media-type",
        ),
        (IngestError::Body(BodyError::Empty).into(), 400, "bad-json"),
        (
            IngestError::Body(BodyError::TooDeep {
                most: 64,
                line: 1,
                column: 2,
            })
            .into(),
            400,
            "too-deep",
        ),
        (
            decode(DecodeError::UnknownCoding("lzma".into())),
            415,
            "unsupported-encoding",
        ),
        (
            decode(DecodeError::TooManyCodings(4)),
            415,
            "unsupported-encoding",
        ),
        (
            decode(DecodeError::BrokenCoding("x".into())),
            400,
            "bad-encoding",
        ),
        (
            decode(DecodeError::TooLarge { most: 1 }),
            413,
            "body-too-large",
        ),
        (decode(DecodeError::TooMany), 413, "body-too-large"),
        (decode(DecodeError::Form("x".into())), 400, "bad-form"),
        (
            decode(DecodeError::Event("x".into())),
            400,
            "bad-cloudevent",
        ),
        (decode(BodyError::Empty.into()), 400, "bad-json"),
        (
            UploadError::TooLarge { most: 1 }.into(),
            413,
            "body-too-large",
        ),
        (UploadError::TooManyFiles.into(), 413, "body-too-large"),
        (
            UploadError::Blob(BlobError::WorkspaceFull { most: 1 }).into(),
            507,
            "files-full",
        ),
        (
            UploadError::Blob(StoreError::Full.into()).into(),
            503,
            "storage-full",
        ),
        (LinkError::Expired.into(), 403, "link-refused"),
        (ApiError::NoSuchFile, 404, "not-found"),
        (ApiError::NoSuchNode("9".into()), 404, "not-found"),
        (ApiError::LastNode(1), 409, "last-node"),
        (ApiError::NoSuchRange(3), 416, "bad-range"),
        (
            LimitError::AtOnce { most: 1 }.into(),
            429,
            "too-many-at-once",
        ),
        (ReadError::Overloaded.into(), 503, "overloaded"),
        (StoreError::Closed.into(), 503, "shutting-down"),
        (StoreError::Full.into(), 503, "storage-full"),
        (StoreError::Failed.into(), 503, "storage-failed"),
        (
            StoreError::unavailable("secret path").into(),
            503,
            "storage-unavailable",
        ),
        (StoreError::InDoubt.into(), 503, "storage-unavailable"),
        (
            StoreError::Damaged("secret path".into()).into(),
            500,
            "internal",
        ),
        (
            catalog(CatalogError::Exists {
                what: "webhook",
                name: "a".into(),
                workspace: None,
            }),
            409,
            "exists",
        ),
        (
            catalog(CatalogError::TooLarge {
                what: "component",
                size: 2,
                most: 1,
            }),
            422,
            "too-large",
        ),
        (
            component(ComponentError::NotAComponent("x".into())),
            422,
            "not-a-component",
        ),
        (
            component(ComponentError::ForeignImport {
                import: "a:b/c".into(),
                hint: "",
            }),
            422,
            "foreign-import",
        ),
        (
            component(ComponentError::NotAStep("x".into())),
            422,
            "missing-export",
        ),
        (
            component(ComponentError::TooManyParts {
                count: 65,
                what: "core instances",
                most: 64,
            }),
            422,
            "too-many-parts",
        ),
        (
            component(ComponentError::Compile("x".into())),
            422,
            "compile-failed",
        ),
        (component(ComponentError::Host("x".into())), 500, "internal"),
    ] {
        let text = error.to_string();
        let (response, problem) = body(error).await;
        assert_eq!(response.status(), status, "{text}");
        assert_eq!(problem["code"], code, "{text}");
        assert_eq!(problem["status"], status, "{text}");
        let known = Code::ALL.iter().find(|known| known.as_str() == code);
        assert_eq!(known.map(|known| known.status()), Some(status), "{text}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            !detail.is_empty() && !detail.contains("secret path"),
            "{detail}"
        );
        assert_eq!(
            response.headers().contains_key(WWW_AUTHENTICATE),
            status == 401
        );
        let is_temporary = matches!(status, 429 | 503);
        assert_eq!(response.headers().contains_key(RETRY_AFTER), is_temporary);
        let named = response.headers().get(ACCEPT_ENCODING).is_some();
        assert_eq!(named, code == "unsupported-encoding", "{text}");
        let is_inside = status == 500 || code == "storage-unavailable";
        assert_eq!(problem.get("incident").is_some(), is_inside, "{text}");
    }
}
