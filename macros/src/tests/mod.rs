//! Tests of the pipeline on token streams, for valid, half-typed and invalid input.

mod arguments;
mod blocks;
mod bodies;
mod capture;
mod documentation;
mod items;
mod mistakes;
mod snapshots;

use proc_macro2::TokenStream;

use crate::traced;

/// The expansion, formatted.
#[track_caller]
fn expand(args: &str, item: &str) -> String {
    let tokens = raw(args, item);
    let file = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error} in: {tokens}"));
    prettyplease::unparse(&file)
}

/// The expansion, also for a body that does not parse.
fn raw(args: &str, item: &str) -> TokenStream {
    traced(tokens(args), &tokens(item))
}

/// The messages. Checks that the output begins with the item, unchanged.
#[track_caller]
fn errors(args: &str, item: &str) -> Vec<String> {
    let output = raw(args, item).to_string();
    let item = tokens(item).to_string();
    let (found, errors) = output.split_at(item.len());
    assert_eq!(found, item, "the item comes first, unchanged");
    let errors = errors.split(":: core :: compile_error ! {").skip(1);
    errors
        .map(|error| syn::parse_str::<syn::LitStr>(error.trim_end().trim_end_matches('}')).unwrap().value())
        .collect()
}

/// The only message.
#[track_caller]
fn error(args: &str, item: &str) -> String {
    let mut errors = errors(args, item);
    assert_eq!(errors.len(), 1, "one mistake, one error: {errors:#?}");
    errors.remove(0)
}

/// Asserts that `expansion` contains `text`, ignoring white space.
#[track_caller]
fn assert_has(expansion: &str, text: &str) {
    let squeezed = |text: &str| text.split_whitespace().collect::<String>();
    // prettyplease adds a comma after the last argument when it breaks lines.
    let (expansion, text) =
        (squeezed(expansion).replace(",)", ")").replace(",>", ">").replace(",}", "}"), squeezed(text));
    assert!(expansion.contains(&text), "no {text} in {expansion}");
}

fn tokens(text: &str) -> TokenStream {
    text.parse().unwrap()
}
