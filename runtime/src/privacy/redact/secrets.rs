//! What opens doors: keys and tokens of providers, bearer tokens, JWTs, private keys, passwords in URLs.

use super::{Found, ends_word, run, starts_word};

/// How the keys of providers begin, and how many characters follow at least.
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
    ("npm_", 30),
    ("pypi-", 30),
    ("SG.", 20), // SendGrid
];

pub(super) fn find(text: &str, found: &mut Vec<Found>) {
    private_keys(text, found);
    let bytes = text.as_bytes();
    let mut token = Token { end: 0, last_digit: None };
    for start in 0..bytes.len() {
        // Everything here begins with a letter that begins a word.
        if !bytes[start].is_ascii_alphabetic() || !starts_word(bytes, start) {
            continue;
        }
        if start >= token.end {
            token = Token::at(bytes, start);
        }
        if let Some(end) = jwt(bytes, start, &token) {
            found.push(Found { start, end, label: "JWT" });
        } else if let Some(end) = api_key(bytes, start, &token) {
            found.push(Found { start, end, label: "API_KEY" });
        } else if let Some((start, end)) = authorization(bytes, start) {
            found.push(Found { start, end, label: "TOKEN" });
        } else if let Some((start, end)) = url_credentials(bytes, start) {
            found.push(Found { start, end, label: "CREDENTIALS" });
        }
    }
}

/// A run of characters that tokens are made of, looked at once however many words it has.
struct Token {
    end: usize,
    last_digit: Option<usize>,
}

impl Token {
    fn at(text: &[u8], start: usize) -> Self {
        let end = run(text, start, is_token);
        let last_digit = text[start..end].iter().rposition(u8::is_ascii_digit).map(|at| start + at);
        Token { end, last_digit }
    }
}

/// A key that was cut off is a key too.
fn private_keys(text: &str, found: &mut Vec<Found>) {
    const BEGIN: &str = "-----BEGIN ";
    let mut from = 0;
    while let Some(start) = text[from..].find(BEGIN).map(|at| from + at) {
        from = start + BEGIN.len();
        let header = &text[from..crate::privacy::prefix_end(text, from + 64)];
        if !header.split("-----").next().is_some_and(|kind| kind.ends_with("PRIVATE KEY")) {
            continue;
        }
        let end = text[from..].find("-----END ").map_or(text.len(), |at| {
            let behind = from + at + "-----END ".len();
            text[behind..].find("-----").map_or(text.len(), |dashes| behind + dashes + 5)
        });
        found.push(Found { start, end, label: "PRIVATE_KEY" });
        from = end;
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn has_digit(bytes: &[u8]) -> bool {
    bytes.iter().any(u8::is_ascii_digit)
}

fn api_key(text: &[u8], start: usize, token: &Token) -> Option<usize> {
    let (prefix, least) = PREFIXES.iter().find(|(prefix, _)| text[start..].starts_with(prefix.as_bytes()))?;
    let from = start + prefix.len();
    // SendGrid's and Google's have dots inside; others may end a sentence.
    if prefix.ends_with('.') {
        let end = run(text, from, |byte| is_token(byte) || byte == b'.');
        return (end - from >= *least && has_digit(&text[from..end])).then_some(end);
    }
    // Names that merely begin alike have no digits.
    let has_digit = token.last_digit.is_some_and(|digit| digit >= from);
    (token.end >= from + least && has_digit).then_some(token.end)
}

/// `eyJ….….…`: three parts, of which the first is the base64 of `{"`.
fn jwt(text: &[u8], start: usize, token: &Token) -> Option<usize> {
    if !text[start..].starts_with(b"eyJ") {
        return None;
    }
    let header = token.end;
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

/// What follows `Bearer ` or `Basic `.
fn authorization(text: &[u8], start: usize) -> Option<(usize, usize)> {
    let scheme = ["bearer ", "basic "].into_iter().find(|scheme| {
        text.get(start..start + scheme.len()).is_some_and(|word| word.eq_ignore_ascii_case(scheme.as_bytes()))
    })?;
    let from = start + scheme.len();
    let end = run(text, from, |byte| is_token(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'='));
    let end = from + text[from..end].trim_ascii_end().len();
    (end - from >= 16 && has_digit(&text[from..end])).then_some((from, end))
}

/// `user:password` in `scheme://user:password@host`.
fn url_credentials(text: &[u8], start: usize) -> Option<(usize, usize)> {
    // The longest scheme in use is shorter.
    let end = text.len().min(start + 24);
    let scheme =
        run(&text[..end], start, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    if !text[scheme..].starts_with(b"://") {
        return None;
    }
    let from = scheme + 3;
    let authority = run(text, from, |byte| {
        !byte.is_ascii_whitespace() && !matches!(byte, b'/' | b'?' | b'#' | b'"' | b'<' | b'>')
    });
    let at = from + text[from..authority].iter().rposition(|byte| *byte == b'@')?;
    (text[from..at].contains(&b':') && ends_word(text, at)).then_some((from, at))
}
