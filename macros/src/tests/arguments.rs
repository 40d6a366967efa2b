//! Each kind and each key.

use super::{assert_has, expand};
use crate::vocabulary::{Key, Kind, Shape};

/// The arguments that the conventions require for a kind.
fn required(kind: Kind) -> &'static str {
    match kind {
        Kind::McpClient | Kind::McpServer => "method = m, ",
        kind if kind.requires_provider() => "provider = p, ",
        _ => "",
    }
}

#[test]
fn every_kind_becomes_its_variant() {
    for kind in Kind::all() {
        let required = required(kind);
        let expansion = expand(&format!("{}, {required}", kind.word()), "fn f() {}");
        assert_has(&expansion, &format!("::llm_trace::__private::Kind::{}, \"f\",", kind.variant()));
    }
}

#[test]
fn the_default_kind_is_task() {
    for args in ["", "name = n", "attributes(\"a\" = 1)"] {
        assert_has(&expand(args, "fn f() {}"), "::llm_trace::__private::Kind::Task");
    }
}

#[test]
fn every_setter_becomes_a_call_on_every_kind_that_takes_it() {
    for kind in Kind::all() {
        for key in kind.keys().filter(|key| key.shape == Shape::Setter && key.word != "provider") {
            let required = if key.word == "method" { "" } else { required(kind) };
            let expansion = expand(&format!("{}, {required}{} = value", kind.word(), key.word), "fn f() {}");
            assert_has(&expansion, &format!("args.{}(&value);", key.word));
        }
    }
}

#[test]
fn provider_is_optional_for_a_retrieval() {
    assert_has(&expand("retrieval, provider = \"qdrant\"", "fn f() {}"), "args.provider(&\"qdrant\");");
}

#[test]
fn the_request_comes_first_and_arguments_keep_their_order() {
    assert_has(
        &expand("chat, temperature = 0.2, provider = \"openai\", request = request", "fn f() {}"),
        "|args| {
            ::llm_trace::__private::request!(args, &request);
            args.temperature(&0.2);
            args.provider(&\"openai\");
        }",
    );
}

#[test]
fn values_are_borrowed_with_parentheses_where_precedence_requires_them() {
    for (value, borrowed) in [
        ("request.model", "&request.model"),
        ("&model", "&&model"),
        ("names[0]", "&names[0]"),
        ("f(x).y()", "&f(x).y()"),
        ("-1", "&-1"),
        ("a + b", "&(a + b)"),
        ("x as i64", "&(x as i64)"),
        ("if a { b } else { c }", "&(if a { b } else { c })"),
    ] {
        let expansion = expand(&format!("name = {value}"), "fn f() {}");
        assert_has(&expansion, &format!("args.name({borrowed});"));
    }
}

/// The probes that select the recorded representation of a content argument.
const WAYS: &str = "ViaCaptureContent as _, ViaNoContent as _, ViaSerializeContent as _";

#[test]
fn content_is_evaluated_only_where_it_may_be_recorded() {
    for kind in Kind::all() {
        for key in kind.keys().filter(|key| matches!(key.shape, Shape::Content | Shape::Named)) {
            let required = required(kind);
            let expansion = expand(&format!("{}, {required}{} = make()", kind.word(), key.word), "fn f() {}");
            let kind = crate::vocabulary::content_kind(key.word);
            let (ways, way) = if key.word == "query" {
                ("ViaCaptureQuery as _, ViaNoQuery as _, ViaTextQuery as _", "query")
            } else {
                (WAYS, "content")
            };
            let expected = format!(
                "if ::llm_trace::__private::captures(args, ::llm_trace::__private::ContentKind::{kind}) {{
                    #[allow(unused_imports)] use ::llm_trace::__private::{{{ways}}};
                    args.{}(&(&&&::llm_trace::__private::Probe(&make())).{way}());
                }}",
                key.word
            );
            assert_has(&expansion, &expected);
        }
    }
}

