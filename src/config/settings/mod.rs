//! The one table of settings, a file per theme. Names, defaults and value formats are those of Redis 7.2, except
//! `bind` and `io-threads` (see [`super::snapshot::Machine`]) and the rows that are Dunlin's own.
//!
//! A new setting is one row; what reads it goes through [`super::Config`]. Directives that are not settings
//! (`include`, `rename-command`, `user`, ...) live in [`super::load`].

mod cluster;
mod memory;
mod network;
mod observe;
mod persistence;
mod process;
mod replication;
mod tls;

use super::setting::Setting;
use std::collections::HashMap;
use std::sync::LazyLock;

/// All rows, theme by theme: the order in which CONFIG GET shows them and CONFIG REWRITE appends them.
const THEMES: &[&[Setting]] = &[
    network::SETTINGS,
    tls::SETTINGS,
    process::SETTINGS,
    observe::SETTINGS,
    persistence::SETTINGS,
    memory::SETTINGS,
    replication::SETTINGS,
    cluster::SETTINGS,
];

/// Where a setting stands in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SettingId(usize);

impl SettingId {
    pub(super) fn index(self) -> usize {
        self.0
    }

    pub fn setting(self) -> &'static Setting {
        TABLE[self.0]
    }
}

static TABLE: LazyLock<Vec<&'static Setting>> =
    LazyLock::new(|| THEMES.iter().flat_map(|theme| theme.iter()).collect());

static BY_NAME: LazyLock<HashMap<&'static str, SettingId>> = LazyLock::new(|| {
    let names = all().flat_map(|(id, setting)| {
        std::iter::once(setting.name).chain(setting.alias).map(move |name| (name, id))
    });
    names.collect()
});

/// Every row with its place.
pub fn all() -> impl Iterator<Item = (SettingId, &'static Setting)> {
    TABLE.iter().enumerate().map(|(index, setting)| (SettingId(index), *setting))
}

/// Finds a row by its name or its older name, in any case.
pub fn find(name: &[u8]) -> Option<SettingId> {
    let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
    BY_NAME.get(name.as_str()).copied()
}

/// The name (or older name) that is fewest edits away from a misspelt one, if any is near enough to be meant.
pub fn nearest(name: &[u8], others: &[&'static str]) -> Option<&'static str> {
    let names = all()
        .filter(|(_, setting)| !setting.hidden)
        .flat_map(|(_, setting)| std::iter::once(setting.name).chain(setting.alias));
    nearest_of(name, names.chain(others.iter().copied()))
}

/// As [`nearest`], among other names.
pub fn nearest_of<'n>(name: &[u8], names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let len = name.chars().count();
    let allowed = (len / 3).clamp(1, 4);
    // Each letter too many or too few is an edit.
    let names = names.filter(|name| name.len().abs_diff(len) <= allowed);
    let nearest = names.map(|candidate| (edits(&name, candidate), candidate)).min()?;
    (nearest.0 <= allowed).then_some(nearest.1)
}

/// Letters to insert, remove, replace, or swap with their neighbour. Quadratic, and called once, on the way out.
fn edits(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().take(64).collect(), to.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for row in 1..=from.len() {
        let mut current = vec![row];
        for column in 1..=to.len() {
            let replaced = rows[row - 1][column - 1] + usize::from(from[row - 1] != to[column - 1]);
            let mut fewest = replaced.min(rows[row - 1][column] + 1).min(current[column - 1] + 1);
            let swapped =
                row > 1 && column > 1 && from[row - 1] == to[column - 2] && from[row - 2] == to[column - 1];
            if swapped {
                fewest = fewest.min(rows[row - 2][column - 2] + 1);
            }
            current.push(fewest);
        }
        rows.push(current);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests;
