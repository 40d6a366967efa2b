//! The output of `cargo xtask`, for the tests that check it.

pub mod dashboards;
