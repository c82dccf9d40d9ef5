//! API tokens in the catalog: who a token stands for, and when it was last used.

use std::sync::Arc;
use std::time::Duration;

use zeroize::{Zeroize, Zeroizing};

use super::live_token::LiveToken;
use super::{Catalog, CatalogError, room};
use crate::domain::clock::Millis;
use crate::domain::config_digest::{TokenDigest, token_digest};
use crate::domain::ids::{TokenName, WorkspaceName};
use crate::domain::limits;
use crate::domain::principal::{ADMIN, Principal, Scope};
use crate::domain::token::{self, Token, TokenError};
use crate::domain::webhook::base62;
use crate::store::{Manage, StoreError};
use crate::vault::fill_random;

/// A token to be added.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Its workspace; `None` for one of the server itself.
    pub workspace: Option<WorkspaceName>,
    /// Its name.
    pub name: TokenName,
    /// Its scopes.
    pub scopes: Vec<Scope>,
    /// After how many seconds it ends, if it does by itself.
    pub expires_in_seconds: Option<u64>,
}

impl Catalog {
    /// The principal of the token with this digest; none if it was revoked, has expired or never was. A token that
    /// memory does not have is looked for in the store. A hash map with a secret seed finds it by its
    /// digest, so the time it takes tells nothing of other tokens.
    ///
    /// # Errors
    /// As of [`Catalog::refresh`].
    pub async fn principal(
        self: &Arc<Self>,
        digest: &TokenDigest,
    ) -> Result<Option<Arc<Principal>>, CatalogError> {
        let now = self.clock.now();
        if let Some(live) = self.tokens.find(digest) {
            return Ok(live.principal_at(now));
        }
        self.refresh().await?;
        let live = self.tokens.find(digest);
        Ok(live.and_then(|live| live.principal_at(now)))
    }

    /// The tokens of a workspace, or of the server itself, by name; expired ones are among them.
    pub fn tokens(
        &self,
        workspace: Option<&WorkspaceName>,
    ) -> Result<Vec<Arc<LiveToken>>, CatalogError> {
        Ok(match workspace {
            Some(name) => self
                .workspace(name)?
                .read()
                .tokens
                .values()
                .cloned()
                .collect(),
            None => self.tokens.server.read().values().cloned().collect(),
        })
    }

    /// The token with that id, or else with that name.
    pub fn token(
        &self,
        workspace: Option<&WorkspaceName>,
        id_or_name: &str,
    ) -> Result<Arc<LiveToken>, CatalogError> {
        let tokens = self.tokens(workspace)?;
        let by_id = tokens.iter().find(|live| live.token.id == id_or_name);
        let by_name = || {
            let mut tokens = tokens.iter();
            tokens.find(|live| live.token.name.as_str() == id_or_name)
        };
        let found = by_id.or_else(by_name).cloned();
        found.ok_or_else(|| CatalogError::NotFound {
            what: "token",
            name: id_or_name.chars().take(120).collect(),
            workspace: workspace.cloned(),
        })
    }

    /// Adds a token on behalf of a principal, and gives it with its text, which is not kept.
    ///
    /// # Errors
    /// [`CatalogError::Token`]; [`CatalogError::Exists`] if the name is taken; [`CatalogError::Full`].
    pub async fn add_token(
        self: &Arc<Self>,
        new: NewToken,
        by: &Principal,
    ) -> Result<(Arc<LiveToken>, Zeroizing<String>), CatalogError> {
        let now = self.clock.now();
        check(&new, by, now)?;
        let (mut id, mut random) = ([0u8; 9], [0u8; 32]);
        fill_random(&mut id)?;
        fill_random(&mut random)?;
        let text = Zeroizing::new(token::text(random));
        random.zeroize();
        let live = LiveToken::new(Token {
            id: base62(id),
            name: new.name,
            workspace: new.workspace,
            scopes: new.scopes,
            digest: token_digest(text.as_bytes()),
            added: now,
            added_by: by.name.to_string(),
            expires: new.expires_in_seconds.map(|seconds| now + seconds * 1000),
            used: None,
        });
        let catalog = self.clone();
        let added = self.change(move || {
            let (catalog, live) = (catalog.clone(), live.clone());
            async move {
                let token = &live.token;
                let there = catalog.tokens(token.workspace.as_ref())?;
                if there.iter().any(|other| other.token.name == token.name) {
                    return Err(CatalogError::Exists {
                        what: "token",
                        name: token.name.to_string(),
                        workspace: token.workspace.clone(),
                    });
                }
                room("tokens", there.len(), limits::TOKENS)?;
                catalog.manage(Manage::PutToken(token.clone())).await?;
                let name = token.name.clone();
                match &token.workspace {
                    Some(workspace) => {
                        let workspace = catalog.workspace(workspace)?;
                        workspace.write().tokens.insert(name, live.clone());
                    }
                    None => {
                        catalog.tokens.server.write().insert(name, live.clone());
                    }
                }
                catalog.tokens.add(&live);
                Ok(live)
            }
        });
        Ok((added.await?, text))
    }

