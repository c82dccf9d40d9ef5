use serde_json::json;

use super::*;
use crate::domain::clock::{parse_rfc3339, rfc3339};

fn ms(text: &str) -> Millis {
    parse_rfc3339(text).unwrap()
}

fn plan(line: &str, timezone: &str) -> Plan {
    Plan::new(line, timezone).unwrap()
}

/// The next `count` planned times.
fn times(line: &str, timezone: &str, after: &str, count: usize) -> Vec<String> {
    let plan = plan(line, timezone);
    let mut at = ms(after);
    (0..count)
        .map(|_| {
            at = plan.next_after(at).unwrap();
            rfc3339(at)
        })
        .collect()
}

#[test]
fn a_line_is_read_in_its_time_zone() {
    assert_eq!(
        times("0 8 * * 1-5", "Europe/Berlin", "2026-03-26T12:00:00Z", 3),
        // Friday in winter time, then Monday and Tuesday in summer time.
        [
            "2026-03-27T07:00:00.000Z",
            "2026-03-30T06:00:00.000Z",
            "2026-03-31T06:00:00.000Z"
        ]
    );
    assert_eq!(
        times("*/20 * * * * *", "UTC", "2026-01-01T00:00:19.999Z", 2),
        ["2026-01-01T00:00:20.000Z", "2026-01-01T00:00:40.000Z"]
    );
    assert_eq!(
        times("@daily", "Asia/Kolkata", "2026-01-01T00:00:00Z", 1),
        ["2026-01-01T18:30:00.000Z"]
    );
}

#[test]
fn days_of_a_month_are_counted_as_the_manual_says() {
    for (line, day) in [
        ("0 0 L * *", "2026-01-31"),
        ("0 0 * * 5L", "2026-01-30"),
        ("0 0 * * 1#2", "2026-01-12"),
        ("0 0 * * MON", "2026-01-05"),
        ("0 0 * * 7", "2026-01-04"),
        // Either day is enough.
        ("0 0 13 JAN 6", "2026-01-03"),
    ] {
        let next = times(line, "UTC", "2026-01-01T12:00:00Z", 1);
        assert_eq!(next, [format!("{day}T00:00:00.000Z")], "{line}");
    }
}

