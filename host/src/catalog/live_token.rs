//! Tokens in memory: by their digests, and those of the server by their names.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;
use subtle::ConstantTimeEq;

use crate::domain::clock::Millis;
use crate::domain::config_digest::TokenDigest;
use crate::domain::ids::TokenName;
use crate::domain::principal::Principal;
use crate::domain::token::Token;

/// A token that is in use.
#[derive(Debug)]
pub struct LiveToken {
    /// As the store has it, but for the last use.
    pub token: Token,
    principal: Arc<Principal>,
    /// When it was last used; 0 if it never was.
    used: AtomicU64,
    /// The last use that the store has.
    written: AtomicU64,
}

impl LiveToken {
    pub(super) fn new(token: Token) -> Arc<Self> {
        let used = token.used.unwrap_or(0);
        Arc::new(Self {
            principal: Arc::new(Principal {
                name: token.name.as_str().into(),
                token: Some(token.id.as_str().into()),
                workspace: token.workspace.clone(),
                scopes: token.scopes.clone(),
                expires: token.expires,
            }),
            token,
            used: used.into(),
            written: used.into(),
        })
    }

    /// When it was last used, if it ever was.
    pub fn used(&self) -> Option<Millis> {
        Some(self.used.load(Ordering::Relaxed)).filter(|used| *used > 0)
    }

    /// The principal of the token at a time; notes the use. None when it has expired.
    pub(super) fn principal_at(&self, now: Millis) -> Option<Arc<Principal>> {
        if self.token.expires.is_some_and(|expires| expires <= now) {
            return None;
        }
        self.used.fetch_max(now, Ordering::Relaxed);
        Some(self.principal.clone())
    }

    /// Notes that the store has its last use up to that time.
    pub(super) fn mark_written(&self, at: Millis) {
        self.written.fetch_max(at, Ordering::Relaxed);
    }

    /// The token after the store was read again: this one if only its last use has changed, on another server.
    pub(super) fn taken_over(self: Arc<Self>, token: Token) -> Arc<Self> {
        let same = Token {
            used: self.token.used,
            ..token.clone()
        };
        if self.token != same {
            return Self::new(token);
        }
        let used = token.used.unwrap_or(0);
        self.used.fetch_max(used, Ordering::Relaxed);
        self.written.fetch_max(used, Ordering::Relaxed);
        self
    }
}

/// The tokens of all workspaces and of the server.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    by_digest: RwLock<HashMap<TokenDigest, Arc<LiveToken>>>,
    /// Those of the server itself.
    pub(super) server: RwLock<BTreeMap<TokenName, Arc<LiveToken>>>,
}

impl Tokens {
    /// The token with this digest. A hash map with a secret seed finds it, so the time it takes tells nothing
    /// of other tokens.
    pub(super) fn find(&self, digest: &TokenDigest) -> Option<Arc<LiveToken>> {
        let live = self.by_digest.read().get(digest).cloned();
        live.filter(|live| live.token.digest.ct_eq(digest).into())
    }

    /// The tokens whose last use the store does not have, each with it.
    pub(super) fn used(&self) -> Vec<(Arc<LiveToken>, Millis)> {
        let all = self.by_digest.read();
        let used = all.values().filter_map(|live| {
            let at = live.used.load(Ordering::Relaxed);
            (at > live.written.load(Ordering::Relaxed)).then(|| (live.clone(), at))
        });
        used.collect()
    }

    pub(super) fn add(&self, live: &Arc<LiveToken>) {
        let digest = live.token.digest;
        self.by_digest.write().insert(digest, live.clone());
    }

    pub(super) fn remove(&self, live: &LiveToken) {
        self.by_digest.write().remove(&live.token.digest);
    }

    /// Replaces the server's own tokens in memory by those in the store.
    pub(super) fn take_in(&self, tokens: Vec<Token>) {
        let mut server = self.server.write();
        let old = std::mem::take(&mut *server);
        old.values().for_each(|live| self.remove(live));
        for token in tokens {
            let name = token.name.clone();
            let live = match old.get(&name) {
                Some(known) => known.clone().taken_over(token),
                None => LiveToken::new(token),
            };
            self.add(&live);
            server.insert(name, live);
        }
    }
}
