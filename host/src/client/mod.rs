//! The HTTP client of the server's API. It knows addresses, tokens, problem documents and the contract's
//! types (`stepwell_api`), and nothing of commands.

mod address;
mod answer;
mod error;
mod events;

use std::time::Duration;

use bytes::Bytes;
use reqwest::{Method, Response, StatusCode};
use serde::Serialize;
use serde_json::Value;
use stepwell_api::{
    NewWorkspace, Problem, Provider, Providers, Token, VERSION_HEADER, Workspace, Workspaces,
};
use url::Url;

pub use address::{address, is_loopback};
pub use answer::Answer;
pub use error::ClientError;

use crate::domain::ids::WorkspaceName;

/// The longest an answer may take. Adding a step compiles it, which is bounded by the server.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The longest a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection is kept for the next call: shorter than the server keeps it, and a build
/// between two calls takes longer than either.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer that is read: a page of tasks or one task with its whole journal.
const ANSWER_BYTES: usize = 256 * 1024 * 1024;

/// The name that paths have for what people call a workspace. What cannot be one goes to the server
/// as it is, which says so.
fn path_name(workspace: &str) -> String {
    WorkspaceName::titled(workspace).map_or_else(|_| workspace.to_owned(), String::from)
}

/// A connection to one server on behalf of one workspace.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: String,
    workspace: String,
}

