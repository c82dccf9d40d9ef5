//! Slack: `send` posts a message by `chat.postMessage` of the Web API
//! (docs.slack.dev/reference/methods/chat.postMessage).

use serde_json::{Map, Value};
use url::Url;

use super::declaration::{DeclarationError, only, text};
use crate::domain::effect::{FetchRequest, FetchResponse, OperationError, Redirect};

pub(super) const KIND: &str = "slack.com";
pub(super) const OPERATIONS: [&str; 1] = ["send"];

const DEFAULT_URL: &str = "https://slack.com/api";

/// A workspace's access to Slack.
pub struct Slack {
    url: String,
    token: String,
}

impl std::fmt::Debug for Slack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slack")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

impl Slack {
    /// `token`: a bot token (`xoxb-…`); `url`: the API's base, by default Slack's own.
    pub(super) fn new(config: &Map<String, Value>) -> Result<Self, DeclarationError> {
        only(KIND, config, &["token", "url"])?;
        let wrong = |member: &str, reason| DeclarationError::Config {
            kind: KIND,
            member: member.to_owned(),
            reason,
        };
        // A token that was read from a file often ends with a line end.
        let token = text(KIND, config, "token")?
            .map(str::trim)
            .filter(|token| !token.is_empty())
            .ok_or_else(|| wrong("token", "is missing; it is a bot token like xoxb-…"))?;
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(wrong(
                "token",
                "has characters that no token has: blanks, or letters outside ASCII",
            ));
        }
        let url = text(KIND, config, "url")?.map_or(DEFAULT_URL, str::trim);
        match Url::parse(url) {
            Ok(parsed) if matches!(parsed.scheme(), "http" | "https") && parsed.has_host() => {}
            _ => {
                return Err(wrong(
                    "url",
                    "must be an http or https URL like https://slack.com/api",
                ));
            }
        }
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
        })
    }

    /// A message: `channel` and `text`, and whatever else `chat.postMessage` takes.
    pub(super) fn send(
        &self,
        place: &str,
        argument: &Map<String, Value>,
    ) -> Result<FetchRequest, OperationError> {
        let given = |member: &str| match argument.get(member) {
            Some(Value::String(text)) => !text.is_empty(),
            _ => false,
        };
        if !given("channel") {
            return Err(OperationError::Invalid(format!(
                "{place} needs `channel`, a text such as \"#alerts\""
            )));
        }
        if !given("text") && !argument.contains_key("blocks") {
            return Err(OperationError::Invalid(format!(
                "{place} needs `text`, the message, or `blocks`"
            )));
        }
        let body = serde_json::to_vec(argument)
            .map_err(|error| OperationError::Invalid(error.to_string()))?;
        Ok(FetchRequest {
            url: format!("{}/chat.postMessage", self.url),
            method: "POST".into(),
            headers: vec![
                (
                    "content-type".into(),
                    "application/json; charset=utf-8".into(),
                ),
                ("authorization".into(), format!("Bearer {}", self.token)),
            ],
            body,
            timeout_ms: None,
            // The API does not redirect: a redirect would take the token elsewhere.
            redirect: Redirect::Error,
        })
    }
}

/// Slack answers 200 also when it refuses: `{"ok": false, "error": "channel_not_found"}`.
pub(super) fn sent(place: &str, answer: &FetchResponse) -> Result<String, OperationError> {
    if answer.status == 429 {
        let after = match asked_to_wait(answer) {
            Some(seconds) => format!("{seconds} (seconds)"),
            None => "a while".to_owned(),
        };
        return Err(OperationError::Failed(format!(
            "{place}: Slack asks to wait; try again after {after}"
        )));
    }
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    match body {
        Some(body) if body["ok"] == true => Ok(body.to_string()),
        Some(body) if body["error"].is_string() => Err(OperationError::Refused(format!(
            "{place}: Slack says `{}`",
            body["error"].as_str().unwrap_or_default()
        ))),
        _ => Err(OperationError::Failed(format!(
            "{place}: the answer is not Slack's: status {}",
            answer.status
        ))),
    }
}

