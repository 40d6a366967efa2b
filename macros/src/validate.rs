//! Checks the rules that need two facts at once. In: the parsed input. Out: one error per broken rule.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::{ReturnType, Safety, Signature};

use crate::{
    error::Errors,
    parse::{Args, FnItem, GivenKind, Keyed, Value},
    types::{self, Deferred},
    vocabulary,
};

pub(crate) fn check(args: &Args, item: Option<&FnItem>, errors: &Errors) {
    for keyed in &args.values {
        check_key_fits_kind(keyed, &args.kind, errors);
        check_value_runs_in_closure(keyed, errors);
        check_skipped(keyed, &args.kind, errors);
    }
    check_provider(args, errors);
    check_method(args, errors);
    if let Some(FnItem { sig, .. }) = item {
        check_qualifiers(sig, errors);
        check_output(sig, errors);
    }
}

/// Checks the arguments of an attribute on an `impl`, which apply to each of its methods.
pub(crate) fn check_on_impl(args: &Args, errors: &Errors) {
    for keyed in args.values.iter().filter(|keyed| OF_ONE_FUNCTION.contains(&keyed.spec.word)) {
        errors.on(
            &keyed.key,
            format_args!(
                "`{0}` on an `impl` would say the same of every method: give it to one, as in `#[llm_trace(tool, \
                 {0} = expression)]`",
                keyed.spec.word
            ),
        );
    }
    check(args, None, errors);
}

// Keys whose values differ for each function.
const OF_ONE_FUNCTION: &[&str] = &["name", "description", "call_id"];

fn check_key_fits_kind(keyed: &Keyed, given: &GivenKind, errors: &Errors) {
    let Some(kind) = given.kind() else { return };
    if keyed.spec.kinds.takes(kind) {
        return;
    }
    let key = keyed.spec.word;
    let kinds = vocabulary::kinds(keyed.spec.kinds.iter());
    let word = kind.word();
    let keys = vocabulary::keys_of(kind);
    match (given, keyed.spec.kinds.iter().next()) {
        // The kind is most likely missing.
        (GivenKind::Default, Some(first)) => errors.on(
            &keyed.key,
            format_args!(
                "`{key}` is for {kinds}: write the kind first, as in `#[llm_trace({}, {})]`; without one, \
                 this is a `{word}`, which takes {keys}",
                first.word(),
                keyed.spec.example(),
            ),
        ),
        _ => errors.on(&keyed.key, format_args!("`{key}` is for {kinds}; `{word}` takes {keys}")),
    }
}

// The content that can be skipped depends on the kind. For a kind without content, the error on the key is enough.
fn check_skipped(keyed: &Keyed, given: &GivenKind, errors: &Errors) {
    let (Some(Value::Words(words)), Some(kind)) = (&keyed.value, given.kind()) else { return };
    if kind.content().is_empty() {
        return;
    }
    for word in words {
        let text = word.to_string();
        if text == vocabulary::ALL_CONTENT || kind.content().contains(&text.as_str()) {
            continue;
        }
        let kind_word = kind.word();
        match vocabulary::similar_content(&text, kind) {
            Some(similar) => errors
                .on(word, format_args!("a `{kind_word}` has no `{text}` to skip, did you mean `{similar}`?")),
            None => errors.on(
                word,
                format_args!(
                    "a `{kind_word}` has no `{text}` to skip: it has {}, and `all` skips all of it",
                    vocabulary::content_of(kind),
                ),
            ),
        }
    }
    for keyed_word in words.iter().filter(|word| *word == vocabulary::ALL_CONTENT && words.len() > 1) {
        errors.on(keyed_word, "`all` already skips the others: keep one");
    }
}

// The values become the body of a closure, where these keywords have another meaning.
fn check_value_runs_in_closure(keyed: &Keyed, errors: &Errors) {
    let check = |value: TokenStream| {
        if let Some((token, what)) = control_flow(value) {
            errors.on(
                token,
                format_args!(
                    "{what} does not work in an argument, which is evaluated in a closure: name a parameter, \
                     or a part of one"
                ),
            );
        }
    };
    match &keyed.value {
        Some(Value::Expr(value)) => check(value.to_token_stream()),
        Some(Value::Named(values)) => values.iter().for_each(|named| check(named.value.to_token_stream())),
        Some(Value::Root(_) | Value::Words(_)) | None => {}
    }
}

