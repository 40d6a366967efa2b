//! What `cargo xtask` generates, for the tests that check it.

pub mod dashboards;
