use super::*;

fn client(url: &str) -> Client {
    Client::new(url, "token", "default").unwrap()
}

#[test]
fn names_become_one_path_segment_each() {
    let client = client("http://127.0.0.1:1/base/");
    for (name, path) in [
        ("plain", "plain"),
        ("leads/route", "leads%2Froute"),
        ("Contact Form", "Contact%20Form"),
        ("a?b#c%", "a%3Fb%23c%25"),
        ("ü", "%C3%BC"),
    ] {
        assert_eq!(
            client.scoped(&["steps", name], &[]).unwrap().as_str(),
            format!("http://127.0.0.1:1/base/api/v1/workspaces/default/steps/{path}")
        );
    }
    for name in ["", ".", ".."] {
        let error = client.scoped(&["steps", name], &[]).unwrap_err();
        assert_eq!(error.code(), "bad-name");
    }
    let url = client
        .scoped(&["tasks"], &[("state", "a&b".into())])
        .unwrap();
    assert_eq!(url.query(), Some("state=a%26b"));
}

#[test]
fn a_wrong_address_says_what_would_be_right() {
    for url in ["", "10.0.0.7:8080", "ftp://x", "mailto:a@b", "unix:/x"] {
        let error = Client::new(url, "t", "default").unwrap_err();
        assert_eq!(error.code(), "bad-url", "{url}");
        assert!(
            error.to_string().contains("http://127.0.0.1:8080"),
            "{error}"
        );
    }
}

#[test]
fn a_bad_token_is_not_repeated() {
    let error = Client::new("http://127.0.0.1:1", "s3cret\n", "default").unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[test]
fn problems_keep_their_code_and_words() {
    let client = client("http://127.0.0.1:1");
    let problem = br#"{"type":"about:blank","title":"Conflict","status":409,"code":"exists","detail":"`a` is taken"}"#;
    let error = client.problem(StatusCode::CONFLICT, problem);
    assert!(matches!(error, ClientError::Refused { status: 409, .. }));
    assert_eq!(error.code(), "exists");
    assert_eq!(error.to_string(), "`a` is taken");
    let missing = br#"{"title":"No such task","code":"unknown-task"}"#;
    let error = client.problem(StatusCode::NOT_FOUND, missing);
    assert!(matches!(error, ClientError::NotFound { .. }));
    assert_eq!(error.code(), "unknown-task");
    assert_eq!(error.to_string(), "No such task");
    let error = client.problem(StatusCode::UNAUTHORIZED, b"");
    assert_eq!(error.code(), "unauthorized");
    let lacks = br#"{"title":"Forbidden","code":"forbidden","detail":"it takes the scope `read`"}"#;
    let error = client.problem(StatusCode::FORBIDDEN, lacks);
    assert_eq!(error.code(), "forbidden");
    assert!(error.to_string().contains("scope `read`"), "{error}");
    let error = client.problem(StatusCode::NOT_FOUND, b"<html>nginx</html>");
    assert_eq!(error.code(), "bad-answer");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named() {
    // A port that was free a moment ago.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = client(&url).get::<()>(&["steps"], &[]).await.unwrap_err();
    assert_eq!(error.code(), "unreachable");
    let text = error.to_string();
    assert!(text.contains(&url) && text.contains("refused"), "{text}");
}
