//! What a `PromQL` expression asks for.

use std::collections::BTreeSet;

use promql_parser::label::Matcher;
use promql_parser::parser::{self, BinModifier, Expr, LabelModifier, VectorSelector};

/// What is read, and the labels that are kept.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) selectors: Vec<Selector>,
    /// Labels of `by` and `on`, with the metrics that must have them.
    pub(crate) grouped: Vec<(String, Vec<String>)>,
    /// Labels that can be on the result.
    pub(crate) kept: BTreeSet<String>,
}

#[derive(Debug)]
pub(crate) struct Selector {
    pub(crate) metric: Option<String>,
    pub(crate) labels: Vec<String>,
}

/// Grafana's variables in the place of durations are given values; those in matchers are text to `PromQL`.
pub(crate) fn parse(text: &str) -> Result<Asked, String> {
    let text = text.replace("$__rate_interval", "5m").replace("$__range", "1h");
    let expression = parser::parse(&text).map_err(|error| format!("`{text}` is no PromQL: {error}"))?;
    let mut asked = Asked::default();
    walk(&expression, &mut asked);
    Ok(asked)
}

/// Walks an expression, and returns the metrics below it.
fn walk(expression: &Expr, asked: &mut Asked) -> Vec<String> {
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
        Expr::Call(call) => call.args.args.iter().flat_map(|argument| walk(argument, asked)).collect(),
        Expr::Paren(inside) => walk(&inside.expr, asked),
        Expr::Unary(inside) => walk(&inside.expr, asked),
        Expr::Subquery(inside) => walk(&inside.expr, asked),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Vec::new(),
    }
}

fn select(selector: &VectorSelector, asked: &mut Asked) -> Vec<String> {
    let matchers = selector.matchers.matchers.iter().chain(selector.matchers.or_matchers.iter().flatten());
    let labels = matchers.map(|Matcher { name, .. }| name.clone()).collect();
    asked.selectors.push(Selector { metric: selector.name.clone(), labels });
    selector.name.clone().into_iter().collect()
}

fn group(modifier: Option<&LabelModifier>, below: &[String], asked: &mut Asked) {
    if let Some(LabelModifier::Include(labels) | LabelModifier::Exclude(labels)) = modifier {
        for label in &labels.labels {
            asked.grouped.push((label.clone(), below.to_vec()));
            asked.kept.insert(label.clone());
        }
    }
}
