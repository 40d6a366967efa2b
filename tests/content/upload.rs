//! Uploaded content, and its references on spans and events.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver as Gate, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use llm_trace::{ContentCapture, ContentDirectory, ContentItem, ContentStore, ContentUpload, llm_trace};
use llm_trace_test_support::otlp::Receiver;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};

use crate::{content_keys, exported, schema, text};

const KEYS: [&str; 4] = [
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.tool.definitions",
];

fn reference_of(key: &str) -> String {
    format!("{}_ref", key.replace("gen_ai.", "llm_trace."))
}

#[llm_trace(chat, provider = "acme", request = request)]
fn chat(request: &Value) -> String {
    request["answer"].as_str().unwrap_or("42").to_owned()
}

fn request() -> Value {
    json!({
        "system": "Be kind.", "messages": [{"role": "user", "content": "I am ada@example.org"}],
        "tools": [{"name": "t", "input_schema": {}}],
    })
}

/// Keeps content in memory.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, String>>);

impl ContentStore for Memory {
    fn reference(&self, piece: &ContentItem<'_>) -> String {
        format!("mem:{}/{}/{}", piece.trace_id(), piece.span_id(), piece.attribute())
    }

    fn store(&self, reference: &str, json: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.0.lock().unwrap().insert(reference.to_owned(), json.to_owned());
        Ok(())
    }
}