    /// Revokes the token with that id, or else with that name. From then on it is unknown.
    pub async fn revoke_token(
        self: &Arc<Self>,
        workspace: Option<&WorkspaceName>,
        id_or_name: &str,
    ) -> Result<(), CatalogError> {
        let (catalog, workspace) = (self.clone(), workspace.cloned());
        let id_or_name = id_or_name.to_owned();
        self.change(move || {
            let (catalog, workspace, id_or_name) =
                (catalog.clone(), workspace.clone(), id_or_name.clone());
            async move {
                let live = catalog.token(workspace.as_ref(), &id_or_name)?;
                let change = Manage::DeleteToken(workspace.clone(), live.token.id.clone());
                catalog.manage(change).await?;
                catalog.tokens.remove(&live);
                match &workspace {
                    Some(workspace) => {
                        let workspace = catalog.workspace(workspace)?;
                        workspace.write().tokens.remove(&live.token.name);
                    }
                    None => {
                        catalog.tokens.server.write().remove(&live.token.name);
                    }
                }
                Ok(())
            }
        })
        .await
    }

    /// Writes the last uses that the store does not have, all of them in one write; none if there are none.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub async fn write_token_uses(self: &Arc<Self>) -> Result<(), CatalogError> {
        let catalog = self.clone();
        self.change(move || {
            let catalog = catalog.clone();
            async move {
                let used = catalog.tokens.used();
                if used.is_empty() {
                    return Ok(());
                }
                let uses = used.iter().map(|(live, at)| {
                    let token = &live.token;
                    (token.workspace.clone(), token.id.clone(), *at)
                });
                catalog.manage(Manage::UseTokens(uses.collect())).await?;
                for (live, at) in used {
                    live.mark_written(at);
                }
                Ok(())
            }
        })
        .await
    }

    /// Writes last uses from time to time. Runs until the store is closed.
    pub(super) async fn note_token_uses(self: Arc<Self>) {
        let (catalog, clock) = (Arc::downgrade(&self), self.clock.clone());
        drop(self);
        loop {
            let pause = Duration::from_millis(limits::TOKEN_USES_MS);
            clock.sleep(pause).await;
            let Some(catalog) = catalog.upgrade() else {
                return;
            };
            match catalog.write_token_uses().await {
                Ok(()) => {}
                Err(CatalogError::Store(StoreError::Closed)) => return,
                // The store says that itself; the next time has them all.
                Err(CatalogError::Store(error)) if error.is_expected() || error.is_retriable() => {}
                Err(error) => {
                    tracing::error!(%error, "the last uses of tokens could not be written")
                }
            }
        }
    }
}

/// Refuses a token that may not be, or that would give a principal more than it has.
fn check(new: &NewToken, by: &Principal, now: Millis) -> Result<(), TokenError> {
    if new.name.as_str() == ADMIN {
        return Err(TokenError::Reserved);
    }
    if new.scopes.is_empty() {
        return Err(TokenError::NoScope);
    }
    let seconds = new.expires_in_seconds;
    if seconds.is_some_and(|seconds| !(1..=limits::TOKEN_SECONDS).contains(&seconds)) {
        return Err(TokenError::Expiry);
    }
    if let Some(expires) = by.expires {
        let left = expires.saturating_sub(now) / 1000;
        if seconds.is_none_or(|seconds| seconds > left) {
            return Err(TokenError::Outlives(left));
        }
    }
    Ok(())
}
