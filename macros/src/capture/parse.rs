//! The tokens of a type → [`Type`]. Reports every mistake in its `#[capture(…)]` attributes.

use proc_macro2::{Ident, Span, TokenStream};
use syn::{
    Attribute, Fields, Generics, Item, LitStr, Meta, Path, Token, ext::IdentExt as _, parse::Parser as _,
    punctuated::Punctuated, spanned::Spanned as _,
};

use crate::{error::Errors, vocabulary};

/// A type that derives `Capture`.
pub(super) struct Type {
    pub(super) name: Ident,
    pub(super) generics: Generics,
    /// The path of the runtime crate; default: `::llm_trace`.
    pub(super) root: Option<Path>,
    pub(super) shape: Shape,
}

pub(super) enum Shape {
    Struct(Body),
    Enum(Vec<Variant>),
}

pub(super) struct Variant {
    pub(super) ident: Ident,
    /// The recorded name.
    pub(super) name: String,
    pub(super) body: Body,
}

pub(super) enum Body {
    Named(Vec<Field>),
    Tuple(Vec<Field>),
    Unit,
}

impl Body {
    pub(super) fn fields(&self) -> &[Field] {
        match self {
            Body::Named(fields) | Body::Tuple(fields) => fields,
            Body::Unit => &[],
        }
    }
}

pub(super) struct Field {
    /// `None` for a field of a tuple.
    pub(super) ident: Option<Ident>,
    pub(super) name: String,
    pub(super) ty: syn::Type,
    pub(super) mode: FieldMode,
}

/// How a field is recorded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldMode {
    Plain,
    Redact,
    Hash,
    Skip,
}

/// The keys of `#[capture(…)]`.
const KEYS: [&str; 5] = ["redact", "hash", "skip", "rename", "crate"];

/// `None` for an item other than a struct or an enum.
pub(super) fn parse(item: TokenStream, errors: &Errors) -> Option<Type> {
    let item = match syn::parse2(item) {
        Ok(Item::Struct(item)) => (item.ident, item.generics, item.attrs, Err(item.fields)),
        Ok(Item::Enum(item)) => (item.ident, item.generics, item.attrs, Ok(item.variants)),
        Ok(Item::Union(item)) => {
            errors.on(
                item.union_token,
                "a union does not say which of its fields is there: use a struct or an enum",
            );
            return None;
        }
        // The compiler rejects a derive on any other item.
        Ok(_) | Err(_) => return None,
    };
    let (name, generics, attrs, inner) = item;
    let given = Given::read(&attrs, &["crate"], "a type", errors);
    let shape = match inner {
        Err(fields) => Shape::Struct(body(fields, errors)),
        Ok(variants) => {
            let variants: Vec<_> =
                variants.into_iter().map(|variant| self::variant(variant, errors)).collect();
            check_names(variants.iter().map(|variant| (variant.ident.span(), &variant.name)), errors);
            Shape::Enum(variants)
        }
    };
    Some(Type { name, generics, root: given.root, shape })
}

fn variant(variant: syn::Variant, errors: &Errors) -> Variant {
    let given = Given::read(&variant.attrs, &["rename"], "a variant", errors);
    let name = given.rename.map_or_else(|| variant.ident.unraw().to_string(), |name| name.value());
    Variant { name, body: body(variant.fields, errors), ident: variant.ident }
}

fn body(fields: Fields, errors: &Errors) -> Body {
    match fields {
        Fields::Named(fields) => {
            let fields: Vec<_> = fields.named.into_iter().map(|field| self::field(field, errors)).collect();
            let recorded = fields.iter().filter(|field| field.mode != FieldMode::Skip);
            check_names(recorded.map(|field| (field.ident.span(), &field.name)), errors);
            Body::Named(fields)
        }
        Fields::Unnamed(fields) => {
            Body::Tuple(fields.unnamed.into_iter().map(|field| self::field(field, errors)).collect())
        }
        Fields::Unit => Body::Unit,
    }
}

fn field(field: syn::Field, errors: &Errors) -> Field {
    let given = Given::read(&field.attrs, &["redact", "hash", "skip", "rename"], "a field", errors);
    let mode = match &given.modes[..] {
        // A mistyped key may have been `skip`, so nothing is recorded.
        [] if given.is_wrong => FieldMode::Skip,
        [] => FieldMode::Plain,
        [(_, mode)] => *mode,
        [(first, _), rest @ ..] => {
            for (other, _) in rest {
                errors.on(
                    other,
                    if other == first {
                        format!("`{first}` is given twice: keep one")
                    } else {
                        format!("the field is given `{first}` already: keep one of `{first}` and `{other}`")
                    },
                );
            }
            FieldMode::Skip
        }
    };
    if let Some(rename) = &given.rename {
        if field.ident.is_none() {
            errors.on(rename, "a field of a tuple has no name: remove `rename`");
        } else if mode == FieldMode::Skip && !given.is_wrong {
            errors.on(rename, "a field that is skipped needs no name: remove `rename`, or `skip`");
        }
    }
    let own = field.ident.as_ref().map(|ident| ident.unraw().to_string()).unwrap_or_default();
    let name = given.rename.map_or(own, |name| name.value());
    Field { ident: field.ident, name, ty: field.ty, mode }
}

