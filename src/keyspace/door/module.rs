//! The doors to values of module types: of one type, or missing.

use crate::keyspace::door::{Announcer, KeySlot, Keys};
use crate::resp::CommandError;
use dunlin_structures::Entry;
use dunlin_structures::entry::Payload;
use dunlin_structures::table::RefMut;
use std::marker::PhantomData;
use std::ops::Deref;

/// A value of a module type that was found.
pub struct Module<'k, T> {
    entry: RefMut<'k, Entry>,
    value: PhantomData<&'k T>,
}

impl<T: Payload> Deref for Module<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.entry.module_value()
    }
}

impl Keys<'_> {
    /// The read door for commands on one module type.
    pub fn read_module<T: Payload>(&mut self, key: &[u8]) -> Result<Option<Module<'_, T>>, CommandError> {
        match self.read(key) {
            Some(entry) if entry.payload_as::<T>().is_none() => Err(CommandError::WrongType),
            found => Ok(found.map(|entry| Module { entry, value: PhantomData })),
        }
    }
}

impl KeySlot<'_, '_> {
    /// What is stored, if it is of that module type or nothing.
    pub fn module<T: Payload>(&self) -> Result<Option<&T>, CommandError> {
        match self.entry() {
            Some(entry) => entry.payload_as().map(Some).ok_or(CommandError::WrongType),
            None => Ok(None),
        }
    }

    /// As [`KeySlot::edit`]; see [`KeySlot::module`].
    pub fn edit_module<T: Payload, R>(
        self,
        make: impl FnOnce() -> T,
        edit: impl FnOnce(&mut T) -> R,
        announce: impl FnOnce(&R, &mut Announcer<'_, '_>),
    ) -> R {
        self.edit(|key| Entry::module(key, make()), |entry| edit(entry.module_value_mut()), announce)
    }
}