#[test]
fn a_time_of_day_that_a_zone_skips_is_kept_once_after_the_gap() {
    // 2:30 does not exist on the 29th of March 2026 in Berlin: it goes from 2:00 to 3:00.
    assert_eq!(
        times("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", 2),
        ["2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"]
    );
    // Real time goes on through the gap: no minute is left out, none is doubled.
    let every_half_hour = times("*/30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 4);
    assert_eq!(
        every_half_hour,
        [
            "2026-03-29T00:30:00.000Z",
            "2026-03-29T01:00:00.000Z",
            "2026-03-29T01:30:00.000Z",
            "2026-03-29T02:00:00.000Z"
        ]
    );
}

#[test]
fn a_time_of_day_that_a_zone_has_twice_fires_once() {
    // 2:30 is there at 0:30 and at 1:30 UTC on the 25th of October 2026.
    assert_eq!(
        times("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2),
        ["2026-10-25T00:30:00.000Z", "2026-10-26T01:30:00.000Z"]
    );
    assert_eq!(
        times("*/30 * * * *", "Europe/Berlin", "2026-10-24T23:59:00Z", 5),
        [
            "2026-10-25T00:00:00.000Z",
            "2026-10-25T00:30:00.000Z",
            "2026-10-25T01:00:00.000Z",
            "2026-10-25T01:30:00.000Z",
            "2026-10-25T02:00:00.000Z"
        ]
    );
}

#[test]
fn leap_days_fire_in_leap_years() {
    assert_eq!(
        times("0 0 29 2 *", "UTC", "2096-02-28T00:00:00Z", 2),
        // 2100 is no leap year.
        ["2096-02-29T00:00:00.000Z", "2104-02-29T00:00:00.000Z"]
    );
}

#[test]
fn what_is_missed_follows_the_policy() {
    let plan = plan("0 * * * *", "UTC");
    let (last, now) = (ms("2026-01-01T08:00:00Z"), ms("2026-01-01T12:30:00Z"));
    let hour = |hour: u32| ms(&format!("2026-01-01T{hour:02}:00:00Z"));
    let due = |missed| plan.due(missed, last, now, 10_000).unwrap();
    assert!(due(Missed::Skip).fires.is_empty());
    assert_eq!(due(Missed::Once).fires, [hour(12)]);
    assert_eq!(
        due(Missed::All).fires,
        [hour(9), hour(10), hour(11), hour(12)]
    );
    for missed in [Missed::Skip, Missed::Once, Missed::All] {
        let Due { settled, cut, .. } = due(missed);
        assert_eq!((settled, cut), (hour(12), false));
        // What is settled is not due again, at whatever time.
        assert_eq!(plan.due(missed, settled, now, 10_000), None);
        // A little late is not missed.
        let due = plan
            .due(missed, hour(12), hour(13) + 9_999, 10_000)
            .unwrap();
        assert_eq!((due.fires, due.settled), (vec![hour(13)], hour(13)));
        // Nor is what is due at this very moment at the server's start.
        let due = plan.due(missed, hour(12), hour(13), 0).unwrap();
        assert_eq!(due.fires, [hour(13)]);
    }
    // What was missed and what is kept, in one look.
    let due = plan
        .due(Missed::Once, hour(8), hour(12) + 5, 10_000)
        .unwrap();
    assert_eq!(due.fires, [hour(11), hour(12)]);
}

#[test]
fn a_clock_that_jumps_backwards_fires_nothing_twice() {
    let plan = plan("* * * * * *", "UTC");
    let now = ms("2026-01-01T12:00:00Z");
    for back in [0, 1, 999, 60_000, 365 * 86_400_000, now] {
        for missed in [Missed::Skip, Missed::Once, Missed::All] {
            assert_eq!(plan.due(missed, now, now - back, 10_000), None);
        }
    }
    assert_eq!(plan.next_after(now), Some(now + 1_000));
}

#[test]
fn a_year_of_missed_seconds_is_bounded() {
    let plan = plan("* * * * * *", "UTC");
    let last = ms("2025-01-01T00:00:00Z");
    let now = ms("2026-01-01T00:00:00.5Z");
    let due = plan.due(Missed::All, last, now, 0).unwrap();
    assert_eq!(due.fires.len(), limits::MISSED_FIRES);
    assert!(due.cut);
    assert!(due.fires.windows(2).all(|pair| pair[1] == pair[0] + 1_000));
    assert_eq!(due.fires.last(), Some(&ms("2026-01-01T00:00:00Z")));
    assert_eq!(due.settled, ms("2026-01-01T00:00:00Z"));
}

#[test]
fn missed_times_are_those_that_counting_on_finds() {
    for (line, zone) in [
        ("*/7 * * * *", "Europe/Berlin"),
        ("30 2 * * *", "Europe/Berlin"),
        ("0 1,2,3 * * *", "America/New_York"),
        ("*/30 1-3 * * 0", "Australia/Lord_Howe"),
    ] {
        let plan = plan(line, zone);
        for start in [
            "2026-03-27T23:00:00Z",
            "2026-10-23T22:00:00Z",
            "2026-11-01T04:00:00Z",
        ] {
            let (last, now) = (ms(start), ms(start) + 3 * 86_400_000);
            let counted: Vec<_> = std::iter::successors(Some(last), |at| plan.next_after(*at))
                .skip(1)
                .take_while(|at| *at <= now)
                .collect();
            let due = plan.due(Missed::All, last, now, 0);
            assert_eq!(
                due.map_or(Vec::new(), |due| due.fires),
                counted,
                "{line} {start}"
            );
        }
    }
}

#[test]
fn a_planned_time_has_one_task() {
    let mut schedule = Schedule {
        workspace: "default".parse().unwrap(),
        name: "a".parse().unwrap(),
        cron: "@daily".into(),
        timezone: "UTC".into(),
        missed: Missed::Skip,
        data: "{}".into(),
        created: 1,
        updated: 1,
    };
    let at = 1_764_000_000_000;
    let id = schedule.task_id(at);
    assert_ne!(id, schedule.task_id(at + 1_000));
    assert!(schedule.task_id(at + 1_000) > id && schedule.task_id(at - 1_000) < id);
    schedule.updated = 2;
    schedule.cron = "@hourly".into();
    assert_eq!(id, schedule.task_id(at));
    assert_eq!(id.as_bytes()[6] >> 4, 7);
    schedule.name = "b".parse().unwrap();
    assert_ne!(id, schedule.task_id(at));
}

#[test]
fn a_wrong_line_names_its_field() {
    for (line, hints) in [
        ("61 * * * *", &["field minute", "`61`", "0-59"][..]),
        ("* 24 * * *", &["field hour", "`24`", "0-23"]),
        ("0 0 32 * *", &["field day of month", "`32`", "1-31"]),
        ("0 0 * 13 *", &["field month", "`13`", "1-12 or JAN-DEC"]),
        ("0 0 * * 8", &["field day of week", "`8`", "SUN-SAT"]),
        ("99 * * * * *", &["field second", "`99`"]),
        (", * * * *", &["field minute", "`,`", "is empty"]),
        (
            "0 8 1,,2 * *",
            &["field day of month", "`1,,2`", "is empty"],
        ),
        ("*/0 * * * *", &["field minute", "`*/0`"]),
        ("0 8 * * 1-5-7", &["field day of week", "`1-5-7`"]),
        (
            "0 8 * * mon;rm",
            &["field day of week", "`;` has no meaning"],
        ),
        ("0 8 * * ü", &["field day of week", "`ü` has no meaning"]),
        ("", &["has 0 fields; it must have 5"]),
        ("0 8 * *", &["has 4 fields"]),
        ("0 0 0 1 1 * 2030", &["has 7 fields"]),
        ("hourly", &["`hourly` has 1 field; it must have 5"]),
        ("@nightly", &["`@nightly` is no time", "@daily"]),
        (
            "@reboot",
            &["`@reboot` is no time", "@hourly, or a cron line"],
        ),
        ("@every 5m", &["`@every 5m` is no time"]),
        ("0 0 30 2 *", &["`0 0 30 2 *` can never fire"]),
        ("0 0 31 4,6,9,11 *", &["can never fire"]),
    ] {
        let error = Plan::new(line, "UTC").unwrap_err();
        assert_eq!(error.field(), "cron");
        let error = error.to_string();
        for hint in hints {
            assert!(error.contains(hint), "{line}: {error}");
        }
    }
    let long = "0,".repeat(limits::CRON_BYTES);
    assert!(matches!(
        Plan::new(&long, "UTC"),
        Err(ScheduleError::LineTooLong(_))
    ));
}

#[test]
fn an_unknown_time_zone_names_a_near_one() {
    for (wrong, near) in [
        ("Europe/Berlim", Some("Europe/Berlin")),
        ("Berlin", Some("Europe/Berlin")),
        ("America/New York", Some("America/New_York")),
        ("Middle-earth/Mordor", None),
        ("", None),
    ] {
        let error = Plan::new("@daily", wrong).unwrap_err();
        assert_eq!(error.field(), "timezone");
        match near {
            Some(near) => assert!(
                error
                    .to_string()
                    .contains(&format!("did you mean `{near}`?")),
                "{error}"
            ),
            None => assert!(!error.to_string().contains("did you mean"), "{error}"),
        }
    }
    let long = "x".repeat(1_000_000);
    assert!(Plan::new("@daily", &long).unwrap_err().to_string().len() < 300);
}

#[test]
fn settings_have_defaults_and_bounds() {
    let settings = |value| serde_json::from_value::<ScheduleSettings>(value);
    let least = settings(json!({"cron": "@daily"})).unwrap();
    assert_eq!(
        (least.timezone.as_str(), least.missed),
        ("UTC", Missed::Skip)
    );
    assert!(least.check().is_ok());
    assert!(settings(json!({"cron": "@daily", "data": [1]})).is_err());
    assert!(settings(json!({"cron": "@daily", "missed": "never"})).is_err());
    assert!(settings(json!({"cron": "@daily", "zone": "UTC"})).is_err());
    let with = |data| {
        settings(json!({"cron": "@daily", "data": data}))
            .unwrap()
            .check()
    };
    assert!(matches!(with(json!({"$via": 1})), Err(ScheduleError::Via)));
    let long = json!({"a": "x".repeat(limits::SCHEDULE_DATA_BYTES)});
    assert!(matches!(with(long), Err(ScheduleError::DataTooLong(_))));
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    assert!(matches!(
        with(json!({"a": deep})),
        Err(ScheduleError::Data(_))
    ));
}
