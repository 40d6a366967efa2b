//! The series that a `PromQL` expression reads.

use std::collections::BTreeSet;
use std::fmt;

use promql_parser::label::Matcher;
use promql_parser::parser::token::{T_LOR, T_LUNLESS};
use promql_parser::parser::{self, BinModifier, BinaryExpr, Call, Expr, LabelModifier, VectorSelector};

/// The series that an expression reads, and the labels that it keeps.
#[derive(Debug, Default)]
pub(crate) struct Queried {
    /// The selectors, with the labels that their series must have: those filtered or grouped by, without those set by
    /// `label_replace`.
    pub(crate) selectors: Vec<Selector>,
    /// Labels that the result can have.
    pub(crate) kept: BTreeSet<String>,
}

#[derive(Debug)]
pub(crate) struct Selector {
    pub(crate) metric: Name,
    pub(crate) labels: BTreeSet<String>,
}

/// The metric name of a selector.
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

/// Parses an expression. Grafana's variables are replaced by values where they are durations; in matchers they are text
/// to `PromQL`.
fn read(text: &str) -> Result<Expr, String> {
    let text = text.replace("$__rate_interval", "5m").replace("$__range", "1h");
    parser::parse(&text).map_err(|error| format!("`{text}` is no PromQL: {error}"))
}

pub(crate) fn parse(text: &str) -> Result<Queried, String> {
    let mut queried = Queried::default();
    walk(&read(text)?, &mut queried);
    Ok(queried)
}

/// Whether an expression can have a result if only some metrics exist. A constant alternative does not count: `or
/// vector(0)`.
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
    let mut queried = Queried::default();
    walk(expression, &mut queried);
    queried.selectors.is_empty()
}

/// Walks an expression. Returns the selectors in it, with the labels that each is given on the way.
fn walk(expression: &Expr, queried: &mut Queried) -> Vec<Below> {
    match expression {
        Expr::VectorSelector(selector) => select(selector, queried),
        Expr::MatrixSelector(selector) => select(&selector.vs, queried),
        Expr::Aggregate(aggregate) => {
            let below = walk(&aggregate.expr, queried);
            group(aggregate.modifier.as_ref(), &below, queried);
            below
        }
        Expr::Binary(binary) => {
            let mut below = walk(&binary.lhs, queried);
            below.extend(walk(&binary.rhs, queried));
            let matching =
                binary.modifier.as_ref().and_then(|BinModifier { matching, .. }| matching.as_ref());
            group(matching, &below, queried);
            below
        }
        Expr::Call(call) => {
            let mut below: Vec<_> =
                call.args.args.iter().flat_map(|argument| walk(argument, queried)).collect();
            if let Some(label) = given(call) {
                for selector in &mut below {
                    selector.given.push(label.clone());
                }
            }
            below
        }
        Expr::Paren(inside) => walk(&inside.expr, queried),
        Expr::Unary(inside) => walk(&inside.expr, queried),
        Expr::Subquery(inside) => walk(&inside.expr, queried),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Vec::new(),
    }
}

/// A selector by its index.
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

fn select(selector: &VectorSelector, queried: &mut Queried) -> Vec<Below> {
    let matchers = selector.matchers.matchers.iter().chain(selector.matchers.or_matchers.iter().flatten());
    let labels = matchers.map(|Matcher { name, .. }| name.clone()).filter(|name| name != "__name__");
    queried.selectors.push(Selector { metric: Name::of(selector), labels: labels.collect() });
    vec![Below { selector: queried.selectors.len() - 1, given: Vec::new() }]
}

fn group(modifier: Option<&LabelModifier>, below: &[Below], queried: &mut Queried) {
    if let Some(LabelModifier::Include(labels) | LabelModifier::Exclude(labels)) = modifier {
        for label in &labels.labels {
            for Below { selector, given } in below {
                if !given.contains(label) {
                    queried.selectors[*selector].labels.insert(label.clone());
                }
            }
            queried.kept.insert(label.clone());
        }
    }
}
