//! The caller of a request, its target, and whether the caller has the scope for it.
//!
//! A handler names the scope that it needs in the type of its caller: [`Caller<Read>`]. It is not called
//! if the principal lacks it.

use std::marker::PhantomData;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use super::Api;
use super::problem::ApiError;
use crate::catalog::CatalogError;
use crate::domain::config_digest::{TokenDigest, config_digest};
use crate::domain::ids::{ConfigKey, IdError, WorkspaceName};
use crate::domain::principal::{Principal, Scope};

/// A scope that a handler needs.
pub(super) trait RequiredScope: Send {
    /// The scope.
    const SCOPE: Scope;
}

/// An extractor that lets only callers in that have a valid token, with a scope.
pub(super) trait Guard {
    /// The scope; none if any valid token will do.
    const SCOPE: Option<Scope>;
}

impl<S: RequiredScope> Guard for Caller<S> {
    const SCOPE: Option<Scope> = Some(S::SCOPE);
}

impl<S: RequiredScope> Guard for ServerCaller<S> {
    const SCOPE: Option<Scope> = Some(S::SCOPE);
}

impl Guard for Authenticated {
    const SCOPE: Option<Scope> = None;
}

macro_rules! scopes {
    ($($name:ident)*) => {$(
        /// [`Scope`] of this name.
        pub(super) enum $name {}

        impl RequiredScope for $name {
            const SCOPE: Scope = Scope::$name;
        }
    )*};
}

scopes!(Read Deploy Operate Ingest Admin);

/// A principal that has proven to be who it is, and the connection's other end. An extension of every
/// request to the API.
#[derive(Debug, Clone)]
pub(super) struct Authenticated {
    pub(super) principal: Arc<Principal>,
    pub(super) ip: IpAddr,
    /// The digest of the token.
    pub(super) token: TokenDigest,
}

impl Authenticated {
    fn of(parts: &Parts) -> Result<Self, ApiError> {
        let known = parts.extensions.get::<Self>();
        known.cloned().ok_or(ApiError::Unauthorized)
    }

    fn check(&self, scope: Scope, workspace: Option<&WorkspaceName>) -> Result<(), ApiError> {
        if self.principal.may(scope, workspace) {
            return Ok(());
        }
        Err(ApiError::Forbidden {
            principal: self.principal.name.to_string(),
            scope,
            workspace: workspace.cloned(),
        })
    }

    /// Refuses to give scopes away that it has not itself.
    pub(super) fn check_all(
        &self,
        scopes: &[Scope],
        workspace: Option<&WorkspaceName>,
    ) -> Result<(), ApiError> {
        let mut all = scopes.iter();
        all.try_for_each(|scope| self.check(*scope, workspace))
    }
}

impl FromRequestParts<Arc<Api>> for Authenticated {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, ApiError> {
        Self::of(parts)
    }
}

/// A caller that has the scope for a request in a workspace, which exists.
pub(super) struct Caller<S> {
    pub(super) who: Authenticated,
    /// The workspace.
    pub(super) workspace: WorkspaceName,
    /// The last part of the path, decoded; empty if the route has none.
    pub(super) name: String,
    /// The part before it, if the route has two below the workspace; else empty.
    pub(super) parent: String,
    needs: PhantomData<S>,
}

impl<S> Caller<S> {
    /// The name as what it is to be.
    pub(super) fn name<T: std::str::FromStr<Err = IdError>>(&self) -> Result<T, ApiError> {
        Ok(self.name.parse()?)
    }

    /// Who it is, for the journal: the principal and the address.
    pub(super) fn actor(&self) -> String {
        format!("{} ({})", self.who.principal.name, self.who.ip)
    }

    /// The digest by which the token's holder knows a secret of the workspace again.
    pub(super) fn digest(&self, key: &ConfigKey, secret: &str) -> String {
        config_digest(&self.who.token, &self.workspace, key, secret)
    }

    /// The connection's other end.
    pub(super) fn ip(&self) -> IpAddr {
        self.who.ip
    }
}

impl<S: RequiredScope> FromRequestParts<Arc<Api>> for Caller<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
        let who = Authenticated::of(parts)?;
        let params = RawPathParams::from_request_parts(parts, api)
            .await
            .map_err(|error| ApiError::BadParameter(error.body_text()))?;
        let (mut workspace, mut name, mut parent) = (None, String::new(), String::new());
        for (key, value) in &params {
            match key {
                "workspace" => workspace = Some(WorkspaceName::titled(value)?),
                _ => parent = std::mem::replace(&mut name, value.to_owned()),
            }
        }
        let workspace = workspace.ok_or(ApiError::NoSuchPath)?;
        if !who.principal.sees(&workspace) {
            return Err(CatalogError::no_workspace(&workspace).into());
        }
        who.check(S::SCOPE, Some(&workspace))?;
        api.catalog
            .look_up(|catalog| catalog.check_workspace(&workspace))
            .await?;
        Ok(Self {
            who,
            workspace,
            name,
            parent,
            needs: PhantomData,
        })
    }
}

/// A caller of a request that is about no workspace.
pub(super) struct ServerCaller<S> {
    pub(super) who: Authenticated,
    needs: PhantomData<S>,
}

impl<S: RequiredScope> ServerCaller<S> {
    /// Whether it may do the same in a workspace.
    pub(super) fn may_in(&self, workspace: &WorkspaceName) -> bool {
        self.who.principal.may(S::SCOPE, Some(workspace))
    }
}

impl<S: RequiredScope> FromRequestParts<Arc<Api>> for ServerCaller<S> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, ApiError> {
        let who = Authenticated::of(parts)?;
        let needs = PhantomData;
        // A principal of one workspace may ask which there are, and is shown that one.
        let own = who.principal.workspace.as_ref();
        who.check(S::SCOPE, own.filter(|_| S::SCOPE == Scope::Read))?;
        Ok(Self { who, needs })
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(who: Option<Principal>) -> Parts {
        let (mut parts, ()) = Request::new(()).into_parts();
        if let Some(principal) = who {
            parts.extensions.insert(Authenticated {
                principal: Arc::new(principal),
                ip: [192, 0, 2, 7].into(),
                token: [7; 32],
            });
        }
        parts
    }

    #[test]
    fn a_request_without_a_valid_token_has_no_principal() {
        let unknown = Authenticated::of(&parts(None));
        assert!(matches!(unknown, Err(ApiError::Unauthorized)));
        let known = Authenticated::of(&parts(Some(Principal::admin()))).unwrap();
        assert_eq!(known.principal.name.as_ref(), "admin");
    }

    #[test]
    fn who_lacks_a_scope_is_told_which() {
        let reader = Principal {
            name: "dashboard".into(),
            token: Some("t1".into()),
            expires: None,
            workspace: Some("acme".parse().unwrap()),
            scopes: vec![Scope::Read],
        };
        let who = Authenticated::of(&parts(Some(reader))).unwrap();
        let (own, other) = ("acme".parse().unwrap(), "other".parse().unwrap());
        who.check(Scope::Read, Some(&own)).unwrap();
        let refused = who.check(Scope::Deploy, Some(&own)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`dashboard` may not do this in workspace `acme`: it takes the scope `deploy`"
        );
        assert!(who.check(Scope::Read, Some(&other)).is_err());
        let refused = who.check(Scope::Admin, None).unwrap_err();
        assert!(
            refused.to_string().contains("on the server itself"),
            "{refused}"
        );
    }
}
