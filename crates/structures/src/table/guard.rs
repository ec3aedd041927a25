//! Borrowed elements and places. Elements are thin pointers without their tag, so a guard holds a copy of the pointer; an
//! element that moves while it is changed is written back when the guard goes.

#![expect(unsafe_code, reason = "guards hold copies of pointers that the table owns")]

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};

use super::element::{Element, address_bits, borrow};
use super::root::{Position, Table};
use super::word::ADDRESS_MASK;

/// An element of a borrowed table.
pub struct Ref<'a, E: Element> {
    element: ManuallyDrop<E>,
    table: PhantomData<&'a E>,
}

impl<E: Element> Ref<'_, E> {
    #[inline(always)]
    pub(super) fn new(cell: u64) -> Self {
        // SAFETY: cells that searches and iterators give hold live elements, and the table stays borrowed.
        Self { element: unsafe { borrow(cell) }, table: PhantomData }
    }
}

impl<E: Element> Deref for Ref<'_, E> {
    type Target = E;

    #[inline(always)]
    fn deref(&self) -> &E {
        &self.element
    }
}

/// An element of a mutably borrowed table. It may be changed in any way that keeps its key.
///
/// While it is out for change its cell is empty-handed: a guard that is forgotten instead of dropped loses the element
/// (it leaks) and leaves a cell that is never found.
pub struct RefMut<'a, E: Element> {
    element: ManuallyDrop<E>,
    cell: *mut u64,
    changed: bool,
    table: PhantomData<&'a mut Table<E>>,
}

// SAFETY: a RefMut is a mutable borrow of a table of E; the raw pointer is into that table.
unsafe impl<E: Element + Send> Send for RefMut<'_, E> {}
// SAFETY: a shared RefMut gives `&E` only.
unsafe impl<E: Element + Sync> Sync for RefMut<'_, E> {}

impl<E: Element> RefMut<'_, E> {
    #[inline(always)]
    pub(super) fn new(cell: *mut u64) -> Self {
        // SAFETY: the cell is inside a leaf of the table that is borrowed for this guard, and holds a live element.
        let element = unsafe { borrow(*cell) };
        Self { element, cell, changed: false, table: PhantomData }
    }
}

impl<E: Element> Deref for RefMut<'_, E> {
    type Target = E;

    #[inline(always)]
    fn deref(&self) -> &E {
        &self.element
    }
}

impl<E: Element> DerefMut for RefMut<'_, E> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut E {
        if !self.changed {
            self.changed = true;
            // Without an address until it is written back, so that no forgotten guard leaves a dangling one.
            // SAFETY: the cell is inside a leaf of the table that is borrowed for this guard.
            unsafe { *self.cell &= !ADDRESS_MASK };
        }
        &mut self.element
    }
}

impl<E: Element> Drop for RefMut<'_, E> {
    #[inline(always)]
    fn drop(&mut self) {
        if self.changed {
            // SAFETY: the element is taken once, here; the cell is inside a leaf of the borrowed table and has no
            // address, as `deref_mut` left it.
            unsafe { *self.cell |= address_bits(ManuallyDrop::take(&mut self.element)) };
        }
    }
}

/// The place of a key in a table.
pub enum Place<'a, E: Element> {
    Occupied(Occupied<'a, E>),
    Vacant(Vacant<'a, E>),
}

/// The place of an element that is there. Dereferences to it, as [`RefMut`] does.
pub struct Occupied<'a, E: Element> {
    guard: RefMut<'a, E>,
    table: *mut Table<E>,
    hash: u64,
    position: Position,
}

impl<'a, E: Element> Occupied<'a, E> {
    #[inline(always)]
    pub(super) fn new(table: &'a mut Table<E>, hash: u64, position: Position) -> Self {
        Self { table, guard: RefMut::new(position.leaf.cell_pointer(position.index)), hash, position }
    }

    /// Puts another element with the same key here, and gives the one that was. O(1).
    pub fn replace(&mut self, element: E) -> E {
        debug_assert!(element.hash() == self.guard.hash());
        std::mem::replace(&mut *self.guard, element)
    }

    /// Takes the element out of the table. O(1) amortized.
    pub fn remove(self) -> E {
        let Self { guard, table, hash, position } = self;
        drop(guard);
        // SAFETY: the table was borrowed mutably for this place, and the guard, which borrowed it too, is gone.
        unsafe { (*table).remove_at(hash, position) }
    }

    /// Takes the element out of the table, and leaves its place free. O(1) amortized.
    pub fn vacate(self) -> (E, Vacant<'a, E>) {
        let Self { guard, table, hash, position } = self;
        drop(guard);
        // SAFETY: the table was borrowed mutably for this place, and the guard, which borrowed it too, is gone.
        let table = unsafe { &mut *table };
        let element = table.remove_at(hash, position);
        // The removal may have moved what stands there.
        (element, Vacant { table, hash, position: None })
    }

    /// The element, for as long as the table is borrowed.
    #[inline(always)]
    pub fn into_ref(self) -> RefMut<'a, E> {
        self.guard
    }
}

impl<E: Element> Deref for Occupied<'_, E> {
    type Target = E;

    #[inline(always)]
    fn deref(&self) -> &E {
        &self.guard
    }
}

impl<E: Element> DerefMut for Occupied<'_, E> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut E {
        &mut self.guard
    }
}

/// The place of a key that is not there.
pub struct Vacant<'a, E: Element> {
    table: &'a mut Table<E>,
    hash: u64,
    position: Option<Position>,
}

impl<'a, E: Element> Vacant<'a, E> {
    #[inline(always)]
    pub(super) fn new(table: &'a mut Table<E>, hash: u64, position: Option<Position>) -> Self {
        Self { table, hash, position }
    }

    /// Puts an element with that key here. O(1) amortized.
    #[inline]
    pub fn insert(self, element: E) -> RefMut<'a, E> {
        let cell = self.table.insert_address(self.hash, self.position, address_bits(element));
        RefMut::new(cell)
    }
}
