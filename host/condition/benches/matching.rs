//! Which of 10, 1,000 and 10,000 steps match one task: candidates from the index, then each
//! pattern, as the engine does it. One step matches in every case but the crowded one.
//!
//! `cargo bench -p stepwell-condition`

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};
use stepwell_condition::{Index, Pattern};

const SIZES: [u32; 3] = [10, 1_000, 10_000];

/// A way in which a workspace's steps may differ: the condition of the step of that number.
type Shape = (&'static str, fn(u32) -> Value);

const SHAPES: [Shape; 6] = [
    (
        "webhook-each",
        |n| json!({"$via": {"type": "webhook", "name": format!("hook {n}")}, "email": {"$type": "string"}}),
    ),
    (
        "event-each",
        |n| json!({"$via": {"name": "hook 7"}, "event_type": format!("event {n}")}),
    ),
    (
        "pair-each",
        |n| json!({"$via": {"name": format!("hook {}", n / 100)}, "event_type": format!("event {}", n % 100)}),
    ),
    (
        "member-each",
        |n| json!({"$via": {"type": "webhook"}, format!("member {n}"): {"$type": "object"}}),
    ),
    (
        "list-each",
        |n| json!({"event_type": {"$in": [format!("event {n}"), format!("other {n}")]}}),
    ),
    // No equality and no member tells them apart: each has to be tried.
    ("crowded", |n| json!({"amount": {"$gt": n}})),
];

/// A payment event of usual size that only the step of number 7 matches.
fn task() -> Value {
    json!({
        "$via": {"type": "webhook", "id": "wh_1", "name": "hook 7", "received": 1_790_000_000_000_u64,
            "method": "POST", "ip": "203.0.113.9", "userAgent": "Hooks/1.0", "contentType": "application/json"},
        "event_type": "event 7", "email": "ada@example.com", "amount": 0, "currency": "eur",
        "member 7": {"id": 1},
        "transaction": {"id": "tx_981", "amount": 129.9, "customer": {"id": "c_11", "country": "AT"}},
        "items": [{"sku": "a-1", "qty": 2}, {"sku": "b-9", "qty": 1}],
    })
}

/// The one that steps `pair-each` look for.
fn paired() -> Value {
    let mut task = task();
    task["$via"]["name"] = json!("hook 0");
    task
}

fn choose(index: &Index, patterns: &[Pattern], task: &Value, out: &mut Vec<u32>) -> usize {
    index.candidates(task, out);
    out.iter()
        .filter(|id| patterns[**id as usize].matches(task))
        .count()
}

fn parsed(shape: fn(u32) -> Value, size: u32) -> Vec<Pattern> {
    (0..size)
        .map(|n| match Pattern::parse(&shape(n)) {
            Ok(pattern) => pattern,
            Err(error) => panic!("{error}"),
        })
        .collect()
}

fn matching(criterion: &mut Criterion) {
    for (name, shape) in SHAPES {
        let mut group = criterion.benchmark_group(name);
        let task = if name == "pair-each" {
            paired()
        } else {
            task()
        };
        for size in SIZES {
            let patterns = parsed(shape, size);
            let mut index = Index::new();
            for (id, pattern) in (0..).zip(&patterns) {
                index.insert(id, pattern);
            }
            let mut out = Vec::new();
            let matching = choose(&index, &patterns, &task, &mut out);
            assert_eq!(matching, usize::from(name != "crowded"), "{name} {size}");
            println!("{name}/{size}: {} candidates", out.len());
            group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
                bencher.iter(|| choose(&index, &patterns, black_box(&task), &mut out));
            });
        }
    }
}

fn one_pattern(criterion: &mut Criterion) {
    let condition = json!({"$via": {"name": "hook 7"}, "email": {"$regex": "^[^@]+@[^@]+$"},
        "transaction": {"amount": {"$gt": 100}, "customer": {"country": {"$in": ["AT", "DE"]}}}});
    let task = task();
    let patterns = parsed(
        |n| json!({"$via": {"type": "webhook", "name": format!("hook {n}")}}),
        10_000,
    );
    if let Ok(pattern) = Pattern::parse(&condition) {
        criterion.bench_function("matches", |bencher| {
            bencher.iter(|| pattern.matches(black_box(&task)));
        });
        criterion.bench_function("observed", |bencher| {
            bencher.iter(|| pattern.observed(black_box(&task)));
        });
    }
    criterion.bench_function("insert 10000", |bencher| {
        bencher.iter(|| {
            let mut index = Index::new();
            for (id, pattern) in (0..).zip(&patterns) {
                index.insert(id, pattern);
            }
            index
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1))
        .sample_size(20);
    targets = matching, one_pattern
}
criterion_main!(benches);
