//! Plain data of a call: its site, what was asked for and what was answered. No I/O, no globals.

pub(crate) mod argument;
pub(crate) mod content;
pub(crate) mod record;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod retrieved;
pub(crate) mod site;
