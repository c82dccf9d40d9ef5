//! What may be dialled: addresses, spellings, names that change, ports, workspaces.

use super::*;

/// Other ways to write a loopback or metadata address, which URL parsers, resolvers and kernels have
/// been fooled by.
const SPELLINGS: [&str; 26] = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "0x7f.1",
    "0x7f000001",
    "0177.0.0.1",
    "2130706433",
    "017700000001",
    "127.000.000.001",
    "%31%32%37.0.0.1",
    "１２７.0.0.1",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "127.9.9.9",
    "0",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "localhost",
    "LOCALHOST.",
    "app.localhost",
];

#[tokio::test]
async fn no_spelling_of_loopback_is_reached_by_default() {
    let upstream = Upstream::start(|_| Answer::ok("secret")).await;
    let client = client(&[]);
    for host in SPELLINGS {
        let url = format!("http://{host}:{}/", upstream.port());
        let text = denied(fetch(&client, get(&url)).await);
        assert!(text.contains("--egress-allow "), "{host}: {text}");
    }
    for host in [
        "169.254.169.254",
        "2852039166",
        "[fd00:ec2::254]",
        "[::ffff:a9fe:a9fe]",
    ] {
        let text = denied(fetch(&client, get(format!("http://{host}/latest/"))).await);
        assert!(text.contains("metadata"), "{host}: {text}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn no_spelling_of_loopback_is_reached_by_a_redirect() {
    let upstream = Upstream::start(|seen| {
        let to = SPELLINGS[seen.path()[1..].parse::<usize>().unwrap()];
        Answer::redirect(302, &format!("http://{to}:9/"))
    })
    .await;
    let client = client(&[&format!("127.0.0.1:{}", upstream.port())]);
    for (number, spelling) in SPELLINGS.iter().enumerate() {
        // HTTP headers are bytes; a server that sends non-ASCII hosts sends UTF-8.
        let text = denied(fetch(&client, get(upstream.url(&format!("/{number}")))).await);
        assert!(
            text.contains("not a public address"),
            "{}: {text}",
            spelling
        );
    }
}

#[tokio::test]
async fn a_refusal_names_the_rule_that_then_works() {
    let upstream = Upstream::start(|_| Answer::ok("ok")).await;
    let url = format!("http://localhost:{}/", upstream.port());
    let text = denied(fetch(&client(&[]), get(&url)).await);
    assert!(text.contains("`localhost` resolves to 127.0.0.1"), "{text}");
    let rule = text
        .split("--egress-allow ")
        .nth(1)
        .unwrap()
        .split('`')
        .next()
        .unwrap();
    assert_eq!(rule, "127.0.0.1/32");
    for rule in [rule, "localhost", &format!("localhost:{}", upstream.port())] {
        assert_eq!(
            fetch(&client(&[rule]), get(&url)).await.unwrap().body,
            b"ok",
            "{rule}"
        );
    }
}

#[tokio::test]
async fn a_name_that_changes_its_address_gains_nothing() {
    let good = Upstream::start(|_| Answer::with("200 OK\r\nconnection: close", "good")).await;
    let inner = format!("127.0.0.2:{}", good.port()).parse().unwrap();
    let inner = Upstream::at(inner, |_| Answer::ok("secret")).await;
    let names = Names::of(&[("rebind.example", &[&["127.0.0.1"], &["127.0.0.2"]])]);
    let client = FetchClient::with_resolver(settings(&["127.0.0.1"]), names).unwrap();
    let url = format!("http://rebind.example:{}/", good.port());
    assert_eq!(fetch(&client, get(&url)).await.unwrap().body, b"good");
    let text = denied(fetch(&client, get(&url)).await);
    assert!(
        text.contains("`rebind.example` resolves to 127.0.0.2"),
        "{text}"
    );
    assert_eq!(inner.connections(), 0);
}

#[tokio::test]
async fn of_several_addresses_only_the_allowed_are_dialled() {
    let good = Upstream::start(|_| Answer::with("200 OK\r\nconnection: close", "good")).await;
    let inner = format!("127.0.0.2:{}", good.port()).parse().unwrap();
    let inner = Upstream::at(inner, |_| Answer::ok("secret")).await;
    let names = Names::of(&[("mixed.example", &[&["127.0.0.2", "::1", "127.0.0.1"]])]);
    let client = FetchClient::with_resolver(settings(&["127.0.0.1"]), names).unwrap();
    let url = format!("http://mixed.example:{}/", good.port());
    for _ in 0..5 {
        assert_eq!(fetch(&client, get(&url)).await.unwrap().body, b"good");
    }
    assert_eq!((good.connections(), inner.connections()), (5, 0));
}

#[tokio::test]
async fn a_rule_with_a_port_opens_that_port_only() {
    let named = Upstream::start(|_| Answer::ok("named")).await;
    let other = Upstream::start(|_| Answer::ok("other")).await;
    let names = || Names::of(&[("db.internal", &[&["127.0.0.1"]])]);
    let by_name = settings(&[&format!("db.internal:{}", named.port())]);
    let by_name = FetchClient::with_resolver(by_name, names()).unwrap();
    let by_address = settings(&[&format!("127.0.0.1:{}", named.port())]);
    let by_address = FetchClient::with_resolver(by_address, names()).unwrap();
    for client in [&by_name, &by_address] {
        let url = |port| format!("http://db.internal:{port}/");
        assert_eq!(
            fetch(client, get(url(named.port()))).await.unwrap().body,
            b"named"
        );
        denied(fetch(client, get(url(other.port()))).await);
    }
    denied(fetch(&by_name, get(named.url("/"))).await);
    assert_eq!(
        fetch(&by_address, get(named.url("/"))).await.unwrap().body,
        b"named"
    );
    denied(fetch(&by_address, get(other.url("/"))).await);
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_workspace_is_asked_on_every_hop() {
    let to = Upstream::start(|_| Answer::ok("reached")).await;
    let target = to.url("/");
    let from = Upstream::start(move |_| Answer::redirect(303, &target)).await;
    let client = open();
    let only = |ports: &[u16]| WorkspacePolicy {
        ports: Some(ports.to_vec()),
        ..WorkspacePolicy::default()
    };
    let both = only(&[from.port(), to.port()]);
    client
        .fetch((&caller(), &both), get(from.url("/")), "k")
        .await
        .unwrap();
    let text = denied(
        client
            .fetch((&caller(), &only(&[from.port()])), get(from.url("/")), "k")
            .await,
    );
    assert!(
        text.contains(&format!("may not reach port {}", to.port())),
        "{text}"
    );
    let posts = WorkspacePolicy {
        methods: Some(vec!["POST".into()]),
        ..WorkspacePolicy::default()
    };
    let text = denied(
        client
            .fetch((&caller(), &posts), request("post", from.url("/")), "k")
            .await,
    );
    assert!(text.contains("may not use the method GET"), "{text}");
    assert_eq!(to.seen().len(), 1);
    // What a workspace allows itself opens nothing that the operator does not.
    let hosts = Some(vec![EgressRule::parse("127.0.0.1").unwrap()]);
    let wants = WorkspacePolicy {
        hosts,
        ..WorkspacePolicy::default()
    };
    denied(
        super::client(&[])
            .fetch((&caller(), &wants), get(to.url("/")), "k")
            .await,
    );
}
