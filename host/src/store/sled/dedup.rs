//! Keys of deliveries, by which a repeat is recognised: which task each stands for, and until when.
//!
//! A key is durable with its task, in the log. Until it is folded it is in memory ([`recent`]), and keeps
//! its part of the log. Then it is in the tree: keys are folded some ten thousand at once as a **run**
//! ([`run`]), their order being that of their bytes, in values of up to 144 of them. A key of the tree for
//! each key of a delivery would cost a fifth of all CPU.
//!
//! - **Runs are of a day**, that on which their keys' time is over, so that a purge removes a run as a
//!   whole ([`expire`]). The task may have gone before its key, and the key before it.
//! - **A look-up** has to see every run that is not over, so each has a filter in memory ([`filter`]), and four
//!   runs of a kind are merged into a longer one ([`merge`]). What a filter lets through is looked up in the
//!   tree. Filters have a bound together; without one, and for a while after a start, a look-up costs a
//!   look into the tree for each run.
//! - **A crash** may leave a run that is there twice, or half: its keys say the same as the others do.

pub(super) mod block;
pub(super) mod expire;
mod filter;
pub(super) mod find;
pub(super) mod fold;
pub(super) mod index;
pub(super) mod list;
pub(super) mod merge;
pub(super) mod recent;
mod run;
pub(super) mod taken;
