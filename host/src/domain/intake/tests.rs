use super::*;

#[test]
fn methods_are_a_set_that_makes_tasks() {
    let of = |names: &[&str]| Intake::of(Some(names), &[]).map(|it| it.methods.to_string());
    assert_eq!(Intake::default().methods.to_string(), "POST, PUT");
    assert_eq!(Intake::of::<&str>(None, &[]).unwrap(), Intake::default());
    assert_eq!(of(&["get", "POST", "GET"]).unwrap(), "POST, GET");
    assert_eq!(
        of(&METHODS).unwrap(),
        "POST, PUT, PATCH, GET, HEAD, OPTIONS"
    );
    assert_eq!(of(&[]), Err(IntakeError::NoMethod));
    assert_eq!(of(&["HEAD", "OPTIONS"]), Err(IntakeError::NoMethod));
    assert_eq!(
        of(&["DELETE"]),
        Err(IntakeError::UnknownMethod("DELETE".into()))
    );
    let get = Intake::of(Some(&["GET"]), &[]).unwrap().methods;
    assert!(get.has("GET") && !get.has("POST") && !get.has("get") && !get.has(""));
    assert!(Methods::makes_task("PATCH") && !Methods::makes_task("HEAD"));
}

#[test]
fn names_of_headers_are_checked() {
    let of = |names: &[&str]| Intake::of(None, names).map(|it| it.headers);
    assert_eq!(
        of(&["X-Tenant", "x-tenant", "a_b.c"]).unwrap(),
        ["x-tenant", "a_b.c"]
    );
    for wrong in ["", "a b", "a:", "ä", "a\r\nb", &"a".repeat(129)] {
        assert!(
            matches!(of(&[wrong]), Err(IntakeError::NotAHeader(_))),
            "{wrong}"
        );
    }
    for secret in [
        "Authorization",
        "Proxy-Authorization",
        "Cookie",
        "Set-Cookie",
        "Stripe-Signature",
        "X-Hub-Signature-256",
        "X-Gitlab-Token",
        "X-Shopify-Hmac-Sha256",
        "X-Api-Key",
        "X-Functions-Key",
        "Paypal-Transmission-Sig",
        "X-Goog-Iap-Jwt-Assertion",
    ] {
        let name = secret.to_ascii_lowercase();
        assert_eq!(of(&[secret]), Err(IntakeError::Secret(name)));
    }
    let many = vec!["a"; limits::NAMED_HEADERS + 1];
    assert!(matches!(of(&many), Err(IntakeError::TooManyHeaders(_))));
}

#[test]
fn headers_of_events_are_kept_and_secrets_are_not() {
    let intake = Intake::of(None, &["x-tenant"]).unwrap();
    for kept in [
        "user-agent",
        "content-type",
        "x-github-event",
        "x-github-delivery",
        "x-github-hook-id",
        "x-gitlab-event",
        "x-gitlab-event-uuid",
        "x-gitlab-webhook-uuid",
        "x-shopify-topic",
        "x-shopify-webhook-id",
        "x-wc-webhook-topic",
        "x-wc-webhook-resource",
        "x-wc-webhook-delivery-id",
        "x-event-key",
        "x-hook-uuid",
        "twitch-eventsub-message-type",
        "linear-event",
        "linear-delivery",
        "sentry-hook-resource",
        "x-amz-sns-message-type",
        "x-amz-sns-topic-arn",
        "aeg-event-type",
        "webhook-id",
        "svix-id",
        "x-slack-retry-num",
        "x-atlassian-webhook-identifier",
        "x-zendesk-webhook-invocation-id",
        "idempotency-key",
        "x-tenant",
    ] {
        assert!(intake.keeps(kept), "{kept}");
    }
    for not in [
        "host",
        "accept",
        "authorization",
        "cookie",
        "x-forwarded-for",
        "x-hub-signature-256",
        "stripe-signature",
        "x-gitlab-token",
        "x-twilio-email-event-webhook-signature",
        "x-secret-event",
        "x-other",
    ] {
        assert!(!intake.keeps(not), "{not}");
    }
    let stored = Intake::stored(&["GET"], vec!["authorization".into()]).unwrap();
    assert!(!stored.keeps("authorization"));
}
