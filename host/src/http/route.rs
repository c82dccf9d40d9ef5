//! A route: the handler and its description for the OpenAPI document, in one value.

use std::sync::Arc;

use axum::extract::State;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, on};
use serde_json::{Value, json};
use stepwell_api::Code;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::Api;
use super::caller::Guard;
use crate::domain::principal::Scope;

/// The content type of JSON.
pub(super) const JSON: &str = "application/json";

/// A method of a path: its handler, and what the OpenAPI document says of it.
pub(super) struct Route {
    /// As axum and OpenAPI write it.
    pub(super) path: &'static str,
    /// The path as the router matches it: the same unless [`Route::matches`] says otherwise.
    pub(super) pattern: &'static str,
    pub(super) method: Method,
    /// The operation's id: a verb and what it is about.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// Who may call it.
    pub(super) access: Access,
    pub(super) query: Vec<Parameter>,
    /// The body's content types and schemas, and whether it must be there.
    pub(super) body: Option<(Vec<(&'static str, Value)>, bool)>,
    pub(super) answers: Vec<Answer>,
    /// The error codes of the route, beside those of all routes of its kind.
    pub(super) codes: Vec<Code>,
    /// The schemas that it refers to.
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
    /// None if [`Routes::answer`](super::router::Routes::answer) calls it without axum's router.
    pub(super) handler: Option<MethodRouter<Arc<Api>>>,
    /// It is not audited although it is no `GET`.
    unaudited: bool,
    /// It changes nothing of the setup, and is audited when it is done.
    is_action: bool,
}

/// In which way a route that changes something is audited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Audit {
    /// By the change of the setup of the workspace.
    Workspace,
    /// As an action on a task of the workspace, when it is done.
    Task,
    /// By the change of the setup of the server.
    OfServer,
    /// As an action on a server, when it is done.
    Server,
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Everyone.
    Open,
    /// Holders of a valid token.
    Token,
    /// Holders of a token with this scope.
    Scope(Scope),
}

/// An answer that is no refusal.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) about: &'static str,
    /// None if it has no body.
    pub(super) content: Option<(&'static str, Value)>,
}

/// The arguments of a handler of the API: the second one says which scope the caller needs.
pub(super) trait Guarded {
    const SCOPE: Option<Scope>;
}

macro_rules! guarded {
    ($(($($rest:ident)*))*) => {$(
        impl<M, C: Guard, $($rest),*> Guarded for (M, State<Arc<Api>>, C, $($rest),*) {
            const SCOPE: Option<Scope> = C::SCOPE;
        }
    )*};
}

guarded! { () (A) (A B) (A B D) }

impl Route {
    /// A route of the API. The scope that it needs is what its handler's caller needs.
    pub(super) fn of<H, T>(method: Method, path: &'static str, id: &'static str, handler: H) -> Self
    where
        H: Handler<T, Arc<Api>>,
        T: Guarded + 'static,
    {
        Self {
            access: T::SCOPE.map_or(Access::Token, Access::Scope),
            ..Self::open(method, path, id, handler)
        }
    }

    /// A route that needs no token.
    pub(super) fn open<H, T>(
        method: Method,
        path: &'static str,
        id: &'static str,
        handler: H,
    ) -> Self
    where
        H: Handler<T, Arc<Api>>,
        T: 'static,
    {
        let filter = match method {
            Method::POST => MethodFilter::POST,
            Method::PUT => MethodFilter::PUT,
            Method::PATCH => MethodFilter::PATCH,
            Method::DELETE => MethodFilter::DELETE,
            Method::OPTIONS => MethodFilter::OPTIONS,
            // It answers HEAD, too.
            _ => MethodFilter::GET,
        };
        Self {
            handler: Some(on(filter, handler)),
            ..Self::direct(method, path, id)
        }
    }

    /// A route that needs no token, of a handler that [`Routes::answer`](super::router::Routes::answer) calls.
    pub(super) fn direct(method: Method, path: &'static str, id: &'static str) -> Self {
        Self {
            path,
            pattern: path,
            method,
            id,
            summary: "",
            access: Access::Open,
            query: Vec::new(),
            body: None,
            answers: Vec::new(),
            codes: Vec::new(),
            schemas: Vec::new(),
            handler: None,
            unaudited: false,
            is_action: false,
        }
    }

    /// The router matches this instead of its path.
    pub(super) fn matches(self, pattern: &'static str) -> Self {
        Self { pattern, ..self }
    }

    /// It is not audited although it is no `GET`.
    pub(super) fn without_audit(self) -> Self {
        Self {
            unaudited: true,
            ..self
        }
    }

