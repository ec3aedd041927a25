//! Registers a byte each: several sketches taken together.

use super::{
    DENSE_BYTES, Fault, HEADER_BYTES, Histogram, Layout, Pattern, REGISTERS, dense, estimate, invalidate,
    raise, sparse,
};

const GROUPS: usize = REGISTERS / 8;

/// The highest value of each register among some sketches.
pub struct Union {
    groups: Box<[[u8; 8]; GROUPS]>,
    /// Kept as long as all of them are sparse: few of their registers are not 0, so that counting all takes longer.
    histogram: Histogram,
    /// Whether any of them was dense.
    has_dense: bool,
}

impl Default for Union {
    fn default() -> Self {
        let mut histogram = [0; 64];
        histogram[0] = REGISTERS as u32;
        Self { groups: Box::new([[0; 8]; GROUPS]), histogram, has_dense: false }
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
                        for mine in covered.iter_mut().filter(|mine| **mine < run.value) {
                            // After a dense one they count nothing, and nobody reads them.
                            let [old, new] = [*mine, run.value].map(|value| usize::from(value) % 64);
                            self.histogram[old] = self.histogram[old].wrapping_sub(1);
                            self.histogram[new] = self.histogram[new].wrapping_add(1);
                            *mine = run.value;
                        }
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
        if !self.has_dense {
            return estimate::cardinality(&self.histogram);
        }
        // Several tables: many registers are equal, and each would wait for the one before it to be counted.
        let mut tables = [[0; 64]; 8];
        for group in self.groups.iter() {
            for (counts, value) in tables.iter_mut().zip(group) {
                counts[usize::from(*value) % 64] += 1;
            }
        }
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
