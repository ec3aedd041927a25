use super::*;
use crate::config::{Class, Config, Machine, Runtime};
use std::collections::BTreeSet;

/// What CONFIG GET * of redis-server 7.0.15 answered, but for what it was started with (dir, port, save).
const RECORDED: &str = include_str!("redis-7.0.15.txt");

/// Where 7.2 or Dunlin itself differs from the recording.
const DIFFERENT: &[(&str, &str)] = &[("bind", "127.0.0.1"), ("io-threads", "2")];

/// Names that 7.2 has and 7.0 has not, and our own.
const NEWER: &[&str] = &[
    "cluster-announce-human-nodename",
    "io-uring",
    "locale-collate",
    "log-format",
    "metrics-bind",
    "set-max-listpack-entries",
    "set-max-listpack-value",
];

fn config() -> Config {
    Config::new(&Machine { cores: 2, directory: "/data".into() })
}

#[test]
fn names_and_defaults_are_those_of_redis() {
    let config = config();
    for line in RECORDED.lines() {
        let (name, recorded) = line.split_once(' ').expect("a name and a value");
        let expect = DIFFERENT.iter().find(|(different, _)| *different == name).map_or(recorded, |row| row.1);
        let shown = config.get(name.as_bytes()).map(|value| String::from_utf8_lossy(&value).into_owned());
        assert_eq!(shown.as_deref(), Some(expect), "{name}");
    }
    assert_eq!(config.get(b"save").as_deref(), Some(b"3600 1 300 100 60 10000".as_slice()));
    assert_eq!(config.get(b"port").as_deref(), Some(b"6379".as_slice()));
    assert_eq!(config.get(b"dir").as_deref(), Some(b"/data".as_slice()));
}

#[test]
fn there_is_nothing_beside_redis_names_and_ours() {
    let recorded: BTreeSet<&str> = RECORDED.lines().filter_map(|line| line.split(' ').next()).collect();
    let known: BTreeSet<&str> =
        recorded.into_iter().chain(["port", "dir", "save"]).chain(NEWER.iter().copied()).collect();
    let shown: BTreeSet<&str> = all()
        .filter(|(_, setting)| !setting.hidden)
        .flat_map(|(_, setting)| std::iter::once(setting.name).chain(setting.alias))
        .collect();
    // 7.2 hides it.
    let hidden = ["aof-disable-auto-gc"];
    assert_eq!(known.symmetric_difference(&shown).copied().collect::<Vec<_>>(), hidden);
}

#[test]
fn rows_are_sound() {
    let mut names = BTreeSet::new();
    for (id, setting) in all() {
        for name in std::iter::once(setting.name).chain(setting.alias) {
            assert!(names.insert(name), "{name} is there twice");
            assert_eq!(find(name.to_ascii_uppercase().as_bytes()), Some(id));
            assert_eq!(name, name.to_ascii_lowercase());
        }
        assert!(setting.doc.ends_with('.') || setting.doc.ends_with('?'), "{}", setting.name);
        if let Class::Refused(why) = setting.class {
            assert!(!why.is_empty(), "{}", setting.name);
        }
    }
    let protected: Vec<_> =
        all().filter(|row| row.1.runtime == Runtime::Protected).map(|row| row.1.name).collect();
    assert_eq!(protected, ["dir", "dbfilename"]);
}

#[test]
fn every_default_reads_back_as_itself() {
    let config = config();
    for (_, setting) in all().filter(|(_, setting)| setting.runtime == Runtime::Settable) {
        let shown = config.get(setting.name.as_bytes()).expect("it is in the table");
        let (after, _) = config
            .set_all(&[(setting.name.as_bytes(), &shown)], false)
            .unwrap_or_else(|error| panic_with(setting.name, &error.to_string()));
        assert!(after.changed_since(&config).is_empty(), "{}", setting.name);
    }
}

fn panic_with(name: &str, error: &str) -> ! {
    unreachable!("{name}: {error}")
}

#[test]
fn misspelt_names_find_their_neighbours() {
    for (misspelt, expect) in [
        ("prot", Some("port")),
        ("maxmemmory", Some("maxmemory")),
        ("append-only", Some("appendonly")),
        ("requirepas", Some("requirepass")),
        ("slave-prio", None),
        ("renamecommand", Some("rename-command")),
        ("xyzzy", None),
        ("", None),
    ] {
        assert_eq!(nearest(misspelt.as_bytes(), &["include", "rename-command"]), expect, "{misspelt}");
    }
}
