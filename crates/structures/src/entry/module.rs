//! Values of module types: Bloom filters, sketches and their like, which Redis has from modules.
//!
//! All are of [`Kind::Module`]; which one it is, the object tells by its name. Unlike collections they stay when they
//! are empty, and they have no form inside the entry.

use super::header::Kind;
use super::object::Entry;
use super::value::Payload;

impl Entry {
    /// A value of a module type.
    pub fn module(key: &[u8], value: impl Payload) -> Self {
        debug_assert!(value.type_name().is_some() && !value.is_empty());
        Self::boxed(key, Kind::Module, Box::new(value), None)
    }

    /// The value of a module type.
    ///
    /// # Panics
    ///
    /// If it is of another type.
    pub fn module_value<T: Payload>(&self) -> &T {
        self.payload_as().expect("the type was looked at")
    }

    /// The value of a module type, to be changed.
    ///
    /// # Panics
    ///
    /// If it is of another type.
    pub fn module_value_mut<T: Payload>(&mut self) -> &mut T {
        self.payload_as_mut().expect("the type was looked at")
    }
}

impl Clone for Box<dyn Payload> {
    fn clone(&self) -> Self {
        (**self).duplicate()
    }
}
