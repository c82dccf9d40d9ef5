//! Chains of redirects as they happen; what one hop becomes is tested beside it.

use super::*;

#[tokio::test]
async fn ten_hops_and_no_more() {
    let upstream = Upstream::start(|seen| match seen.path()[1..].parse::<u32>() {
        Ok(0) => Answer::ok("end"),
        Ok(left) => Answer::redirect(302, &format!("{}", left - 1)),
        Err(_) => Answer::redirect(302, "/loop"),
    })
    .await;
    let client = open();
    assert_eq!(
        fetch(&client, get(upstream.url("/10"))).await.unwrap().body,
        b"end"
    );
    assert_eq!(upstream.seen().len(), 11);
    for path in ["/11", "/loop"] {
        let text = broken(fetch(&client, get(upstream.url(path))).await);
        assert_eq!(text, "more than 10 redirects");
    }
}

#[tokio::test]
async fn manual_and_error() {
    let upstream = Upstream::start(|seen| match seen.path() {
        "/bare" => Answer::with("302 Found", "no location"),
        "/not" => Answer::with("304 Not Modified\r\nlocation: /x", ""),
        _ => Answer::with("302 Found\r\nlocation: /to?q=1", "moved"),
    })
    .await;
    let client = open();
    let asked = |path, redirect| FetchRequest {
        redirect,
        ..get(upstream.url(path))
    };
    let response = fetch(&client, asked("/", Redirect::Manual)).await.unwrap();
    assert_eq!(
        (response.status, response.body.as_slice()),
        (302, &b"moved"[..])
    );
    assert!(
        response
            .headers
            .contains(&("location".into(), "/to?q=1".into()))
    );
    let error = fetch(&client, asked("/", Redirect::Error))
        .await
        .unwrap_err();
    assert_eq!(error, FetchError::Redirected(upstream.url("/to?q=1")));
    for redirect in [Redirect::Follow, Redirect::Manual, Redirect::Error] {
        let response = fetch(&client, asked("/bare", redirect)).await.unwrap();
        assert_eq!(
            (response.status, response.body.as_slice()),
            (302, &b"no location"[..])
        );
        assert_eq!(
            fetch(&client, asked("/not", redirect))
                .await
                .unwrap()
                .status,
            304
        );
    }
}

#[tokio::test]
async fn bodies_keys_and_credentials_along_a_chain() {
    let other = Upstream::start(|_| Answer::ok("arrived")).await;
    let target = other.url("/end");
    let first = Upstream::start(move |seen| match seen.path() {
        "/keep" => Answer::redirect(307, "/away"),
        "/drop" => Answer::redirect(303, "/away"),
        _ => Answer::redirect(308, &target),
    })
    .await;
    let client = open();
    for (path, method, body) in [("/keep", "POST", &b"body"[..]), ("/drop", "GET", b"")] {
        let mut post = request("POST", first.url(path));
        post.body = b"body".to_vec();
        post.headers = [
            ("Authorization", "Bearer s"),
            ("X-Api-Key", "s"),
            ("Cookie", "a=s"),
            ("Content-Type", "text/plain"),
            ("X-Plain", "p"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        assert_eq!(fetch(&client, post).await.unwrap().body, b"arrived");
        let within = first.seen().pop().unwrap();
        assert_eq!(within.header("authorization"), Some("Bearer s"));
        let across = other.seen().pop().unwrap();
        for seen in [within, across.clone()] {
            assert_eq!((seen.method(), seen.body.as_slice()), (method, body));
            assert_eq!(seen.header("idempotency-key"), Some("task-1-0"));
            assert_eq!(seen.header("x-plain"), Some("p"));
            assert_eq!(seen.header("content-type").is_some(), method == "POST");
        }
        for secret in ["authorization", "x-api-key", "cookie", "referer"] {
            assert_eq!(across.header(secret), None, "{secret}");
        }
        assert_eq!(
            across.header("host"),
            Some(other.address.to_string().as_str())
        );
    }
}

#[tokio::test]
async fn the_deadline_is_for_the_whole_chain() {
    // Each hop is quick; only the count and the deadline end the chain.
    let upstream = Upstream::start(|_| {
        Answer::Drip(b"HTTP/1.1 302 Found\r\nlocation: /".to_vec(), b"a".to_vec())
    })
    .await;
    let slow = FetchRequest {
        timeout_ms: Some(200),
        ..get(upstream.url("/"))
    };
    assert_eq!(
        fetch(&open(), slow).await.unwrap_err(),
        FetchError::Timeout(200)
    );
}
