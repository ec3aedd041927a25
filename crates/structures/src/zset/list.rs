//! A skip list with ranks over packed leaves.
//!
//! Pugh's skip list ("Skip lists: a probabilistic alternative to balanced trees", 1990) with spans on its links ("A skip
//! list cookbook", 1990), unrolled: a node of the lowest level is a leaf of some forty members, so that there is a tower for
//! forty members instead of one for each, and neighbours stand side by side.
//!
//! A search compares scores where it stands: a link tells a score that divides what is before its target from what is
//! there, and a leaf has digests of its members' scores. A member itself is looked at only where that leaves a tie.
//!
//! ```text
//! head ────────────────────────────► leaf ─────────────►      next, dividing score, span
//! head ──────────► leaf ───────────► leaf ──────► leaf ►
//!  m m m           m m m m m m       m m m        m m m m
//! ```
//!
//! Invariants (`check` verifies them): members rise by score, then bytes; all links to one leaf tell the same score, which
//! is not above its first member's nor below that of any member before; spans are what they say; only the head, which
//! is never freed, may be empty.
//!
//! Knows nothing of who owns the members: each must be alive from its insertion to its removal.

#![expect(unsafe_code, reason = "nodes and members are reached by addresses")]

use std::cmp::Ordering;
use std::marker::PhantomData;

use super::leaf::{HEIGHT_MAX, Link, NODE_BYTES, Node};
use super::member::Handle;
use smallvec::SmallVec;

/// How many searches are looked ahead for at once.
const SEARCHES_MAX: usize = 64;

/// What a search is for: the end of the members that stand before it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Probe<'a> {
    /// Members with lower scores, or also those with this one.
    Score { score: f64, inclusive: bool },
    /// Members before this one.
    Member { score: f64, text: &'a [u8] },
    /// Members with lower bytes, or also those with these: where all have one score.
    Text { text: &'a [u8], inclusive: bool },
}

pub(super) struct SkipList {
    head: Node,
    /// Levels that any tower but the head's has.
    height: usize,
    len: usize,
    leaves: usize,
    random: u64,
}

// SAFETY: a list owns its nodes, which hold numbers; whose members they are the address of is said by who uses it.
unsafe impl Send for SkipList {}
// SAFETY: a shared list is only read.
unsafe impl Sync for SkipList {}

/// The place between two members: in the leaf of the one before it, if there is one.
#[derive(Clone, Copy)]
pub(super) struct Spot {
    pub(super) node: Node,
    pub(super) index: usize,
    /// Members before the node's first.
    start: usize,
}

impl Spot {
    pub(super) fn rank(self) -> usize {
        self.start + self.index
    }
}

/// The last node that begins before a place, or at it, on each level.
struct Path {
    nodes: [Node; HEIGHT_MAX],
    starts: [usize; HEIGHT_MAX],
}

impl Probe<'_> {
    /// Whether this member stands before what is looked for.
    ///
    /// # Safety
    ///
    /// The member is alive.
    #[inline(always)]
    unsafe fn is_past(&self, handle: Handle) -> bool {
        // SAFETY: says the caller.
        let (score_of, text_of) = unsafe { (|| handle.score(), || handle.text()) };
        match *self {
            Self::Score { score, inclusive: false } => score_of() < score,
            Self::Score { score, inclusive: true } => score_of() <= score,
            Self::Member { score, text } => match score_of().partial_cmp(&score) {
                Some(Ordering::Less) => true,
                Some(Ordering::Equal) => text_of() < text,
                _ => false,
            },
            Self::Text { text, inclusive: false } => text_of() < text,
            Self::Text { text, inclusive: true } => text_of() <= text,
        }
    }

    /// Whether what is looked for lies behind a link, or just before its target: either will do.
    #[inline(always)]
    fn follows(&self, link: &Link, next: Node) -> bool {
        // SAFETY: no leaf that is linked to is empty, and its members are alive.
        let is_past_first = || unsafe { self.is_past(next.handle(0)) };
        match *self {
            Self::Score { score, inclusive: false } => link.score < score,
            Self::Score { score, inclusive: true } => link.score <= score,
            Self::Member { score, .. } => link.score < score || (link.score == score && is_past_first()),
            Self::Text { .. } => is_past_first(),
        }
    }

    #[inline]
    fn partition(&self, node: Node) -> usize {
        // SAFETY: the members of a leaf are alive.
        let is_past = |handle| unsafe { self.is_past(handle) };
        match *self {
            Self::Score { score, .. } | Self::Member { score, .. } => node.partition(score, is_past),
            Self::Text { .. } => node.partition_by(is_past),
        }
    }
}

