use super::*;

fn fixed(status: u16, headers: &[(&str, &str)], body: &str) -> Result<HttpReply, ReplyError> {
    HttpReply::fixed(status, headers.iter().copied(), body.to_owned())
}

#[test]
fn a_fixed_reply_is_a_success_or_a_redirect_with_its_place() {
    let reply = fixed(
        201,
        &[("X-Reason", " ok "), ("Content-Type", "text/xml")],
        "<a/>",
    )
    .unwrap();
    assert_eq!(reply.header("x-reason"), Some("ok"));
    assert_eq!(reply.header("content-type"), Some("text/xml"));
    let text = fixed(200, &[], "ok").unwrap();
    assert_eq!(
        text.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert!(fixed(204, &[], "").unwrap().headers.is_empty());
    assert!(fixed(303, &[("Location", "/thanks")], "").is_ok());
    for (status, headers, body, error) in [
        (100, &[][..], "", ReplyError::FixedStatus(100)),
        (199, &[], "", ReplyError::FixedStatus(199)),
        (304, &[], "", ReplyError::FixedStatus(304)),
        (404, &[], "", ReplyError::FixedStatus(404)),
        (500, &[], "", ReplyError::FixedStatus(500)),
        (302, &[], "", ReplyError::Location(302)),
        (200, &[("location", "/x")], "", ReplyError::Location(200)),
        (204, &[], "x", ReplyError::NoBody(204)),
        (
            200,
            &[("a", "1"), ("A", "2")],
            "",
            ReplyError::Twice("a".into()),
        ),
    ] {
        assert_eq!(fixed(status, headers, body), Err(error));
    }
    let long = "x".repeat(limits::FIXED_REPLY_BYTES + 1);
    assert!(matches!(
        fixed(200, &[], &long),
        Err(ReplyError::Body { .. })
    ));
    let many: Vec<(String, &str)> = (0..=limits::REPLY_HEADERS)
        .map(|n| (format!("x-{n}"), "1"))
        .collect();
    let many = HttpReply::fixed(200, many, String::new());
    assert_eq!(many, Err(ReplyError::TooManyHeaders));
}

#[test]
fn no_header_is_injected_and_none_speaks_for_the_server() {
    for name in ["", "x y", "x:y", "x\r\ny", "größe", "x\n", &"x".repeat(200)] {
        let error = fixed(200, &[(name, "1")], "");
        assert!(
            matches!(error, Err(ReplyError::HeaderName(_))),
            "{name}: {error:?}"
        );
    }
    for value in [
        "a\r\nSet-Cookie: b=c",
        "a\nb",
        "a\rb",
        "a\0b",
        "größer",
        "",
        "a\u{7f}",
    ] {
        let error = fixed(200, &[("x-a", value)], "");
        assert_eq!(
            error,
            Err(ReplyError::HeaderValue("x-a".into())),
            "{value:?}"
        );
    }
    let long = "x".repeat(limits::REPLY_HEADER_BYTES + 1);
    let error = fixed(200, &[("x-a", &long)], "");
    assert!(matches!(error, Err(ReplyError::LongHeader { .. })));
    for name in [
        "Set-Cookie",
        "Connection",
        "TRANSFER-ENCODING",
        "content-length",
        "Content-Encoding",
        "Access-Control-Allow-Origin",
        "content-security-policy-report-only",
        "proxy-authenticate",
        "X-Content-Type-Options",
        "strict-transport-security",
    ] {
        let error = fixed(200, &[(name, "1")], "").unwrap_err();
        assert_eq!(error, ReplyError::Reserved(name.to_lowercase()), "{name}");
    }
}

#[test]
fn a_step_may_tell_of_an_error() {
    let of = |status, headers: &[(&str, &str)], body: &[u8]| {
        HttpReply::of_step(status, headers.iter().copied(), body.to_vec())
    };
    let reply = of(422, &[], b"\xff").unwrap();
    assert_eq!(
        reply.header("content-type"),
        Some("application/octet-stream")
    );
    assert!(of(302, &[("location", "https://example.com/")], b"").is_ok());
    for status in [0, 99, 100, 101, 199, 300, 304, 305, 399, 600, 1000] {
        assert_eq!(of(status, &[], b""), Err(ReplyError::Status(status)));
    }
    let long = vec![0; limits::REPLY_BYTES + 1];
    assert!(matches!(of(200, &[], &long), Err(ReplyError::Body { .. })));
}

#[test]
fn origins_are_what_browsers_send() {
    let all = [
        "https://App.Example.com:443",
        "http://localhost:5173",
        "https://app.example.com",
    ];
    let expected = ["https://app.example.com", "http://localhost:5173"];
    assert_eq!(origins(&all).unwrap(), expected);
    assert_eq!(origins(&["*"]).unwrap(), ["*"]);
    assert_eq!(origins(&["*", "https://a.b"]), Err(ReplyError::AllOrigins));
    for wrong in [
        "",
        "null",
        "example.com",
        "https://example.com/",
        "https://example.com/a",
        "https://u@example.com",
        "https://example.com?a",
        "ftp://example.com",
        "https://*.example.com/",
        "file:///a",
        "data:,a",
    ] {
        let error = origins(&[wrong]);
        assert_eq!(error, Err(ReplyError::Origin(wrong.into())), "{wrong}");
    }
    let many: Vec<String> = (0..=limits::REPLY_ORIGINS)
        .map(|n| format!("https://a{n}.example.com"))
        .collect();
    assert!(matches!(origins(&many), Err(ReplyError::TooManyOrigins(_))));
}

#[test]
fn a_redirect_is_an_absolute_url_that_a_header_can_have() {
    assert_eq!(
        redirect("https://example.com/für?a=b c").unwrap(),
        "https://example.com/f%C3%BCr?a=b%20c"
    );
    for wrong in [
        "",
        "/thanks",
        "javascript:alert(1)",
        "ftp://a.b/",
        "https://u:p@a.b/",
        "https://",
    ] {
        assert_eq!(
            redirect(wrong),
            Err(ReplyError::Redirect(wrong.into())),
            "{wrong}"
        );
    }
    assert!(redirect(&format!("https://a.b/{}", "x".repeat(limits::URL_BYTES))).is_err());
}

#[test]
fn a_wait_is_bounded() {
    assert_eq!(wait(1), Ok(1));
    for seconds in [0, limits::REPLY_WAIT_SECONDS + 1, u32::MAX] {
        assert_eq!(wait(seconds), Err(ReplyError::Wait(seconds)));
    }
}

#[test]
fn a_fixed_reply_and_a_wait_take_each_others_place() {
    let reply = fixed(200, &[], "ok").unwrap();
    let mut rules = ReplyRules::default();
    let mut after = |fixed, wait| {
        let change = ReplyRulesChange::of(fixed, wait).unwrap();
        change.apply(&mut rules);
        rules.rule.clone()
    };
    let waits = ReplyRule::Wait { seconds: 5 };
    assert_eq!(after(None, Some(Some(5))), waits);
    assert_eq!(after(Some(None), None), waits);
    let always = ReplyRule::Fixed(Box::new(reply.clone()));
    assert_eq!(after(Some(Some(reply.clone())), None), always);
    assert_eq!(after(None, Some(None)), always);
    assert_eq!(after(Some(None), None), ReplyRule::Accepted);
    assert_eq!(after(Some(None), Some(Some(5))), waits);
    assert_eq!(after(None, Some(None)), ReplyRule::Accepted);
    let both = ReplyRulesChange::of(Some(Some(reply)), Some(Some(5)));
    assert_eq!(both, Err(ReplyError::Both));
}
