//! Caches price rates, so that a repeated lookup does not query the price table.
//!
//! The table computes each price anew, which takes more instructions than all other recording of a call. It returns prices and no rates.
//! But while the date, the tier of the prompt's length and the kinds of tokens stay the same, a price is the sum of counts times rates, so
//! a few queries give the rates. A test compares both ways, for every model in the table.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{PLAIN, counts};
use crate::model::record::{Price, PricedModel};
use crate::model::response::Usage;

/// More models than one thread uses at a time.
const MAX_KNOWN: usize = 16;
/// No model has a longer name.
const MAX_NAME: usize = 128;
/// The rates of the table change on the hour or on the half hour, UTC.
const HALF_HOUR: u64 = 1800;

thread_local! {
    /// One cache per thread, so that threads do not contend; the oldest entry first.
    static KNOWN: RefCell<VecDeque<Known>> = const { RefCell::new(VecDeque::new()) };
}

/// The inputs that determine the rates, besides counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) provider: Option<&'a str>,
    pub(super) model: &'a str,
    pub(super) service_tier: Option<&'a str>,
    pub(super) at: SystemTime,
}

struct Known {
    provider: Option<String>,
    model: String,
    service_tier: Option<String>,
    half_hour: u64,
    bracket: u32,
    answer: Answer,
}

enum Answer {
    /// Queried once: rates are computed on the second query, when they pay off.
    AskedOnce,
    /// The rates change within the bracket, or some have none.
    AskAlways,
    /// The table does not have the model.
    Unknown,
    Rates(Rates),
}

/// US dollars: for the call, and for a token more of each kind. One more that is read from a cache is one less that is not.
struct Rates {
    model: Arc<PricedModel>,
    call: f64,
    tokens: [f64; 4],
}

/// Tokens: input, output, of the input those read from a cache, and those written to one.
type Counts = [u64; 4];

/// Returns the price from cached rates. `ask` queries the table, if the rates are not cached.
pub(super) fn price<E>(
    question: Question<'_>,
    usage: &Usage,
    ask: impl Fn(&Usage) -> Result<Price, E>,
) -> Result<Price, E> {
    let known = plain_counts(usage).filter(|_| question.model.len() <= MAX_NAME).and_then(|counts| {
        // A call that ends with its thread finds nothing any more.
        let known = KNOWN.try_with(|all| look_up(&mut *all.try_borrow_mut().ok()?, question, counts, &ask));
        known.ok().flatten()
    });
    known.map_or_else(|| ask(usage), Ok)
}

fn look_up<E>(
    all: &mut VecDeque<Known>,
    question: Question<'_>,
    counts: Counts,
    ask: impl Fn(&Usage) -> Result<Price, E>,
) -> Option<Price> {
    let bracket = bracket(counts[0]);
    let since_1970 = question.at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let half_hour = since_1970.as_secs() / HALF_HOUR;
    let Some(known) = all.iter_mut().find(|known| known.bracket == bracket && known.is_of(question)) else {
        if all.len() == MAX_KNOWN {
            all.pop_front();
        }
        all.push_back(Known {
            provider: question.provider.map(ToOwned::to_owned),
            model: question.model.to_owned(),
            service_tier: question.service_tier.map(ToOwned::to_owned),
            half_hour,
            bracket,
            answer: Answer::AskedOnce,
        });
        return None;
    };
    if known.half_hour != half_hour {
        (known.half_hour, known.answer) = (half_hour, Answer::AskedOnce);
        return None;
    }
    if let Answer::AskedOnce = known.answer {
        known.answer = match ask(&Usage::new(counts[0], counts[1])) {
            Ok(Price::Unknown) => Answer::Unknown,
            _ => Rates::in_bracket(bracket, ask).map_or(Answer::AskAlways, Answer::Rates),
        };
    }
    match &known.answer {
        Answer::Rates(rates) => Some(rates.price(counts)),
        Answer::Unknown => Some(Price::Unknown),
        Answer::AskedOnce | Answer::AskAlways => None,
    }
}

impl Known {
    fn is_of(&self, question: Question<'_>) -> bool {
        self.model == question.model
            && self.provider.as_deref() == question.provider
            && self.service_tier.as_deref() == question.service_tier
    }
}

/// The counts, unless others are priced too, or they contradict each other.
fn plain_counts(usage: &Usage) -> Option<Counts> {
    let input = usage.input_tokens?;
    let [output, read, written] =
        [usage.output_tokens, usage.cache_read_input_tokens, usage.cache_creation_input_tokens]
            .map(Option::unwrap_or_default);
    let is_plain = counts(usage)[PLAIN..].iter().all(|(_, count)| count.unwrap_or_default() == 0);
    (is_plain && read.checked_add(written)? <= input).then_some([input, output, read, written])
}

/// Prompts of one bracket are at most twice as long as each other, or short.
fn bracket(input: u64) -> u32 {
    input.max(1023).ilog2()
}