impl Client {
    /// A client of the server at `url`. Nothing is sent yet.
    pub fn new(url: &str, token: &str, workspace: &str) -> Result<Self, ClientError> {
        let bad = |reason: String| ClientError::BadUrl {
            url: url.to_owned(),
            reason,
        };
        let base = address(url).map_err(bad)?;
        // Text outside ASCII would otherwise fail later, with the token in the message.
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ClientError::BadToken);
        }
        let mut builder = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            // The token must not follow a redirect anywhere.
            .redirect(reqwest::redirect::Policy::none());
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| bad(cause(&error)))?;
        Ok(Self {
            http,
            base,
            token: token.to_owned(),
            workspace: path_name(workspace),
        })
    }

    /// The same server, on behalf of another workspace.
    pub fn of_workspace(&self, workspace: &str) -> Self {
        Self {
            workspace: path_name(workspace),
            ..self.clone()
        }
    }

    /// The workspace that it is about, as paths name it.
    pub fn workspace(&self) -> &str {
        &self.workspace
    }

    /// The token that lets us in.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The server's address without a trailing slash.
    pub fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Reads `/api/v1/workspaces/{ws}/…`.
    pub async fn get<T>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Answer<T>, ClientError> {
        self.send(Method::GET, self.scoped(path, query)?, None)
            .await
    }

    /// Adds below `/api/v1/workspaces/{ws}/…`.
    pub async fn post<T>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<Answer<T>, ClientError> {
        self.send(Method::POST, self.scoped(path, &[])?, Some(json(body)))
            .await
    }

    /// Puts a JSON document at `/api/v1/workspaces/{ws}/…`.
    pub async fn put<T>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<Answer<T>, ClientError> {
        self.send(Method::PUT, self.scoped(path, &[])?, Some(json(body)))
            .await
    }

    /// Changes a part of what is at `/api/v1/workspaces/{ws}/…`.
    pub async fn patch<T>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<Answer<T>, ClientError> {
        self.send(Method::PATCH, self.scoped(path, &[])?, Some(json(body)))
            .await
    }

    /// A dry run of a `PUT` at `/api/v1/workspaces/{ws}/…`: the server changes nothing.
    pub async fn check<T>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<Answer<T>, ClientError> {
        let dry = [("dry_run", "true".to_owned())];
        self.send(Method::PUT, self.scoped(path, &dry)?, Some(json(body)))
            .await
    }

    /// Puts a component's bytes at `/api/v1/workspaces/{ws}/…`.
    pub async fn upload<T>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        component: Bytes,
    ) -> Result<Answer<T>, ClientError> {
        let body = ("application/wasm", component);
        self.send(Method::PUT, self.scoped(path, query)?, Some(body))
            .await
    }

    /// Deletes `/api/v1/workspaces/{ws}/…`.
    pub async fn delete(&self, path: &[&str]) -> Result<(), ClientError> {
        let url = self.scoped(path, &[])?;
        self.send::<()>(Method::DELETE, url, None).await.map(drop)
    }

    /// Reads the list of workspaces.
    pub async fn workspaces(&self) -> Result<Answer<Workspaces>, ClientError> {
        self.get_of_server(&["workspaces"], &[]).await
    }

    /// Reads the list of providers.
    pub async fn providers(&self) -> Result<Answer<Providers>, ClientError> {
        self.get_of_server(&["providers"], &[]).await
    }

    /// Reads one provider.
    pub async fn provider(&self, name: &str) -> Result<Answer<Provider>, ClientError> {
        self.get_of_server(&["providers", name], &[]).await
    }

    /// Adds a workspace.
    pub async fn add_workspace(
        &self,
        body: &NewWorkspace,
    ) -> Result<Answer<Workspace>, ClientError> {
        self.post_to_server(&["workspaces"], body).await
    }

    /// Shows the token that the client has.
    pub async fn own_token(&self) -> Result<Answer<Token>, ClientError> {
        self.get_of_server(&["token"], &[]).await
    }

    /// Reads a list that is above any workspace.
    pub async fn get_of_server<T>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<Answer<T>, ClientError> {
        self.send(Method::GET, self.address(path, query)?, None)
            .await
    }

    /// Adds something above any workspace.
    pub async fn post_to_server<T>(
        &self,
        path: &[&str],
        body: &impl Serialize,
    ) -> Result<Answer<T>, ClientError> {
        self.send(Method::POST, self.address(path, &[])?, Some(json(body)))
            .await
    }

    /// Deletes something above any workspace.
    pub async fn delete_of_server(&self, path: &[&str]) -> Result<(), ClientError> {
        let url = self.address(path, &[])?;
        self.send::<()>(Method::DELETE, url, None).await.map(drop)
    }

    fn scoped(&self, path: &[&str], query: &[(&str, String)]) -> Result<Url, ClientError> {
        let mut whole = vec!["workspaces", self.workspace.as_str()];
        whole.extend_from_slice(path);
        self.address(&whole, query)
    }

    fn address(&self, path: &[&str], query: &[(&str, String)]) -> Result<Url, ClientError> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]);
            for segment in path {
                // `url` drops these, and would make another address of it.
                if matches!(*segment, "" | "." | "..") {
                    return Err(ClientError::BadName((*segment).to_owned()));
                }
                segments.push(segment);
            }
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    async fn send<T>(
        &self,
        method: Method,
        url: Url,
        body: Option<(&'static str, Bytes)>,
    ) -> Result<Answer<T>, ClientError> {
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        if let Some((kind, bytes)) = body {
            request = request.header("content-type", kind).body(bytes);
        }
        let response = self.sent(request).await?;
        // Any server may answer with JSON, and a list that it does not have would be an empty one.
        if !response.headers().contains_key(VERSION_HEADER) {
            let status = response.status();
            return Err(self.bad_answer(format!(
                "it answered {status} without the header {VERSION_HEADER}"
            )));
        }
        self.answer(response).await
    }

    async fn sent(&self, request: reqwest::RequestBuilder) -> Result<Response, ClientError> {
        let sent = request.send().await;
        sent.map_err(|error| self.unreachable(&error))
    }

    async fn answer<T>(&self, response: Response) -> Result<Answer<T>, ClientError> {
        let (status, body) = self.whole(response).await?;
        self.read(status, &body)
    }

    /// A response's status and whole body.
    async fn whole(&self, mut response: Response) -> Result<(StatusCode, Vec<u8>), ClientError> {
        let status = response.status();
        let mut body = Vec::new();
        while let Some(part) = response
            .chunk()
            .await
            .map_err(|error| self.unreachable(&error))?
        {
            if body.len() + part.len() > ANSWER_BYTES {
                return Err(self.bad_answer(format!("more than {ANSWER_BYTES} bytes")));
            }
            body.extend_from_slice(&part);
        }
        Ok((status, body))
    }

    fn read<T>(&self, status: StatusCode, body: &[u8]) -> Result<Answer<T>, ClientError> {
        if status.is_success() {
            if body.is_empty() {
                return Ok(Answer::new(Value::Null, self.url()));
            }
            let document = serde_json::from_slice(body)
                .map_err(|error| self.bad_answer(format!("no JSON ({error})")))?;
            return Ok(Answer::new(document, self.url()));
        }
        Err(self.problem(status, body))
    }

    /// The error of an answer without a success status (RFC 9457 problem details with a `code`).
    fn problem(&self, status: StatusCode, body: &[u8]) -> ClientError {
        let problem: Problem = serde_json::from_slice(body).unwrap_or_default();
        let code = problem.code;
        if status == StatusCode::FORBIDDEN && code == "forbidden" {
            let detail = problem.detail;
            return ClientError::Forbidden { detail };
        }
        if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
            return ClientError::Unauthorized {
                url: self.url().to_owned(),
            };
        }
        if code.is_empty() {
            return self.bad_answer(format!("status {status} without a problem document"));
        }
        let detail = [problem.detail, problem.title]
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or_else(|| format!("the server answered {status}"));
        if status == StatusCode::NOT_FOUND {
            ClientError::NotFound { code, detail }
        } else {
            ClientError::Refused {
                status: status.as_u16(),
                code,
                detail,
            }
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> ClientError {
        ClientError::Unreachable {
            url: self.url().to_owned(),
            reason: cause(error),
        }
    }

    fn bad_answer(&self, reason: String) -> ClientError {
        ClientError::BadAnswer {
            url: self.url().to_owned(),
            reason,
        }
    }
}

/// The contract's types have text keys only, so they always serialise.
fn json(body: &impl Serialize) -> (&'static str, Bytes) {
    let text = serde_json::to_vec(body).unwrap_or_default();
    ("application/json", text.into())
}

/// The innermost cause, without the address that every layer repeats.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".into();
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
        // A resolver's own words name its servers and its settings, and no cause.
        if innermost.to_string().starts_with("dns error") {
            let host = error.url().and_then(Url::host_str).unwrap_or_default();
            return format!("the name `{host}` could not be resolved");
        }
    }
    innermost.to_string()
}

#[cfg(test)]
mod tests;
