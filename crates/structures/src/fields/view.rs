//! Reading a hash as it is at one moment.

use super::field::Field;
use super::hashtable::FieldTable;
use super::timed::TimedPack;
use crate::entry::Entry;
use crate::packed::{Item, Items, Packed};
use crate::table::{self, Ref};

/// A hash, borrowed for reading. What has expired before its moment is not there.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a> {
    form: Form<'a>,
    now: i64,
}

#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    Packed(Packed<'a>),
    Timed(&'a TimedPack),
    Table(&'a FieldTable),
}

/// A field, borrowed. Texts of a large hash are always [`Item::Text`], even those of integers.
#[derive(Clone, Copy, Debug)]
pub struct FieldRef<'a> {
    pub name: Item<'a>,
    pub value: Item<'a>,
    pub expire_at: Option<i64>,
}

impl FieldRef<'_> {
    #[inline]
    fn is_live(&self, now: i64) -> bool {
        self.expire_at.is_none_or(|at| at >= now)
    }
}

#[inline]
fn of_table<'a>(field: &Ref<'a, Field>) -> FieldRef<'a> {
    let (name, value) = Field::parts(field);
    FieldRef { name: Item::Text(name), value: Item::Text(value), expire_at: field.expire_at() }
}

impl<'a> Fields<'a> {
    /// The hash in this entry, at `now` (ms since 1970). Another kind of value reads as one without fields.
    #[inline]
    pub fn of(entry: &'a Entry, now: i64) -> Self {
        let mut now = now;
        let form = if let Some(bytes) = entry.packed_bytes() {
            Form::Packed(Packed::new(bytes))
        } else if let Some(table) = entry.payload_as::<FieldTable>() {
            now = now.max(table.hidden_until());
            Form::Table(table)
        } else if let Some(pack) = entry.payload_as::<TimedPack>() {
            Form::Timed(pack)
        } else {
            Form::Packed(Packed::new(&[]))
        };
        Self { form, now }
    }

    /// The hash with all its fields, expired or not, but for those that count as gone.
    pub fn all_of(entry: &'a Entry) -> Self {
        Self::of(entry, i64::MIN)
    }

    /// Number of fields. O(n) for packed forms; for a table O(fields that have expired but don't count as gone yet).
    pub fn len(&self) -> usize {
        match self.form {
            Form::Packed(block) => block.len() / 2,
            Form::Timed(pack) if pack.soonest().is_none_or(|at| at >= self.now) => pack.len(),
            Form::Timed(_) => self.iter().count(),
            Form::Table(table) => table.len() - table.due_count(self.now),
        }
    }

    pub fn is_empty(&self) -> bool {
        match self.form {
            Form::Packed(block) => block.is_empty(),
            Form::Timed(_) | Form::Table(_) => self.len() == 0,
        }
    }

    /// The field of that name. O(1) in a table, else O(n).
    #[inline]
    pub fn find(&self, name: &[u8]) -> Option<FieldRef<'a>> {
        let found = match self.form {
            Form::Packed(block) => {
                let name = block.find::<2>(name)?;
                let value = block.at(name.end)?;
                FieldRef { name: name.item, value: value.item, expire_at: None }
            }
            Form::Timed(pack) => {
                let triple = pack.find(name)?;
                FieldRef { name: triple.name.item, value: triple.value.item, expire_at: triple.expire_at() }
            }
            Form::Table(table) => of_table(&table.get(name)?),
        };
        Some(found).filter(|field| field.is_live(self.now))
    }

    /// The value of the field of that name.
    #[inline]
    pub fn get(&self, name: &[u8]) -> Option<Item<'a>> {
        self.find(name).map(|field| field.value)
    }

    /// All fields: in order of insertion if packed, else in the table's order.
    #[inline]
    pub fn iter(&self) -> Iter<'a> {
        let cursor = match self.form {
            Form::Packed(block) => Cursor::Pairs(block.items()),
            Form::Timed(pack) => Cursor::Triples(pack, 0),
            Form::Table(table) => Cursor::Table(table.table().iter()),
        };
        Iter { cursor, now: self.now }
    }

    /// One step of a walk, as [`Table::scan`](crate::table::Table::scan); a packed hash is visited whole. Returns where
    /// to go on, and how many fields were looked at.
    pub fn scan(&self, cursor: u64, mut visit: impl FnMut(FieldRef<'_>)) -> (u64, usize) {
        let mut looked_at = 0;
        let Form::Table(table) = self.form else {
            self.iter().for_each(&mut visit);
            return (0, 0);
        };
        let next = table.table().scan(cursor, |field| {
            looked_at += 1;
            let field = FieldRef {
                name: Item::Text(field.name()),
                value: Item::Text(field.value()),
                expire_at: field.expire_at(),
            };
            if field.is_live(self.now) {
                visit(field);
            }
        });
        (next, looked_at)
    }

    /// About how many bytes a field and its value have, on average. O(1) in a table, else O(n).
    pub fn mean_bytes(&self) -> usize {
        let (bytes, len) = match self.form {
            Form::Packed(block) => (block.bytes().len(), self.len()),
            Form::Timed(pack) => (pack.bytes(), pack.len()),
            Form::Table(table) => (table.field_bytes(), table.len()),
        };
        bytes / len.max(1)
    }

    /// Whether one field can be found by its number in less than O(n): see [`Fields::sample`].
    pub fn is_packed(&self) -> bool {
        !matches!(self.form, Form::Table(_))
    }

    /// A field by chance, if there is one. `random` gives 64 random bits a call. O(1) in a table, else O(n).
    pub fn sample(&self, random: &mut impl FnMut() -> u64) -> Option<FieldRef<'a>> {
        /// Draws before an expired field's place is given up.
        const TRIES: usize = 1000;
        match self.form {
            Form::Packed(_) | Form::Timed(_) => {
                let chance = u128::from(random()) * self.len() as u128;
                self.iter().nth((chance >> 64) as usize)
            }
            Form::Table(table) => {
                for _ in 0..TRIES {
                    let field = of_table(&table.table().sample(random())?);
                    if field.is_live(self.now) {
                        return Some(field);
                    }
                }
                self.iter().next()
            }
        }
    }
}

/// The fields of a hash.
pub struct Iter<'a> {
    cursor: Cursor<'a>,
    now: i64,
}

enum Cursor<'a> {
    Pairs(Items<'a>),
    Triples(&'a TimedPack, usize),
    Table(table::Iter<'a, Field>),
}

impl<'a> Iterator for Iter<'a> {
    type Item = FieldRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<FieldRef<'a>> {
        loop {
            let field = match &mut self.cursor {
                Cursor::Pairs(items) => {
                    FieldRef { name: items.next()?, value: items.next()?, expire_at: None }
                }
                Cursor::Triples(pack, at) => {
                    let triple = pack.triple_at(*at)?;
                    *at = triple.time.end;
                    FieldRef {
                        name: triple.name.item,
                        value: triple.value.item,
                        expire_at: triple.expire_at(),
                    }
                }
                Cursor::Table(fields) => of_table(&fields.next()?),
            };
            if field.is_live(self.now) {
                return Some(field);
            }
        }
    }
}
