//! A text as the rules read it: one kind of space, one kind of dash, nothing invisible.

use std::borrow::Cow;

/// Maps each byte of the folded text to its position in the original text.
pub(super) struct Folded<'a> {
    text: Cow<'a, str>,
    /// From a position here on, text is copied from a position there.
    pieces: Vec<(usize, usize)>,
}

/// Escapes of `@` in URLs and in JSON strings.
const ESCAPED: [&str; 2] = ["%40", "\\u0040"];

impl<'a> Folded<'a> {
    /// Borrows a text in which there is nothing to fold, which is most of them.
    pub(super) fn new(text: &'a str) -> Self {
        let is_plain = text.is_ascii() || text.chars().all(|char| fold(char) == Some(char));
        if is_plain && !ESCAPED.iter().any(|escape| text.contains(escape)) {
            return Folded { text: Cow::Borrowed(text), pieces: Vec::new() };
        }
        let mut folded = String::with_capacity(text.len());
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(char) = rest.chars().next() {
            let escape = ESCAPED.iter().find(|escape| rest.starts_with(*escape));
            let (is_kept, length) = match (escape, fold(char)) {
                (Some(escape), _) => {
                    folded.push('@');
                    (false, escape.len())
                }
                (None, other) => {
                    folded.extend(other);
                    (other == Some(char), char.len_utf8())
                }
            };
            rest = &rest[length..];
            if !is_kept {
                pieces.push((folded.len(), text.len() - rest.len()));
            }
        }
        Folded { text: Cow::Owned(folded), pieces }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The position in the original text. Behind the last character of a stretch, what is invisible belongs to it.
    pub(super) fn original(&self, at: usize) -> usize {
        let piece = self.pieces.partition_point(|(here, _)| *here <= at).checked_sub(1);
        piece.map_or(at, |piece| self.pieces[piece].1 + (at - self.pieces[piece].0))
    }
}

/// The character that rules expect in place of one; `None` if it is invisible.
fn fold(char: char) -> Option<char> {
    Some(match char {
        '\u{ad}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => return None,
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => ' ',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => '-',
        '\u{fe6b}' => '@',
        // Their wide forms stand in the order of ASCII.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(char) - 0xfee0)?,
        // Arabic and Persian digits.
        '\u{660}'..='\u{669}' => char::from_u32(u32::from(char) - 0x660 + 0x30)?,
        '\u{6f0}'..='\u{6f9}' => char::from_u32(u32::from(char) - 0x6f0 + 0x30)?,
        _ => char,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_lead_back_to_the_text() {
        let text = "é\u{200b}a\u{a0}b％40c\\u0040d";
        let folded = Folded::new(text);
        assert_eq!(folded.text(), "éa b%40c@d");
        let back: Vec<&str> = folded
            .text()
            .char_indices()
            .map(|(at, char)| &text[folded.original(at)..folded.original(at + char.len_utf8())])
            .collect();
        assert_eq!(back, ["é\u{200b}", "a", "\u{a0}", "b", "％", "4", "0", "c", "\\u0040", "d"]);
        assert_eq!(Folded::new("plain é").original(7), 7);
    }
}
