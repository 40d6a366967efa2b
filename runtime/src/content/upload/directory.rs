//! Content in files.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use llm_trace_delivery::private_file;

use super::{ContentItem, ContentStore};

/// A folder that stores content, one JSON file for each piece. Only the program's user can read it (mode 0600, folders 0700; on other
/// systems than Unix the folder's permissions apply). Symbolic links are not followed. References are `file://` URLs. Files are never
/// deleted: retention is up to the operator.
///
/// ```no_run
/// use llm_trace::{ContentDirectory, ContentUpload};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = ContentDirectory::create("/var/lib/support-bot/content")?;
/// let telemetry = llm_trace::builder().with_content_upload(store, ContentUpload::Instead).init()?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ContentDirectory {
    path: PathBuf,
    /// Distinguishes calls without ids.
    unnamed: AtomicU64,
}

impl ContentDirectory {
    /// Keeps content in this folder, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// If the folder cannot be created, or, on Unix, if it exists and is a symbolic link, belongs to another user, or gives
    /// permissions to others: the error names the `chmod` or `chown` that helps. The folder is checked again for each piece;
    /// one that is gone or not its owner's any more loses the piece, which is counted.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        private_file::create_folder(path.as_ref())?;
        Ok(ContentDirectory { path: path.as_ref().canonicalize()?, unnamed: AtomicU64::new(0) })
    }

    fn url(&self, name: &str) -> String {
        let mut url = "file://".to_owned();
        for byte in self.path.join(name).to_string_lossy().bytes() {
            if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
                url.push(char::from(byte));
            } else {
                // Writing to a string cannot fail.
                let _ = write!(url, "%{byte:02X}");
            }
        }
        url
    }
}

impl ContentStore for ContentDirectory {
    fn reference(&self, piece: &ContentItem<'_>) -> String {
        let (trace, span, attribute) = (piece.trace_id(), piece.span_id(), piece.attribute());
        if span.bytes().all(|byte| byte == b'0') {
            let number = self.unnamed.fetch_add(1, Ordering::Relaxed);
            return self.url(&format!("untraced-{}-{number}-{attribute}.json", std::process::id()));
        }
        self.url(&format!("{trace}-{span}-{attribute}.json"))
    }

    fn store(&self, reference: &str, json: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
        // Names are of hex and of attributes: as they are in the URL. What was not made above is not written.
        let name = reference.rsplit('/').next().filter(|name| self.url(name) == reference);
        let path = self.path.join(name.ok_or("not a reference of this folder")?);
        let unfinished = path.with_extension("part");
        private_file::check_folder(&self.path)?;
        create_new(&unfinished)?.write_all(json.as_bytes())?;
        // A reference leads to the whole file or to none.
        Ok(fs::rename(&unfinished, &path)?)
    }
}

/// Creates a file that was not there, so that nothing is written through a link. One that a killed program left is replaced.
fn create_new(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    match private_file::open_file(path, &mut options) {
        Err(error) if error.kind() != io::ErrorKind::NotFound && fs::symlink_metadata(path).is_ok() => {
            fs::remove_file(path)?;
            private_file::open_file(path, &mut options)
        }
        opened => opened,
    }
}
