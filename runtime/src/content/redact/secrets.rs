//! Credentials: keys and tokens of providers, bearer tokens, JWTs, private keys, passwords by their name and in URLs.

use std::ops::Range;

use super::{Check, Found, run, starts_word};

pub(super) const RULES: &[(&str, Check)] = &[
    // First: the rule for addresses depends on these finds. Schemes in use are no longer than this.
    (r#"[A-Za-z][A-Za-z0-9+.\-]{0,23}://[^\s/?\x23"<>]+@"#, url_credentials),
    // One that was cut off is one too.
    (
        concat!(
            "-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----",
            "(?s:.*?)(?:-----END [A-Z0-9 ]{0,60}-----|$)",
        ),
        private_key,
    ),
    (r"(?-u:\b)(?i-u:bearer|basic)[ \t]{1,8}[A-Za-z0-9_.\-~+/=]{16,}", authorization),
    (r"[A-Za-z0-9_.\-]{15,}", tokens),
    (
        r"(?i-u:hooks\.slack\.com|discord(?:app)?\.com/api/webhooks|webhook\.office\.com)/[A-Za-z0-9/_@\-]{8,}",
        webhook,
    ),
    (
        concat!(
            "(?i-u:pass(?:word|wd|phrase|code)|pwd",
            r"|secret|(?:api|access|private|account|encryption|signing|subscription)[_\- ]?key",
            "|credential|token|sig)",
            // `password=`, `"password": "`, and the latter inside of a JSON string.
            r#"["'\\]{0,4}[ \t]{0,4}(?:=>|[=:])[ \t]{0,4}["'\\]{0,4}"#,
        ),
        named,
    ),
];

/// The part of a URL before its host.
pub(super) const CREDENTIALS: &str = "CREDENTIALS";

/// Prefixes of provider keys, and the minimum number of characters that follow.
const PREFIXES: &[(&str, usize)] = &[
    ("sk-", 20),    // OpenAI, Anthropic (sk-ant-), DeepSeek, OpenRouter, Langfuse
    ("AIza", 30),   // Google
    ("ya29.", 20),  // Google OAuth
    ("gsk_", 20),   // Groq
    ("hf_", 20),    // Hugging Face
    ("pplx-", 20),  // Perplexity
    ("xai-", 20),   // xAI
    ("r8_", 20),    // Replicate
    ("nvapi-", 20), // Nvidia
    ("tvly-", 16),  // Tavily
    ("lsv2_", 20),  // LangSmith
    ("ghp_", 20),   // GitHub, and the next five
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16), // GitLab
    ("glc_", 20),   // Grafana Cloud
    ("glsa_", 20),  // Grafana service account
    ("AKIA", 16),   // AWS
    ("ASIA", 16),   // AWS, temporary
    ("xoxa-", 10),  // Slack, and the next five
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxr-", 10),
    ("xoxs-", 10),
    ("xapp-", 10),
    ("sk_live_", 16), // Stripe
    ("sk_test_", 16),
    ("rk_live_", 16),
    ("whsec_", 20),
    ("shpat_", 20),  // Shopify
    ("dapi", 30),    // Databricks
    ("dop_v1_", 30), // DigitalOcean
    ("npm_", 30),
    ("pypi-", 30),
    ("SG.", 20), // SendGrid
];

/// Returns whether the name of a field marks its value as a secret: `api_key`, `db-password`, `clientSecret`.
pub(in crate::content) fn is_secret(name: &str, value: &str) -> bool {
    // Names are short; a long text is none.
    if name.len() > 64 || value.is_empty() || is_placeholder(value) {
        return false;
    }
    let name: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_lowercase()).collect();
    let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
    match () {
        () if ends(&["password", "passwd", "passphrase", "passcode", "pwd"]) => true,
        () if ends(&[
            "secret",
            "apikey",
            "accesskey",
            "secretkey",
            "privatekey",
            "accountkey",
            "credential",
            "credentials",
        ]) =>
        {
            value.len() >= 4
        }
        // A piece of a text is a token too, in models' answers.
        () if ends(&["token"]) => value.len() >= 8 && has_digit(value.as_bytes()),
        () => false,
    }
}

/// `user:password` in `scheme://user:password@host`.
fn url_credentials(text: &str, candidate: Range<usize>, found: &mut Vec<Found>) -> usize {
    let at = candidate.end - 1;
    if let Some(scheme) = text[candidate.clone()].find("://") {
        let start = candidate.start + scheme + 3;
        if text[start..at].contains(':') {
            found.push(Found { start, end: at, label: CREDENTIALS });
        }
    }
    candidate.end
}

fn private_key(_: &str, candidate: Range<usize>, found: &mut Vec<Found>) -> usize {
    found.push(Found { start: candidate.start, end: candidate.end, label: "PRIVATE_KEY" });
    candidate.end
}

/// The path, which is all one needs to know.
fn webhook(text: &str, candidate: Range<usize>, found: &mut Vec<Found>) -> usize {
    let host = text[candidate.clone()].find(".com/").map_or(0, |host| host + ".com/".len());
    found.push(Found { start: candidate.start + host, end: candidate.end, label: "WEBHOOK" });
    candidate.end
}

/// Finds the credentials after `Bearer ` or `Basic `.
fn authorization(text: &str, candidate: Range<usize>, found: &mut Vec<Found>) -> usize {
    let value = text[candidate.clone()].rfind([' ', '\t']).map_or(0, |space| space + 1);
    let start = candidate.start + value;
    if has_digit(&text.as_bytes()[start..candidate.end]) {
        found.push(Found { start, end: candidate.end, label: "TOKEN" });
    }
    candidate.end
}