// A check of the tokens is enough. Tokens after a `|` or an `async` may be correct; if not, the compiler reports them.
fn control_flow(tokens: TokenStream) -> Option<(TokenTree, &'static str)> {
    let mut after_dot = false;
    for token in tokens {
        match &token {
            TokenTree::Ident(word) if word == "async" || word == "fn" => return None,
            TokenTree::Punct(punct) if punct.as_char() == '|' => return None,
            TokenTree::Ident(word) if word == "await" && after_dot => return Some((token, "`.await`")),
            TokenTree::Ident(word) if word == "return" => return Some((token, "`return`")),
            TokenTree::Punct(punct) if punct.as_char() == '?' => return Some((token, "`?`")),
            TokenTree::Group(group) => {
                if let Some(found) = control_flow(group.stream()) {
                    return Some(found);
                }
            }
            _ => {}
        }
        after_dot = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '.');
    }
    None
}

fn check_provider(args: &Args, errors: &Errors) {
    let GivenKind::Known(word, kind) = &args.kind else { return };
    let given = args.values.iter().any(|keyed| keyed.spec.word == "provider");
    if kind.requires_provider() && !given && !args.meant.contains(&"provider") {
        errors.on(
            word,
            format_args!(
                "`{}` needs `provider`, which the semantic conventions require: add \
                 `provider = \"openai\"`",
                kind.word()
            ),
        );
    }
}

fn check_method(args: &Args, errors: &Errors) {
    let GivenKind::Known(word, kind) = &args.kind else { return };
    let needed = kind.requires_one_of();
    let is_given = |needed: &&str| {
        args.values.iter().any(|keyed| keyed.spec.word == *needed) || args.meant.contains(needed)
    };
    if !needed.is_empty() && !needed.iter().any(is_given) {
        errors.on(
            word,
            format_args!(
                "`{}` needs the method, which the semantic conventions require: add `method = \"tools/call\"`, or \
                 `request = message` to read it from the message",
                kind.word()
            ),
        );
    }
}

fn check_qualifiers(sig: &Signature, errors: &Errors) {
    if let Some(token) = &sig.constness {
        errors.on(
            token,
            "a `const fn` cannot be traced, as it may run in the compiler: remove `const`, or annotate its \
             caller",
        );
    }
    if let Safety::Unsafe(token) = &sig.safety {
        errors.on(
            token,
            "an `unsafe fn` cannot be traced: annotate its caller, or a safe function with an `unsafe` block \
             in it",
        );
    }
    if let Some(abi) = &sig.abi {
        errors.on(
            abi,
            "a function with a foreign ABI cannot be traced: move its body to a plain `fn` and annotate \
             that",
        );
    }
    if let Some(variadic) = &sig.variadic {
        errors.on(
            variadic,
            "a variadic function cannot be traced: move its body to a plain `fn` and annotate that",
        );
    }
}

// A call with such an output would end before the work begins.
fn check_output(sig: &Signature, errors: &Errors) {
    let ReturnType::Type(_, ty) = &sig.output else { return };
    let (what, fix) = match (types::deferred(ty), &sig.asyncness) {
        // An `async fn` that returns another future returns it as a value.
        (Some(Deferred::LostFuture(what)), None) => {
            (what, "return `impl Future` or `Pin<Box<dyn Future>>`, and a `Result` only as its output")
        }
        (Some(Deferred::LostStream(what)), _) => (
            what,
            "return the stream or a `Result` of it, or tie the stream to the call with `.traced(…)` and return \
             an `Option<TracedStream<_>>`",
        ),
        _ => return,
    };
    errors.on(ty, format_args!("{what} cannot be traced, as nothing tells when it ends: {fix}"));
}
