//! Checks on the project's own text that no compiler makes: imports point downward, `unsafe` stays where it belongs,
//! every file is compiled, nothing is promised in a comment only. Prints the longest files and functions as a report.
//!
//! Reads the sources as lines of text; knows no Rust grammar beyond what each check needs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What each module of the server may import from its siblings. `docs/architecture.md` draws the same arrows.
/// A request goes down `net`, `command`, `keyspace`; `resp` is a leaf that everybody may use; `config` is what the
/// operator asked for and knows nobody; `state` is what all workers share; `server` wires everything and is known to
/// nobody.
const ARROWS: &[(&str, &[&str])] = &[
    ("acl", &["resp"]),
    ("cli", &["config"]),
    ("clock", &["command", "hub", "keyspace", "observe", "state"]),
    (
        "command",
        &["acl", "config", "hub", "keyspace", "observe", "replication", "resp", "script", "session", "state"],
    ),
    ("commit", &["keyspace"]),
    ("config", &[]),
    // What clients are told beside their replies: by whoever has something to say.
    ("hub", &["config", "keyspace", "resp", "state"]),
    ("keyspace", &["resp"]),
    ("net", &["command", "config", "hub", "keyspace", "resp", "session", "state"]),
    ("observe", &["acl", "command", "config", "keyspace", "replication", "resp", "session", "state"]),
    // Recovery runs what it reads through dispatch, like any client.
    ("persist", &["command", "commit", "config", "keyspace", "resp", "script", "session", "state"]),
    ("process", &["config"]),
    // Replicas are clients that are given what a rewrite is made of.
    ("replication", &["hub", "keyspace", "observe", "persist", "resp", "state"]),
    ("resp", &[]),
    ("script", &["config", "resp"]),
    (
        "server",
        &[
            "acl",
            "clock",
            "command",
            "commit",
            "config",
            "hub",
            "keyspace",
            "net",
            "observe",
            "persist",
            "replication",
            "script",
            "state",
        ],
    ),
    ("session", &["acl", "keyspace", "replication", "resp", "state"]),
    (
        "state",
        &[
            "acl",
            "command",
            "commit",
            "config",
            "hub",
            "keyspace",
            "persist",
            "replication",
            "resp",
            "script",
        ],
    ),
];

/// Crates that a folder's manifest must not name, with the reason why the folder is a crate at all.
const BANS: &[(&str, &[&str])] = &[
    ("crates/structures", &["tokio", "rustix", "dunlin-storage"]),
    ("crates/storage", &["tokio"]),
    ("crates/uring", &["tokio", "dunlin-structures", "dunlin-storage"]),
];

/// One source file: its path from the project's root, with forward slashes, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Whether nothing in the file is part of the server: tests, benches and their helpers.
    fn is_test(&self) -> bool {
        let inside = |folder: &str| self.path.starts_with(&folder[1..]) || self.path.contains(folder);
        inside("/tests/")
            || inside("/benches/")
            || inside("/fuzz/")
            || self.path.ends_with("/tests.rs")
            || self.path.ends_with("/testing.rs")
    }

    /// Numbered lines of the part before the file's own unit tests, with comments cut off.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
            .map(|(index, line)| (index + 1, without_comment(line)))
    }
}

/// The line up to a `//` that is not inside a string (as far as counting quotes tells).
fn without_comment(line: &str) -> &str {
    let mut from = 0;
    while let Some(found) = line[from..].find("//") {
        let at = from + found;
        if line[..at].matches('"').count().is_multiple_of(2) {
            return &line[..at];
        }
        from = at + 2;
    }
    line
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below the folders that hold source, except what tools generate there.
fn files(extensions: &[&str]) -> Vec<Source> {
    let mut found = Vec::new();
    walk(&root(), &mut |path| {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        if !extensions.is_empty() && !extensions.contains(&extension) {
            return;
        }
        // What isn't text holds nothing to check.
        if let Ok(text) = fs::read_to_string(path) {
            let relative = path.strip_prefix(root()).expect("walk stays below the root");
            found.push(Source { path: relative.to_string_lossy().replace('\\', "/"), text });
        }
    });
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("a folder of the project can be listed").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let kind = entry.file_type().expect("an entry has a type");
        if kind.is_dir() {
            let skipped = ["target", ".git", "node_modules", "__pycache__", "corpus", "artifacts"];
            if !skipped.contains(&&*name) && !name.starts_with("target-") {
                walk(&path, visit);
            }
        } else if kind.is_file() && name != ".git" && name != "Cargo.lock" && name != "package-lock.json" {
            visit(&path);
        }
    }
}