fn check_names<'a>(names: impl Iterator<Item = (Span, &'a String)>, errors: &Errors) {
    let mut known: Vec<&String> = Vec::new();
    for (span, name) in names {
        if known.contains(&name) {
            errors.at(span, format_args!("`{name}` is recorded twice: rename one of the two"));
        }
        known.push(name);
    }
}

/// The contents of the `#[capture(…)]` attributes on one item.
#[derive(Default)]
struct Given {
    modes: Vec<(Ident, FieldMode)>,
    rename: Option<LitStr>,
    root: Option<Path>,
    is_wrong: bool,
}

impl Given {
    fn read(attrs: &[Attribute], allowed: &[&'static str], place: &str, errors: &Errors) -> Self {
        let mut given = Given::default();
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("capture")) {
            let keys = KEYS.iter().filter(|key| allowed.contains(key)).map(|key| example(key));
            let write = format!("write one of {}", keys.collect::<Vec<_>>().join(", "));
            match &attr.meta {
                Meta::List(list) if !list.tokens.is_empty() => {
                    let parser = Punctuated::<Entry, Token![,]>::parse_terminated;
                    match parser.parse2(list.tokens.clone()) {
                        Ok(entries) => {
                            for entry in entries {
                                given.entry(entry, allowed, place, errors);
                            }
                        }
                        Err(error) => {
                            given.is_wrong = true;
                            errors.at(error.span(), format_args!("{error}: {write}"));
                        }
                    }
                }
                meta => {
                    given.is_wrong = true;
                    errors.on(
                        meta,
                        format_args!("`capture` on {place} takes what to do in parentheses: {write}"),
                    );
                }
            }
        }
        given
    }

    fn entry(&mut self, entry: Entry, allowed: &[&'static str], place: &str, errors: &Errors) {
        let Entry { key, value } = entry;
        let word = key.to_string();
        if !KEYS.contains(&word.as_str()) {
            self.is_wrong = true;
            let message = match vocabulary::similar(&word, allowed) {
                Some(similar) => format!("unknown key `{word}`, did you mean `{similar}`?"),
                None => format!("unknown key `{word}`; {place} takes {}", listed(allowed)),
            };
            return errors.on(key, message);
        }
        if !allowed.contains(&word.as_str()) {
            self.is_wrong = true;
            return errors
                .on(key, format_args!("`{word}` does not go on {place}, which takes {}", listed(allowed)));
        }
        let mode = match word.as_str() {
            "redact" => FieldMode::Redact,
            "hash" => FieldMode::Hash,
            "skip" => FieldMode::Skip,
            _ => return self.valued(key, &word, value, errors),
        };
        if let Some(value) = value {
            errors.on(value, format_args!("`{word}` takes no value: write `#[capture({word})]`"));
        }
        self.modes.push((key, mode));
    }

    fn valued(&mut self, key: Ident, word: &str, value: Option<TokenStream>, errors: &Errors) {
        if (word == "rename" && self.rename.is_some()) || (word == "crate" && self.root.is_some()) {
            return errors.on(key, format_args!("`{word}` is given twice: keep one"));
        }
        let expected =
            format!("`{word}` takes a value: write `#[capture({})]`", example(word).trim_matches('`'));
        let span = value.as_ref().map_or_else(|| key.span(), syn::spanned::Spanned::span);
        let value = value.unwrap_or_default();
        if word == "rename" {
            match syn::parse2::<LitStr>(value) {
                Ok(name) if !name.value().is_empty() => self.rename = Some(name),
                _ => errors.at(span, expected),
            }
        } else {
            match Path::parse_mod_style.parse2(value) {
                Ok(path) => self.root = Some(path),
                Err(_) => errors.at(span, expected),
            }
        }
    }
}

fn example(key: &str) -> String {
    match key {
        "rename" => "`rename = \"…\"`".to_owned(),
        "crate" => "`crate = path`".to_owned(),
        key => format!("`{key}`"),
    }
}

fn listed(keys: &[&str]) -> String {
    keys.iter().map(|key| example(key)).collect::<Vec<_>>().join(", ")
}

/// `key` or `key = value`.
struct Entry {
    key: Ident,
    value: Option<TokenStream>,
}

impl syn::parse::Parse for Entry {
    fn parse(input: syn::parse::ParseStream<'_>) -> syn::Result<Self> {
        let key = input.call(Ident::parse_any)?;
        let mut value = None;
        if input.parse::<Option<Token![=]>>()?.is_some() || !crate::parse::at_end(input) {
            value = Some(crate::parse::skip_to_comma(input));
        }
        Ok(Entry { key, value })
    }
}
