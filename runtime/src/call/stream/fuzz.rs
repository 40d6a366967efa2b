//! Chunks of streams.

use llm_trace_fuzz::fuzz;
use serde_json::Value;

use crate::content::ContentPolicy;
use crate::extract::ChunkReader;
use crate::extract::deltas::Deltas;
use crate::extract::fuzz::{CANARY, assert_plausible, with_canaries};
use crate::extract::transcript::Transcript;

/// Returns the response read from the chunks, and the streamed text.
fn streamed(chunks: &[Value]) -> (String, String) {
    let mut reader = ChunkReader::default();
    let mut transcript = Some(Box::new(Transcript::new(ContentPolicy::default().limits())));
    let mut said = (false, false);
    for chunk in chunks {
        let mut deltas = Deltas { transcript: transcript.take(), ..Deltas::default() };
        reader.read(chunk, &mut deltas);
        deltas.commit();
        said = (said.0 | deltas.any, said.1 | deltas.visible);
        transcript = deltas.transcript;
    }
    let error_type = reader.error_type();
    let response = reader.finish();
    assert_plausible(&response);
    (format!("{response:?} {error_type:?} {said:?}"), format!("{transcript:?}"))
}

/// Returns the same stream with each text of the common shape in two chunks, split at `at`.
fn split(chunks: &[Value], at: usize) -> Vec<Value> {
    const DELTA: &str = "/choices/0/delta/content";
    let halves = |chunk: &Value| {
        let text = chunk.pointer(DELTA).and_then(Value::as_str)?.to_owned();
        let cut = (0..=at % (text.len() + 1)).rev().find(|cut| text.is_char_boundary(*cut))?;
        let half = |text: &str| {
            let mut half = chunk.clone();
            *half.pointer_mut(DELTA)? = text.into();
            Some(half)
        };
        Some([half(&text[..cut])?, half(&text[cut..])?])
    };
    chunks.iter().flat_map(|chunk| halves(chunk).map_or_else(|| vec![chunk.clone()], Vec::from)).collect()
}

#[test]
fn fuzz_streams() {
    fuzz("streams", |input| {
        let text = String::from_utf8_lossy(input);
        let lines = text.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
        let mut chunks: Vec<Value> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
        let whole = streamed(&chunks);
        for at in [1, 2, input.len()] {
            assert_eq!(streamed(&split(&chunks, at)), whole, "a text in two chunks tells the same");
        }
        for chunk in &mut chunks {
            with_canaries(chunk, false);
        }
        assert!(!streamed(&chunks).0.contains(CANARY), "of {chunks:?}");
        whole.0
    });
}
