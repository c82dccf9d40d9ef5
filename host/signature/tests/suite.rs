//! All suites in one program.

mod support;

mod challenges;
mod documents;
mod pieces;
mod properties;
mod published;
mod refusals;
mod vectors;
