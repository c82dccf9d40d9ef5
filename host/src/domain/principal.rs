//! Principals: who acts on the server from outside, and what each may do.

use std::fmt;
use std::sync::Arc;

use super::clock::Millis;
use super::ids::WorkspaceName;

/// The name that the holder of the admin token has in journals.
pub const ADMIN: &str = "admin";

/// A kind of thing that a principal may be allowed to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// To read everything but secrets.
    Read,
    /// To set up webhooks, steps, config, connectors and schedules, and to see the secrets in them.
    Deploy,
    /// To act on tasks.
    Operate,
    /// To make tasks.
    Ingest,
    /// To set what bounds a workspace, to give others tokens, and to read who changed what; on the server
    /// itself also to add workspaces.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] = [
        Self::Read,
        Self::Deploy,
        Self::Operate,
        Self::Ingest,
        Self::Admin,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Deploy => "deploy",
            Self::Operate => "operate",
            Self::Ingest => "ingest",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The holder of a token: the sender of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// What the journal calls it: [`ADMIN`], or a token's name.
    pub name: Arc<str>,
    /// The id of its token; `None` for the holder of the admin token.
    pub token: Option<Arc<str>>,
    /// The one workspace that it may act in; `None` for all, and for the server itself.
    pub workspace: Option<WorkspaceName>,
    /// Its scopes there.
    pub scopes: Vec<Scope>,
    /// When its token ends, if it does by itself.
    pub expires: Option<Millis>,
}

impl Principal {
    /// The holder of the admin token, who may do everything everywhere.
    pub fn admin() -> Self {
        Self {
            name: ADMIN.into(),
            token: None,
            workspace: None,
            scopes: Scope::ALL.to_vec(),
            expires: None,
        }
    }

    /// Whether a workspace exists for it: to a principal of one workspace, others are as those that are not
    /// there.
    pub fn sees(&self, workspace: &WorkspaceName) -> bool {
        self.workspace.as_ref().is_none_or(|own| own == workspace)
    }

    /// Whether it may do such a thing in a workspace, or, for `None`, on the server itself.
    pub fn may(&self, scope: Scope, workspace: Option<&WorkspaceName>) -> bool {
        let is_there = match workspace {
            Some(workspace) => self.sees(workspace),
            None => self.workspace.is_none(),
        };
        is_there && self.scopes.contains(&scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_admin_may_do_everything() {
        let (admin, workspace) = (Principal::admin(), "a".parse().unwrap());
        for scope in Scope::ALL {
            assert!(
                admin.may(scope, None) && admin.may(scope, Some(&workspace)),
                "{scope}"
            );
        }
    }

    #[test]
    fn a_tenant_may_do_what_its_scopes_say_in_its_workspace_and_nothing_elsewhere() {
        let (own, other) = ("a".parse().unwrap(), "b".parse().unwrap());
        let tenant = Principal {
            name: "ci".into(),
            token: Some("t1".into()),
            expires: None,
            workspace: Some("a".parse().unwrap()),
            scopes: vec![Scope::Read, Scope::Deploy],
        };
        for scope in Scope::ALL {
            let has = matches!(scope, Scope::Read | Scope::Deploy);
            assert_eq!(tenant.may(scope, Some(&own)), has, "{scope}");
            assert!(!tenant.may(scope, Some(&other)), "{scope}");
            assert!(!tenant.may(scope, None), "{scope}");
        }
    }
}
