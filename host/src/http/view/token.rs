//! From tokens to the contract's types.

use stepwell_api as contract;

use crate::catalog::LiveToken;
use crate::domain::clock::rfc3339;
use crate::domain::principal::{ADMIN, Scope};

fn scopes(scopes: &[Scope]) -> Vec<contract::Scope> {
    scopes.iter().map(|scope| scope.as_str().into()).collect()
}

/// A token without its text.
pub(in crate::http) fn token(live: &LiveToken) -> contract::Token {
    let token = &live.token;
    contract::Token {
        id: Some(token.id.clone()),
        name: token.name.to_string(),
        workspace: token.workspace.as_ref().map(ToString::to_string),
        scopes: scopes(&token.scopes),
        added: Some(rfc3339(token.added)),
        added_by: Some(token.added_by.clone()),
        expires: token.expires.map(rfc3339),
        last_used: live.used().map(rfc3339),
        token: None,
    }
}

/// The admin token, of which nothing is stored but its text.
pub(in crate::http) fn admin_token() -> contract::Token {
    contract::Token {
        id: None,
        name: ADMIN.to_owned(),
        workspace: None,
        scopes: scopes(&Scope::ALL),
        added: None,
        added_by: None,
        expires: None,
        last_used: None,
        token: None,
    }
}