/// The first number of seconds among the `Retry-After` headers, which may be several or a list.
fn asked_to_wait(answer: &FetchResponse) -> Option<u64> {
    let lines = answer.headers.iter();
    lines
        .filter(|(name, _)| name == "retry-after")
        .flat_map(|(_, line)| line.split(','))
        .find_map(|part| part.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Connector;
    use super::*;
    use crate::domain::connector::ConnectorSettings;
    use crate::domain::effect::FetchError;

    fn declared(config: Value) -> Result<Connector, DeclarationError> {
        let settings = json!({"kind": "slack.com", "config": config});
        Connector::new(&serde_json::from_value::<ConnectorSettings>(settings).unwrap())
    }

    fn answer(status: u16, body: &str) -> FetchResponse {
        FetchResponse {
            status,
            status_text: String::new(),
            headers: vec![("retry-after".into(), "30".into())],
            body: body.into(),
        }
    }

    #[test]
    fn a_wrong_declaration_says_what_would_be_right() {
        for (config, message) in [
            (
                json!({}),
                "`config.token` of a `slack.com` connector is missing; it is a bot token like xoxb-…",
            ),
            (
                json!({"token": 7}),
                "`config.token` of a `slack.com` connector must be a text that is not empty",
            ),
            (
                json!({"token": " \n"}),
                "`config.token` of a `slack.com` connector is missing; it is a bot token like xoxb-…",
            ),
            (
                json!({"token": "x\ny"}),
                "`config.token` of a `slack.com` connector has characters that no token has: blanks, or letters outside ASCII",
            ),
            (
                json!({"token": "x y"}),
                "`config.token` of a `slack.com` connector has characters that no token has: blanks, or letters outside ASCII",
            ),
            (
                json!({"token": "t", "url": "slack"}),
                "`config.url` of a `slack.com` connector must be an http or https URL like https://slack.com/api",
            ),
            (
                json!({"token": "t", "tokken": "t"}),
                "`config.tokken` of a `slack.com` connector is not known; see docs/connectors.md for what there is",
            ),
        ] {
            assert_eq!(declared(config).unwrap_err().to_string(), message);
        }
        let other = ConnectorSettings {
            kind: "smtp".into(),
            config: Map::new(),
        };
        assert_eq!(
            Connector::new(&other).unwrap_err().to_string(),
            "there is no connector of the kind `smtp`; there are: slack.com"
        );
    }

    #[test]
    fn a_message_is_a_request_with_the_token() {
        let slack = json!({"token": "xoxb-1\r\n", "url": " http://h:1/api/\n"});
        let slack = declared(slack).unwrap();
        let request = slack
            .request(
                "slackCom",
                "send",
                r##"{"channel":"#a","text":"hi","thread_ts":"1.2"}"##,
            )
            .unwrap();
        assert_eq!(request.url, "http://h:1/api/chat.postMessage");
        assert!(
            request
                .headers
                .contains(&("authorization".into(), "Bearer xoxb-1".into()))
        );
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        assert_eq!(
            body,
            json!({"channel": "#a", "text": "hi", "thread_ts": "1.2"})
        );
        assert!(
            !format!("{slack:?}").contains("xoxb"),
            "the token is not shown"
        );
    }

    #[test]
    fn a_wrong_call_says_what_would_be_right() {
        let slack = declared(json!({"token": "t"})).unwrap();
        for (operation, argument, error) in [
            (
                "post",
                "{}",
                OperationError::NotFound(
                    "connector `s` (slack.com) has no operation `post`; it has: send".into(),
                ),
            ),
            (
                "send",
                "[]",
                OperationError::Invalid("s.send takes an object as its argument".into()),
            ),
            (
                "send",
                r#"{"text":"t"}"#,
                OperationError::Invalid(
                    "s.send needs `channel`, a text such as \"#alerts\"".into(),
                ),
            ),
            (
                "send",
                r#"{"channel":"c"}"#,
                OperationError::Invalid("s.send needs `text`, the message, or `blocks`".into()),
            ),
        ] {
            assert_eq!(slack.request("s", operation, argument), Err(error));
        }
        assert!(matches!(
            slack.request("s", "send", "{"),
            Err(OperationError::Invalid(text)) if text.starts_with("the argument of s.send is not JSON")
        ));
    }

    #[test]
    fn how_long_to_wait_is_the_first_number() {
        for (lines, text) in [
            (vec!["30", "30"], "after 30 (seconds)"),
            (vec!["5, 10"], "after 5 (seconds)"),
            (vec!["soon", "7"], "after 7 (seconds)"),
            (vec!["soon"], "after a while"),
            (vec!["-1"], "after a while"),
            (vec![], "after a while"),
        ] {
            let mut answer = answer(429, "");
            let line = |text: &&str| ("retry-after".to_owned(), (*text).to_owned());
            answer.headers = lines.iter().map(line).collect();
            let error = sent("s.send", &answer).unwrap_err();
            assert!(error.to_string().ends_with(text), "{lines:?}: {error}");
        }
    }

    #[test]
    fn answers_are_read_as_slack_means_them() {
        let slack = declared(json!({"token": "t"})).unwrap();
        let result = |answer| slack.result("s", "send", answer);
        assert_eq!(
            result(Ok(answer(200, r#"{"ok":true,"ts":"1.5"}"#))),
            Ok(r#"{"ok":true,"ts":"1.5"}"#.into())
        );
        for (answer, error) in [
            (
                Ok(answer(200, r#"{"ok":false,"error":"channel_not_found"}"#)),
                OperationError::Refused("s.send: Slack says `channel_not_found`".into()),
            ),
            (
                Ok(answer(429, "")),
                OperationError::Failed(
                    "s.send: Slack asks to wait; try again after 30 (seconds)".into(),
                ),
            ),
            (
                Ok(answer(502, "<html>")),
                OperationError::Failed("s.send: the answer is not Slack's: status 502".into()),
            ),
            (
                Err(FetchError::Timeout(9)),
                OperationError::Failed("s.send: timed out after 9 ms".into()),
            ),
        ] {
            assert_eq!(result(answer), Err(error));
        }
    }
}
