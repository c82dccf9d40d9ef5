//! Bodies as providers send them, made by hand from their public documentation.

use reqwest::Method;
use serde_json::{Value, json};

use super::{data, send};
use crate::support::{Server, assert_includes};

const FORM: &str = "application/x-www-form-urlencoded";

/// The content type, the body, and what the data have. Where it is not said, they have nothing else.
fn bodies() -> Vec<(&'static str, &'static str, &'static str, Value, bool)> {
    vec![
        (
            "Twilio, an incoming message",
            FORM,
            "ToCountry=US&ToState=CA&SmsMessageSid=SM1f0e8ae6ade43cb3c0ce4525424e404f&NumMedia=0&ToCity=&FromZip=94016&\
             SmsSid=SM1f0e8ae6ade43cb3c0ce4525424e404f&FromState=CA&SmsStatus=received&FromCity=SAN+FRANCISCO&\
             Body=Caf%C3%A9+at+%228%22%3F+%F0%9F%98%80&FromCountry=US&To=%2B15552223333&ToZip=&NumSegments=1&\
             MessageSid=SM1f0e8ae6ade43cb3c0ce4525424e404f&AccountSid=AC00000000000000000000000000000000&\
             From=%2B15551112222&ApiVersion=2010-04-01",
            json!({"Body": "Café at \"8\"? 😀", "From": "+15551112222", "To": "+15552223333", "NumMedia": "0", "ToZip": "",
                "FromCity": "SAN FRANCISCO"}),
            false,
        ),
        (
            "Slack, a slash command",
            FORM,
            "token=gIkuvaNzQIHg97ATvDxqgjtO&team_id=T0001&team_domain=example&channel_id=C2147483705&channel_name=test&\
             user_id=U2147483697&user_name=Steve&command=%2Fweather&text=94070&\
             response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2F1234%2F5678&trigger_id=13345224609.738474920.8088930838d88f008e0&\
             api_app_id=A123456",
            json!({
                "token": "gIkuvaNzQIHg97ATvDxqgjtO", "team_id": "T0001", "team_domain": "example", "channel_id": "C2147483705",
                "channel_name": "test", "user_id": "U2147483697", "user_name": "Steve", "command": "/weather", "text": "94070",
                "response_url": "https://hooks.slack.com/commands/1234/5678",
                "trigger_id": "13345224609.738474920.8088930838d88f008e0", "api_app_id": "A123456",
            }),
            true,
        ),
        (
            "Slack, a button was pressed",
            FORM,
            "payload=%7B%22type%22%3A%22block_actions%22%2C%22team%22%3A%7B%22id%22%3A%22T9TK3CUKW%22%7D%2C%22actions%22%3A%5B%7B%22\
             action_id%22%3A%22approve%22%2C%22value%22%3A%22click_me_123%22%7D%5D%7D",
            json!({"payload": {"type": "block_actions", "team": {"id": "T9TK3CUKW"},
                "actions": [{"action_id": "approve", "value": "click_me_123"}]}}),
            true,
        ),
        (
            "GitHub, content type form",
            FORM,
            "payload=%7B%22zen%22%3A%22Design+for+failure.%22%2C%22hook_id%22%3A30%2C%22hook%22%3A%7B%22type%22%3A%22Repository%22%2C%22\
             events%22%3A%5B%22push%22%5D%7D%7D",
            json!({"payload": {"zen": "Design for failure.", "hook_id": 30, "hook": {"type": "Repository", "events": ["push"]}}}),
            true,
        ),
        (
            "Mailgun, a message that was received",
            "multipart/form-data; boundary=------------------------d74496d66958873e",
            "--------------------------d74496d66958873e\r\nContent-Disposition: form-data; name=\"recipient\"\r\n\r\nalice@example.com\r\n\
             --------------------------d74496d66958873e\r\nContent-Disposition: form-data; name=\"sender\"\r\n\r\nbob@example.com\r\n\
             --------------------------d74496d66958873e\r\nContent-Disposition: form-data; name=\"subject\"\r\n\r\nRe: Sample POST request\r\n\
             --------------------------d74496d66958873e\r\nContent-Disposition: form-data; name=\"body-plain\"\r\n\r\nHi Alice,\r\n\r\nThis is Bob.\r\n\r\n\
             --------------------------d74496d66958873e\r\nContent-Disposition: form-data; name=\"timestamp\"\r\n\r\n1764000000\r\n\
             --------------------------d74496d66958873e--\r\n",
            json!({"recipient": "alice@example.com", "sender": "bob@example.com", "subject": "Re: Sample POST request",
                "body-plain": "Hi Alice,\r\n\r\nThis is Bob.\r\n", "timestamp": "1764000000"}),
            true,
        ),
        (
            "Mailgun, the same as a form",
            FORM,
            "recipient=alice%40example.com&attachment-count=0&message-headers=%5B%5B%22X-Mailgun-Incoming%22%2C%22Yes%22%5D%5D",
            // Of a form only a lone payload is read as JSON.
            json!({"recipient": "alice@example.com", "attachment-count": "0", "message-headers": "[[\"X-Mailgun-Incoming\",\"Yes\"]]"}),
            true,
        ),
        (
            "Mailchimp, a subscription",
            FORM,
            "type=subscribe&fired_at=2026-03-26+21%3A35%3A57&data%5Bid%5D=8a25ff1d98&data%5Bmerges%5D%5BEMAIL%5D=api%40example.com&\
             data%5Bmerges%5D%5BFNAME%5D=Ada&data%5Bmerges%5D%5BGROUPINGS%5D%5B0%5D%5Bname%5D=Topics&\
             data%5Bmerges%5D%5BGROUPINGS%5D%5B0%5D%5Bgroups%5D=Group1%2CGroup2",
            json!({"type": "subscribe", "fired_at": "2026-03-26 21:35:57", "data": {"id": "8a25ff1d98", "merges": {
                "EMAIL": "api@example.com", "FNAME": "Ada", "GROUPINGS": [{"name": "Topics", "groups": "Group1,Group2"}]}}}),
            true,
        ),
        (
            "AWS SNS, a notification",
            "text/plain; charset=UTF-8",
            "{\n  \"Type\" : \"Notification\",\n  \"MessageId\" : \"22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324\",\n  \
             \"TopicArn\" : \"arn:aws:sns:us-west-2:123456789012:MyTopic\",\n  \"Message\" : \"{\\\"n\\\": 1}\",\n  \
             \"Timestamp\" : \"2026-05-02T00:54:06.655Z\",\n  \"SignatureVersion\" : \"1\"\n}",
            // What SNS was given is a text of its own.
            json!({"Type": "Notification", "Message": "{\"n\": 1}", "TopicArn": "arn:aws:sns:us-west-2:123456789012:MyTopic"}),
            false,
        ),
        (
            "Azure Event Grid, the CloudEvents schema",
            "application/cloudevents+json; charset=utf-8",
            "{\"specversion\":\"1.0\",\"type\":\"Microsoft.Storage.BlobCreated\",\
             \"source\":\"/subscriptions/1/resourceGroups/2/providers/Microsoft.Storage/storageAccounts/3\",\
             \"id\":\"9aeb0fdf-c01e-0131-0922-9eb54906e209\",\"time\":\"2026-11-18T15:13:39.4589254Z\",\
             \"subject\":\"blobServices/default/containers/c/blobs/f.txt\",\"data\":{\"api\":\"PutBlob\",\"contentLength\":447}}",
            json!({"api": "PutBlob", "contentLength": 447}),
            true,
        ),
    ]
}

#[tokio::test]
async fn what_providers_send_becomes_tasks() {
    let server = Server::start().await;
    let url = server.webhook("w").await;
    for (name, content_type, body, expected, is_all) in bodies() {
        let answer = send(&url, Method::POST, &[("content-type", content_type)], body).await;
        let (data, via) = data(&server, &answer.tasks()[0]).await;
        if is_all {
            assert_eq!(data, expected, "{name}");
        }
        assert_includes(&data, &expected, name);
        assert_eq!(via["contentType"], content_type, "{name}");
    }
}
