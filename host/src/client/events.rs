//! Events to webhooks, sent as a stranger would: to a full URL, without a token.

use bytes::Bytes;
use reqwest::Method;
use stepwell_api::{Accepted, Problem, Sample};
use url::Url;

use super::{Answer, Client, ClientError};

impl Client {
    /// Posts a webhook's event as a stranger would: to its full URL, without a token.
    pub async fn event(&self, url: &str, body: Bytes) -> Result<Answer<Accepted>, ClientError> {
        let target = Url::parse(url).map_err(|error| ClientError::BadUrl {
            url: url.to_owned(),
            reason: error.to_string(),
        })?;
        let request = self
            .http
            .post(target)
            .header("content-type", "application/json")
            .body(body);
        let response = self.sent(request).await?;
        self.answer(response).await
    }

    /// Sends a request as a stranger would: to a full URL, without a token.
    pub async fn stranger(&self, sample: &Sample) -> Result<Answer<Accepted>, ClientError> {
        let wrong = |reason: String| ClientError::BadUrl {
            url: sample.url.clone(),
            reason,
        };
        let target = Url::parse(&sample.url).map_err(|error| wrong(error.to_string()))?;
        let method = Method::from_bytes(sample.method.as_bytes());
        let method = method.map_err(|error| wrong(error.to_string()))?;
        let mut request = self.http.request(method, target).body(sample.body.clone());
        for (name, value) in &sample.headers {
            request = request.header(name, value);
        }
        let response = self.sent(request).await?;
        let (status, body) = self.whole(response).await?;
        match serde_json::from_slice::<Problem>(&body) {
            // No token was sent, so that no status is about one.
            Ok(problem) if !status.is_success() => Err(ClientError::Refused {
                status: status.as_u16(),
                code: problem.code,
                detail: problem.detail,
            }),
            _ => self.read(status, &body),
        }
    }
}
