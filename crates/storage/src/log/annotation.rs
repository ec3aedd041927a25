//! The `#DL` lines, which Redis takes for comments: they frame effects, number them and check them.
//!
//! ```text
//! #DL run v=1 seg=00f1c2d3e4a5b697 lsn=120 synced=120 sum=b617d7f5\r\n
//! #DL block seg=00f1c2d3e4a5b697 lsn=120 synced=120 len=54 crc=8a6c2f10 sum=6e700c50\r\n
//! *2\r\n$6\r\nSELECT\r\n ...                                    (54 bytes)
//! #DL end seg=00f1c2d3e4a5b697 lsn=174 synced=174 sum=75174b9e\r\n
//! ```
//!
//! A block line stands *before* its bytes, so a reader knows how far they reach before it trusts one of them, and
//! finds the next block even if this one is damaged. `synced` is what was durable when the line was written: bytes
//! below it were whole on disk once, so that a fault there is damage, and a fault above it may be a torn end.
//! `seg` is random and known to no client, so no value can pass itself off as a line of ours.

use std::fmt::Write;

/// The longest line that we write or take for ours, CRLF included. Redis takes lines below 1,024 bytes.
pub const LINE_BYTES_MAX: usize = 256;

/// How every line of ours begins.
pub const PREFIX: &[u8] = b"#DL ";

/// The format's version, in the lines that begin a run.
const VERSION: u64 = 1;

/// No log comes so far. Whatever counts on from a number that was read stays within 64 bits.
const NUMBER_MAX: u64 = 1 << 62;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Blocks of effects follow; the first one starts at the line's LSN.
    Run,
    /// Blocks of a base follow: the state at the line's LSN.
    Base,
    /// The next `len_bytes` bytes are whole commands with this CRC32.
    Block { len_bytes: u64, crc: u32 },
    /// The run is closed, everything before is durable.
    End,
}

/// One `#DL` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Annotation {
    pub kind: Kind,
    /// The random number of the log that wrote the line.
    pub segment: u64,
    /// The LSN at this place of the file.
    pub lsn: u64,
    /// The LSN up to which everything was durable when the line was written.
    pub synced: u64,
}

impl Annotation {
    /// The line with its CRLF; shorter than [`LINE_BYTES_MAX`].
    pub fn to_line(&self) -> String {
        let mut line = String::with_capacity(160);
        let Self { kind, segment, lsn, synced } = self;
        let fields = format_args!("seg={segment:016x} lsn={lsn} synced={synced}");
        // Writing to a String can't fail.
        let _infallible = match kind {
            Kind::Run => write!(line, "#DL run v={VERSION} {fields}"),
            Kind::Base => write!(line, "#DL base v={VERSION} {fields}"),
            Kind::Block { len_bytes, crc } => {
                write!(line, "#DL block {fields} len={len_bytes} crc={crc:08x}")
            }
            Kind::End => write!(line, "#DL end {fields}"),
        };
        let sum = crc32fast::hash(line.as_bytes());
        let _infallible = write!(line, " sum={sum:08x}\r\n");
        debug_assert!(line.len() < LINE_BYTES_MAX);
        line
    }

    /// Reads a line, CRLF included. `None` if it isn't exactly one that [`Self::to_line`] makes.
    pub fn parse(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let found = Self::parse_fields(line)?;
        // One text for one meaning: whatever parses and isn't what we write is damage.
        (found.to_line() == line).then_some(found)
    }

    fn parse_fields(line: &str) -> Option<Self> {
        let mut words = line.strip_prefix("#DL ")?.strip_suffix("\r\n")?.split(' ');
        let kind = words.next()?;
        if matches!(kind, "run" | "base") && decimal(field(words.next()?, "v=")?)? != VERSION {
            return None;
        }
        let segment = u64::from_str_radix(field(words.next()?, "seg=")?, 16).ok()?;
        let lsn = decimal(field(words.next()?, "lsn=")?)?;
        let synced = decimal(field(words.next()?, "synced=")?)?;
        let kind = match kind {
            "run" => Kind::Run,
            "base" => Kind::Base,
            "end" => Kind::End,
            "block" => Kind::Block {
                len_bytes: decimal(field(words.next()?, "len=")?)?,
                crc: u32::from_str_radix(field(words.next()?, "crc=")?, 16).ok()?,
            },
            _ => return None,
        };
        Some(Self { kind, segment, lsn, synced })
    }
}

fn field<'a>(word: &'a str, name: &str) -> Option<&'a str> {
    word.strip_prefix(name)
}

fn decimal(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|number| *number <= NUMBER_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &[(Kind, &str)] = &[
        (Kind::Run, "#DL run v=1 seg=00000000000000ff lsn=7 synced=5 sum=9df88ee6\r\n"),
        (Kind::Base, "#DL base v=1 seg=00000000000000ff lsn=7 synced=5 sum=34f213b1\r\n"),
        (Kind::End, "#DL end seg=00000000000000ff lsn=7 synced=5 sum=5686a353\r\n"),
        (
            Kind::Block { len_bytes: 9, crc: 0xab },
            "#DL block seg=00000000000000ff lsn=7 synced=5 len=9 crc=000000ab sum=234c98f8\r\n",
        ),
    ];

    /// Frozen: logs on disk have these lines.
    #[test]
    fn lines_are_written_and_read_as_ever() {
        for (kind, line) in LINES {
            let annotation = Annotation { kind: *kind, segment: 255, lsn: 7, synced: 5 };
            assert_eq!(annotation.to_line(), *line);
            assert_eq!(Annotation::parse(line.as_bytes()), Some(annotation));
        }
    }

    #[test]
    fn no_flipped_bit_goes_unseen() {
        for (_, line) in LINES {
            for bit in 0..line.len() * 8 {
                let mut bytes = line.as_bytes().to_vec();
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Annotation::parse(&bytes), None, "bit {bit} of {line}");
            }
        }
    }

    /// Spoiled numbers with a sum that fits made the next LSN overflow.
    #[test]
    fn numbers_that_nobody_counts_to_are_not_taken() {
        for (lsn, is_taken) in [(NUMBER_MAX, true), (NUMBER_MAX + 1, false), (u64::MAX, false)] {
            let line = Annotation { kind: Kind::Run, segment: 255, lsn, synced: 0 }.to_line();
            assert_eq!(Annotation::parse(line.as_bytes()).is_some(), is_taken, "{line}");
        }
    }

    #[test]
    fn the_longest_line_is_short_enough() {
        let kind = Kind::Block { len_bytes: u64::MAX, crc: u32::MAX };
        let line = Annotation { kind, segment: u64::MAX, lsn: u64::MAX, synced: u64::MAX }.to_line();
        assert!(line.len() < LINE_BYTES_MAX, "{}", line.len());
    }
}