impl SkipList {
    pub(super) fn new() -> Self {
        Self { head: Node::new(HEIGHT_MAX), height: 1, len: 0, leaves: 1, random: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Nodes, the head included.
    pub(super) fn leaves(&self) -> usize {
        self.leaves
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.leaves * NODE_BYTES
    }

    /// Goes right while `follows` says so, and down. O(log n).
    #[inline(always)]
    fn descend(
        &self,
        mut follows: impl FnMut(&Link, Node, usize) -> bool,
        mut leave: impl FnMut(usize, Node, usize),
    ) -> (Node, usize) {
        let (mut node, mut start) = (self.head, 0);
        for level in (0..self.height).rev() {
            loop {
                let link = node.link(level);
                let Some(next) = link.next.filter(|&next| follows(&link, next, start + link.span)) else {
                    break;
                };
                (node, start) = (next, start + link.span);
            }
            leave(level, node, start);
        }
        (node, start)
    }

    fn path(&self, follows: impl FnMut(&Link, Node, usize) -> bool) -> Path {
        let mut path = Path { nodes: [self.head; HEIGHT_MAX], starts: [0; HEIGHT_MAX] };
        self.descend(follows, |level, node, start| {
            path.nodes[level] = node;
            path.starts[level] = start;
        });
        path
    }

    /// Where a search ends. O(log n).
    #[inline]
    pub(super) fn find(&self, probe: &Probe<'_>) -> Spot {
        let (node, start) = self.descend(|link, next, _| probe.follows(link, next), |_, _, _| ());
        Spot { node, index: probe.partition(node), start }
    }

    /// Has what searches for these scores touch on its way into the cache: all of them go down side by side, so that they
    /// wait for memory together. At most [`SEARCHES_MAX`] of them; ties are not looked into. O(n log members).
    pub(super) fn prefetch_paths(&self, scores: impl Iterator<Item = f64>) {
        let mut searches: SmallVec<[(f64, Node); SEARCHES_MAX]> =
            scores.take(SEARCHES_MAX).map(|score| (score, self.head)).collect();
        let mut moving: SmallVec<[usize; SEARCHES_MAX]> = SmallVec::new();
        for level in (0..self.height).rev() {
            moving.clear();
            moving.extend(0..searches.len());
            while !moving.is_empty() {
                moving.retain(|index| {
                    let (score, node) = &mut searches[*index];
                    let link = node.link(level);
                    let Some(next) = link.next.filter(|_| link.score < *score) else { return false };
                    *node = next;
                    next.prefetch_links(level);
                    true
                });
            }
        }
        searches.iter().for_each(|(_, leaf)| leaf.prefetch_words());
    }

    /// The place before the member of this rank, in that member's leaf; the end if there is none. O(log n).
    pub(super) fn at(&self, rank: usize) -> Spot {
        let rank = rank.min(self.len);
        let (node, start) = self.descend(|_, _, next_start| next_start <= rank, |_, _, _| ());
        Spot { node, index: rank - start, start }
    }

    /// Inserts a member that is not in the list. O(log n).
    pub(super) fn insert(&mut self, handle: Handle) {
        // SAFETY: the member is alive.
        let (score, text) = unsafe { (handle.score(), handle.text()) };
        let probe = Probe::Member { score, text };
        loop {
            let path = self.path(|link, next, _| probe.follows(link, next));
            let node = path.nodes[0];
            let index = probe.partition(node);
            let is_end = index == node.len() && node.link(0).next.is_none();
            if node.len() < node.capacity() {
                node.insert(index, handle, score);
                self.stretch(&path, 1);
                return;
            } else if is_end {
                // Members that come in order fill their leaves.
                let leaf = self.link_in(&path, node.len(), score);
                leaf.insert(0, handle, score);
                let path = self.path(|_, _, next_start| next_start <= self.len);
                self.stretch(&path, 1);
                return;
            }
            self.make_room(&path);
        }
    }

    /// All links on the path span `by` members more.
    #[inline]
    fn stretch(&mut self, path: &Path, by: isize) {
        for level in 0..self.height {
            path.nodes[level].stretch(level, by);
        }
        self.len = self.len.wrapping_add_signed(by);
    }

    /// Makes a full leaf less so: by moving members to the next one if that has much room, else by splitting it.
    #[cold]
    fn make_room(&mut self, path: &Path) {
        let node = path.nodes[0];
        let next = node.link(0).next.filter(|next| next.len() * 4 <= next.capacity() * 3);
        let Some(next) = next else {
            let keep = node.len() / 2;
            // SAFETY: the members of a leaf are alive.
            let score = unsafe { node.handle(keep).score() };
            let leaf = self.link_in(path, keep, score);
            node.give(keep, leaf, false);
            return;
        };
        // Evenly filled, as far as the lower of the two towers' rooms allows.
        let total = node.len() + next.len();
        let keep = (total / 2).max(total.saturating_sub(next.capacity() - 1)).min(node.len() - 1);
        let moved = node.len() - keep;
        node.give(keep, next, true);
        // SAFETY: the members of a leaf are alive.
        let score = unsafe { next.handle(0).score() };
        for level in 0..next.height() {
            let before = path.nodes[level];
            let link = before.link(level);
            debug_assert!(link.next == Some(next));
            before.set_link(level, Link { score, span: link.span - moved, ..link });
            next.stretch(level, moved as isize);
        }
    }

    /// Links a new leaf in behind the path's, which will keep `keep` of its members. The new leaf is still empty.
    fn link_in(&mut self, path: &Path, keep: usize, score: f64) -> Node {
        let height = self.random_height();
        while self.height < height {
            self.head.set_link(self.height, Link { next: None, score: f64::INFINITY, span: self.len });
            self.height += 1;
        }
        let leaf = Node::new(height);
        let start = path.starts[0] + keep;
        for level in 0..height {
            let before = path.nodes[level];
            let link = before.link(level);
            let span = start - path.starts[level];
            leaf.set_link(level, Link { span: link.span - span, ..link });
            before.set_link(level, Link { next: Some(leaf), score, span });
        }
        leaf.set_previous(path.nodes[0]);
        if let Some(next) = leaf.link(0).next {
            next.set_previous(leaf);
        }
        self.leaves += 1;
        leaf
    }

    /// One in four towers rises to the next level.
    fn random_height(&mut self) -> usize {
        // Splitmix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (1 + mixed.trailing_zeros() as usize / 2).min(HEIGHT_MAX)
    }

    /// Removes up to `count` members from a place in the path's leaf on, as many as stand in it, and hands them to `removed`.
    /// How many they were. O(log n + count).
    fn remove_at(
        &mut self,
        path: &Path,
        index: usize,
        count: usize,
        removed: &mut impl FnMut(Handle),
    ) -> usize {
        let node = path.nodes[0];
        let count = count.min(node.len() - index);
        (index..index + count).for_each(|index| removed(node.handle(index)));
        if count == node.len() && node != self.head {
            self.unlink(node, path.starts[0]);
            return count;
        }
        node.remove(index, count);
        self.stretch(path, -(count as isize));
        if node.len() * 4 < node.capacity() {
            self.thin_out(path);
        }
        count
    }

    /// Takes a leaf with all its members out.
    fn unlink(&mut self, leaf: Node, start: usize) {
        // Only the head, where every search begins, may be empty: what begins here is the leaf, or behind it.
        let path = self.path(|_, _, next_start| next_start < start);
        let count = leaf.len();
        for level in 0..self.height {
            let before = path.nodes[level];
            let link = before.link(level);
            if level < leaf.height() {
                debug_assert!(link.next == Some(leaf));
                let behind = leaf.link(level);
                before.set_link(level, Link { span: link.span + behind.span - count, ..behind });
            } else {
                before.stretch(level, -(count as isize));
            }
        }
        self.len -= count;
        self.freed(leaf, path.nodes[0]);
    }

    /// Merges a leaf that is nearly empty with the next or the one before, if that is too.
    #[cold]
    fn thin_out(&mut self, path: &Path) {
        let node = path.nodes[0];
        let fits = |first: Node, second: Node| (first.len() + second.len()) * 2 <= first.capacity();
        if node.link(0).next.is_some_and(|next| fits(node, next)) {
            self.merge(path);
        } else if node.previous().is_some_and(|previous| fits(previous, node)) {
            let start = path.starts[0];
            self.merge(&self.path(|_, _, next_start| next_start < start));
        }
    }

    /// Takes the members of the next leaf in.
    fn merge(&mut self, path: &Path) {
        let node = path.nodes[0];
        let Some(next) = node.link(0).next else { return };
        next.give(0, node, false);
        for level in 0..next.height() {
            let before = path.nodes[level];
            let (link, behind) = (before.link(level), next.link(level));
            debug_assert!(link.next == Some(next));
            before.set_link(level, Link { span: link.span + behind.span, ..behind });
        }
        self.freed(next, node);
    }

    /// Frees a leaf that no link leads to any more.
    fn freed(&mut self, leaf: Node, before: Node) {
        if let Some(next) = leaf.link(0).next {
            next.set_previous(before);
        }
        // SAFETY: the leaf was linked from the nodes whose links were just changed, and from the next one.
        unsafe { leaf.free() };
        self.leaves -= 1;
        while self.height > 1 && self.head.link(self.height - 1).next.is_none() {
            self.height -= 1;
        }
    }

    /// Removes the members of these ranks and hands each to `removed`. O(log n + count).
    pub(super) fn remove_range(&mut self, rank: usize, count: usize, mut removed: impl FnMut(Handle)) {
        let mut left = count.min(self.len.saturating_sub(rank));
        while left > 0 {
            let path = self.path_to_rank(rank);
            left -= self.remove_at(&path, rank - path.starts[0], left, &mut removed);
        }
    }

    fn path_to_rank(&self, rank: usize) -> Path {
        self.path(|_, _, next_start| next_start <= rank)
    }

    /// The path to the leaf of a member that is in the list, and its index there. O(log n).
    fn path_to(&self, handle: Handle) -> (Path, usize) {
        // SAFETY: the member is alive.
        let (score, text) = unsafe { (handle.score(), handle.text()) };
        let probe = Probe::Member { score, text };
        let mut path = self.path(|link, next, _| probe.follows(link, next));
        let mut index = probe.partition(path.nodes[0]);
        if index == path.nodes[0].len() {
            // It is the first of the next leaf.
            path = self.path_to_rank(path.starts[0] + index);
            index = 0;
        }
        assert!(path.nodes[0].handle(index) == handle, "the member stands where its score says");
        (path, index)
    }

    /// Removes a member that is in the list. O(log n).
    pub(super) fn remove(&mut self, handle: Handle) {
        let (path, index) = self.path_to(handle);
        self.remove_at(&path, index, 1, &mut |_| ());
    }

    /// Members before this one, which is in the list. O(log n).
    pub(super) fn rank(&self, handle: Handle) -> usize {
        // SAFETY: the member is alive.
        let (score, text) = unsafe { (handle.score(), handle.text()) };
        self.find(&Probe::Member { score, text }).rank()
    }

    /// Gives a member of the list another score. O(log n); a member that stays in its leaf is only moved there.
    pub(super) fn set_score(&mut self, handle: Handle, score: f64) {
        let (path, index) = self.path_to(handle);
        let node = path.nodes[0];
        // SAFETY: the member is alive.
        let to = Probe::Member { score, text: unsafe { handle.text() } }.partition(node);
        // Between the first and the last other member of the leaf, no link needs to know.
        let is_inside =
            to > usize::from(index == 0) && to < node.len() - usize::from(index + 1 == node.len());
        if is_inside {
            // SAFETY: the member is alive, and nobody reads it now.
            unsafe { handle.set_score(score) };
            node.shift(index, to, score);
        } else {
            self.remove_at(&path, index, 1, &mut |_| ());
            // SAFETY: as above.
            unsafe { handle.set_score(score) };
            self.insert(handle);
        }
    }

    /// Members from a rank on, forwards or backwards, up to `count`. O(log n) to begin.
    pub(super) fn iter(&self, rank: usize, count: usize, backwards: bool) -> Handles<'_> {
        let spot = self.at(rank);
        let left = if backwards { count.min(rank + 1) } else { count.min(self.len.saturating_sub(rank)) };
        let left = if rank < self.len { left } else { 0 };
        let handles = Handles { node: spot.node, index: spot.index, left, backwards, list: PhantomData };
        handles.look_ahead(0);
        handles
    }

    /// Panics if an invariant of the module's description does not hold. For tests. O(n).
    pub(super) fn check(&self) {
        let mut starts = Vec::new();
        let (mut node, mut start, mut previous, mut last) = (self.head, 0, None, None::<Handle>);
        let mut dividing = f64::NEG_INFINITY;
        loop {
            assert!(node.previous() == previous);
            assert!(node == self.head || node.len() > 0);
            node.check();
            for index in 0..node.len() {
                let handle = node.handle(index);
                // SAFETY: the members of the list are alive.
                unsafe {
                    assert!(handle.score() >= dividing);
                    if let Some(last) = last {
                        let probe = Probe::Member { score: handle.score(), text: handle.text() };
                        assert!(probe.is_past(last), "members rise");
                    }
                }
                last = Some(handle);
            }
            starts.push((node, start));
            start += node.len();
            let Some(next) = node.link(0).next else { break };
            dividing = node.link(0).score;
            // SAFETY: as above.
            assert!(last.is_none_or(|last| unsafe { last.score() } <= dividing));
            (previous, node) = (Some(node), next);
        }
        assert_eq!((start, starts.len()), (self.len, self.leaves));
        for level in 0..self.height {
            let tall: Vec<_> = starts.iter().filter(|(node, _)| node.height() > level).collect();
            assert!(level == 0 || tall.len() > 1, "no level is empty");
            for (index, (node, start)) in tall.iter().enumerate() {
                let link = node.link(level);
                let (next, next_start) = match tall.get(index + 1) {
                    Some(&&(next, start)) => (Some(next), start),
                    None => (None, self.len),
                };
                assert!(link.next == next && start + link.span == next_start);
                let lowest = next.and_then(|next| next.previous()).map(|before| before.link(0).score);
                assert!(
                    lowest.is_none_or(|score| score == link.score),
                    "all links to one leaf tell one score"
                );
            }
        }
    }
}

impl Drop for SkipList {
    fn drop(&mut self) {
        let mut node = Some(self.head);
        while let Some(leaf) = node {
            node = leaf.link(0).next;
            // SAFETY: the list goes, and each of its nodes is met once.
            unsafe { leaf.free() };
        }
    }
}

/// Members in order or against it.
pub(super) struct Handles<'a> {
    node: Node,
    index: usize,
    left: usize,
    backwards: bool,
    list: PhantomData<&'a SkipList>,
}

