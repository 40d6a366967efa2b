//! The documents are complete and their links resolve. Other tests check their code and tables.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod markdown;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use markdown::Document;

const MAX_README_LINES: usize = 200;

#[test]
fn the_readme_has_two_pages() {
    let lines = read("README.md").lines().count();
    assert!(lines <= MAX_README_LINES, "{lines} lines: move a topic to docs/guide");
}

#[test]
fn every_link_resolves_to_a_file_and_a_heading() {
    let mut broken = Vec::new();
    for path in documents() {
        let document = Document::parse(&read(&path));
        let folder = Path::new(&path).parent().unwrap();
        for target in document.targets() {
            if target.contains("://") {
                continue;
            }
            let (file, heading) =
                target.split_once('#').map_or((target, None), |(file, heading)| (file, Some(heading)));
            let linked = if file.is_empty() { root().join(&path) } else { root().join(folder).join(file) };
            if !linked.exists() {
                broken.push(format!("{path}: {target}"));
            } else if let Some(heading) = heading {
                let headings = Document::parse(&fs::read_to_string(&linked).unwrap()).headings();
                if !headings.contains(heading) {
                    broken.push(format!("{path}: no heading {target}"));
                }
            }
        }
        broken.extend(document.undefined().map(|label| format!("{path}: [{label}] is not defined")));
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// A path is relative to the root, to `runtime/src`, or to a folder that is named before it in the same row or paragraph.
#[test]
fn every_path_in_the_documents_exists() {
    let mut missing = Vec::new();
    let mut paths = 0;
    for path in documents().into_iter().chain(["delivery/README.md".to_owned()]) {
        for block in Document::parse(&read(&path)).code_spans() {
            let mut folders = vec![root(), root().join("runtime/src")];
            for span in block.iter().filter(|span| is_path(span)) {
                paths += 1;
                let name = span.split('*').next().unwrap();
                let Some(found) = folders.iter().map(|folder| folder.join(name)).find(|found| found.exists())
                else {
                    missing.push(format!("{path}: {span}"));
                    continue;
                };
                let folder = if found.is_dir() { found } else { found.parent().unwrap().to_owned() };
                folders.extend([folder.join("src"), folder]);
            }
        }
    }
    assert!(paths > 200, "only {paths} paths were recognized");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Whether code names a file or folder of the repository: it has a file's extension, ends with a slash or begins with a folder of ours.
fn is_path(code: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-./*".contains(c);
    let extension = Path::new(code).extension().and_then(|extension| extension.to_str());
    let is_file =
        extension.is_some_and(|extension| ["md", "rs", "sh", "stderr", "toml", "yaml"].contains(&extension));
    let begins_with_ours = || code.split_once('/').is_some_and(|(first, _)| root().join(first).is_dir());
    code.chars().all(is_name)
        && !code.starts_with(['/', '.'])
        && (is_file || code.ends_with('/') || begins_with_ours())
}

#[test]
fn every_page_of_the_guide_is_in_its_table_of_contents_and_in_the_crate() {
    let contents: BTreeSet<String> = Document::parse(&read("docs/guide/README.md")).used_targets();
    let module = read("runtime/src/guide/mod.rs");
    let pages: Vec<String> = files("docs/guide").into_iter().filter(|name| name != "README.md").collect();
    assert!(pages.len() > 20, "{pages:?}");
    for page in &pages {
        assert!(contents.contains(page), "docs/guide/README.md does not list {page}");
        assert!(
            module.contains(&format!("\"guide/{page}\"")),
            "runtime/src/guide/mod.rs does not include {page}"
        );
    }
    for included in module.split('"').filter(|word| is_markdown(word) && *word != "links.md") {
        let listed = included.strip_prefix("guide/").map_or_else(|| format!("../{included}"), str::to_owned);
        assert!(contents.contains(&listed), "docs/guide/README.md does not list {listed}");
    }
}

/// Links by path do not resolve on docs.rs.
#[test]
fn pages_of_the_guide_link_by_labels_that_the_crate_defines() {
    let module = read("runtime/src/guide/mod.rs");
    let definitions = read("runtime/src/guide/links.md");
    let mut labels = BTreeSet::new();
    for line in definitions.lines().filter(|line| !line.is_empty()) {
        let (label, target) = line[1..].split_once("]: crate::guide::").unwrap();
        assert!(module.contains(&format!("    {target}: \"")), "no page {target}");
        labels.insert(label.to_owned());
    }
    let included: Vec<String> = module
        .split('"')
        .filter(|word| is_markdown(word) && !["links.md", "semconv.md"].contains(word))
        .map(|page| format!("docs/{page}"))
        .collect();
    for path in included.iter().map(String::as_str).chain(["docs/guide/README.md"]) {
        let document = Document::parse(&read(path));
        for label in document.labels() {
            assert!(labels.contains(label), "{path}: runtime/src/guide/links.md does not define [{label}]");
        }
        let inline: Vec<_> =
            document.inline().filter(|target| !target.contains("://") && !target.starts_with('#')).collect();
        assert!(inline.is_empty(), "{path}: {inline:?} should be reference links");
    }
}

#[test]
fn the_index_lists_every_decision_by_its_number_and_title() {
    let index = read("docs/decisions/README.md");
    let mut rows = 0;
    for name in files("docs/decisions").into_iter().filter(|name| name != "README.md") {
        let text = read(&format!("docs/decisions/{name}"));
        let title = text.lines().next().unwrap().strip_prefix("# ").unwrap();
        let (number, title) = title.split_once(": ").unwrap();
        assert_eq!(
            name,
            format!("{number}-{}.md", markdown::slug(title)),
            "the file has the name of its title"
        );
        assert!(
            index.contains(&format!("| {number} | [{title}]({name}) |")),
            "docs/decisions/README.md: {number} {title}"
        );
        rows += 1;
    }
    assert_eq!(index.lines().filter(|line| line.starts_with("| ") && line.contains("](")).count(), rows);
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The Markdown files of a folder, by name.
fn files(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap());
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.retain(|name| is_markdown(name));
    names.sort();
    names
}

/// The Markdown documents.
fn documents() -> Vec<String> {
    let folders = ["", "docs/", "docs/guide/", "docs/decisions/", "examples/"];
    let in_folder =
        |folder: &str| files(folder).into_iter().map(|name| format!("{folder}{name}")).collect::<Vec<_>>();
    folders.into_iter().flat_map(in_folder).collect()
}

fn is_markdown(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "md")
}
