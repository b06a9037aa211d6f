//! The few rules of the house that no compiler or linter keeps: sizes, names, arrows, and what may be said where.
//!
//! Looks at the sources, runs nothing of them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Longest a source file may be, in lines.
const MAX_LINES: usize = 500;

struct Source {
    /// Relative to the repository, with `/`.
    path: String,
    text: String,
}

/// Every Rust file of the project.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> =
        ["src", "commands", "tui", "tests", "benches", "fuzz"].iter().map(|folder| root.join(folder)).collect();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("the folder is readable").path()) {
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).expect("sources are UTF-8");
                let path = path.strip_prefix(root).expect("it is below the root").display().to_string();
                sources.push(Source { path: path.replace('\\', "/"), text });
            }
        }
    }
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

/// Fails with all of `found`, if any.
#[track_caller]
fn none(found: Vec<String>, rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

/// Lines outside comments that contain one of `words`, in the files that `applies` to.
fn lines_with(words: &[&str], applies: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| applies(&source.path)) {
        for (at, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or("");
            if words.iter().any(|word| code.contains(word)) {
                found.push(format!("{}:{}: {}", source.path, at + 1, line.trim()));
            }
        }
    }
    found
}

#[test]
fn every_file_says_what_it_is_and_is_short_enough_to_read() {
    let silent = sources().iter().filter(|source| !source.text.starts_with("//!")).map(|s| s.path.clone()).collect();
    none(silent, "files begin with //! and what they are");
    let long = sources()
        .iter()
        .map(|source| (source.text.lines().count(), &source.path))
        .filter(|(lines, _)| *lines > MAX_LINES)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    none(long, "a file of more than 500 lines hides a layer that wants a name");
}

#[test]
fn names_of_files_say_something() {
    let empty = ["util", "utils", "common", "helper", "helpers", "manager", "impl", "misc"];
    let found = sources()
        .iter()
        .filter(|source| source.path.split('/').any(|part| empty.contains(&part.trim_end_matches(".rs"))))
        .map(|source| source.path.clone())
        .collect();
    none(found, "files are named after their subject");
}

#[test]
fn unsafe_code_is_in_one_file() {
    // The lint denies it everywhere; only an exception to the lint could let it in.
    let words = [concat!("allow(", "unsafe_code"), concat!("expect(", "unsafe_code"), concat!("warn(", "unsafe_code")];
    none(
        lines_with(&words, |path| path != "src/store/mapped_file.rs"),
        "unsafe code is in src/store/mapped_file.rs only",
    );
    for (room, manifest) in rooms().into_iter().chain([("tests/witness".to_owned(), witness())]) {
        assert!(manifest.contains("[lints]\nworkspace = true"), "{room} does not take the workspace's lints");
    }
}

#[test]
fn only_commands_print() {
    let words = ["println!", "eprintln!", " print!(", " eprint!(", "dbg!("];
    let found = lines_with(&words, |path| {
        !path.starts_with("commands/")
            && !path.starts_with("benches/")
            && !path.contains("tests/")
            && !path.ends_with("/tests.rs")
    });
    none(found, "rooms return or log what they have to say; commands/ prints it");
}

#[test]
fn only_the_clock_asks_for_the_time_of_day() {
    let words = ["SystemTime::now", "Timestamp::now", "Zoned::now"];
    let found = lines_with(&words, |path| {
        (path.starts_with("src/") || path.starts_with("tui/")) && path != "src/base/clock.rs"
    });
    none(found, "the time of day comes from base::Clock, which tests can set");
}

/// Each room's manifest by the room's name: the folders of `src/`, and `tui/`.
fn rooms() -> BTreeMap<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut rooms = BTreeMap::new();
    let folders = fs::read_dir(root.join("src")).expect("it is there");
    let folders = folders.map(|entry| entry.expect("the folder is readable").path());
    for path in folders.chain([root.join("tui")]) {
        let manifest = fs::read_to_string(path.join("Cargo.toml")).expect("each room is a crate");
        let name = path.file_name().expect("it has one").to_string_lossy().into_owned();
        rooms.insert(name, manifest);
    }
    rooms
}

/// The manifest of the crate that the tests judge the rooms by.
fn witness() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/witness/Cargo.toml");
    fs::read_to_string(path).expect("it is a crate")
}

/// The crates named in the section `[dependencies]`.
fn dependencies(manifest: &str) -> Vec<&str> {
    let lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    lines.take_while(|line| !line.starts_with('[')).filter_map(|line| line.split(['.', ' ', '=']).next()).collect()
}