impl Rates {
    /// The rates of a bracket, if they are the same for its shortest and its longest prompt.
    fn in_bracket<E>(bracket: u32, ask: impl Fn(&Usage) -> Result<Price, E>) -> Option<Self> {
        let shortest = if bracket == self::bracket(0) { 1 } else { 1 << bracket };
        let longest = (1_u64 << bracket).checked_mul(2)? - 1;
        let usd = |[input, output, read, written]: Counts| {
            let usage = Usage::new(input, output).with_cache_read(read).with_cache_creation(written);
            match ask(&usage) {
                Ok(Price::Known { usd, model }) => Some((usd, model)),
                _ => None,
            }
        };
        let (call, model) = usd([0; 4])?;
        let tokens = |input: u64| {
            #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
            let per_token = |usd: f64| usd / input as f64;
            let (prompt, _) = usd([input, 0, 0, 0])?;
            let more = |counts| Some(per_token(usd(counts)?.0 - prompt));
            let [output, read, written] = [[input, input, 0, 0], [input, 0, input, 0], [input, 0, 0, input]];
            Some([per_token(prompt - call), more(output)?, more(read)?, more(written)?])
        };
        let (short, long) = (tokens(shortest)?, tokens(longest)?);
        let is_same = |(short, long): (&f64, &f64)| (short - long).abs() <= 1e-9 * long.abs();
        short.iter().zip(&long).all(is_same).then_some(Rates { model, call, tokens: long })
    }

    fn price(&self, counts: Counts) -> Price {
        #[expect(clippy::cast_precision_loss, reason = "token counts are far below 2^53")]
        let usd =
            counts.iter().zip(&self.tokens).fold(self.call, |usd, (count, rate)| usd + *count as f64 * rate);
        Price::Known { usd, model: Arc::clone(&self.model) }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::enrich::pricing::table_price;

    fn usd(price: &Result<Price, genai_prices::Error>) -> Option<f64> {
        match price {
            Ok(Price::Known { usd, .. }) => Some(*usd),
            _ => None,
        }
    }

    /// Returns the table's price, and the cached price with whether the table was not queried again.
    fn both(question: Question<'_>, usage: &Usage) -> ([Option<f64>; 2], bool) {
        let asked = Cell::new(false);
        let ask = |usage: &Usage| {
            asked.set(true);
            table_price(question, usage)
        };
        let _ = [(); 2].map(|()| price(question, usage, ask));
        asked.set(false);
        let again = usd(&price(question, usage, ask));
        let is_known = !asked.get();
        ([usd(&ask(usage)), again], is_known)
    }

    fn is_same([table, again]: [Option<f64>; 2]) -> bool {
        match (table, again) {
            (Some(table), Some(again)) => (table - again).abs() <= 1e-12 * table.abs(),
            (table, again) => table == again,
        }
    }

    /// Every model of the table.
    fn questions(mut check: impl FnMut(Question<'_>)) {
        let at = SystemTime::now();
        for provider in genai_prices::Calculator::bundled().providers() {
            for model in provider.models() {
                check(Question { provider: Some(provider.id()), model: model.id(), service_tier: None, at });
            }
        }
    }

    #[test]
    fn rates_say_what_the_table_says_of_every_model() {
        let (mut checked, mut known) = (0, 0);
        questions(|question| {
            for (service_tier, input) in [
                (None, 0),
                (None, 900),
                (None, 199_999),
                (None, 300_000),
                (Some("batch"), 900),
                (Some("batch"), 300_000),
            ] {
                let question = Question { service_tier, ..question };
                let usage = Usage::new(input, 1234).with_cache_read(input / 3).with_cache_creation(input / 7);
                let (answers, is_known) = both(question, &usage);
                assert!(is_same(answers), "{question:?} {usage:?}: {answers:?}");
                checked += usize::from(answers[0].is_some());
                known += usize::from(is_known);
            }
        });
        // The others are on both sides of a tier.
        assert!(checked > 10_000 && known > checked * 4 / 5, "{known} of {checked}");
    }

    #[test]
    fn a_model_that_the_table_does_not_have_is_not_searched_for_again() {
        let asked = Cell::new(0);
        let ask = |_: &Usage| {
            asked.set(asked.get() + 1);
            Ok::<_, genai_prices::Error>(Price::Unknown)
        };
        let question = Question { provider: None, model: "own", service_tier: None, at: SystemTime::now() };
        for _ in 0..5 {
            assert!(matches!(price(question, &Usage::new(1, 1), ask), Ok(Price::Unknown)));
        }
        assert_eq!(asked.get(), 2);
    }

    #[test]
    fn no_rate_changes_within_half_an_hour() {
        questions(|question| {
            let at = |half_hour: u64, second: u64| {
                let at =
                    SystemTime::UNIX_EPOCH + Duration::from_secs((960_000 + half_hour) * HALF_HOUR + second);
                usd(&table_price(Question { at, ..question }, &Usage::new(10, 10)))
            };
            for half_hour in 0..48 {
                let (first, last) = (at(half_hour, 0), at(half_hour, HALF_HOUR - 1));
                assert_eq!(first, last, "{question:?} at {half_hour}");
            }
        });
    }

    #[test]
    fn a_price_that_changes_is_asked_for_again() {
        let (provider, model) = (Some("p"), "m");
        let priced = Arc::new(PricedModel { name: "p/m".into(), context_window: None });
        let ask_at = |half_hour: u64, rate: f64| {
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(half_hour * HALF_HOUR);
            #[expect(clippy::cast_precision_loss, reason = "few tokens")]
            let ask = |usage: &Usage| {
                let usd = rate * usage.input_tokens.unwrap_or_default() as f64;
                Ok::<_, genai_prices::Error>(Price::Known { usd, model: Arc::clone(&priced) })
            };
            usd(&price(Question { provider, model, service_tier: None, at }, &Usage::input(10), ask))
        };
        let answers = [(1, 1.0), (1, 1.0), (1, 5.0), (2, 5.0), (2, 5.0)].map(|(at, rate)| ask_at(at, rate));
        assert_eq!(
            answers,
            [Some(10.0), Some(10.0), Some(10.0), Some(50.0), Some(50.0)],
            "known within half an hour"
        );
    }
}
