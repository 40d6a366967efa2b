//! Questions about a return type that its spelling answers. Aliases are not seen through.

use syn::{
    AngleBracketedGenericArguments, GenericArgument, PathArguments, ReturnType, Type, TypeInfer,
    TypeParamBound,
};

/// A return type that runs, or yields, after the function has returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deferred {
    Future,
    Stream,
}

/// Looks for `impl Future`, `Pin<Box<dyn Stream>>` and the like, also in a `Result` or an `Option`.
pub(crate) fn deferred(ty: &Type) -> Option<Deferred> {
    match ungrouped(ty) {
        Type::ImplTrait(ty) => bounds(&ty.bounds),
        Type::TraitObject(ty) => bounds(&ty.bounds),
        Type::Path(ty) => {
            let last = ty.path.segments.last()?;
            match last.ident.to_string().as_str() {
                "BoxFuture" | "LocalBoxFuture" => Some(Deferred::Future),
                "BoxStream" | "LocalBoxStream" => Some(Deferred::Stream),
                "Pin" | "Box" | "Result" | "Option" => match &last.arguments {
                    PathArguments::AngleBracketed(arguments) => type_arguments(arguments).find_map(deferred),
                    _ => None,
                },
                _ => None,
            }
        }
        _ => None,
    }
}

fn bounds<'a>(bounds: impl IntoIterator<Item = &'a TypeParamBound>) -> Option<Deferred> {
    bounds.into_iter().find_map(|bound| match bound {
        TypeParamBound::Trait(bound) => match bound.path.segments.last()?.ident.to_string().as_str() {
            "Future" | "IntoFuture" => Some(Deferred::Future),
            "Stream" | "TryStream" => Some(Deferred::Stream),
            _ => None,
        },
        _ => None,
    })
}

fn type_arguments(arguments: &AngleBracketedGenericArguments) -> impl Iterator<Item = &Type> {
    arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// The type with `_` for each `impl Trait` in it, which only signatures may contain.
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

/// The type behind parentheses, and behind the invisible ones around a `macro_rules!` fragment.
pub(crate) fn ungrouped(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return ty,
        };
    }
}
