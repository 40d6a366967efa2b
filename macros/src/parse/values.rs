//! Parses the value of a key, in each form of [`Shape`].

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{
    Expr, ExprPath, LitStr, Path, Token,
    ext::IdentExt as _,
    parse::{ParseStream, discouraged::Speculative as _},
};

use super::{at_end, each_argument, skip_one, skip_to_comma};
use crate::{
    error::Errors,
    vocabulary::{Key, Shape},
};

pub(crate) enum Value {
    Expr(Expr),
    Words(Vec<Ident>),
    Named(Vec<Named>),
    Root(Path),
}

/// One `name`, `name = expression` or `"any name" = expression` of `arguments(…)`, `attributes(…)`, …
pub(crate) struct Named {
    pub(crate) name: LitStr,
    pub(crate) value: Expr,
}

/// `None` for a syntax error, after reporting it.
pub(super) fn parse(key: &Ident, spec: &Key, input: ParseStream<'_>, errors: &Errors) -> Option<Value> {
    match spec.shape {
        Shape::Setter | Shape::Request | Shape::Content => {
            assigned(key, spec, input, errors, expr).map(Value::Expr)
        }
        Shape::Adapter => assigned(key, spec, input, errors, adapter).map(Value::Expr),
        Shape::Root => assigned(key, spec, input, errors, root).map(Value::Root),
        Shape::Pairs => named(key, spec, input, errors).map(Value::Named),
        Shape::Named if input.peek(syn::token::Paren) => named(key, spec, input, errors).map(Value::Named),
        Shape::Named => assigned(key, spec, input, errors, expr).map(Value::Expr),
        Shape::Skip => words(key, spec, input, errors).map(Value::Words),
    }
}

