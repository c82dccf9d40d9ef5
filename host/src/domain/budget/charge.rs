//! A part of a permit.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Exhausted, Permit};

/// A part of a permit that several owners share. It is given back when this is dropped.
#[derive(Debug)]
pub struct Charge {
    permit: Arc<Permit>,
    amount: Mutex<u64>,
}

impl Charge {
    /// Nothing yet.
    pub fn new(permit: Arc<Permit>) -> Self {
        Self {
            permit,
            amount: Mutex::new(0),
        }
    }

    /// Takes more.
    ///
    /// # Errors
    /// [`Exhausted`]; it has what it had.
    pub fn grow(&self, amount: u64) -> Result<(), Exhausted> {
        self.permit.grow(amount)?;
        *self.amount.lock() += amount;
        Ok(())
    }

    /// Takes more as soon as it is there. The caller bounds the wait.
    pub async fn wait_to_grow(&self, amount: u64) {
        self.permit.wait_to_grow(amount).await;
        *self.amount.lock() += amount;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.permit.shrink(*self.amount.get_mut());
    }
}