/// The table of `ARCHITECTURE.md` whose columns are `room` and `may use`: room → rooms.
fn arrows() -> BTreeMap<String, Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
    let text = fs::read_to_string(path).expect("it is in the repository");
    let cells = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()
    };
    let mut lines = text.lines().skip_while(|line| !(line.contains("| room") && line.contains("may use")));
    let head = cells(lines.next().expect("there is a table with the columns `room` and `may use`"));
    let column = |name: &str| head.iter().position(|cell| cell == name).expect("it has both columns");
    let (room, may_use) = (column("room"), column("may use"));
    let mut arrows = BTreeMap::new();
    for line in lines.skip(1).take_while(|line| line.starts_with('|')) {
        let cells = cells(line);
        let name = cells[room].trim_start_matches("src/").to_owned();
        arrows.insert(name, cells[may_use].split([',', ' ']).map(str::to_owned).collect());
    }
    arrows
}

#[test]
fn each_room_uses_the_rooms_that_the_architecture_lets_it() {
    let (rooms, arrows) = (rooms(), arrows());
    for (room, manifest) in &rooms {
        let used = dependencies(manifest).into_iter().filter(|name| rooms.contains_key(*name));
        let may = arrows.get(room).unwrap_or_else(|| panic!("ARCHITECTURE.md lacks {room}"));
        for name in used {
            assert!(may.iter().any(|may| may == name), "{room} uses {name}; ARCHITECTURE.md lets it use only {may:?}");
        }
    }
}

#[test]
fn the_judge_of_the_rooms_uses_none_of_them() {
    let (rooms, witness) = (rooms(), witness());
    let used = dependencies(&witness).into_iter().filter(|name| *name != "base" && rooms.contains_key(*name));
    none(used.map(str::to_owned).collect(), "a mistake in a room could be in its judge too");
}

/// The cells of each row of the tables in `docs/compatibility.md`, heads left out.
fn compatibility() -> (String, Vec<Vec<String>>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/compatibility.md");
    let text = fs::read_to_string(path).expect("it is in the repository");
    let rows = text.lines().filter(|line| line.starts_with('|') && !line.starts_with("|-") && !line.starts_with("| |"));
    let cells = |row: &str| row.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let rows = rows.map(cells).collect();
    (text, rows)
}

#[test]
fn each_cell_of_the_compatibility_tables_has_a_test_that_exists_or_a_reason() {
    let (text, rows) = compatibility();
    let (sources, mut found, mut tests) = (sources(), Vec::new(), 0);
    for row in &rows {
        let [feature, cells @ ..] = &row[..] else { continue };
        if cells.len() != 5 {
            found.push(format!("{feature}: {} cells instead of 5", cells.len()));
        }
        for (client, cell) in ["rmq", "C++ 1.x", "C++ 2.x", "ali-ons", "rust-v4"].iter().zip(cells) {
            let place = format!("{feature}, {client}");
            // [✓](../path "name of the test")
            let marks: Vec<_> = cell.split("[✓](../").skip(1).filter_map(|mark| mark.split_once(" \"")).collect();
            for (path, name) in &marks {
                let name = name.split('"').next().unwrap_or_default();
                let Some(source) = sources.iter().find(|source| source.path == *path) else {
                    found.push(format!("{place}: there is no {path}"));
                    continue;
                };
                tests += 1;
                if name.is_empty() || !has_test(&source.text, name) {
                    found.push(format!("{place}: {path} has no test {name:?}"));
                }
            }
            let notes: Vec<_> = cell.split("[^").skip(1).filter_map(|note| note.split(']').next()).collect();
            for note in notes.iter().filter(|note| !text.contains(&format!("\n[^{note}]: "))) {
                found.push(format!("{place}: nothing says what [^{note}] is"));
            }
            let says_why_not = cell.starts_with('–') && !notes.is_empty();
            if marks.is_empty() && !says_why_not {
                found.push(format!("{place}: neither a test nor a reason: {cell:?}"));
            }
        }
    }
    assert!(rows.len() > 20 && tests > 80, "the tables were not found");
    none(found, "docs/compatibility.md says nothing that no test proves");
}

/// Whether there is a function of this name with `#[test]` or the like above it.
fn has_test(source: &str, name: &str) -> bool {
    let mut marked = false;
    source.lines().map(str::trim).any(|line| {
        let is_it = marked && line.split_once("fn ").is_some_and(|(_, rest)| rest.starts_with(&format!("{name}(")));
        marked = line.starts_with("#[test]") || line.starts_with("#[tokio::test") || (marked && line.starts_with('#'));
        is_it
    })
}
