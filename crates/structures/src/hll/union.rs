//! Registers a byte each: several sketches taken together.

use super::{
    DENSE_BYTES, Fault, HEADER_BYTES, Layout, Pattern, REGISTERS, dense, estimate, invalidate, raise, sparse,
};

const GROUPS: usize = REGISTERS / 8;

/// The highest value of each register among some sketches.
pub struct Union {
    groups: Box<[[u8; 8]; GROUPS]>,
    /// Whether any of them was dense.
    has_dense: bool,
}

impl Default for Union {
    fn default() -> Self {
        Self { groups: Box::new([[0; 8]; GROUPS]), has_dense: false }
    }
}

impl Union {
    /// Takes a sketch in.
    pub fn merge(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let registers = self.groups.as_flattened_mut();
        match Layout::of(bytes)? {
            Layout::Dense => {
                self.has_dense = true;
                let mut others = [[0; 8]; GROUPS];
                dense::unpack(&bytes[HEADER_BYTES..], &mut others);
                let others = others.as_flattened().iter();
                registers.iter_mut().zip(others).for_each(|(mine, other)| *mine = (*mine).max(*other));
            }
            Layout::Sparse => {
                let mut from = 0;
                for run in sparse::runs(&bytes[HEADER_BYTES..]) {
                    let run = run?;
                    let covered = registers.get_mut(from..from + run.length).ok_or(Fault::Corrupted)?;
                    if run.value > 0 {
                        covered.iter_mut().for_each(|mine| *mine = (*mine).max(run.value));
                    }
                    from += run.length;
                }
                if from != REGISTERS {
                    return Err(Fault::Corrupted);
                }
            }
        }
        Ok(())
    }

    /// The estimated cardinality of all that was taken in.
    pub fn count(&self) -> u64 {
        // Several tables: many registers are equal, and each would wait for the one before it to be counted.
        let mut tables = [[0; 64]; 8];
        let mut zeros = 0;
        for group in self.groups.iter() {
            // Of sparse sketches most registers are 0, of small ones nearly all: they are counted together, and
            // where few others are among them those are picked out.
            let mut word = u64::from_le_bytes(*group);
            if self.has_dense {
                for (counts, value) in tables.iter_mut().zip(group) {
                    counts[usize::from(*value) % 64] += 1;
                }
                continue;
            }
            zeros += 8;
            while word != 0 {
                let shift = word.trailing_zeros() & !7;
                tables[0][(word >> shift) as usize % 64] += 1;
                word &= !(0xff << shift);
                zeros -= 1;
            }
        }
        tables[0][0] += zeros;
        estimate::cardinality(&std::array::from_fn(|value| tables.iter().map(|counts| counts[value]).sum()))
    }

    /// The values of all registers.
    pub fn registers(&self) -> &[u8] {
        self.groups.as_flattened()
    }

    /// Raises the registers of `target`, which was taken in, too, to these. It becomes dense if any sketch is. A
    /// sparse one gets the runs that raising register after register gives: Redis' own.
    pub fn write_to(&self, target: &mut Vec<u8>, sparse_bytes_max: usize) -> Result<(), Fault> {
        if self.has_dense && target.len() != DENSE_BYTES {
            *target = dense::empty_like(target);
        }
        if Layout::of(target)? == Layout::Dense {
            dense::pack(&*self.groups, &mut target[HEADER_BYTES..]);
        } else {
            for (index, &rank) in self.registers().iter().enumerate().filter(|(_, rank)| **rank > 0) {
                raise(target, Pattern { index, rank }, sparse_bytes_max)?;
            }
        }
        invalidate(target);
        Ok(())
    }
}
