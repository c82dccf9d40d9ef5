//! A column of a table.

/// A table's column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    pub(super) title: &'static str,
    pub(super) right: bool,
}
