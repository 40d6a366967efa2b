//! The tokens in `#[llm_trace(…)]` → [`Args`]. Continues with the next argument after a mistake, so that one compile
//! reports all of them.

use proc_macro2::{Group, Ident, TokenStream};
use syn::{Token, ext::IdentExt as _, parse::ParseStream, token};

use super::{
    at_end, each_argument, skip_to_comma,
    values::{self, Value},
};
use crate::{
    error::Errors,
    vocabulary::{self, Key, Kind},
};

/// Excludes a method of an annotated `impl`.
const SKIP: &str = "skip";

pub(crate) struct Args {
    pub(crate) kind: GivenKind,
    /// The arguments in the order of the source.
    pub(crate) values: Vec<Keyed>,
    /// The keys most similar to mistyped ones. A mistyped `provder` suppresses the error about a missing `provider`.
    pub(crate) meant: Vec<&'static str>,
}

pub(crate) enum GivenKind {
    /// The default if no kind is written: [`Kind::Task`].
    Default,
    Known(Ident, Kind),
    /// An invalid kind, already reported. Keys are not checked against a kind.
    Unknown,
}

impl GivenKind {
    pub(crate) fn kind(&self) -> Option<Kind> {
        match self {
            GivenKind::Default => Some(Kind::Task),
            GivenKind::Known(_, kind) => Some(*kind),
            GivenKind::Unknown => None,
        }
    }
}

/// A key as written, with its value if it parsed.
pub(crate) struct Keyed {
    pub(crate) key: Ident,
    pub(crate) spec: &'static Key,
    pub(crate) value: Option<Value>,
}

pub(crate) fn parse(tokens: TokenStream, errors: &Errors) -> Args {
    let mut args = Args { kind: GivenKind::Default, values: Vec::new(), meant: Vec::new() };
    each_argument(tokens, errors, |input, first| args.argument(input, first, errors));
    args
}

impl Args {
    /// The path of the runtime crate; default: `::llm_trace`.
    pub(crate) fn root(&self) -> Option<&syn::Path> {
        self.values.iter().find_map(|keyed| match &keyed.value {
            Some(Value::Root(path)) => Some(path),
            _ => None,
        })
    }

    fn argument(&mut self, input: ParseStream<'_>, first: bool, errors: &Errors) {
        let Ok(word) = input.call(Ident::parse_any) else {
            let found = skip_to_comma(input);
            let wanted = if first { "a kind or `key = expression`" } else { "`key = expression`" };
            errors.on(found, format_args!("expected {wanted}; kinds and keys are written without quotes"));
            if first {
                self.kind = GivenKind::Unknown;
            }
            return;
        };
        let text = word.to_string();
        if first && at_end(input) && text == SKIP {
            // On its own, `skip` marks a method of an `impl` and is not the key.
            self.kind = GivenKind::Unknown;
            errors.on(&word, unknown_kind(&text));
        } else if let Some(spec) = Key::from_word(&text) {
            self.keyed(word, spec, input, errors);
        } else if !Kind::forms_of(&text).is_empty()
            && (input.peek(token::Paren) || Kind::from_word(&text).is_none())
        {
            self.form(word, &text, input, first, errors);
        } else if let Some(kind) = Kind::from_word(&text) {
            self.kind(word, kind, input, first, errors);
        } else if at_end(input) && first {
            self.kind = GivenKind::Unknown;
            errors.on(&word, unknown_kind(&text));
        } else {
            skip_to_comma(input);
            self.unknown_key(&word, &text, errors);
        }
    }

    // Parses a kind with a form in parentheses: `memory(search)`, `agent(remote)`.
    fn form(&mut self, word: Ident, text: &str, input: ParseStream<'_>, first: bool, errors: &Errors) {
        let forms = || vocabulary::kinds(Kind::forms_of(text));
        let Ok(Some(form)) = input.parse::<Option<Group>>() else {
            errors.on(&word, format_args!("`{text}` needs its operation: write one of {}", forms()));
            skip_to_comma(input);
            self.kind = GivenKind::Unknown;
            return;
        };
        if let Some(kind) = Kind::from_word(&format!("{text}({})", form.stream())) {
            self.kind(word, kind, input, first, errors);
        } else {
            errors.on(&form, format_args!("unknown form of `{text}`: write one of {}", forms()));
            self.kind = GivenKind::Unknown;
        }
    }

    fn kind(&mut self, word: Ident, kind: Kind, input: ParseStream<'_>, first: bool, errors: &Errors) {
        let text = kind.word();
        match &self.kind {
            GivenKind::Known(_, earlier) => errors.on(
                &word,
                format_args!(
                    "a function has one kind, and `{}` is given already: remove `{text}`",
                    earlier.word()
                ),
            ),
            GivenKind::Default if !first => {
                errors.on(
                    &word,
                    format_args!("the kind comes first: write `#[llm_trace({text}, key = expression, …)]`"),
                );
                // Keeps the kind after the error, so that the keys are checked against it.
                self.kind = GivenKind::Known(word.clone(), kind);
            }
            GivenKind::Default => self.kind = GivenKind::Known(word.clone(), kind),
            GivenKind::Unknown => {}
        }
        if input.peek(Token![=]) || input.peek(token::Paren) {
            skip_to_comma(input);
            errors.on(
                word,
                format_args!(
                    "`{text}` is a kind and takes no value: write `#[llm_trace({text}, key = expression, …)]`"
                ),
            );
        }
    }

    fn keyed(&mut self, key: Ident, spec: &'static Key, input: ParseStream<'_>, errors: &Errors) {
        if self.values.iter().any(|earlier| earlier.spec.word == spec.word) {
            errors.on(&key, format_args!("`{key}` is given twice: keep one"));
        }
        let value = values::parse(&key, spec, input, errors);
        self.values.push(Keyed { key, spec, value });
    }

    fn unknown_key(&mut self, word: &Ident, text: &str, errors: &Errors) {
        // Without a kind, the kind itself may be missing: suggest from all keys.
        let known = match self.kind {
            GivenKind::Known(_, kind) => Some(kind),
            GivenKind::Default | GivenKind::Unknown => None,
        };
        if matches!(text, "capture" | "record" | "capture_content") {
            errors.on(
                word,
                format_args!(
                    "`{text}` is not a key: whether content is recorded is the application's decision, which a function \
                     can only narrow with `skip(…)`; what is recorded comes from the request and the result, or from \
                     a key such as `input = expression`"
                ),
            );
        } else if let Some(similar) = vocabulary::similar_key(text, known) {
            self.meant.push(similar.word);
            errors.on(word, format_args!("unknown key `{text}`, did you mean `{}`?", similar.word));
        } else if let Some(kind) = self.kind.kind() {
            errors.on(
                word,
                format_args!("unknown key `{text}`; `{}` takes {}", kind.word(), vocabulary::keys_of(kind)),
            );
        } else {
            errors.on(word, format_args!("unknown key `{text}`"));
        }
    }
}

fn unknown_kind(word: &str) -> String {
    if word == SKIP {
        "`skip` leaves a method out of an annotated `impl`, and this one is in none: remove the attribute"
            .to_owned()
    } else if let Some(kind) = vocabulary::similar_kind(word) {
        format!("unknown kind `{word}`, did you mean `{}`?", kind.word())
    } else if let Some(key) = vocabulary::similar_key(word, None) {
        format!("unknown kind `{word}`, did you mean the key `{}`?", key.example())
    } else {
        format!("unknown kind `{word}`; the kinds are {}", vocabulary::kinds(Kind::all()))
    }
}
