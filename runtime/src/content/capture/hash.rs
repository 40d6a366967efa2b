//! Keyed digests, which distinguish values without revealing them.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::OnceLock;

use hmac::Mac as _;
use serde_json::Value;

use crate::content::{KeyedHash, keyed_hash};

/// In the place of a field of which only the digest is recorded.
#[derive(Debug)]
pub struct Hashed<T>(pub T);

/// Key of the digests: without it, values cannot be searched by digest.
#[derive(Clone)]
pub(crate) struct HashKey(Vec<u8>);

impl HashKey {
    #[cfg(feature = "otlp")]
    pub(crate) fn of_salt(salt: &str) -> Self {
        HashKey(salt.as_bytes().to_vec())
    }

    /// This process's own.
    pub(crate) fn of_process() -> Self {
        static KEY: OnceLock<[u8; 32]> = OnceLock::new();
        let key = KEY.get_or_init(|| {
            // The standard library's only source of randomness: 128 bits from the operating system.
            let random = RandomState::new();
            let mut key = [0; 32];
            for (number, word) in (0_u64..).zip(key.chunks_exact_mut(8)) {
                word.copy_from_slice(&random.hash_one(number).to_ne_bytes());
            }
            key
        });
        HashKey(key.to_vec())
    }

    /// 128 bits of the digest of a value's JSON. In letters alone, as digits in a row may be taken for a number that
    /// must be redacted.
    pub(crate) fn digest(&self, value: &Value) -> String {
        let mut hmac = keyed_hash(&self.0);
        update(&mut hmac, value);
        let mut text = "[hash ".to_owned();
        for byte in &hmac.finalize().into_bytes()[..16] {
            text.extend([byte >> 4, byte & 15].map(|half| char::from(b'a' + half)));
        }
        text.push(']');
        text
    }
}

impl fmt::Debug for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Feeds JSON whose keys are sorted: a hash map is the same in any order.
fn update(hmac: &mut KeyedHash, value: &Value) {
    match value {
        Value::Array(items) => {
            hmac.update(b"[");
            for item in items {
                update(hmac, item);
                hmac.update(b",");
            }
            hmac.update(b"]");
        }
        Value::Object(entries) => {
            hmac.update(b"{");
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            for (key, value) in entries {
                hmac.update(Value::from(key.as_str()).to_string().as_bytes());
                hmac.update(b":");
                update(hmac, value);
                hmac.update(b",");
            }
            hmac.update(b"}");
        }
        scalar => hmac.update(scalar.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_digest_depends_on_value_and_key_and_on_nothing_else() {
        let key = HashKey(b"a salt of the deployment".to_vec());
        let digest = |value: Value| key.digest(&value);
        let known = digest(json!("ada@example.org"));
        assert_eq!(known, digest(json!("ada@example.org")));
        assert_ne!(known, digest(json!("ada@example.com")));
        assert_ne!(known, HashKey(b"another salt of another one".to_vec()).digest(&json!("ada@example.org")));
        assert_ne!(digest(json!(["a", "b"])), digest(json!(["a,b"])));
        assert_ne!(digest(json!([["a"], "b"])), digest(json!([["a", "b"]])));
        assert_eq!(HashKey::of_process().digest(&json!(1)), HashKey::of_process().digest(&json!(1)));
        let letters = known.strip_prefix("[hash ").and_then(|rest| rest.strip_suffix(']')).expect("a digest");
        assert!(letters.len() == 32 && letters.bytes().all(|byte| byte.is_ascii_lowercase()), "{known}");
    }
}