/// Keys that begin as providers' do, and JWTs, in a run of letters, digits, dots and dashes.
fn tokens(text: &str, candidate: Range<usize>, found: &mut Vec<Found>) -> usize {
    let bytes = &text.as_bytes()[..candidate.end];
    let last_digit = last_digit(bytes, candidate.start);
    let mut start = candidate.start;
    let mut word = Word { end: start, last_digit: None };
    while start < candidate.end {
        // Every one of them begins with a letter that begins a word.
        if bytes[start].is_ascii_alphabetic() && starts_word(bytes, start) {
            if start >= word.end {
                word = Word::at(bytes, start);
            }
            let jwt = jwt(bytes, start, &word).map(|end| (end, "JWT"));
            if let Some((end, label)) =
                jwt.or_else(|| api_key(bytes, start, &word, last_digit).map(|end| (end, "API_KEY")))
            {
                found.push(Found { start, end, label });
                start = end;
                continue;
            }
        }
        start += 1;
    }
    start
}

/// A run without dots, looked at once for all that may begin in it.
struct Word {
    end: usize,
    last_digit: Option<usize>,
}

impl Word {
    fn at(text: &[u8], start: usize) -> Self {
        let end = run(text, start, is_token);
        Word { end, last_digit: last_digit(&text[..end], start) }
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn has_digit(bytes: &[u8]) -> bool {
    bytes.iter().any(u8::is_ascii_digit)
}

fn last_digit(text: &[u8], start: usize) -> Option<usize> {
    text[start..].iter().rposition(u8::is_ascii_digit).map(|at| start + at)
}

fn api_key(text: &[u8], start: usize, word: &Word, last_digit: Option<usize>) -> Option<usize> {
    let (prefix, least) = PREFIXES.iter().find(|(prefix, _)| text[start..].starts_with(prefix.as_bytes()))?;
    let from = start + prefix.len();
    // SendGrid's and Google's have dots inside; others may end a sentence.
    let (end, last_digit) =
        if prefix.ends_with('.') { (text.len(), last_digit) } else { (word.end, word.last_digit) };
    // Names that merely begin alike have no digits.
    (end >= from + least && last_digit.is_some_and(|digit| digit >= from)).then_some(end)
}

/// `eyJ….….…`: three parts, of which the first is the base64 of `{"`.
fn jwt(text: &[u8], start: usize, word: &Word) -> Option<usize> {
    if !text[start..].starts_with(b"eyJ") {
        return None;
    }
    let header = word.end;
    if header - start < 10 || text.get(header) != Some(&b'.') {
        return None;
    }
    let payload = run(text, header + 1, is_token);
    if payload - header < 10 {
        return None;
    }
    // The signature may be missing where the text was cut off.
    Some(if text.get(payload) == Some(&b'.') { run(text, payload + 1, is_token) } else { payload })
}

/// The value that follows a name, `=` or `:`, and perhaps a quote.
fn named(text: &str, candidate: Range<usize>, found: &mut Vec<Found>) -> usize {
    let Range { start: name, end: start } = candidate;
    let bytes = text.as_bytes();
    // A name has neither of these.
    let Some(separator) = text[name..start].find(['=', ':']) else { return start };
    let quote = bytes[start - 1];
    let is_quoted = matches!(quote, b'"' | b'\'');
    let is_part = |byte: u8| match byte {
        b'\n' | b'\r' => false,
        _ if is_quoted => byte != quote && byte != b'\\',
        _ => !byte.is_ascii_whitespace() && !br#""'\&<>,;)}]|"#.contains(&byte),
    };
    // Enough to decide by. How long it is matters only where it is one: the search goes on behind it.
    let beginning = &text[start..crate::value::prefix_end(text, start + 64)];
    let beginning = &beginning[..run(beginning.as_bytes(), 0, is_part)];
    let before = name.checked_sub(1).map_or(b' ', |before| bytes[before]);
    let is_colon = bytes[name + separator] == b':';
    let is_secret = match &text[name..name + 3] {
        _ if beginning.is_empty() || is_placeholder(beginning) => false,
        // `?token=…`, `;AccountKey=…`
        _ if !is_colon && matches!(before, b'?' | b'&' | b';') => beginning.len() >= 4,
        word if word.eq_ignore_ascii_case("pas") || word.eq_ignore_ascii_case("pwd") => {
            // `password: str` declares one.
            is_quoted || !is_colon || beginning.bytes().any(|byte| !byte.is_ascii_alphabetic())
        }
        word if word.eq_ignore_ascii_case("tok") || word.eq_ignore_ascii_case("sig") => {
            beginning.len() >= 8 && has_digit(beginning.as_bytes())
        }
        _ => beginning.len() >= 8 && (is_quoted || has_digit(beginning.as_bytes())),
    };
    if !is_secret {
        return start;
    }
    let end = run(bytes, start, is_part);
    found.push(Found { start, end, label: "SECRET" });
    end
}

/// `${PASSWORD}`, `{{password}}`, `<password>`, and what was replaced already.
fn is_placeholder(value: &str) -> bool {
    let bytes = value.as_bytes();
    let is_variable = bytes.starts_with(b"$")
        && bytes.get(1).is_some_and(|byte| byte.is_ascii_uppercase() || matches!(byte, b'{' | b'('));
    is_variable
        || matches!(bytes, [b'[' | b'{' | b'<' | b'%', ..])
        || bytes.iter().all(|byte| matches!(byte, b'*' | b'.'))
}
