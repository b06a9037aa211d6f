//! Every fixed word and sentence of the screens has one in Chinese: the sources are read, so that none is forgotten.
#![allow(clippy::unwrap_used)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use tui::Lang;

/// What is the same in both languages: keys, and names that RocketMQ's own documents do not translate.
const SAME: &[&str] = &[
    "BROKER", "KEYS", "TAGS", "ID", "JSON", "Enter", "Esc", "Ctrl-S", "Ctrl-Z", "Up", "Down", "PgUp", "PgDn", "Home",
    "End",
];
/// Calls whose first argument is one, if it is a literal.
const FIRST: &[&str] = &[
    ".fill(",
    ".say(",
    " say(",
    ".known(",
    ".begin(",
    ".head(",
    ".called(",
    "because(",
    "told = Some(",
    "READ_ONLY: &str = ",
    "EXPECTED: &str = ",
];
/// Calls all of whose literals are some.
const ALL: &[&str] = &["Cell::word(", ".word(", "Sheet::new(", " sheet(", "note: Some(", "title: "];
/// Functions that give one.
const GIVING: &[&str] = &["fn kind(topic", "fn role(", "fn level(", "fn counts(", "fn add_trails("];
/// Screens are called so.
const CALLED: &[&str] =
    &["cluster", "topics", "groups", "clients", "dlq", "alerts", "charts", "help", "topic", "group"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            sources(&path, found);
        } else if name.ends_with(".rs") && !["tests.rs", "words.rs", "chinese.rs", "report.rs"].contains(&&*name) {
            // The report is read by programs, and not translated.
            found.push(path);
        }
    }
}

/// Literals up to where the bracket that is open before `source` is closed, or a statement ends; and whether each stands
/// first.
fn literals(source: &str) -> Vec<(String, bool)> {
    let (mut found, mut depth, mut first) = (Vec::new(), 0, true);
    let mut chars = source.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                let mut literal = String::new();
                while let Some(c) = chars.next().filter(|c| *c != '"') {
                    literal.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
                }
                found.push((literal, first));
                first = false;
            }
            '(' | '{' | '[' => depth += 1,
            ')' | '}' | ']' if depth == 0 => break,
            ')' | '}' | ']' => depth -= 1,
            ';' if depth == 0 => break,
            _ => {}
        }
        first &= c.is_whitespace();
    }
    found
}

/// What stands behind each `what`.
fn behind<'a>(source: &'a str, what: &'a str) -> impl Iterator<Item = &'a str> {
    source.match_indices(what).map(move |(at, _)| &source[at + what.len()..])
}

fn fixed(source: &str) -> BTreeSet<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let mut found = BTreeSet::new();
    for call in FIRST {
        let all = behind(source, call).filter_map(|rest| literals(rest).into_iter().next().filter(|(_, first)| *first));
        found.extend(all.map(|(literal, _)| literal));
    }
    for call in ALL {
        // What is filled is found as such, and what is put into it is no word.
        let own = |rest: &str| {
            let end = [".fill(", "format!("].iter().filter_map(|call| rest.find(call)).min().unwrap_or(rest.len());
            literals(&rest[..end])
        };
        found.extend(behind(source, call).flat_map(own).map(|(literal, _)| literal));
    }
    for function in GIVING {
        for rest in behind(source, function) {
            let body = &rest[..rest.find("\n}\n").or_else(|| rest.find("\n    }\n")).unwrap_or(rest.len())];
            found.extend(body.split('"').skip(1).step_by(2).map(str::to_owned));
        }
    }
    // Columns: heading, whether it stands at the right, rank.
    for side in ["\", true, ", "\", false, "] {
        for (at, _) in source.match_indices(side) {
            found.extend(source[..at].rsplit('"').next().map(str::to_owned));
        }
    }
    for binding in behind(source, "binding(") {
        found.extend(literals(binding).into_iter().map(|(literal, _)| literal));
    }
    found
}

fn needs_one(word: &str) -> bool {
    let is_key = word.chars().count() < 2;
    // Blanks, marks, and what only puts together what is translated.
    let has_letter = word.replace("{}", "").chars().any(|c| c.is_ascii_alphabetic());
    has_letter && !is_key && !SAME.contains(&word)
}

#[test]
fn every_fixed_word_and_sentence_has_a_chinese_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for file in fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()) {
        if file.is_dir() && ["screens", "state", "feed"].iter().any(|name| file.ends_with(name)) {
            sources(&file, &mut files);
        }
    }
    for name in ["keys", "screens", "sheet", "state", "orders", "deeds", "live", "moment"] {
        files.push(root.join(format!("{name}.rs")));
    }
    let (mut words, mut lacking) = (CALLED.len(), Vec::new());
    let mut check = |word: &str, at: String| {
        if needs_one(word) && Lang::Chinese.told(word) == *word {
            lacking.push(format!("{at}: {word:?}"));
        }
    };
    CALLED.iter().for_each(|word| check(word, "screens".to_owned()));
    for file in &files {
        let found = fixed(&fs::read_to_string(file).unwrap());
        words += found.len();
        found.iter().for_each(|word| check(word, file.display().to_string()));
    }
    assert_eq!(lacking, Vec::<String>::new(), "these have no Chinese in words/chinese.rs");
    assert!(words > 300, "only {words} were found: the sources are read in a wrong way");
}

#[test]
fn what_is_fixed_is_found_in_a_source() {
    let source = r#"
        [("LAG", true, 0)]; Cell::word(if so { "one" } else { "two" }); lang.fill(
            "{} of \"{}\"", &[&"not this"]); x.say("three", text("no")); because(format!("nor this"));
        fn role(broker: &B) -> &'static str {
    if m { "four" } else { "five" }
}
"#;
    let found: Vec<_> = fixed(source).into_iter().collect();
    assert_eq!(found, ["LAG", "five", "four", "one", "three", "two", "{} of \"{}\""]);
}
