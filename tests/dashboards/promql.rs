//! What a `PromQL` expression asks for.

use std::collections::BTreeSet;
use std::fmt;

use promql_parser::label::Matcher;
use promql_parser::parser::token::{T_LOR, T_LUNLESS};
use promql_parser::parser::{self, BinModifier, BinaryExpr, Call, Expr, LabelModifier, VectorSelector};

/// What is read, and the labels that are kept.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// What is read, with the labels that it must have: those it is filtered and grouped by, but for those it is given.
    pub(crate) selectors: Vec<Selector>,
    /// Labels that can be on the result.
    pub(crate) kept: BTreeSet<String>,
}

#[derive(Debug)]
pub(crate) struct Selector {
    pub(crate) metric: Name,
    pub(crate) labels: BTreeSet<String>,
}

/// Which series a selector is about.
#[derive(Debug)]
pub(crate) enum Name {
    One(String),
    /// `{__name__=~"…"}`.
    Matching(Matcher),
    Any,
}

impl Name {
    fn of(selector: &VectorSelector) -> Self {
        let by_name = || selector.matchers.matchers.iter().find(|matcher| matcher.name == "__name__");
        match (&selector.name, by_name()) {
            (Some(name), _) => Name::One(name.clone()),
            (None, Some(matcher)) => Name::Matching(matcher.clone()),
            (None, None) => Name::Any,
        }
    }

    pub(crate) fn matches(&self, series: &str) -> bool {
        match self {
            Name::One(name) => name == series,
            Name::Matching(matcher) => matcher.is_match(series),
            Name::Any => false,
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Name::One(name) => f.write_str(name),
            Name::Matching(matcher) => f.write_str(&matcher.value),
            Name::Any => Ok(()),
        }
    }
}

/// Grafana's variables in the place of durations are given values; those in matchers are text to `PromQL`.
fn read(text: &str) -> Result<Expr, String> {
    let text = text.replace("$__rate_interval", "5m").replace("$__range", "1h");
    parser::parse(&text).map_err(|error| format!("`{text}` is no PromQL: {error}"))
}

pub(crate) fn parse(text: &str) -> Result<Asked, String> {
    let mut asked = Asked::default();
    walk(&read(text)?, &mut asked);
    Ok(asked)
}

/// Whether an expression can have a result if of the metrics only some are there. That the alternative is a constant does not
/// count: `or vector(0)`.
pub(crate) fn can_be_answered(text: &str, is_there: &dyn Fn(&Name) -> bool) -> bool {
    read(text).is_ok_and(|expression| has_result(&expression, is_there))
}

fn has_result(expression: &Expr, is_there: &dyn Fn(&Name) -> bool) -> bool {
    let of = |inside: &Expr| has_result(inside, is_there);
    match expression {
        Expr::VectorSelector(selector) => is_there(&Name::of(selector)),
        Expr::MatrixSelector(selector) => is_there(&Name::of(&selector.vs)),
        Expr::Aggregate(aggregate) => of(&aggregate.expr),
        Expr::Binary(BinaryExpr { op, lhs, rhs, .. }) if op.id() == T_LOR => {
            of(lhs) || (!is_constant(rhs) && of(rhs))
        }
        Expr::Binary(BinaryExpr { op, lhs, .. }) if op.id() == T_LUNLESS => of(lhs),
        Expr::Binary(binary) => of(&binary.lhs) && of(&binary.rhs),
        Expr::Call(call) => call.args.args.iter().all(|argument| of(argument)),
        Expr::Paren(inside) => of(&inside.expr),
        Expr::Unary(inside) => of(&inside.expr),
        Expr::Subquery(inside) => of(&inside.expr),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => true,
    }
}

fn is_constant(expression: &Expr) -> bool {
    let mut asked = Asked::default();
    walk(expression, &mut asked);
    asked.selectors.is_empty()
}

/// Walks an expression, and returns what it reads with the labels that each is given on the way.
fn walk(expression: &Expr, asked: &mut Asked) -> Vec<Below> {
    match expression {
        Expr::VectorSelector(selector) => select(selector, asked),
        Expr::MatrixSelector(selector) => select(&selector.vs, asked),
        Expr::Aggregate(aggregate) => {
            let below = walk(&aggregate.expr, asked);
            group(aggregate.modifier.as_ref(), &below, asked);
            below
        }
        Expr::Binary(binary) => {
            let mut below = walk(&binary.lhs, asked);
            below.extend(walk(&binary.rhs, asked));
            let matching =
                binary.modifier.as_ref().and_then(|BinModifier { matching, .. }| matching.as_ref());
            group(matching, &below, asked);
            below
        }
        Expr::Call(call) => {
            let mut below: Vec<_> =
                call.args.args.iter().flat_map(|argument| walk(argument, asked)).collect();
            if let Some(label) = given(call) {
                for selector in &mut below {
                    selector.given.push(label.clone());
                }
            }
            below
        }
        Expr::Paren(inside) => walk(&inside.expr, asked),
        Expr::Unary(inside) => walk(&inside.expr, asked),
        Expr::Subquery(inside) => walk(&inside.expr, asked),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Vec::new(),
    }
}

/// A selector by its number.
struct Below {
    selector: usize,
    given: Vec<String>,
}

/// The label that `label_replace` sets.
fn given(call: &Call) -> Option<String> {
    match call.args.args.get(1).map(|argument| &**argument) {
        Some(Expr::StringLiteral(label)) if call.func.name == "label_replace" => Some(label.val.clone()),
        _ => None,
    }
}

fn select(selector: &VectorSelector, asked: &mut Asked) -> Vec<Below> {
    let matchers = selector.matchers.matchers.iter().chain(selector.matchers.or_matchers.iter().flatten());
    let labels = matchers.map(|Matcher { name, .. }| name.clone()).filter(|name| name != "__name__");
    asked.selectors.push(Selector { metric: Name::of(selector), labels: labels.collect() });
    vec![Below { selector: asked.selectors.len() - 1, given: Vec::new() }]
}

fn group(modifier: Option<&LabelModifier>, below: &[Below], asked: &mut Asked) {
    if let Some(LabelModifier::Include(labels) | LabelModifier::Exclude(labels)) = modifier {
        for label in &labels.labels {
            for Below { selector, given } in below {
                if !given.contains(label) {
                    asked.selectors[*selector].labels.insert(label.clone());
                }
            }
            asked.kept.insert(label.clone());
        }
    }
}