    /// It changes nothing of the setup, and is audited when it is done.
    pub(super) fn audited_when_done(self) -> Self {
        Self {
            is_action: true,
            ..self
        }
    }

    /// How it is audited: every route of the API that may change something is, unless it says otherwise.
    pub(super) fn audit(&self) -> Option<Audit> {
        let Access::Scope(scope) = self.access else {
            return None;
        };
        if self.method == Method::GET || self.unaudited {
            return None;
        }
        // A workspace that is deleted has no log any more.
        let deletes_it = self.method == Method::DELETE && self.path.ends_with("/{workspace}");
        Some(match scope {
            Scope::Operate => Audit::Task,
            _ if self.is_action => Audit::Server,
            _ if deletes_it || !self.path.contains("{workspace}") => Audit::OfServer,
            _ => Audit::Workspace,
        })
    }

    /// The summary, one line.
    pub(super) fn about(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }

    /// It takes these parameters in its query.
    pub(super) fn asks<Q: IntoParams>(mut self) -> Self {
        self.query = Q::into_params(|| Some(ParameterIn::Query));
        self.refuses(&[Code::BadParameter])
    }

    /// It takes a JSON body, which must be there.
    pub(super) fn takes<T: ToSchema>(mut self) -> Self {
        let schema = self.refer::<T>();
        self.takes_content(vec![(JSON, schema)], true)
            .refuses(&[Code::BadBody])
    }

    /// It takes a JSON body as large as a webhook's, which must be there.
    pub(super) fn takes_large<T: ToSchema>(self) -> Self {
        let mut route = self.may_take::<T>();
        route.body = route.body.map(|(content, _)| (content, true));
        route
    }

    /// It takes a JSON body as large as a webhook's, which may be empty.
    pub(super) fn may_take<T: ToSchema>(mut self) -> Self {
        let schema = self.refer::<T>();
        self.takes_content(vec![(JSON, schema)], false).refuses(&[
            Code::BadBody,
            Code::BadJson,
            Code::TooDeep,
        ])
    }

    /// It takes a body of these content types.
    pub(super) fn takes_content(mut self, content: Vec<(&'static str, Value)>, must: bool) -> Self {
        self.body = Some((content, must));
        self.refuses(&[
            Code::BrokenBody,
            Code::SlowBody,
            Code::BodyTooLarge,
            Code::Overloaded,
        ])
    }

    /// It answers so, with a JSON body.
    pub(super) fn gives<T: ToSchema>(mut self, status: u16, about: &'static str) -> Self {
        let schema = self.refer::<T>();
        let content = Some((JSON, schema));
        self.answers.push(Answer {
            status,
            about,
            content,
        });
        self
    }

    /// It answers so, with JSON that is described elsewhere.
    pub(super) fn gives_any(mut self, status: u16, about: &'static str) -> Self {
        let content = Some((JSON, json!({"type": "object"})));
        self.answers.push(Answer {
            status,
            about,
            content,
        });
        self
    }

    /// It answers so, with a text.
    pub(super) fn says(mut self, status: u16, about: &'static str) -> Self {
        let content = Some(("text/plain; charset=utf-8", json!({"type": "string"})));
        self.answers.push(Answer {
            status,
            about,
            content,
        });
        self
    }

    /// It answers so, with bytes.
    pub(super) fn gives_bytes(mut self, status: u16, about: &'static str) -> Self {
        let schema = json!({"type": "string", "format": "binary"});
        let content = Some(("application/octet-stream", schema));
        self.answers.push(Answer {
            status,
            about,
            content,
        });
        self
    }

    /// It answers 204.
    pub(super) fn gives_nothing(self, about: &'static str) -> Self {
        self.gives_nothing_with(204, about)
    }

    /// It answers so, without a body.
    pub(super) fn gives_nothing_with(mut self, status: u16, about: &'static str) -> Self {
        self.answers.push(Answer {
            status,
            about,
            content: None,
        });
        self
    }

    /// It may be refused with these codes.
    pub(super) fn refuses(mut self, codes: &[Code]) -> Self {
        self.codes.extend_from_slice(codes);
        self
    }

    /// A reference to the schema of a type, which becomes one of the document's.
    fn refer<T: ToSchema>(&mut self) -> Value {
        let name = T::name().into_owned();
        let reference = json!({"$ref": format!("#/components/schemas/{name}")});
        self.schemas.push((name, <T as PartialSchema>::schema()));
        T::schemas(&mut self.schemas);
        reference
    }
}
