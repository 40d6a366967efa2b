//! Plain data of a call: site, request and response. No I/O, no globals.

pub(crate) mod argument;
pub(crate) mod content;
pub(crate) mod record;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod retrieved;
pub(crate) mod site;
