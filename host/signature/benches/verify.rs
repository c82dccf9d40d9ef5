//! Prints how long one request takes to verify, in microseconds: HMAC-SHA256 over 1 kB and 100 kB.

use std::hint::black_box;
use std::time::{Duration, Instant};

use stepwell_signature::{Outgoing, Request, Secret, Secrets, provider, sign, verify};

const NOW_MS: i64 = 1_700_000_000_000;

/// The quickest of ten rounds: what others do on the machine only adds to it.
fn microseconds(mut act: impl FnMut()) -> f64 {
    let count = 200_u32;
    let round = |act: &mut dyn FnMut()| {
        let start = Instant::now();
        (0..count).for_each(|_| act());
        start.elapsed()
    };
    let quickest = (0..10).map(|_| round(&mut act)).min();
    quickest.unwrap_or(Duration::ZERO).as_secs_f64() * 1e6 / f64::from(count)
}

fn main() {
    for name in ["github", "stripe", "standard-webhooks"] {
        let scheme = &provider(name).expect("a preset").scheme;
        let text = "whsec_c2VjcmV0IG9mIHRoZSBiZW5jaG1hcms=";
        let secret = Secret::parse(scheme, text).expect("a secret");
        for size in [1_000, 100_000] {
            let body = format!(
                "{{\"id\":\"evt_1\",\"text\":\"{}\"}}",
                "a".repeat(size - 24)
            );
            let request = Request {
                method: "POST",
                url: "https://hooks.example.com/in",
                headers: &[],
                body: body.as_bytes(),
            };
            let outgoing = Outgoing {
                request,
                id: "msg_1",
                now_ms: NOW_MS,
            };
            let headers = sign(scheme, &secret, &outgoing).expect("signed");
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_bytes()))
                .collect();
            let request = Request {
                headers: &headers,
                ..request
            };
            let secrets = Secrets::from(Secret::parse(scheme, text).expect("a secret"));
            let time = microseconds(|| {
                let verdict = verify(scheme, &secrets, black_box(&request), NOW_MS);
                black_box(verdict.expect("verified"));
            });
            println!("{name:18} {:7} bytes {time:8.2} µs", body.len());
        }
    }
}
