//! Type, const and lifetime parameters, where clauses and `impl Trait` on both sides.
#![deny(warnings)]

use std::fmt::{Debug, Display};

use llm_trace::llm_trace;

#[llm_trace(retrieval, data_source = query.as_ref(), top_k = LIMIT)]
async fn retrieve<'a, Q, const LIMIT: usize>(
    query: &'a Q,
    store: &'a [String],
) -> Result<Vec<&'a str>, String>
where
    Q: AsRef<str> + Sync + ?Sized,
{
    let hits: Vec<&str> =
        store.iter().map(String::as_str).filter(|text| text.contains(query.as_ref())).collect();
    if hits.is_empty() {
        return Err(format!("nothing about {}", query.as_ref()));
    }
    Ok(hits.into_iter().take(LIMIT).collect())
}

#[llm_trace]
fn longest<'a, T: PartialOrd + ?Sized>(left: &'a T, right: &'a T) -> &'a T {
    if left > right { left } else { right }
}

#[llm_trace]
fn words<'a>(text: &'a str) -> impl Iterator<Item = &'a str> + 'a {
    text.split(' ')
}

#[llm_trace]
fn delegated() -> impl Debug {
    words("a b").count()
}

#[llm_trace]
async fn delegated_later(store: &[String]) -> impl Debug {
    retrieve::<_, 3>("a", store).await
}

#[llm_trace]
fn checked(text: &str) -> Result<impl Iterator<Item = char> + '_, std::num::ParseIntError> {
    let _: i64 = text.parse()?;
    Ok(text.chars())
}

#[llm_trace(task, name = "describe")]
async fn described(value: impl Display, _other: &(dyn Debug + Sync)) -> Box<dyn Fn(usize) -> String + Send> {
    let value = value.to_string();
    Box::new(move |times| value.repeat(times))
}

#[llm_trace]
fn patterns((left, right): (usize, usize), [first, ..]: [usize; 2], mut total: usize) -> usize {
    total += left + right + first;
    total
}

#[llm_trace]
fn diverges(message: &str) -> ! {
    panic!("{message}")
}

#[llm_trace]
async fn diverges_later() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

#[llm_trace]
fn returns_early(stop: bool) -> u8 {
    if stop {
        return 1;
    }
    unreachable!()
}

fn assert_send<T: Send>(value: T) -> T {
    value
}

fn main() {
    let _ = (longest("a", "b"), words("a b").count(), checked("12").map(Iterator::count), delegated());
    drop(assert_send(retrieve::<_, 3>("q", &[])));
    drop(assert_send(described("a", &())));
    drop((delegated_later(&[]), diverges_later()));
    assert_eq!(patterns((1, 2), [3, 4], 5), 11);
    assert_eq!(returns_early(true), 1);
    assert!(std::panic::catch_unwind(|| diverges("so be it")).is_err());
}
