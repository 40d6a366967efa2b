//! Checked input → [`TracedFn`]: everything the expansion writes, with nothing left to decide.

use proc_macro2::Ident;
use syn::{Attribute, Expr, Path, ReturnType, Signature, Type, Visibility, parse_quote_spanned};

use crate::{
    parse::{Args, Body, FnItem, Named, Pair, Value},
    types,
    vocabulary::{self, Kind, Shape},
};

pub(crate) struct TracedFn {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Body,
    pub(crate) output: Output,
    pub(crate) kind: Kind,
    /// Where the runtime is, if not at `::llm_trace`.
    pub(crate) root: Option<Path>,
    pub(crate) request: Option<Expr>,
    pub(crate) setters: Vec<(Ident, Expr)>,
    pub(crate) attributes: Vec<Pair>,
    /// Content, with the variant of the runtime's `Piece` that it is.
    pub(crate) content: Vec<(Ident, &'static str, Expr)>,
    /// What makes up the object of a tool's arguments.
    pub(crate) arguments: Vec<Named>,
    /// Variants of `Piece` that are not recorded.
    pub(crate) skipped: Vec<&'static str>,
    pub(crate) response: Option<Expr>,
}

/// What can be said about the type of the function's result.
pub(crate) enum Output {
    /// A type that can be written in an expression: as in the signature, with `_` for each `impl Trait`.
    Known(Box<Type>),
    /// `impl Trait`, which has no name.
    Opaque,
    /// `!`: there will be no result.
    Never,
}

impl TracedFn {
    pub(crate) fn new(args: Args, item: FnItem) -> Self {
        let mut traced = Self {
            output: Output::new(&item.sig),
            attrs: item.attrs,
            vis: item.vis,
            sig: item.sig,
            body: item.body,
            kind: args.kind.kind().unwrap_or(Kind::Task),
            root: None,
            request: None,
            setters: Vec::new(),
            attributes: Vec::new(),
            content: Vec::new(),
            arguments: Vec::new(),
            skipped: Vec::new(),
            response: None,
        };
        for keyed in args.values {
            match (keyed.spec.shape, keyed.value) {
                (Shape::Setter, Some(Value::Expr(value))) => traced.setters.push((keyed.key, value)),
                (Shape::Request, Some(Value::Expr(value))) => traced.request = Some(value),
                (Shape::Adapter, Some(Value::Expr(value))) => traced.response = Some(value),
                (_, Some(Value::Named(values))) => traced.arguments = values,
                (Shape::Content | Shape::Named, Some(Value::Expr(value))) => {
                    traced.content.push((keyed.key, vocabulary::piece(keyed.spec.word), value));
                }
                (_, Some(Value::Words(words))) => traced.skipped = skipped(traced.kind, &words),
                (_, Some(Value::Root(path))) => traced.root = Some(path),
                (_, Some(Value::Pairs(pairs))) => traced.attributes = pairs,
                _ => {}
            }
        }
        traced
    }
}

fn skipped(kind: Kind, words: &[Ident]) -> Vec<&'static str> {
    let all = words.iter().any(|word| word == vocabulary::ALL_CONTENT);
    let content = kind.content().iter().copied();
    content.filter(|content| all || words.iter().any(|word| word == content)).map(vocabulary::piece).collect()
}

impl Output {
    fn new(sig: &Signature) -> Self {
        match &sig.output {
            ReturnType::Default => Output::Known(Box::new(parse_quote_spanned!(sig.ident.span()=> ()))),
            ReturnType::Type(_, ty) => match types::ungrouped(ty) {
                Type::Never(_) => Output::Never,
                Type::ImplTrait(_) => Output::Opaque,
                _ => Output::Known(Box::new(types::without_impl_trait(ty))),
            },
        }
    }
}
