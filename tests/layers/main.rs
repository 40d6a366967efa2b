//! The modules of `runtime/src` form layers: a module imports only from modules below it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

/// From bottom to top; see docs/architecture.md. Modules of one row do not import each other.
const LAYERS: &[&[&str]] = &[
    &["semconv"],
    &["value"],
    &["model"],
    &["extract"],
    &["content"],
    &["enrich"],
    &["sinks"],
    &["runtime"],
    &["call"],
    &["settings"],
    &["pipeline"],
    &["doctor", "mcp", "propagation", "testing"],
    &["tower", "__private"],
];

#[test]
fn modules_import_only_from_layers_below() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime/src");
    let mut upwards = BTreeSet::new();
    let mut found = BTreeSet::new();
    for file in sources(&root) {
        let path = file.strip_prefix(&root).expect("a source file");
        let Some(module) = top_level_module(path) else { continue };
        let from = rank(&module).unwrap_or_else(|| panic!("`{module}` is in no layer: add it to LAYERS"));
        for target in imports(&file, path) {
            let Some(to) = rank(&target) else { continue };
            if target != module && to >= from {
                upwards.insert(format!("{} imports {target}", path.display()));
            }
        }
        found.insert(module);
    }
    assert!(found.len() > 10, "the sources were not found: {found:?}");
    let listed: BTreeSet<String> = LAYERS.iter().copied().flatten().map(|name| (*name).to_owned()).collect();
    assert_eq!(listed.difference(&found).collect::<Vec<_>>(), Vec::<&String>::new(), "no such module");
    let upwards = upwards.into_iter().fold(String::new(), |list, entry| list + "\n" + &entry);
    assert!(upwards.is_empty(), "imports that go up:{upwards}");
}

#[test]
fn an_upward_import_is_found_in_any_form() {
    for (code, expected) in [
        ("use crate::pipeline::Telemetry;", "pipeline"),
        ("use crate::{model::Kind, call::current};", "call model"),
        ("fn f() { crate::call::current(); }", "call"),
        ("fn f() { tracing::warn!(\"{}\", crate::settings::NAME); }", "settings"),
        ("use super::super::sinks::span;", "sinks"),
        ("use super::site::Kind;", ""),
        ("#[cfg(test)] mod tests { use crate::pipeline::Telemetry; }", ""),
    ] {
        let found = imports_of(code, Path::new("model/request.rs"));
        assert_eq!(found.into_iter().collect::<Vec<_>>().join(" "), expected, "{code}");
    }
}

fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

/// `None` for `lib.rs`, which names every module, and for modules compiled only for tests or documentation.
fn top_level_module(path: &Path) -> Option<String> {
    let first = path.components().next()?.as_os_str().to_str()?.trim_end_matches(".rs").to_owned();
    (!["lib", "guide", "fuzz"].contains(&first.as_str())).then_some(first)
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        let name = entry.file_name().expect("a name").to_string_lossy().into_owned();
        if entry.is_dir() && name != "tests" {
            files.extend(sources(&entry));
        } else if entry.extension().is_some_and(|end| end == "rs")
            && name != "tests.rs"
            && !name.contains("fuzz")
        {
            files.push(entry);
        }
    }
    files
}

fn imports(file: &Path, path: &Path) -> BTreeSet<String> {
    imports_of(&std::fs::read_to_string(file).expect("a text"), path)
}

/// The top-level modules that a file refers to.
fn imports_of(code: &str, path: &Path) -> BTreeSet<String> {
    let mut file = syn::parse_file(code).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.items.retain(|item| !is_test(item));
    let name = path.file_stem().expect("a name").to_string_lossy();
    let depth = path.components().count() - usize::from(name == "mod");
    let mut found = BTreeSet::new();
    collect(file.to_token_stream(), depth, &mut found);
    found
}

fn is_test(item: &syn::Item) -> bool {
    let syn::Item::Mod(module) = item else { return false };
    module.attrs.iter().any(|attribute| {
        let text = attribute.meta.to_token_stream().to_string();
        text.starts_with("cfg") && text.contains("test") && !text.contains("feature = \"testing\"")
    })
}

/// Every path that begins with `crate`, or with enough `super` segments to reach the root.
fn collect(tokens: TokenStream, depth: usize, found: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        if let TokenTree::Group(group) = &tokens[at] {
            collect(group.stream(), depth, found);
        }
        let mut climbed = 0;
        let mut next = at;
        while is(&tokens, next, "super") && is_path(&tokens, next + 1) {
            climbed += 1;
            next += 3;
        }
        let is_root = climbed == depth && climbed > 0;
        if is(&tokens, at, "crate") && is_path(&tokens, at + 1) && !is_dollar(&tokens, at) {
            next = at + 3;
        } else if !is_root {
            at = at.max(next.saturating_sub(1)) + 1;
            continue;
        }
        match tokens.get(next) {
            Some(TokenTree::Ident(name)) => {
                found.insert(name.to_string());
            }
            Some(TokenTree::Group(group)) => {
                let mut is_first = true;
                for token in group.stream() {
                    match token {
                        TokenTree::Ident(name) if is_first => {
                            found.insert(name.to_string());
                            is_first = false;
                        }
                        TokenTree::Punct(punct) if punct.as_char() == ',' => is_first = true,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        at = next + 1;
    }
}

fn is(tokens: &[TokenTree], at: usize, word: &str) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Ident(name)) if name == word)
}

fn is_path(tokens: &[TokenTree], at: usize) -> bool {
    let colon = |at| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    colon(at) && colon(at + 1)
}

fn is_dollar(tokens: &[TokenTree], at: usize) -> bool {
    at > 0 && matches!(&tokens[at - 1], TokenTree::Punct(punct) if punct.as_char() == '$')
}