fn assigned<T>(
    key: &Ident,
    spec: &Key,
    input: ParseStream<'_>,
    errors: &Errors,
    value: fn(&Ident, ParseStream<'_>, &Errors) -> Option<T>,
) -> Option<T> {
    if equals(key, &spec.example(), input, errors) { value(key, input, errors) } else { None }
}

/// Parses the `=` of `key = value`. Returns `true` if it is there and is followed by a value.
fn equals(key: &impl ToTokens, example: &str, input: ParseStream<'_>, errors: &Errors) -> bool {
    let name = key.to_token_stream();
    if !input.peek(Token![=]) {
        skip_to_comma(input);
        errors.on(key, format_args!("`{name}` takes a value after `=`: write `{example}`"));
        return false;
    }
    skip_one(input);
    if at_end(input) {
        errors.on(key, format_args!("`{name}` has nothing after its `=`: write `{example}`"));
        return false;
    }
    true
}

fn expr(key: &impl ToTokens, input: ParseStream<'_>, errors: &Errors) -> Option<Expr> {
    // Parse on a fork: a parser that fails halfway leaves the stream at an arbitrary place, and syn reports the tokens
    // left in parentheses as an error.
    let fork = input.fork();
    match fork.parse() {
        Ok(value) => {
            input.advance_to(&fork);
            Some(value)
        }
        Err(why) => {
            let name = key.to_token_stream();
            errors
                .on(skip_to_comma(input), format_args!("the value of `{name}` is not an expression: {why}"));
            None
        }
    }
}

fn adapter(key: &Ident, input: ParseStream<'_>, errors: &Errors) -> Option<Expr> {
    let value = expr(key, input, errors)?;
    if is_callable(&value) {
        return Some(value);
    }
    errors
        .on(value, format_args!("`{key}` takes the path of a function, or a closure, that reads the result"));
    None
}

fn is_callable(value: &Expr) -> bool {
    match value {
        Expr::Path(_) | Expr::Closure(_) => true,
        // A `$path` of a `macro_rules!` has invisible delimiters around it.
        Expr::Group(group) => is_callable(&group.expr),
        Expr::Paren(paren) => is_callable(&paren.expr),
        _ => false,
    }
}

fn root(key: &Ident, input: ParseStream<'_>, errors: &Errors) -> Option<Path> {
    if let Ok(text) = input.fork().parse::<LitStr>() {
        skip_to_comma(input);
        errors.on(&text, format_args!("write the path without quotes: `{key} = {}`", text.value()));
        return None;
    }
    let fork = input.fork();
    let path = match fork.call(Path::parse_mod_style) {
        Ok(path) if at_end(&fork) => path,
        _ => {
            errors.on(
                skip_to_comma(input),
                format_args!("`{key}` takes a path: write `{key} = ::path::to::llm_trace`"),
            );
            return None;
        }
    };
    skip_to_comma(input);
    let start = path.segments.first().map(|segment| segment.ident.to_string());
    // `$crate` comes from a `macro_rules!` that writes the attribute.
    if path.leading_colon.is_some() || matches!(start.as_deref(), Some("crate" | "$crate")) {
        return Some(path);
    }
    let rest: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let from = if matches!(start.as_deref(), Some("self" | "super")) { "crate" } else { "" };
    let rest = rest.iter().filter(|word| !matches!(word.as_str(), "self" | "super"));
    let absolute = rest.fold(from.to_owned(), |path, word| path + "::" + word);
    errors.on(
        &path,
        format_args!(
            "a relative path means something else in every module: start it with `::` or `crate`, as in \
             `{key} = {absolute}`"
        ),
    );
    None
}

/// The tokens in the parentheses that come next, `None` if there are none.
fn parentheses(input: ParseStream<'_>) -> Option<TokenStream> {
    match input.fork().parse::<TokenTree>() {
        Ok(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
            skip_one(input);
            Some(group.stream())
        }
        _ => None,
    }
}

/// The values in `arguments(city, days = request.days)` and `attributes(tier, "order.id" = order)`.
fn named(key: &Ident, spec: &Key, input: ParseStream<'_>, errors: &Errors) -> Option<Vec<Named>> {
    let example = spec.named_example();
    let Some(content) = parentheses(input) else {
        skip_to_comma(input);
        errors.on(key, format_args!("`{key}` takes names in parentheses: write `{example}`"));
        return None;
    };
    if content.is_empty() {
        errors.on(key, format_args!("`{key}()` names nothing: write `{example}`"));
    }
    let mut values = Vec::<Named>::new();
    each_argument(content, errors, |input, _| {
        let Some(named) = one_named(key, &example, input, errors) else { return };
        let name = named.name.value();
        if name.is_empty() {
            errors.on(&named.name, format_args!("a value needs a name: write `{example}`"));
        } else if values.iter().any(|earlier| earlier.name.value() == name) {
            errors.on(&named.name, format_args!("`{name}` is given twice: keep one"));
        }
        values.push(named);
    });
    Some(values)
}

fn one_named(key: &Ident, example: &str, input: ParseStream<'_>, errors: &Errors) -> Option<Named> {
    if let Ok(name) = input.parse::<LitStr>() {
        let example = format!("{} = expression", name.to_token_stream());
        let value = if equals(&name, &example, input, errors) { expr(&name, input, errors) } else { None };
        return value.map(|value| Named { name, value });
    }
    let Ok(ident) = input.call(Ident::parse_any) else {
        errors.on(skip_to_comma(input), format_args!("`{key}` takes values with a name: write `{example}`"));
        return None;
    };
    let name = LitStr::new(&ident.unraw().to_string(), ident.span());
    let value = if at_end(input) {
        Expr::Path(ExprPath { attrs: Vec::new(), qself: None, path: ident.into() })
    } else if input.peek(Token![=]) {
        if !equals(&ident, &format!("{ident} = expression"), input, errors) {
            return None;
        }
        expr(&ident, input, errors)?
    } else {
        let rest = skip_to_comma(input);
        errors.on(
            rest,
            format_args!("a value that is no variable needs a name: write `{key}(name = expression)`"),
        );
        return None;
    };
    Some(Named { name, value })
}

/// The names in `skip(input, output)`. The kind determines which are valid.
fn words(key: &Ident, spec: &Key, input: ParseStream<'_>, errors: &Errors) -> Option<Vec<Ident>> {
    let Some(content) = parentheses(input) else {
        skip_to_comma(input);
        errors.on(key, format_args!("`{key}` takes names in parentheses: write `{}`", spec.example()));
        return None;
    };
    if content.is_empty() {
        errors.on(key, format_args!("`{key}()` names nothing: write `{}`", spec.example()));
    }
    let mut words = Vec::<Ident>::new();
    each_argument(content, errors, |input, _| {
        let Ok(word) = input.call(Ident::parse_any) else {
            let found = skip_to_comma(input);
            errors.on(found, format_args!("`{key}` takes names without quotes: write `{}`", spec.example()));
            return;
        };
        if words.contains(&word) {
            errors.on(&word, format_args!("`{word}` is skipped twice: keep one"));
        }
        words.push(word);
    });
    Some(words)
}
