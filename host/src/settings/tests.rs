//! What `serve --print-config` prints.

use super::*;

#[test]
fn print_config_shows_every_setting_once() {
    let mut settings = Settings::new("/var/lib/stepwell".into());
    settings.egress_allow = vec!["10.0.0.0/8".into()];
    settings.cpu_weights = vec![("acme".parse().unwrap(), 3)];
    settings.grace = Duration::from_millis(1500);
    let text = settings.to_string();
    let names: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.trim_start_matches("# "))
        .collect();
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), names.len());
    assert_eq!(names.len(), 32 + 7 + 28, "{text}");
    for part in [
        "listen = \"127.0.0.1:7400\"\n",
        "# public-url = \"http://127.0.0.1:7400\"",
        "egress-allow = [\"10.0.0.0/8\"]",
        "cpu-weight = [\"acme=3\"]",
        "grace = \"1.5s\"",
        "discard-secrets = false",
        "connections-per-address = 5000",
        "body-bytes = 1048576",
        "upload-bytes = 100000000",
        "files-bytes = 10000000000",
        "log-format = \"text\"",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
}
