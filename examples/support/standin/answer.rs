//! Extracts an answer from a prompt: the statements of the context that match the question best, best first.

use std::collections::{HashMap, HashSet};

use crate::text::{self, Statement};

/// Marks the question in a prompt that has it on a separate line.
const MARK: &str = "Question:";

/// The maximum number of statements in an answer.
const STATEMENTS: usize = 3;

/// Answers the last message from its text; if it contains only the question, from the earlier messages.
pub(super) fn extract(messages: &[String]) -> String {
    let Some((last, earlier)) = messages.split_last() else { return String::new() };
    let (question, context) = split(last);
    let context = if context.trim().is_empty() { earlier.join("\n\n") } else { context };
    let statements = best(text::statements(&context), &text::stems(&question));
    if statements.is_empty() {
        return "The given context does not say.".to_owned();
    }
    statements.join("\n")
}

/// The question and the rest: the marked line, else the last line with a question mark, else the whole message.
fn split(message: &str) -> (String, String) {
    let lines: Vec<_> = message.lines().collect();
    let marked = lines.iter().rposition(|line| line.trim_start().starts_with(MARK));
    let asking = || lines.iter().rposition(|line| line.trim_end().ends_with('?'));
    let Some(at) = marked.or_else(asking) else { return (message.to_owned(), String::new()) };
    let question = lines[at].trim_start();
    let context = lines[..at].iter().chain(&lines[at + 1..]).copied().collect::<Vec<_>>().join("\n");
    (question.strip_prefix(MARK).unwrap_or(question).trim().to_owned(), context)
}

/// Ranks statements by the words that they and the heading above them share with the question. Rare words count more
/// and repeated words once; between equal scores, the shorter statement comes first.
fn best(statements: Vec<Statement>, question: &[String]) -> Vec<String> {
    let words: Vec<_> =
        statements.iter().map(|statement| (stems(&statement.text), stems(&statement.heading))).collect();
    let mut holders: HashMap<&str, u16> = HashMap::new();
    for word in words.iter().flat_map(|(text, heading)| text.union(heading)) {
        let count = holders.entry(word).or_default();
        *count = count.saturating_add(1);
    }
    let question: HashSet<&str> = question.iter().map(String::as_str).collect();
    let total = f32::from(u16::try_from(statements.len()).unwrap_or(u16::MAX));
    let rarity = |word: &str| (1.0 + total / f32::from(holders[word])).ln();
    let score = |(text, heading): &(HashSet<String>, HashSet<String>)| {
        let share = |word: &str| {
            f32::from(u8::from(text.contains(word))) + f32::from(u8::from(heading.contains(word)))
        };
        let shared = question
            .iter()
            .filter(|word| holders.contains_key(**word))
            .map(|word| share(word) * rarity(word));
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        // Adding a typical length keeps three matching words from ranking above the sentence that explains them.
        shared.sum::<f32>() / (25.0 + f32::from(length))
    };
    let mut ranked: Vec<_> = words.iter().map(score).enumerate().filter(|(_, score)| *score > 0.0).collect();
    ranked.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    // Other statements are kept only if their scores are close to the best.
    let floor = ranked.first().map_or(0.0, |(_, best)| best * 0.6);
    let chosen = ranked.into_iter().take(STATEMENTS).take_while(|(_, score)| *score >= floor);
    let mut statements: Vec<_> = statements.into_iter().map(|statement| statement.text).collect();
    chosen.map(|(at, _)| std::mem::take(&mut statements[at])).collect()
}

fn stems(text: &str) -> HashSet<String> {
    text::stems(text).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(messages: &[&str]) -> String {
        extract(&messages.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn the_matching_statement_is_the_answer() {
        let prompt =
            "Cats sleep a lot. The capital of France is Paris.\n\nQuestion: What is France's capital?";
        assert_eq!(answer(&["Answer from the context.", prompt]), "The capital of France is Paris.");
    }

    #[test]
    fn a_bare_question_is_answered_from_the_messages_before_it() {
        assert_eq!(answer(&["Paris is in France. Rome is in Italy.", "Where is Rome?"]), "Rome is in Italy.");
    }

    #[test]
    fn what_stands_under_a_heading_is_about_it() {
        let prompt = "# Cats\nThey sleep a lot.\n# Dogs\nThey sleep less.\n\nQuestion: How do dogs sleep?";
        assert_eq!(answer(&[prompt]).lines().next(), Some("They sleep less."));
    }

    #[test]
    fn nothing_is_made_up() {
        assert_eq!(answer(&["Cats sleep.\nQuestion: Who invented tea?"]), "The given context does not say.");
        assert_eq!(answer(&[]), "");
    }
}
