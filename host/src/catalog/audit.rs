//! The audit log in the catalog.

use super::{Catalog, CatalogError};
use crate::domain::audit::{AuditEntry, AuditPage, AuditQuery};

impl Catalog {
    /// Writes an entry. Those of several requests become durable together.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub async fn record_audit(&self, entry: AuditEntry) -> Result<(), CatalogError> {
        Ok(self.auditing.write(&*self.store, entry).await?)
    }

    /// A page of the audit log, the newest entry first.
    ///
    /// # Errors
    /// [`CatalogError::Store`].
    pub async fn audit(&self, query: &AuditQuery) -> Result<AuditPage, CatalogError> {
        Ok(self.store.audit(query).await?)
    }
}