/// How many members before it is asked for a member is fetched.
const LOOK_AHEAD: usize = 8;

impl Handles<'_> {
    /// Has the members of the leaf fetched that come soon: all up to the one that is [`LOOK_AHEAD`] away at the start of a
    /// leaf, later one after the other.
    #[inline(always)]
    fn look_ahead(&self, from: usize) {
        for distance in from..=LOOK_AHEAD.min(self.left) {
            let index = match self.backwards {
                false => self.index + distance,
                true => self.index.wrapping_sub(distance),
            };
            if index < self.node.len() {
                self.node.handle(index).prefetch();
            }
        }
    }
}

impl Iterator for Handles<'_> {
    type Item = Handle;

    #[inline]
    fn next(&mut self) -> Option<Handle> {
        if self.left == 0 {
            return None;
        }
        while self.index >= self.node.len() {
            if self.backwards {
                self.node = self.node.previous()?;
                self.index = self.node.len().wrapping_sub(1);
            } else {
                self.node = self.node.link(0).next?;
                self.index = 0;
            }
            self.look_ahead(0);
        }
        self.look_ahead(LOOK_AHEAD);
        let handle = self.node.handle(self.index);
        self.left -= 1;
        self.index = if self.backwards { self.index.wrapping_sub(1) } else { self.index + 1 };
        Some(handle)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}
