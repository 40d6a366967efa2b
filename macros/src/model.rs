//! Validated input → [`TracedFn`], the complete input of the expansion.

use proc_macro2::{Ident, Span};
use syn::{Attribute, Expr, Path, ReturnType, Signature, Type, Visibility, parse_quote_spanned};

use crate::{
    parse::{Args, Body, FnItem, Named, Value},
    types::{self, Deferred},
    vocabulary::{self, Kind, Shape},
};

pub(crate) struct TracedFn {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Body,
    /// The output type; of the future, if the function is not `async` and returns one.
    pub(crate) output: Output,
    pub(crate) ends: Ends,
    pub(crate) future: Option<Future>,
    pub(crate) kind: Kind,
    /// The path of the runtime crate; default: `::llm_trace`.
    pub(crate) root: Option<Path>,
    pub(crate) request: Option<Expr>,
    pub(crate) setters: Vec<(Ident, Expr)>,
    /// Attributes and tags, with the setter for a single one.
    pub(crate) pairs: Vec<(&'static str, Named)>,
    /// Content, with its variant of the runtime's `ContentKind`.
    pub(crate) content: Vec<(Ident, &'static str, Expr)>,
    /// Entries of an object (tool arguments, prompt variables), with the setter for a single one and the variant of
    /// `ContentKind`.
    pub(crate) named: Vec<(&'static str, &'static str, Named)>,
    /// Variants of `ContentKind` that are not recorded.
    pub(crate) skipped: Vec<&'static str>,
    pub(crate) response: Option<Expr>,
}

/// The type of the function's result, as far as it can be named.
pub(crate) enum Output {
    /// A type that can be written in an expression: as in the signature, with `_` for each `impl Trait`.
    Known(Box<Type>),
    /// `impl Trait`, which cannot be named in an expression.
    Opaque,
    /// `!`: the function does not return.
    Never,
}

/// The event that ends the call.
pub(crate) enum Ends {
    /// The returned value, or the end of the stream if its type is one.
    Value,
    /// The end of an `impl Stream` of these items; `true` if it is in a `Result`.
    Stream(Type, bool),
    /// The end of an `impl Iterator` of these items; `true` if it is in a `Result`.
    Iterator(Type, bool),
}

/// A future returned by a function that is not `async`.
pub(crate) struct Future {
    /// The type annotation of the future: `None` for an `impl Future`.
    pub(crate) ty: Option<Type>,
    /// The output type of the signature, `_` if it names none.
    pub(crate) output: Type,
}

impl TracedFn {
    pub(crate) fn new(args: Args, item: FnItem) -> Self {
        let kind = args.kind.kind().unwrap_or(Kind::Task);
        let future = Future::new(&item.sig);
        let (output, ends) = match &future {
            Some((_, Some(output))) => (Output::of(output), Ends::new(output, kind)),
            Some((_, None)) => (Output::Opaque, Ends::Value),
            None => (Output::new(&item.sig), Ends::of_signature(&item.sig, kind)),
        };
        let mut traced = Self {
            output,
            ends,
            future: future.map(|(future, _)| future),
            attrs: item.attrs,
            vis: item.vis,
            sig: item.sig,
            body: item.body,
            kind,
            root: None,
            request: None,
            setters: Vec::new(),
            pairs: Vec::new(),
            content: Vec::new(),
            named: Vec::new(),
            skipped: Vec::new(),
            response: None,
        };
        for keyed in args.values {
            match (keyed.spec.shape, keyed.value) {
                (Shape::Setter, Some(Value::Expr(value))) => traced.setters.push((keyed.key, value)),
                (Shape::Request, Some(Value::Expr(value))) => traced.request = Some(value),
                (Shape::Adapter, Some(Value::Expr(value))) => traced.response = Some(value),
                (Shape::Pairs, Some(Value::Named(values))) => {
                    let setter = one_of(keyed.spec.word);
                    traced.pairs.extend(values.into_iter().map(|value| (setter, value)));
                }
                (_, Some(Value::Named(values))) => {
                    let word = keyed.spec.word;
                    let named = |value| (one_of(word), vocabulary::content_kind(word), value);
                    traced.named.extend(values.into_iter().map(named));
                }
                (Shape::Content | Shape::Named, Some(Value::Expr(value))) => {
                    traced.content.push((keyed.key, vocabulary::content_kind(keyed.spec.word), value));
                }
                (_, Some(Value::Words(words))) => traced.skipped = skipped(traced.kind, &words),
                (_, Some(Value::Root(path))) => traced.root = Some(path),
                _ => {}
            }
        }
        traced
    }
}

// The setter for a single value of a key with several.
fn one_of(word: &'static str) -> &'static str {
    word.trim_end_matches('s')
}

fn skipped(kind: Kind, words: &[Ident]) -> Vec<&'static str> {
    let all = words.iter().any(|word| word == vocabulary::ALL_CONTENT);
    let content = kind.content().iter().copied();
    content
        .filter(|content| all || words.iter().any(|word| word == content))
        .map(vocabulary::content_kind)
        .collect()
}

impl Output {
    fn new(sig: &Signature) -> Self {
        match &sig.output {
            ReturnType::Default => Output::Known(Box::new(parse_quote_spanned!(sig.ident.span()=> ()))),
            ReturnType::Type(_, ty) => Output::of(ty),
        }
    }

    fn of(ty: &Type) -> Self {
        match types::ungrouped(ty) {
            Type::Never(_) => Output::Never,
            Type::ImplTrait(_) => Output::Opaque,
            _ => Output::Known(Box::new(types::without_impl_trait(ty))),
        }
    }
}

impl Ends {
    fn of_signature(sig: &Signature, kind: Kind) -> Self {
        match &sig.output {
            ReturnType::Type(_, ty) => Ends::new(ty, kind),
            ReturnType::Default => Ends::Value,
        }
    }

    fn new(ty: &Type, kind: Kind) -> Self {
        let item = |item: Option<&Type>| item.map_or_else(unknown, types::without_impl_trait);
        match types::deferred(ty) {
            Some(Deferred::Stream { item: of, in_result }) => Ends::Stream(item(of), in_result),
            // For the other kinds, an iterator is an ordinary value.
            Some(Deferred::Iterator { item: of, in_result }) if kind.generates() => {
                Ends::Iterator(item(of), in_result)
            }
            _ => Ends::Value,
        }
    }
}

impl Future {
    fn new(sig: &Signature) -> Option<(Self, Option<&Type>)> {
        let ReturnType::Type(_, ty) = &sig.output else { return None };
        match types::deferred(ty) {
            Some(Deferred::Future { output, boxed }) if sig.asyncness.is_none() => {
                let future = Future {
                    ty: boxed.then(|| types::without_impl_trait(ty)),
                    output: output.map_or_else(unknown, types::without_impl_trait),
                };
                Some((future, output))
            }
            _ => None,
        }
    }
}

fn unknown() -> Type {
    parse_quote_spanned!(Span::mixed_site()=> _)
}