fn rust_files() -> Vec<Source> {
    let found = files(&["rs"]);
    assert!(found.len() > 50, "only {} source files found", found.len());
    found
}

/// Fails with all complaints at once, so that they are mended at once.
fn assert_none(complaints: &[String], rule: &str) {
    assert!(complaints.is_empty(), "{rule}:\n  {}", complaints.join("\n  "));
}

/// The module of the server that a file belongs to: `src/net/tls.rs` is in `net`.
fn module_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let name = inside.split('/').next()?;
    Some(name.strip_suffix(".rs").unwrap_or(name))
}

#[test]
fn imports_point_along_the_arrows() {
    let allowed: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let mut complaints = Vec::new();
    let mut unused: BTreeSet<_> =
        ARROWS.iter().flat_map(|(from, to)| to.iter().map(|to| (*from, *to))).collect();
    for source in rust_files().iter().filter(|s| !s.is_test()) {
        let Some(module) = module_of(&source.path) else { continue };
        if ["lib", "main"].contains(&module) {
            continue;
        }
        let Some(targets) = allowed.get(module) else {
            complaints.push(format!("{}: module `{module}` has no arrows in tests/tidy.rs", source.path));
            continue;
        };
        for (line, code) in source.code() {
            for target in imported_modules(code) {
                unused.retain(|arrow| *arrow != (module, target));
                if target != module && allowed.contains_key(target) && !targets.contains(&target) {
                    complaints.push(format!("{}:{line}: {module} imports {target}", source.path));
                }
            }
        }
    }
    complaints.extend(
        unused.iter().map(|(from, to)| format!("{from} no longer imports {to}: take the arrow away")),
    );
    assert_none(&complaints, "imports only point downward (the arrows are in tests/tidy.rs)");
}

/// The names that follow `crate::` in a line, braces included: `use crate::{net, resp::Reply}` names two.
fn imported_modules(code: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        // `$crate::` in a macro means the same crate; `other_crate::` does not.
        if at > 0 && code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let group = group.split('}').next().unwrap_or(group);
            names.extend(group.split(',').map(|part| first_word(part.trim())));
        } else {
            names.push(first_word(rest));
        }
    }
    names
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

#[test]
fn the_arrows_have_no_way_up_from_the_leaves() {
    for leaf in ["resp", "config"] {
        let (_, targets) = ARROWS.iter().find(|(name, _)| *name == leaf).expect("a leaf is listed");
        assert!(targets.is_empty(), "{leaf} is a leaf");
    }
    for (name, targets) in ARROWS {
        assert!(!targets.contains(&"server"), "{name} may not know the server that wires it");
        assert!(*name == "server" || !targets.contains(&"net"), "{name} may not know the sockets");
    }
    let keyspace = ARROWS.iter().find(|(name, _)| *name == "keyspace").expect("the keyspace is listed").1;
    assert_eq!(keyspace, ["resp"], "the keyspace knows neither commands nor the log");
}

/// Where the compiler's proofs end: what values are made of, the bindings to Lua, what is lent to the kernel.
const UNSAFE: &[&str] = &[
    "crates/structures/",
    "crates/lua/src/frame.rs",
    "crates/lua/src/natives.rs",
    "crates/lua/src/vm.rs",
    "crates/uring/src/lib.rs",
];

