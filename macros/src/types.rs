//! Classifies a return type by its spelling. Does not resolve aliases.

use syn::{
    AngleBracketedGenericArguments, GenericArgument, PathArguments, ReturnType, Type, TypeInfer,
    TypeParamBound,
};

/// Work that a function's result defers until after the function returns.
pub(crate) enum Deferred<'a> {
    /// A future, and its output type if the signature names it.
    Future { output: Option<&'a Type>, boxed: bool },
    /// An `impl Stream`, and its item type if the signature names it.
    Stream { item: Option<&'a Type>, in_result: bool },
    /// An `impl Iterator`, and its item type if the signature names it.
    Iterator { item: Option<&'a Type>, in_result: bool },
    /// A future at a place where it cannot be followed; the text describes the place.
    LostFuture(&'static str),
    /// A stream at such a place.
    LostStream(&'static str),
}

/// Finds `impl Future`, `Pin<Box<dyn Future>>`, `impl Stream` and similar types, also in a `Result`. Ignores boxed
/// streams: the runtime detects them by the type of the value.
pub(crate) fn deferred(ty: &Type) -> Option<Deferred<'_>> {
    if let Some(found) = opaque(ty, false) {
        return Some(found);
    }
    let (name, arguments) = last_segment(ty)?;
    match name.as_str() {
        "BoxFuture" | "LocalBoxFuture" => {
            Some(Deferred::Future { output: arguments.first().copied(), boxed: true })
        }
        "Pin" => match trait_object(arguments.first()?)? {
            ("Future", output) => Some(Deferred::Future { output, boxed: true }),
            _ => None,
        },
        "Box" => match trait_object(ty)? {
            ("Future", _) => Some(Deferred::LostFuture("a future in a `Box` without `Pin`")),
            _ => None,
        },
        "Result" => match arguments.first()? {
            ok if is_future(ok) => Some(Deferred::LostFuture("a future in a `Result`")),
            ok => opaque(ok, true),
        },
        "Option" => match arguments.first()? {
            some if is_future(some) => Some(Deferred::LostFuture("a future in an `Option`")),
            some if is_stream(some) => Some(Deferred::LostStream("a stream in an `Option`")),
            _ => None,
        },
        _ => None,
    }
}

fn opaque(ty: &Type, in_result: bool) -> Option<Deferred<'_>> {
    let Type::ImplTrait(ty) = ungrouped(ty) else { return None };
    Some(match bounds(&ty.bounds)? {
        ("Future", output) => Deferred::Future { output, boxed: false },
        ("Stream", item) => Deferred::Stream { item, in_result },
        ("Iterator", item) => Deferred::Iterator { item, in_result },
        _ => Deferred::LostFuture("an `impl IntoFuture`"),
    })
}

fn is_future(ty: &Type) -> bool {
    matches!(deferred(ty), Some(Deferred::Future { .. }))
}

fn is_stream(ty: &Type) -> bool {
    let boxed = last_segment(ty).is_some_and(|(name, arguments)| match name.as_str() {
        "BoxStream" | "LocalBoxStream" => true,
        "Pin" => arguments.first().and_then(|ty| trait_object(ty)).is_some_and(|(name, _)| name == "Stream"),
        _ => false,
    });
    boxed || matches!(opaque(ty, false), Some(Deferred::Stream { .. }))
}

// `Box<dyn Trait<Assoc = T>>`.
fn trait_object(ty: &Type) -> Option<(&'static str, Option<&Type>)> {
    let (name, arguments) = last_segment(ty)?;
    match (name.as_str(), arguments.first().map(|ty| ungrouped(ty))) {
        ("Box", Some(Type::TraitObject(ty))) => bounds(&ty.bounds),
        _ => None,
    }
}

// The deferring trait among the bounds, and its associated type.
fn bounds<'a>(
    bounds: impl IntoIterator<Item = &'a TypeParamBound>,
) -> Option<(&'static str, Option<&'a Type>)> {
    bounds.into_iter().find_map(|bound| {
        let TypeParamBound::Trait(bound) = bound else { return None };
        let last = bound.path.segments.last()?;
        let (name, assoc) = match last.ident.to_string().as_str() {
            "Future" | "FusedFuture" => ("Future", "Output"),
            "IntoFuture" => ("IntoFuture", "Output"),
            "Stream" | "TryStream" | "FusedStream" => ("Stream", "Item"),
            "Iterator" | "DoubleEndedIterator" | "ExactSizeIterator" | "FusedIterator" => {
                ("Iterator", "Item")
            }
            _ => return None,
        };
        let PathArguments::AngleBracketed(arguments) = &last.arguments else { return Some((name, None)) };
        let ty = arguments.args.iter().find_map(|argument| match argument {
            GenericArgument::AssocType(found) if found.ident == assoc => Some(&found.ty),
            _ => None,
        });
        Some((name, ty))
    })
}

// The last name of a path and the types in its angle brackets.
fn last_segment(ty: &Type) -> Option<(String, Vec<&Type>)> {
    let Type::Path(ty) = ungrouped(ty) else { return None };
    let last = ty.path.segments.last()?;
    let types = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => type_arguments(arguments).collect(),
        _ => Vec::new(),
    };
    Some((last.ident.to_string(), types))
}

fn type_arguments(arguments: &AngleBracketedGenericArguments) -> impl Iterator<Item = &Type> {
    arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// The type with `_` for each `impl Trait`, which is only allowed in signatures.
pub(crate) fn without_impl_trait(ty: &Type) -> Type {
    let mut ty = ty.clone();
    infer(&mut ty);
    ty
}

fn infer(ty: &mut Type) {
    match ty {
        Type::ImplTrait(opaque) => {
            *ty = Type::Infer(TypeInfer {
                attrs: Vec::new(),
                underscore_token: syn::Token![_](opaque.impl_token.span),
            });
        }
        Type::Array(ty) => infer(&mut ty.elem),
        Type::Group(ty) => infer(&mut ty.elem),
        Type::Paren(ty) => infer(&mut ty.elem),
        Type::Ptr(ty) => infer(&mut ty.elem),
        Type::Reference(ty) => infer(&mut ty.elem),
        Type::Slice(ty) => infer(&mut ty.elem),
        Type::Tuple(ty) => ty.elems.iter_mut().for_each(infer),
        Type::Path(ty) => infer_path(&mut ty.path),
        Type::TraitObject(ty) => {
            for bound in &mut ty.bounds {
                if let TypeParamBound::Trait(bound) = bound {
                    infer_path(&mut bound.path);
                }
            }
        }
        _ => {}
    }
}

fn infer_path(path: &mut syn::Path) {
    for segment in &mut path.segments {
        match &mut segment.arguments {
            PathArguments::AngleBracketed(arguments) => {
                for argument in &mut arguments.args {
                    match argument {
                        GenericArgument::Type(ty) => infer(ty),
                        GenericArgument::AssocType(assoc) => infer(&mut assoc.ty),
                        _ => {}
                    }
                }
            }
            PathArguments::Parenthesized(arguments) => {
                if let ReturnType::Type(_, ty) = &mut arguments.output {
                    infer(ty);
                }
            }
            PathArguments::None => {}
        }
    }
}

/// The type inside parentheses, and inside the invisible delimiters around a `macro_rules!` fragment.
pub(crate) fn ungrouped(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return ty,
        };
    }
}
