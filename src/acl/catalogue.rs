//! What rules can name: commands, subcommands and categories.

use std::collections::HashMap;
use std::ops::Range;

/// A command or subcommand. Its number is its place in the catalogue.
pub struct Entry {
    /// `config|get` for subcommands; lower case.
    pub name: &'static str,
    /// A bit for each category that it is in.
    pub categories: u32,
    pub is_subcommand: bool,
    /// Its subcommands follow it.
    pub subcommands: usize,
}

/// See the module's text.
pub struct Catalogue {
    entries: Vec<Entry>,
    numbers: HashMap<&'static str, usize>,
    categories: &'static [(u32, &'static str)],
}

impl Catalogue {
    pub fn new(entries: Vec<Entry>, categories: &'static [(u32, &'static str)]) -> Self {
        let numbers = entries.iter().enumerate().map(|(number, entry)| (entry.name, number)).collect();
        Self { entries, numbers, categories }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn entry(&self, number: usize) -> &Entry {
        &self.entries[number]
    }

    /// The command of this name, or `command|subcommand`, in any case.
    pub fn find(&self, name: &[u8]) -> Option<usize> {
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        self.numbers.get(name.as_str()).copied()
    }

    /// The bit of a category, in any case.
    pub fn category(&self, name: &[u8]) -> Option<u32> {
        let found = self.categories.iter().find(|(_, known)| name.eq_ignore_ascii_case(known.as_bytes()));
        found.map(|(bit, _)| *bit)
    }

    /// The categories' names, in the order in which they are shown.
    pub fn category_names(&self) -> impl ExactSizeIterator<Item = &'static str> + '_ {
        self.categories.iter().map(|(_, name)| *name)
    }

    /// The commands and subcommands that are in a category.
    pub fn within(&self, category: u32) -> impl Iterator<Item = usize> + '_ {
        (0..self.entries.len()).filter(move |&number| self.entries[number].categories & category != 0)
    }

    pub fn subcommands(&self, number: usize) -> Range<usize> {
        number + 1..number + 1 + self.entries[number].subcommands
    }
}