#[test]
fn named_arguments_are_recorded_by_name() {
    let expansion = expand("tool, arguments(city, r#type = kind.name, days = 1 + 1)", "fn f() {}");
    for (name, value) in [("city", "&city"), ("type", "&kind.name"), ("days", "&(1 + 1)")] {
        let expected = format!(
            "if ::llm_trace::__private::captures(args, ::llm_trace::__private::ContentKind::Arguments) {{
                #[allow(unused_imports)] use ::llm_trace::__private::{{{WAYS}}};
                args.argument(\"{name}\", &(&&&::llm_trace::__private::Probe({value})).content());
            }}"
        );
        assert_has(&expansion, &expected);
    }
}

#[test]
fn skip_comes_before_content_is_captured() {
    assert_has(
        &expand("tool, arguments = call, skip(output)", "fn f() {}"),
        "|args| {
            ::llm_trace::__private::skip(args, ::llm_trace::__private::ContentKind::Output);
            if ::llm_trace::__private::captures(args, ::llm_trace::__private::ContentKind::Arguments) {
                #[allow(unused_imports)] use ::llm_trace::__private::{
                    ViaCaptureContent as _, ViaNoContent as _, ViaSerializeContent as _
                };
                args.arguments(&(&&&::llm_trace::__private::Probe(&call)).content());
            }
        }",
    );
    let all = expand("workflow, skip(all)", "fn f() {}");
    assert_has(&all, "::llm_trace::__private::skip(args, ::llm_trace::__private::ContentKind::Input);");
    assert_has(&all, "::llm_trace::__private::skip(args, ::llm_trace::__private::ContentKind::Output);");
}

#[test]
fn commas_inside_a_value_do_not_end_it() {
    let expansion = expand("name = pick::<A, B>(a, b), user = (|a, b| a)(1, 2),", "fn f() {}");
    assert_has(&expansion, "args.name(&pick::<A, B>(a, b));");
    assert_has(&expansion, "args.user(&(|a, b| a)(1, 2));");
}

#[test]
fn attributes_become_one_call_each() {
    let expansion = expand("tool, attributes(\"app.tier\" = tier, \"app.x\" = 1 + 1,)", "fn f() {}");
    assert_has(&expansion, "args.attribute(\"app.tier\", &tier);");
    assert_has(&expansion, "args.attribute(\"app.x\", &(1 + 1));");
    let expansion = expand("tool, attributes(tier, plan = 1), arguments(\"the city\" = city)", "fn f() {}");
    assert_has(&expansion, "args.attribute(\"tier\", &tier);");
    assert_has(&expansion, "args.attribute(\"plan\", &1);");
    assert_has(&expansion, "args.argument(\"the city\",");
}

#[test]
fn tags_become_one_call_each() {
    let expansion = expand("tool, tags(\"tenant\" = tenant), attributes(\"app.x\" = 1)", "fn f() {}");
    assert_has(&expansion, "args.tag(\"tenant\", &tenant);");
    assert_has(&expansion, "args.attribute(\"app.x\", &1);");
}

#[test]
fn the_response_adapter_goes_to_finish() {
    let expansion = expand("embeddings, provider = p, response = path::to::adapter", "fn f() -> R { r() }");
    assert_has(&expansion, "::llm_trace::__private::finish!(call, out, path::to::adapter)");
    let expansion = expand("embeddings, provider = p, response = |reply| read(reply)", "fn f() -> R { r() }");
    assert_has(&expansion, "::llm_trace::__private::finish!(call, out, |reply| read(reply))");
}

#[test]
fn the_root_replaces_every_path() {
    for root in ["::other::path", "crate::telemetry"] {
        let args = format!("chat, crate = {root}, provider = p, request = r");
        let expansion = expand(&args, "async fn f() -> u8 { 1 }");
        assert_has(&expansion, &format!("let call = {root}::__private::begin("));
        assert!(!expansion.contains("llm_trace"), "{expansion}");
    }
}

#[test]
fn without_arguments_the_closure_ignores_its_parameter() {
    assert_has(&expand("", "fn f() {}"), "|_| {}");
}

#[test]
fn keys_are_unique_and_differ_from_kinds() {
    let words: Vec<_> = Kind::all().flat_map(Kind::keys).map(|key| key.word).collect();
    for word in words {
        assert_eq!(Key::from_word(word).map(|key| key.word), Some(word));
        assert_eq!(Kind::from_word(word), None);
    }
}
