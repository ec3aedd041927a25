//! How large a collection may be before it is stored another way: Redis' thresholds, as CONFIG SET last gave them.

use crate::config::Config;
use dunlin_storage::rdb::entry::Forms;
use dunlin_structures::list;
use dunlin_structures::packed::Limits;
use dunlin_structures::set::SetLimits;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed};

/// See each field for its settings. Written by CONFIG SET, read with relaxed loads.
#[derive(Default)]
pub struct Thresholds {
    /// `hash-max-listpack-entries` and `hash-max-listpack-value`.
    hash: Pair,
    /// `set-max-listpack-entries` and `set-max-listpack-value`.
    set: Pair,
    /// `zset-max-listpack-entries` and `zset-max-listpack-value`.
    zset: Pair,
    /// `stream-node-max-entries` and `stream-node-max-bytes`; 0: no limit.
    stream_node: Pair,
    intset_entries: AtomicUsize,
    list_block_size: AtomicI64,
    /// 0: the default. Set by DEBUG only.
    list_alone_bytes: AtomicUsize,
    sparse_bytes: AtomicUsize,
}

#[derive(Default)]
struct Pair {
    entries: AtomicUsize,
    bytes: AtomicUsize,
}

impl Pair {
    fn get(&self) -> Limits {
        Limits { entries: self.entries.load(Relaxed), bytes: self.bytes.load(Relaxed) }
    }

    fn set(&self, limits: Limits) {
        self.entries.store(limits.entries, Relaxed);
        self.bytes.store(limits.bytes, Relaxed);
    }
}

impl Thresholds {
    /// Takes over what a configuration says.
    pub fn follow(&self, config: &Config) {
        self.hash.set(config.hash_packed_limits());
        self.set.set(config.set_packed_limits());
        self.zset.set(config.zset_packed_limits());
        self.stream_node.set(config.stream_node_limits());
        self.intset_entries.store(config.set_max_intset_entries(), Relaxed);
        self.list_block_size.store(config.list_max_listpack_size(), Relaxed);
        self.sparse_bytes.store(config.hll_sparse_max_bytes(), Relaxed);
    }

    pub fn hash(&self) -> Limits {
        self.hash.get()
    }

    pub fn set(&self) -> Limits {
        self.set.get()
    }

    pub fn zset(&self) -> Limits {
        self.zset.get()
    }

    /// 0 stands for no limit, in either number.
    pub fn stream_node(&self) -> Limits {
        self.stream_node.get()
    }

    /// `set-max-intset-entries`.
    pub fn intset_entries(&self) -> usize {
        self.intset_entries.load(Relaxed)
    }

    /// `list-max-listpack-size`, and from which length on an element has a block of its own.
    pub fn list(&self) -> list::Limits {
        let alone = match self.list_alone_bytes.load(Relaxed) {
            0 => list::Limits::ALONE_DEFAULT,
            bytes => bytes,
        };
        list::Limits { fill: self.list_block_size.load(Relaxed), alone }
    }

    /// DEBUG QUICKLIST-PACKED-THRESHOLD; 0 is the default.
    pub fn set_list_alone_bytes(&self, bytes: usize) {
        self.list_alone_bytes.store(bytes, Relaxed);
    }

    /// In which forms values from elsewhere are stored.
    pub fn forms(&self) -> Forms {
        let set = SetLimits { ints: self.intset_entries(), packed: self.set() };
        Forms { list: self.list(), set, zset: self.zset(), hash: self.hash() }
    }

    /// `hll-sparse-max-bytes`.
    pub fn hll_sparse_bytes(&self) -> usize {
        self.sparse_bytes.load(Relaxed)
    }
}
