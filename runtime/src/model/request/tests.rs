//! Values set by setters, and recorded addresses.

use crate::model::request::*;

#[test]
fn a_server_is_read_from_a_url_a_host_and_port_or_a_host() {
    assert_eq!(server_address("https://api.openai.com/v1"), ("api.openai.com", Some(443)));
    assert_eq!(server_address("http://127.0.0.1:8089/v1?x=1"), ("127.0.0.1", Some(8089)));
    assert_eq!(server_address("HTTPS://host"), ("host", Some(443)));
    assert_eq!(server_address("localhost:11434"), ("localhost", Some(11434)));
    assert_eq!(server_address("api.anthropic.com"), ("api.anthropic.com", None));
    assert_eq!(server_address("http://[::1]:8080/"), ("::1", Some(8080)));
    assert_eq!(server_address("https://key:secret@proxy.local/v1"), ("proxy.local", Some(443)));
}

#[test]
fn the_source_of_a_skill_opens_no_door() {
    assert_eq!(without_secrets("https://key:secret@host/a@b?token=t#x"), "https://host/a@b");
    assert_eq!(without_secrets("git://host"), "git://host");
    assert_eq!(without_secrets("file:///opt/skills"), "file:///opt/skills");
    assert_eq!(without_secrets("skills/review?token=t"), "skills/review");
}

#[test]
fn a_later_value_replaces_an_earlier_one_and_a_none_does_not() {
    let mut request = Request::new(Kind::Chat);
    request.temperature(0.2);
    request.temperature(0.9);
    request.temperature(None::<f64>);
    assert_eq!(request.attributes, [KeyValue::new(attribute::REQUEST_TEMPERATURE, 0.9)]);
}

#[test]
fn values_the_conventions_leave_out_are_left_out() {
    let mut request = Request::new(Kind::Chat);
    request.choice_count(1);
    request.stream(false);
    request.service_tier("auto");
    assert!(request.attributes.is_empty());
}

#[test]
fn top_k_means_documents_on_a_retrieval() {
    let mut request = Request::new(Kind::Retrieval);
    request.top_k(4_usize);
    assert_eq!(request.attributes, [KeyValue::new(attribute::RETRIEVAL_TOP_K, 4)]);
}
