//! A body that is verified while it comes in has the verdict of one that is there.

use std::collections::BTreeSet;

use stepwell_signature::{Place, Refused, Request, Secret, Secrets, Stream, Verified, providers};

use crate::support::{Sent, Vector, vectors};

/// The verdict on a request whose body comes in pieces of so many bytes; none if the scheme's have to be held.
fn streamed(
    vector: &Vector,
    secrets: &Secrets,
    sent: &Sent,
    size: usize,
) -> Option<Result<Verified, Refused>> {
    let scheme = &vector.preset().scheme;
    let begun = sent.with(|request| {
        let request = Request {
            body: b"",
            ..*request
        };
        Stream::begin(scheme, secrets, &request, vector.now_ms)
    });
    match begun {
        Ok(None) => None,
        Ok(Some(mut stream)) => {
            sent.body
                .chunks(size)
                .for_each(|piece| stream.update(piece));
            Some(stream.finish(scheme, secrets))
        }
        Err(refused) => Some(Err(refused)),
    }
}

#[test]
fn pieces_have_the_verdict_of_the_whole() {
    let (mut in_pieces, mut others) = (BTreeSet::new(), 0);
    for (name, vector) in vectors() {
        let sent = vector.sent();
        for size in [1, 7, 1 << 16] {
            let Some(verdict) = streamed(&vector, &vector.secrets(), &sent, size) else {
                continue;
            };
            in_pieces.insert(vector.provider.clone());
            let mut expected = vector.verdict(&sent).expect(&name);
            if matches!(vector.preset().scheme.delivery_id, Some(Place::Pointer(_))) {
                // It stands in the body, which a stream does not keep.
                (expected.delivery_id, expected.delivery_id_signed) = (None, false);
            }
            assert_eq!(verdict.expect(&name), expected, "{name}");
        }
        if !in_pieces.contains(&vector.provider) {
            continue;
        }
        // What is not the sender's is refused in the same words, but for what is read from the body.
        let scheme = &vector.preset().scheme;
        let other = vectors().into_iter().find(|(other, v)| {
            *other != name
                && Secret::parse(scheme, v.secret.as_deref().unwrap_or_default()).is_ok()
                && v.secret != vector.secret
        });
        if let Some((_, other)) = other {
            let other = Secret::parse(scheme, other.secret.as_deref().expect("a secret"));
            let other = Secrets::from(other.expect("a secret"));
            let refused = streamed(&vector, &other, &sent, 7)
                .expect(&name)
                .expect_err(&name);
            assert_eq!(refused.code(), "signature-mismatch", "{name}");
            others += 1;
        }
        let none = streamed(&vector, &Secrets::default(), &sent, 7).expect(&name);
        assert_eq!(none.expect_err(&name).code(), "secret-missing", "{name}");
        let both = Secrets::new(vec![
            Secret::parse(scheme, vector.secret.as_deref().expect("a secret")).expect("a secret"),
        ]);
        assert_eq!(
            streamed(&vector, &both, &sent, 7)
                .expect(&name)
                .expect(&name)
                .secret,
            0
        );
        for changed in [
            |sent: &mut Sent| sent.body[0] ^= 1,
            |sent: &mut Sent| sent.body.push(b' '),
            |sent: &mut Sent| sent.body.clear(),
            |sent: &mut Sent| sent.headers.clear(),
            |sent: &mut Sent| sent.headers.iter_mut().for_each(|(_, value)| value.clear()),
            |sent: &mut Sent| {
                sent.headers
                    .iter_mut()
                    .for_each(|(_, value)| value.push(0xff))
            },
        ] {
            let mut sent = vector.sent();
            changed(&mut sent);
            let refused = streamed(&vector, &vector.secrets(), &sent, 7).expect(&name);
            let refused = refused.expect_err(&name);
            assert_eq!(refused, vector.verdict(&sent).expect_err(&name), "{name}");
        }
    }
    for name in [
        "github",
        "stripe",
        "shopify",
        "standard-webhooks",
        "slack",
        "sendgrid",
        "square",
        "hubspot-v1",
    ] {
        assert!(in_pieces.contains(name), "{name}");
    }
    for name in [
        "twilio", "mailgun", "discord", "linear", "livekit", "aws-sns", "paypal",
    ] {
        assert!(!in_pieces.contains(name), "{name}");
    }
    assert!(
        providers().len() > in_pieces.len() && others > 20,
        "{others}"
    );
}
