//! `POST|PUT /event/{key}`: a webhook's request becomes a task. The hot path; it goes around the
//! router.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response};
use axum::response::IntoResponse;
use bytes::Bytes;

use super::Api;
use super::correlate;
use super::problem::ApiError;
use super::read;
use crate::domain::ids::TaskId;
use crate::ingest::accept::{Arrival, new_task};

/// Answers a request to `/event/{key}`.
pub async fn event<B>(api: &Arc<Api>, key: &str, ip: IpAddr, request: Request<B>) -> Response<Body>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let (head, mut body) = request.into_parts();
    let accepted = accept(api, key, ip, &head, &mut body).await;
    match accepted {
        Ok((task, pace)) => {
            if !pace.is_zero() {
                tokio::time::sleep(pace).await;
            }
            let mut response = Response::new(Body::from(format!("{{\"task\":\"{task}\"}}")));
            response
                .headers_mut()
                .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
        Err(refusal) => {
            read::drain(&head.headers, &mut body).await;
            refusal.into_response()
        }
    }
}

async fn accept<B>(
    api: &Arc<Api>,
    key: &str,
    ip: IpAddr,
    head: &axum::http::request::Parts,
    body: &mut B,
) -> Result<(TaskId, Duration), ApiError>
where
    B: hyper::body::Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    if head.method != Method::POST && head.method != Method::PUT {
        return Err(ApiError::WrongMethod {
            allowed: "POST, PUT",
        });
    }
    let webhook = api
        .catalog
        .webhook_by_key(key)
        .ok_or(ApiError::UnknownWebhook)?;
    let (bytes, share) = read::read(body, api.body, &api.bodies).await?;
    let user_agent = text(&head.headers, USER_AGENT);
    let content_type = text(&head.headers, CONTENT_TYPE);
    let task = new_task(Arrival {
        webhook: &webhook,
        at: api.clock.now(),
        method: head.method.as_str(),
        ip,
        user_agent: user_agent.as_deref(),
        content_type: content_type.as_deref(),
        query: head.uri.query(),
        body: &bytes,
    })?;
    drop(bytes);
    if let Some(open) = correlate::merged(api, &webhook, &task, ip).await? {
        return Ok((open, Duration::ZERO));
    }
    let id = task.head.id;
    let admitted = (api.admit)(task);
    Finishing::new(async move {
        let pace = admitted.await?;
        drop(share);
        Ok((id, pace))
    })
    .await
}

/// A header's value as text; bytes that are no UTF-8 are replaced.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<std::borrow::Cow<'_, str>> {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
}

/// A future that comes to its end even when it is dropped: a client that hangs up must not leave a
/// task that is durable and that nobody has told the engine of. Costs a spawn only then.
struct Finishing<T: Send + 'static>(Option<Pin<Box<dyn Future<Output = T> + Send>>>);

impl<T: Send + 'static> Finishing<T> {
    fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(future)))
    }
}

impl<T: Send + 'static> Future for Finishing<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(future) = &mut self.0 else {
            return Poll::Pending; // Polled after it was done, which nobody may.
        };
        let polled = future.as_mut().poll(context);
        if polled.is_ready() {
            self.0 = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Finishing<T> {
    fn drop(&mut self) {
        if let Some(future) = self.0.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(future);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn what_was_begun_is_finished_though_nobody_waits() {
        let (send, receive) = tokio::sync::oneshot::channel::<()>();
        let done = Arc::new(AtomicBool::new(false));
        let flag = done.clone();
        let mut begun = Finishing::new(async move {
            let _ = receive.await;
            flag.store(true, Ordering::SeqCst);
        });
        assert!(futures_util::poll!(&mut begun).is_pending());
        drop(begun);
        send.send(()).unwrap();
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(done.load(Ordering::SeqCst));
    }
}
