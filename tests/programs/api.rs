//! Compares the public API of the published libraries with `docs/api.txt`, so that changes are visible in review:
//! `scripts/api.sh`.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(list) = arguments.next() else {
        println!("usage: api LIST RUSTDOC_JSON…");
        return ExitCode::FAILURE;
    };
    let mut api = String::new();
    for json in arguments {
        let of_crate = public_api::Builder::from_rustdoc_json(&json)
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(true)
            .omit_auto_derived_impls(true)
            .build();
        match of_crate {
            Ok(of_crate) => api += &of_crate.to_string(),
            Err(error) => {
                println!("{json}: {error}");
                return ExitCode::FAILURE;
            }
        }
    }
    let is_update = std::env::var_os("UPDATE_DOCS").is_some();
    if is_update && std::fs::write(&list, &api).is_err() {
        println!("{list} cannot be written");
        return ExitCode::FAILURE;
    }
    let known = std::fs::read_to_string(&list).unwrap_or_default();
    let (known, now): (Vec<&str>, Vec<&str>) = (known.lines().collect(), api.lines().collect());
    let removed = known.iter().filter(|line| !now.contains(line)).map(|line| format!("- {line}"));
    let added = now.iter().filter(|line| !known.contains(line)).map(|line| format!("+ {line}"));
    let differences: Vec<String> = removed.chain(added).collect();
    if differences.is_empty() {
        println!("{} public items, as in {list}", now.len());
        return ExitCode::SUCCESS;
    }
    println!("the public API is not as in {list}:\n{}", differences.join("\n"));
    println!("if that is meant: UPDATE_DOCS=1 scripts/api.sh");
    ExitCode::FAILURE
}
