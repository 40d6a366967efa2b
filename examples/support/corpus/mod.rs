//! The documentation of this workspace, split into sections and indexed with BM25.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use bm25::{SearchEngine, SearchEngineBuilder, Tokenizer};

use serde::Serialize;

use crate::text;

mod markdown;

/// One section of the documentation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Document {
    /// The file, then the headings above the section.
    #[serde(rename = "id")]
    pub title: String,
    /// The text, in Markdown.
    pub text: String,
    /// The score of the search.
    pub score: f32,
}

/// The form sent to a model: the title as a heading, then the text.
impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "## {}\n\n{}", self.title, self.text)
    }
}

/// A file of the documentation that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the documentation: {}: {source}", path.display())]
pub struct CorpusError {
    path: PathBuf,
    source: io::Error,
}

/// The sections and their index.
pub struct Corpus {
    documents: Vec<Document>,
    index: SearchEngine<usize, u32, Stems>,
}

/// Generated tables of names, which match every question a little and answer none.
const GENERATED: &str = "semconv.md";

struct Stems;

impl Tokenizer for Stems {
    fn tokenize(&self, text: &str) -> Vec<String> {
        text::stems(text)
    }
}

impl Corpus {
    /// Reads the documentation of the workspace this package belongs to: README, changelog, `docs/` and the
    /// rustdoc of the two crates' root modules.
    ///
    /// # Errors
    ///
    /// If one of the files cannot be read.
    pub fn of_workspace() -> Result<Self, CorpusError> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
        let mut documents = Vec::new();
        for path in markdown_files(root)? {
            documents.extend(markdown::sections(&title(root, &path), &read(&path)?));
        }
        for path in present(root, ["macros/src/lib.rs", "runtime/src/lib.rs"]) {
            documents.extend(markdown::sections(&title(root, &path), &markdown::rustdoc(&read(&path)?)));
        }
        Ok(Self::new(documents))
    }

    /// Indexes the given sections.
    pub fn new(documents: Vec<Document>) -> Self {
        let entries = documents.iter().enumerate().map(|(id, document)| {
            // Index the headings too: they often contain a word that the text below omits.
            bm25::Document::new(id, document.to_string())
        });
        let index = SearchEngineBuilder::with_tokenizer_and_documents(Stems, entries).build();
        Self { documents, index }
    }

    /// The titles of the sections, in the order of the documentation.
    pub fn titles(&self) -> impl Iterator<Item = &str> {
        self.documents.iter().map(|document| &*document.title)
    }

    /// The sections that share words with the question, best first; at most `limit`.
    pub fn search(&self, question: &str, limit: usize) -> Vec<Document> {
        let results = self.index.search(question, limit);
        let found = results
            .into_iter()
            .map(|result| Document { score: result.score, ..self.documents[result.document.id].clone() });
        found.collect()
    }
}

/// Merges the ranking by words, which is the order of `candidates`, with the ranking by meaning, which is the
/// similarity of each candidate's vector to that of the question. `vectors` starts with the question's vector.
///
/// Uses reciprocal rank fusion (Cormack et al., SIGIR 2009). It needs ranks only, so the two scores need no common
/// scale.
pub fn fuse(candidates: Vec<Document>, vectors: &[Vec<f32>]) -> Vec<Document> {
    const K: f32 = 60.0; // the constant of the paper
    let Some((question, vectors)) = vectors.split_first() else { return candidates };
    let mut by_meaning: Vec<_> = vectors.iter().map(|vector| cosine(question, vector)).enumerate().collect();
    by_meaning.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let mut score: Vec<f32> =
        (0_u16..).map(f32::from).map(|rank| 1.0 / (K + rank)).take(candidates.len()).collect();
    for (rank, (candidate, _)) in (0_u16..).map(f32::from).zip(by_meaning) {
        if let Some(score) = score.get_mut(candidate) {
            *score += 1.0 / (K + rank);
        }
    }
    let mut fused: Vec<_> = score.into_iter().zip(candidates).collect();
    fused.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    fused.into_iter().map(|(score, document)| Document { score, ..document }).collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 { dot(a, b) / lengths } else { 0.0 }
}

fn markdown_files(root: &Path) -> Result<Vec<PathBuf>, CorpusError> {
    let mut files = Vec::new();
    let mut folders: Vec<_> = present(root, ["docs"]).collect();
    while let Some(folder) = folders.pop() {
        let unreadable = |source| CorpusError { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md")
                && !path.ends_with(GENERATED)
            {
                files.push(path);
            }
        }
    }
    // A directory lists its files in arbitrary order; equal scores keep the order of the corpus.
    files.sort();
    files.splice(0..0, present(root, ["README.md", "CHANGELOG.md"]));
    Ok(files)
}

/// The paths that exist. A missing file is no error: fewer documents still allow an answer.
fn present<const N: usize>(root: &Path, paths: [&str; N]) -> impl Iterator<Item = PathBuf> {
    paths.map(|path| root.join(path)).into_iter().filter(|path| path.exists())
}

fn read(path: &Path) -> Result<String, CorpusError> {
    fs::read_to_string(path).map_err(|source| CorpusError { path: path.to_owned(), source })
}

fn title(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document { title: "test.md".to_owned(), text: text.to_owned(), score: 0.0 }
    }

    fn texts(documents: &[Document]) -> Vec<&str> {
        documents.iter().map(|document| &*document.text).collect()
    }

    #[test]
    fn the_workspace_has_documentation_and_contains_how_to_name_a_span() {
        let corpus = Corpus::of_workspace().unwrap();
        let found = corpus.search("How do I name a span?", 4);
        assert!(found.iter().any(|document| document.text.contains("name")), "{found:#?}");
    }

    #[test]
    fn the_section_with_the_rarer_words_comes_first() {
        let corpus = Corpus::new(vec![
            document("A span has a parent."),
            document("Set `name` to rename a span."),
            document("Prices are bundled."),
        ]);
        let found = corpus.search("How are spans named?", 2);
        assert_eq!(texts(&found)[0], "Set `name` to rename a span.");
        assert!(found.is_sorted_by(|a, b| a.score > b.score && b.score > 0.0), "{found:?}");
        assert!(corpus.search("completely unrelated", 2).is_empty());
    }

    #[test]
    fn fusion_lifts_the_candidate_that_both_rankings_like() {
        let candidates = vec![document("a"), document("b"), document("c")];
        let vectors = [vec![1.0, 0.0], vec![0.0, 1.0], vec![1.0, 0.1], vec![0.9, 0.5]];
        let fused = fuse(candidates.clone(), &vectors);
        assert_eq!(texts(&fused), ["b", "a", "c"]);
        assert!(fused.is_sorted_by(|a, b| a.score >= b.score), "{fused:?}");
        assert_eq!(fuse(candidates.clone(), &[]), candidates);
    }
}
