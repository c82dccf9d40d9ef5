use super::*;

fn policy(rules: &[&str]) -> EgressPolicy {
    let rules: Vec<_> = rules
        .iter()
        .map(|text| EgressRule::parse(text).unwrap())
        .collect();
    EgressPolicy::new(&rules)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn by_default_public_addresses_only() {
    let policy = policy(&[]);
    policy.address(ip("8.8.8.8"), None).unwrap();
    let denial = policy
        .address(ip("::ffff:127.0.0.1"), None)
        .unwrap_err()
        .to_string();
    assert_eq!(
        denial,
        "127.0.0.1 is not a public address, it is loopback (127.0.0.0/8); the operator can \
         allow it with `serve --egress-allow 127.0.0.1/32`"
    );
}

#[test]
fn a_name_keeps_the_addresses_that_are_allowed() {
    let addresses = [ip("10.0.0.5"), ip("8.8.8.8"), ip("::1"), ip("2606:4700::1")];
    let kept = policy(&[])
        .filter_addresses("mixed.example", None, &addresses)
        .unwrap();
    assert_eq!(kept, [ip("8.8.8.8"), ip("2606:4700::1")]);
    let kept = policy(&["10.0.0.0/8"])
        .filter_addresses("mixed.example", None, &addresses)
        .unwrap();
    assert_eq!(kept, [ip("10.0.0.5"), ip("8.8.8.8"), ip("2606:4700::1")]);
    assert!(
        policy(&[])
            .filter_addresses("empty.example", None, &[])
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_refused_name_is_told_its_address_and_the_rules() {
    let denial = policy(&[])
        .filter_addresses("db.internal", None, &[ip("10.0.0.5")])
        .unwrap_err();
    assert_eq!(
        denial.to_string(),
        "`db.internal` resolves to 10.0.0.5, which is not a public address, it is private \
         network (10.0.0.0/8); the operator can allow it with `serve --egress-allow \
         10.0.0.5/32`, or with `db.internal` if every address it may resolve to is trusted"
    );
}

#[test]
fn a_host_rule_opens_internal_addresses_of_that_host_only() {
    let policy = policy(&["db.internal", "*.svc.internal"]);
    let internal = [ip("10.0.0.5"), ip("::1")];
    for name in ["db.internal", "db.internal.", "a.svc.internal"] {
        assert_eq!(
            policy.filter_addresses(name, None, &internal).unwrap(),
            internal,
            "{name}"
        );
    }
    for name in ["internal", "xdb.internal", "svc.internal"] {
        policy
            .filter_addresses(name, None, &internal)
            .expect_err(name);
    }
    policy
        .address(ip("10.0.0.5"), None)
        .expect_err("an address in the URL has no name");
}

#[test]
fn a_host_rule_never_opens_metadata() {
    let by_name = policy(&["db.internal"]);
    for text in [
        "169.254.169.254",
        "fd00:ec2::254",
        "fe80::1",
        "0.0.0.0",
        "64:ff9b::a00:1",
    ] {
        let denial = by_name
            .filter_addresses("db.internal", None, &[ip(text)])
            .unwrap_err();
        assert!(!denial.to_string().contains("or with"), "{denial}");
    }
    let by_network = policy(&["169.254.169.254"]);
    by_network
        .filter_addresses("any.example", None, &[ip("169.254.169.254")])
        .unwrap();
}

#[test]
fn a_rule_with_a_port_holds_for_that_port() {
    let policy = policy(&["127.0.0.1:8080", "db.internal:5432", "10.0.0.0/8"]);
    assert_eq!(policy.ports(), [5432, 8080]);
    policy.address(ip("127.0.0.1"), Some(8080)).unwrap();
    policy
        .address(ip("127.0.0.1"), Some(5432))
        .expect_err("another port");
    policy
        .address(ip("127.0.0.1"), None)
        .expect_err("a port that no rule names");
    policy.address(ip("10.0.0.1"), Some(8080)).unwrap();
    policy.address(ip("10.0.0.1"), None).unwrap();
    policy
        .filter_addresses("db.internal", Some(5432), &[ip("192.168.0.1")])
        .unwrap();
    policy
        .filter_addresses("db.internal", None, &[ip("192.168.0.1")])
        .expect_err("no port");
}

#[test]
fn a_workspace_allows_everything_unless_it_says_so() {
    let all = WorkspacePolicy::default();
    all.permits("DELETE", &Host::Domain("anything.example"), 1)
        .unwrap();
    let some: WorkspacePolicy = serde_json::from_str(
        r#"{"hosts": ["api.example.com", "*.cdn.example:8443", "192.168.0.0/16"],
            "ports": [443, 8443], "methods": ["GET", "POST"]}"#,
    )
    .unwrap();
    let table = [
        ("GET", Host::Domain("api.example.com"), 443, None),
        ("GET", Host::Domain("a.cdn.example"), 8443, None),
        (
            "GET",
            Host::Domain("a.cdn.example"),
            443,
            Some("may not reach `a.cdn.example`"),
        ),
        (
            "GET",
            Host::Domain("evil.example"),
            443,
            Some("may not reach `evil.example`"),
        ),
        (
            "GET",
            Host::Domain("api.example.com"),
            80,
            Some("may not reach port 80"),
        ),
        (
            "PUT",
            Host::Domain("api.example.com"),
            443,
            Some("may not use the method PUT"),
        ),
        ("GET", Host::Ipv4([192, 168, 1, 1].into()), 443, None),
        (
            "GET",
            Host::Ipv4([10, 0, 0, 1].into()),
            443,
            Some("may not reach `10.0.0.1`"),
        ),
    ];
    for (method, host, port, refusal) in table {
        match (some.permits(method, &host, port), refusal) {
            (Ok(()), None) => {}
            (Err(denial), Some(part)) => {
                assert!(denial.to_string().contains(part), "{denial}");
            }
            (got, _) => panic!("{method} {host} {port}: {got:?}"),
        }
    }
    let none: WorkspacePolicy = serde_json::from_str(r#"{"hosts": []}"#).unwrap();
    none.permits("GET", &Host::Domain("api.example.com"), 443)
        .expect_err("nothing allowed");
    serde_json::from_str::<WorkspacePolicy>(r#"{"host": []}"#).expect_err("a misspelt key");
}