#[test]
fn unsafe_only_where_it_belongs() {
    let complaints: Vec<_> = rust_files()
        .iter()
        .filter(|source| {
            !UNSAFE.iter().any(|place| source.path.starts_with(place)) && source.path != "tests/tidy.rs"
        })
        .flat_map(|source| {
            let found = source
                .text
                .lines()
                .enumerate()
                .filter(|(_, line)| words(without_comment(line)).any(|word| word == "unsafe"));
            found.map(|(line, _)| format!("{}:{}", source.path, line + 1)).collect::<Vec<_>>()
        })
        .collect();
    assert_none(&complaints, "unsafe code belongs elsewhere");
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
}

#[test]
fn every_file_is_compiled() {
    let sources = rust_files();
    let paths: BTreeSet<&str> = sources.iter().map(|s| s.path.as_str()).collect();
    let mut complaints = Vec::new();
    for source in &sources {
        if !is_module_file(&source.path, &paths) {
            continue;
        }
        let (parents, name) = possible_parents(&source.path);
        let declared = sources.iter().filter(|s| parents.contains(&s.path)).any(|parent| {
            parent.text.lines().any(|line| {
                let line = without_comment(line).trim();
                line.ends_with(&format!("mod {name};")) || line.contains(&format!("mod {name} {{"))
            })
        });
        if !declared {
            complaints.push(format!("{} (no `mod {name};` in {})", source.path, parents.join(" or ")));
        }
    }
    assert_none(&complaints, "every source file is part of a crate");
}

/// Files that Cargo finds by itself (lib.rs, main.rs, tests, benches, examples, build.rs) need no `mod`.
fn is_module_file(path: &str, all: &BTreeSet<&str>) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if ["lib.rs", "main.rs", "build.rs"].contains(&name) {
        return false;
    }
    let cargo_folders = ["tests", "benches", "examples", "bin", "fuzz_targets"];
    let last = folder.rsplit('/').next().unwrap_or("");
    // tests/*.rs of a crate are binaries; src/…/tests/*.rs are modules.
    !(cargo_folders.contains(&last) && !folder.contains("src/") || all.is_empty())
}

/// Where a module may be declared, and its name: `a/b.rs` in `a.rs`, `a/mod.rs`, `a/lib.rs` or `a/main.rs`.
fn possible_parents(path: &str) -> (Vec<String>, String) {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let (folder, name) = match stem {
        "mod" => folder.rsplit_once('/').unwrap_or(("", folder)),
        _ => (folder, stem),
    };
    let mut parents: Vec<_> =
        ["mod.rs", "lib.rs", "main.rs"].iter().map(|file| format!("{folder}/{file}")).collect();
    parents.push(format!("{folder}.rs"));
    (parents, name.to_owned())
}

#[test]
fn nothing_is_commented_out_or_promised() {
    let mut complaints = Vec::new();
    for source in rust_files().iter().filter(|s| s.path != "tests/tidy.rs") {
        for (index, line) in source.text.lines().enumerate() {
            let at = format!("{}:{}", source.path, index + 1);
            let comment = line.trim().strip_prefix("//").map(str::trim).unwrap_or("");
            let is_mod = comment.strip_prefix("pub ").unwrap_or(comment).starts_with("mod ");
            if is_mod && comment.ends_with(';') {
                complaints.push(format!("{at}: a commented-out module"));
            }
            for mark in ["TODO", "FIXME", "XXX", "HACK"] {
                if words(line).any(|word| word == mark) && !line.contains(&format!("{mark}(#")) {
                    complaints.push(format!("{at}: {mark} without an issue, as in {mark}(#7)"));
                }
            }
            if line.trim_start().starts_with("#[ignore") {
                complaints.push(format!("{at}: a test that does not run"));
            }
        }
        if source.is_test() {
            continue;
        }
        for (line, code) in source.code() {
            let at = format!("{}:{line}", source.path);
            for promise in ["todo!(", "unimplemented!(", "for now", "not implemented"] {
                if code.contains(promise) {
                    complaints.push(format!("{at}: `{promise}` in code that ships"));
                }
            }
            for panic in [".unwrap()", "panic!("] {
                if code.contains(panic) {
                    complaints
                        .push(format!("{at}: `{panic}` in code that ships: `expect` an invariant or return"));
                }
            }
        }
    }
    assert_none(&complaints, "what is in the tree works, and what does not is an issue");
}

