//! The heaviest items: a binary heap of a fixed number of places, the lightest on top.
//!
//! Its order is RedisBloom's, also among items with equal counts, and free places stand in it as items that nobody
//! counted, since dumps tell all places in order. As there, an item whose count fell doesn't rise.

/// A place of the heap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heavy {
    pub fingerprint: u32,
    pub count: u32,
    /// Nothing: the place is free.
    pub item: Option<Box<[u8]>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heap {
    places: Vec<Heavy>,
    /// Lengths of all items.
    item_bytes: usize,
}

impl Heap {
    pub(super) fn new(places: usize) -> Self {
        Self { places: vec![Heavy::default(); places], item_bytes: 0 }
    }

    pub(super) fn from_parts(places: Vec<Heavy>) -> Self {
        let item_bytes = places.iter().filter_map(|place| place.item.as_ref()).map(|item| item.len()).sum();
        Self { places, item_bytes }
    }

    pub(super) fn places(&self) -> &[Heavy] {
        &self.places
    }

    /// The count on top.
    pub(super) fn lowest(&self) -> u32 {
        self.places[0].count
    }

    /// Where an item stands. O(number of places).
    pub(super) fn find(&self, item: &[u8], fingerprint: u32) -> Option<usize> {
        let is_it = |place: &Heavy| place.fingerprint == fingerprint && place.item.as_deref() == Some(item);
        self.places.iter().position(is_it)
    }

    /// Gives an item another count.
    pub(super) fn recount(&mut self, place: usize, count: u32) {
        self.places[place].count = count;
        self.sink(place);
    }

    /// Puts an item in the place of the lightest, and returns that.
    pub(super) fn replace(&mut self, heavy: Heavy) -> Option<Box<[u8]>> {
        let len = |heavy: &Heavy| heavy.item.as_ref().map_or(0, |item| item.len());
        self.item_bytes += len(&heavy);
        let expelled = std::mem::replace(&mut self.places[0], heavy);
        self.item_bytes -= len(&expelled);
        self.sink(0);
        expelled.item
    }

    fn sink(&mut self, mut at: usize) {
        let mut is_first = true;
        while let Some(child) = self.lighter_child(at) {
            let (below, above) = (self.places[child].count, self.places[at].count);
            // An equal one rises at the first step only: so it is in RedisBloom.
            if below > above || below == above && !is_first {
                break;
            }
            self.places.swap(at, child);
            (at, is_first) = (child, false);
        }
    }

    fn lighter_child(&self, at: usize) -> Option<usize> {
        let left = 2 * at + 1;
        let count = |place: usize| self.places.get(place).map(|heavy| heavy.count);
        let is_right = count(left + 1).is_some_and(|right| count(left).is_some_and(|left| left > right));
        count(left).map(|_| left + usize::from(is_right))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        size_of_val(&self.places[..]) + self.item_bytes
    }
}