impl Memory {
    fn of(&self, reference: &str) -> Value {
        let stored = self.0.lock().unwrap();
        let json = stored.get(reference).unwrap_or_else(|| panic!("nothing at {reference}: {stored:?}"));
        serde_json::from_str(json).unwrap()
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

fn uploading(store: impl ContentStore + 'static, upload: ContentUpload) -> llm_trace::Builder {
    llm_trace::builder().with_content_upload(store, upload)
}

/// Runs a program to its end. Returns the received telemetry and the receipt.
fn run(builder: llm_trace::Builder, code: impl FnOnce()) -> (Receiver, llm_trace::ExportReport) {
    crate::finished(builder, code)
}

fn hex(id: &[u8]) -> String {
    id.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

fn expected() -> [(&'static str, Value); 4] {
    [
        (
            "gen_ai.input.messages",
            json!([{"role": "user", "parts": [{"type": "text", "content": "I am [EMAIL]"}]}]),
        ),
        (
            "gen_ai.output.messages",
            json!([{"role": "assistant", "parts": [{"type": "text", "content": "42"}], "finish_reason": "stop"}]),
        ),
        ("gen_ai.system_instructions", json!([{"type": "text", "content": "Be kind."}])),
        ("gen_ai.tool.definitions", json!([{"type": "function", "name": "t", "parameters": {}}])),
    ]
}

fn assert_stored(store: &Memory, span: &Span) {
    for (key, content) in expected() {
        let reference = text(span, &reference_of(key)).unwrap();
        assert_eq!(reference, format!("mem:{}/{}/{key}", hex(&span.trace_id), hex(&span.span_id)));
        let stored = store.of(&reference);
        schema::check(key, &stored);
        assert_eq!(stored, content);
    }
}

#[test]
fn spans_have_references_in_place_of_content_which_is_redacted_and_in_the_conventions_form() {
    for capture in [ContentCapture::NoContent, ContentCapture::SpanOnly] {
        let store = Arc::new(Memory::default());
        let builder = uploading(Arc::clone(&store), ContentUpload::Instead).with_content_capture(capture);
        let (receiver, receipt) = run(builder, || drop(chat(&request())));
        let span = receiver.spans().remove(0);
        assert_eq!(content_keys(&span), [""; 0]);
        assert_stored(&store, &span);
        assert_eq!((store.len(), receipt.uploads().stored, receipt.uploads().dropped), (4, 4, 0));
        assert!(receipt.is_complete());
    }
}

#[test]
fn megabytes_of_addresses_are_redacted_in_the_time_that_a_program_has_to_end() {
    let store = Arc::new(Memory::default());
    let addresses = json!({
        "messages": [{"role": "user", "content": "ada.lovelace@example.org, ".repeat((1 << 20) / 26 - 10)}]
    });
    // A quadratic rule takes seconds for each of them.
    let (_, receipt) = run(uploading(Arc::clone(&store), ContentUpload::Instead), || {
        for _ in 0..6 {
            chat(&addresses);
        }
    });
    assert_eq!((receipt.uploads().stored, receipt.uploads().dropped), (12, 0), "{receipt}");
    let is_redacted = |json: &String| json.contains("[EMAIL], [EMAIL]") && !json.contains("ada.");
    assert_eq!(store.0.lock().unwrap().values().filter(|json| is_redacted(json)).count(), 6);
}

#[test]
fn references_can_be_recorded_in_addition_to_content() {
    let store = Arc::new(Memory::default());
    let builder = uploading(Arc::clone(&store), ContentUpload::Besides);
    let receiver =
        exported(builder.with_content_capture(ContentCapture::SpanOnly), || drop(chat(&request())));
    let span = receiver.spans().remove(0);
    assert_eq!(content_keys(&span).len(), 4);
    assert_stored(&store, &span);
    // Content that may not be recorded is not uploaded either.
    let receiver = exported(uploading(Arc::clone(&store), ContentUpload::Besides), || drop(chat(&request())));
    assert_eq!(content_keys(&receiver.spans()[0]), [""; 0]);
    assert_stored(&store, &receiver.spans()[0]);
}

#[test]
fn events_have_references_too() {
    for (upload, with_content) in [(ContentUpload::Instead, false), (ContentUpload::Besides, true)] {
        let store = Arc::new(Memory::default());
        let builder = uploading(Arc::clone(&store), upload).with_content_capture(ContentCapture::EventOnly);
        let receiver = exported(builder, || drop(chat(&request())));
        let record = receiver.logs().remove(0);
        let has = |key: &str| record.attributes.iter().any(|attribute| attribute.key == key);
        for key in KEYS {
            assert_eq!((has(&reference_of(key)), has(key)), (true, with_content), "{key}");
        }
        assert_eq!(store.len(), 4, "once, for span and event");
    }
}

#[test]
fn unsampled_calls_are_uploaded_and_skipped_content_is_not() {
    #[llm_trace(chat, provider = "acme", request = request, skip(input, output))]
    fn discreet(request: &Value) -> String {
        request.to_string()
    }
    #[llm_trace(tool, arguments(city))]
    fn tool(city: &str) -> String {
        city.to_owned()
    }
    let store = Arc::new(Memory::default());
    let builder = uploading(Arc::clone(&store), ContentUpload::Instead);
    let builder = builder.with_sampler(llm_trace::Sampler::ratio(0.0));
    let (receiver, _) = run(builder, || {
        drop(chat(&request()));
        drop(discreet(&request()));
        drop(tool("Rome"));
    });
    assert!(receiver.spans().is_empty());
    assert_eq!(store.len(), 4 + 2, "all, two, and nothing of the tool");
}

#[test]
fn uploads_exceed_the_budget_of_a_span() {
    let store = Arc::new(Memory::default());
    let long = "word ".repeat(50_000);
    let mut body = request();
    body["messages"][0]["content"] = json!(long);
    let builder = uploading(Arc::clone(&store), ContentUpload::Besides);
    let receiver = exported(builder.with_content_capture(ContentCapture::SpanOnly), || drop(chat(&body)));
    let span = receiver.spans().remove(0);
    assert!(text(&span, "gen_ai.input.messages").unwrap().len() <= 16 << 10);
    let stored = store.of(&text(&span, "llm_trace.input.messages_ref").unwrap());
    assert_eq!(stored[0]["parts"][0]["content"], long);
}

/// Blocks in its first upload until it is released.
struct Slow {
    begun: Mutex<Sender<()>>,
    gate: Mutex<Gate<()>>,
    /// Pieces that were offered.
    offered: Arc<AtomicUsize>,
}

fn slow() -> (Slow, Gate<()>, Sender<()>) {
    let ((begun, has_begun), (go_on, gate)) = (channel(), channel());
    let offered = Arc::default();
    (Slow { begun: Mutex::new(begun), gate: Mutex::new(gate), offered }, has_begun, go_on)
}

impl ContentStore for Slow {
    fn reference(&self, piece: &ContentItem<'_>) -> String {
        self.offered.fetch_add(1, Ordering::SeqCst);
        piece.attribute().to_owned()
    }

    fn store(&self, _: &str, _: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        let _ = self.begun.lock().unwrap().send(());
        let _ = self.gate.lock().unwrap().recv();
        Ok(())
    }
}

#[test]
fn calls_do_not_wait_for_a_hanging_store_and_dropped_uploads_are_counted() {
    let (store, has_begun, go_on) = slow();
    let offered = Arc::clone(&store.offered);
    let (receiver, receipt) = run(uploading(store, ContentUpload::Instead), || {
        drop(chat(&request()));
        has_begun.recv().unwrap();
        (0..100).for_each(|_| drop(chat(&request())));
        // One is being stored and 256 fit in the queue: by now some do not.
        while offered.load(Ordering::SeqCst) < 300 {
            std::thread::yield_now();
        }
        // Releases all uploads: the blocked ones see that the sender is gone.
        drop(go_on);
    });
    let (stored, dropped) = (receipt.uploads().stored, receipt.uploads().dropped);
    assert!(stored + dropped == 4 * 101 && stored >= 257 && dropped >= 300 - 1 - 257, "{stored} {dropped}");
    assert!(!receipt.is_complete());
    assert!(receipt.to_string().contains(&format!("{dropped} pieces of content not delivered")), "{receipt}");
    // Dropped content has no reference.
    let references = receiver
        .spans()
        .iter()
        .map(|span| KEYS.iter().filter(|key| text(span, &reference_of(key)).is_some()).count())
        .sum::<usize>();
    assert_eq!(references as u64, stored);
}

#[test]
fn shutdown_waits_for_uploads_within_its_timeout() {
    let (store, has_begun, go_on) = slow();
    let receipt =
        crate::finished_within(uploading(store, ContentUpload::Instead), Duration::from_millis(300), || {
            drop(chat(&request()));
            has_begun.recv().unwrap();
        });
    assert_eq!((receipt.uploads().stored, receipt.uploads().dropped), (0, 4));
    drop(go_on);
}

/// Fails, panics and works, in turn.
#[derive(Default)]
struct Moody(Mutex<u32>);

impl ContentStore for Moody {
    fn reference(&self, piece: &ContentItem<'_>) -> String {
        assert!(piece.attribute() != "gen_ai.tool.definitions", "no reference");
        piece.attribute().to_owned()
    }

    fn store(&self, _: &str, _: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        let turn = std::mem::replace(&mut *self.0.lock().unwrap(), 0);
        *self.0.lock().unwrap() = turn + 1;
        match turn % 3 {
            0 => Err("disk full".into()),
            1 => panic!("in a store"),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_failing_or_panicking_store_does_not_affect_calls_and_is_counted() {
    let (receiver, receipt) = run(uploading(Moody::default(), ContentUpload::Instead), || {
        for _ in 0..2 {
            assert_eq!(chat(&request()), "42");
        }
    });
    assert_eq!((receipt.uploads().stored, receipt.uploads().dropped), (2, 4 + 2));
    for span in receiver.spans() {
        assert_eq!(text(&span, "llm_trace.tool.definitions_ref"), None);
        assert!(text(&span, "llm_trace.input.messages_ref").is_some());
    }
}

/// A directory that is removed with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("llm-trace-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Folder(path)
    }

    fn files(&self) -> Vec<PathBuf> {
        std::fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().path()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_folder_stores_content_in_files_readable_by_the_owner_only() {
    let folder = Folder::new("kept content");
    let store = ContentDirectory::create(&folder.0).unwrap();
    let (receiver, receipt) = run(uploading(store, ContentUpload::Instead), || drop(chat(&request())));
    assert_eq!((receipt.uploads().stored, receipt.uploads().dropped), (4, 0));
    let span = receiver.spans().remove(0);
    for (key, content) in expected() {
        let reference = text(&span, &reference_of(key)).unwrap();
        let path = reference.strip_prefix("file://").unwrap().replace("%20", " ");
        let json: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(json, content);
        assert!(
            path.ends_with(&format!("{}-{}-{key}.json", hex(&span.trace_id), hex(&span.span_id))),
            "{path}"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
    assert_eq!(folder.files().len(), 4, "nothing unfinished");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&folder.0).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[cfg(unix)]
#[test]
fn content_is_neither_written_through_a_link_nor_into_a_folder_of_others() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = Folder::new("linked");
    let store = ContentDirectory::create(&folder.0).unwrap();
    let victim = folder.0.join("victim");
    std::fs::write(&victim, "untouched").unwrap();
    // The name of the first upload without ids: a link of this name is already there.
    let reference = format!("untraced-{}-0-gen_ai.input.messages", std::process::id());
    symlink(&victim, folder.0.join(format!("{reference}.part"))).unwrap();
    let url = format!("file://{}", folder.0.join(format!("{reference}.json")).display()).replace(' ', "%20");
    store.store(&url, "[1]").unwrap();
    assert_eq!(std::fs::read_to_string(&victim).unwrap(), "untouched");
    let path = folder.0.join(format!("{reference}.json"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "[1]");
    assert!(!std::fs::symlink_metadata(&path).unwrap().is_symlink());

    // The directory is opened for others while the program runs, or before it starts.
    std::fs::set_permissions(&folder.0, std::fs::Permissions::from_mode(0o777)).unwrap();
    let error = store.store(&url, "[2]").unwrap_err().to_string();
    assert!(error.contains("has mode 0777") && error.contains("chmod 700"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "[1]");
    let error = ContentDirectory::create(&folder.0).unwrap_err().to_string();
    assert!(error.contains("chmod 700"), "{error}");
}

#[test]
fn a_removed_folder_loses_content_only() {
    let folder = Folder::new("gone");
    let store = ContentDirectory::create(&folder.0).unwrap();
    std::fs::remove_dir_all(&folder.0).unwrap();
    let (receiver, receipt) = run(uploading(store, ContentUpload::Instead), || drop(chat(&request())));
    assert_eq!((receiver.spans().len(), receipt.spans().dropped()), (1, 0));
    assert_eq!((receipt.uploads().stored, receipt.uploads().dropped), (0, 4));
}