#[test]
fn no_paths_of_a_machine() {
    // Written in parts, or this line would complain about itself.
    let roots: Vec<_> = ["root", "work", "farm", "home"].iter().map(|name| format!("/{name}/")).collect();
    let mut complaints = Vec::new();
    for source in files(&[]) {
        for (index, line) in source.text.lines().enumerate() {
            for root in &roots {
                let named = line.match_indices(root.as_str()).any(|(at, _)| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_.$}*-".contains(c))
                });
                if named {
                    complaints.push(format!("{}:{}: {root}", source.path, index + 1));
                }
            }
        }
    }
    assert_none(&complaints, "the project names no folder of somebody's machine");
}

#[test]
fn manifests_keep_their_bans_and_features_exist() {
    let mut complaints = Vec::new();
    for (folder, banned) in BANS {
        let manifest =
            fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a crate has a manifest");
        let normal = manifest.split("[dev-dependencies]").next().unwrap_or(&manifest);
        for name in *banned {
            if normal.lines().any(|line| line.split(['.', ' ', '=']).next() == Some(name)) {
                complaints.push(format!("{folder} depends on {name}"));
            }
        }
    }
    for source in rust_files().iter().filter(|s| s.path != "tests/tidy.rs") {
        let folder = match source.path.strip_prefix("crates/").and_then(|rest| rest.split('/').next()) {
            Some(name) => format!("crates/{name}"),
            None => String::new(),
        };
        let manifest =
            fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("a crate has a manifest");
        for used in source.text.split("feature = \"").skip(1).filter_map(|rest| rest.split('"').next()) {
            if !manifest.lines().any(|line| line.starts_with(&format!("{used} = ["))) {
                complaints.push(format!("{}: feature {used:?} is not declared", source.path));
            }
        }
    }
    assert_none(&complaints, "manifests");
}

#[test]
fn every_module_says_what_it_is_for() {
    let complaints: Vec<_> = rust_files()
        .into_iter()
        .filter(|source| !source.is_test() && !source.text.trim_start().starts_with("//!"))
        .map(|source| source.path)
        .collect();
    assert_none(&complaints, "a file opens with what it is for and what it must not know");
}

/// Figures where one stops and looks again; printed, never a failure (`cargo test --test tidy -- --nocapture`).
#[test]
fn report_of_the_longest() {
    let sources = rust_files();
    let mut longest: Vec<_> = sources.iter().map(|s| (s.text.lines().count(), s.path.clone())).collect();
    longest.sort_unstable_by(|a, b| b.cmp(a));
    println!("longest files:");
    for (lines, path) in longest.iter().take(10) {
        println!("  {lines:5} {path}");
    }
    let mut functions: Vec<_> = sources.iter().flat_map(functions_of).collect();
    functions.sort_unstable_by(|a, b| b.cmp(a));
    println!("longest functions:");
    for (lines, place) in functions.iter().take(10) {
        println!("  {lines:5} {place}");
    }
    assert!(functions.len() > 100, "functions are found at all");
}

/// (length in lines, place) of each function: from its `fn` to the brace that closes at the same indentation.
fn functions_of(source: &Source) -> Vec<(usize, String)> {
    let lines: Vec<&str> = source.text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = without_comment(line);
        let Some(at) = code.find("fn ").filter(|at| code[..*at].trim_end_matches(|c| c != ' ').len() == *at)
        else {
            continue;
        };
        let indentation = code.len() - code.trim_start().len();
        let closing = format!("{}}}", " ".repeat(indentation));
        let Some(length) = lines[start..].iter().position(|line| *line == closing) else { continue };
        // A declaration without a body ends before any brace of its own opens.
        let header = lines[start..start + length].iter().take_while(|line| !line.contains('{')).count();
        if lines[start..start + header].iter().any(|line| line.trim_end().ends_with(';')) {
            continue;
        }
        found.push((length + 1, format!("{}:{} {}", source.path, start + 1, first_word(&code[at + 3..]))));
    }
    found
}
