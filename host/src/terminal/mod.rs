//! Output to a terminal and input from it: tables, colours and texts that are safe to print, and
//! quantities as people write them. It knows nothing of servers and tasks.

pub mod hidden;
pub mod output;
pub mod units;
