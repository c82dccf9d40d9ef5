//! All suites in one program.

mod support;

mod challenges;
mod documents;
mod properties;
mod refusals;
mod vectors;
