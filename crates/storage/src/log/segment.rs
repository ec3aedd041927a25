//! Reads one file of the log: commands, groups, and the annotations that frame and check them.
//!
//! Bytes in a block of ours are checked against the block's sum. Bytes outside of blocks are what Redis appended,
//! and are taken as Redis takes them. Which bytes are good so far is known after each whole block and each whole
//! command or group outside of blocks: that place is where a torn end is cut.
//!
//! The reader says what is wrong and where; whether it is forgiven is for the loader to say.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;

use super::ahead;
use super::annotation::{self, Annotation, Kind};
use super::error::Damage;
use super::input::Input;
use super::resp::{Args, Parsed, parse_command};
use crate::disk::DiskFile;

/// Redis reads annotations and headers in lines shorter than this.
const LINE_BYTES_MAX: usize = 1024;

/// Why reading stopped.
#[derive(Debug)]
pub(super) enum Fault {
    Io(io::Error),
    /// The bytes from the reader's good end on are not what they should be; `at` is where that showed.
    Damage {
        damage: Damage,
        at: u64,
    },
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Fault::Io(error)
    }
}

/// What the file holds next.
#[derive(Debug)]
pub(super) enum Item<'a> {
    Command { db: u16, args: Args<'a> },
    GroupBegin,
    GroupEnd,
}

/// How much of a file is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Every command.
    Commands,
    /// Blocks are only checked against their sums, their commands are not yielded.
    Sums,
}

/// What the files around this one say about its LSNs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds {
    /// The LSN at the file's beginning, if known: a run must begin with it.
    pub(super) from: Option<u64>,
    /// Where the next file begins: what this one has from there on doesn't count.
    pub(super) until: Option<u64>,
}

/// A place of the file and the LSN there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) offset: u64,
    pub(super) lsn: u64,
}

/// How many places are remembered until a later line says that they were durable.
const MARKS_MAX: usize = 1 << 16;

/// Where the reader stands.
#[derive(Debug)]
enum Frame {
    /// Outside of any run of ours: bytes that Redis wrote.
    Foreign,
    /// In a run, between blocks.
    Run {
        base: bool,
    },
    Block {
        base: bool,
        left_bytes: u64,
        hasher: crc32fast::Hasher,
        crc: u32,
    },
}

/// Reads one file from its beginning.
pub(super) struct SegmentReader<F> {
    input: Input<F>,
    depth: Depth,
    bulk_bytes_max: u64,
    frame: Frame,
    /// The `seg` of the run that was opened last, open or not.
    segment: Option<u64>,
    db: u16,
    lsn: u64,
    lsn_is_known: bool,
    until: Option<u64>,
    good: Mark,
    /// The last place that a line of ours says was durable, and the good ones after it.
    proven: Mark,
    unproven: VecDeque<Mark>,
    in_group: bool,
    /// Whether what came last is a stretch made ready for blocks (see [`super::ahead`]).
    after_ahead: bool,
    /// Whether the last good bytes were a line or block of ours, with nothing of Redis' after them.
    good_is_ours: bool,
    found: Step,
    spans: Vec<Range<usize>>,
}

/// What one step found.
#[derive(Clone, Copy)]
enum Step {
    Command { len: usize },
    GroupBegin,
    GroupEnd,
    Nothing,
    End,
}

impl<F: DiskFile> SegmentReader<F> {
    /// Bytes from `limit` on don't count.
    pub(super) fn new(file: F, limit: u64, depth: Depth, bulk_bytes_max: u64, bounds: Bounds) -> Self {
        let start = Mark { offset: 0, lsn: bounds.from.unwrap_or(0) };
        Self {
            input: Input::new(file, limit),
            depth,
            bulk_bytes_max,
            frame: Frame::Foreign,
            segment: None,
            db: 0,
            lsn: start.lsn,
            lsn_is_known: bounds.from.is_some(),
            until: bounds.until,
            good: start,
            proven: start,
            unproven: VecDeque::new(),
            in_group: false,
            after_ahead: false,
            good_is_ours: false,
            found: Step::Nothing,
            spans: Vec::new(),
        }
    }

    /// Goes on to the next item; `false` at a good end of the file.
    ///
    /// # Errors
    /// The reader has stopped and must not be asked again.
    pub(super) fn advance(&mut self) -> Result<bool, Fault> {
        loop {
            self.found = self.step()?;
            match self.found {
                Step::Nothing => {}
                Step::End => return Ok(false),
                Step::GroupBegin | Step::GroupEnd | Step::Command { .. } => return Ok(true),
            }
        }
    }

    /// What the last [`Self::advance`] went to; `None` if that wasn't an item.
    pub(super) fn item(&self) -> Option<Item<'_>> {
        match self.found {
            Step::Command { len } => {
                let args = Args::new(self.input.consumed(len), &self.spans);
                Some(Item::Command { db: self.db, args })
            }
            Step::GroupBegin => Some(Item::GroupBegin),
            Step::GroupEnd => Some(Item::GroupEnd),
            Step::Nothing | Step::End => None,
        }
    }

    /// The place after the last byte that is known to be good.
    pub(super) fn good(&self) -> Mark {
        self.good
    }

    /// A place up to which everything was durable, as far as the file says. What follows up to [`Self::good`] are
    /// blocks, or lines that no effect hangs on.
    pub(super) fn proven(&self) -> Mark {
        self.proven
    }

    /// What is read so far, in bytes.
    pub(super) fn offset(&self) -> u64 {
        self.input.offset()
    }

    /// The `seg` of the last run in the file.
    pub(super) fn segment(&self) -> Option<u64> {
        self.segment
    }

    /// Whether this is in a base of ours.
    pub(super) fn in_base(&self) -> bool {
        matches!(self.frame, Frame::Run { base: true } | Frame::Block { base: true, .. })
    }

    /// Whether the good part ends with something that we wrote, and isn't followed by what Redis did.
    pub(super) fn ends_ours(&self) -> bool {
        self.good_is_ours
    }

    fn step(&mut self) -> Result<Step, Fault> {
        match self.frame {
            Frame::Block { left_bytes: 0, .. } => self.close_block(),
            Frame::Block { .. } if self.depth == Depth::Sums => self.skip_block_bytes(),
            Frame::Block { left_bytes, .. } => self.command(Some(left_bytes)),
            Frame::Run { .. } | Frame::Foreign => self.outside(),
        }
    }

    /// Reads what stands between blocks.
    fn outside(&mut self) -> Result<Step, Fault> {
        if self.lsn_is_known
            && !self.in_group
            && !self.in_base()
            && self.until.is_some_and(|until| self.lsn >= until)
        {
            return Ok(Step::End);
        }
        if self.input.window().is_empty() && !self.input.fill(None)? {
            return if self.in_group {
                Err(self.damage(Damage::OpenGroup))
            } else if matches!(self.frame, Frame::Run { base: true }) {
                Err(self.damage(Damage::EndOfFile))
            } else {
                Ok(Step::End)
            };
        }
        match self.input.window()[0] {
            b'#' => self.line(),
            b'*' => {
                self.check_redis_may_begin(Damage::Format)?;
                // Redis has appended here: a run that wasn't closed ends.
                self.after_ahead = false;
                self.frame = Frame::Foreign;
                self.good_is_ours = false;
                self.command(None)
            }
            _ => Err(self.damage(Damage::Format)),
        }
    }

    /// Redis appends to the file's end, which is that of a unit if a stretch was made ready. What is found before that may
    /// be a part of a block of ours that a loss of power has left.
    fn check_redis_may_begin(&self, damage: Damage) -> Result<(), Fault> {
        match self.after_ahead && !self.input.offset().is_multiple_of(ahead::UNIT_BYTES) {
            true => Err(self.damage(damage)),
            false => Ok(()),
        }
    }

    fn line(&mut self) -> Result<Step, Fault> {
        let len = loop {
            let window = self.input.window();
            let looked_at = window.len().min(LINE_BYTES_MAX);
            if let Some(place) = window[..looked_at].iter().position(|&byte| byte == b'\n') {
                break place + 1;
            }
            if looked_at == LINE_BYTES_MAX {
                let zero = window.iter().position(|&byte| byte == 0);
                return Err(self.damage_at(Damage::Annotation, zero.unwrap_or(0)));
            }
            if !self.input.fill(None)? {
                return Err(self.damage(Damage::EndOfFile));
            }
        };
        let line = &self.input.window()[..len];
        let ours = line.starts_with(annotation::PREFIX);
        if matches!(self.frame, Frame::Run { base: false }) && ahead::is_line(line) {
            self.input.consume(len);
            self.after_ahead = true;
            return Ok(Step::Nothing);
        }
        if !ours && matches!(self.frame, Frame::Run { .. }) {
            // Only Redis may have appended here, and it writes no other annotations than time stamps.
            if !line.starts_with(b"#TS:") {
                return Err(self.damage(Damage::Annotation));
            }
            self.check_redis_may_begin(Damage::Annotation)?;
            self.after_ahead = false;
            self.frame = Frame::Foreign;
        }
        if line.contains(&0) {
            // Nobody writes such a comment: a part of a line of ours, perhaps.
            return Err(self.damage(Damage::Annotation));
        }
        let found = if ours { Annotation::parse(line) } else { None };
        match (ours, found) {
            (true, Some(annotation)) => self.apply(annotation)?,
            (true, None) => return Err(self.damage(Damage::Annotation)),
            (false, _) => {}
        }
        self.input.consume(len);
        if !self.in_group && !matches!(self.frame, Frame::Block { .. }) {
            self.mark_good(ours);
        }
        Ok(Step::Nothing)
    }

    fn apply(&mut self, annotation: Annotation) -> Result<(), Fault> {
        if self.in_group {
            return Err(self.damage(Damage::Group));
        }
        self.after_ahead = false;
        let Annotation { kind, segment, lsn, synced } = annotation;
        if let Kind::Run | Kind::Base = kind {
            // A base begins the account of effects, and nothing comes before it; a run goes on with the one before.
            if self.lsn_is_known && (kind == Kind::Base || lsn != self.lsn) {
                return Err(self.damage(Damage::Sequence));
            }
            self.lsn = lsn;
            self.lsn_is_known = true;
            self.segment = Some(segment);
            self.frame = Frame::Run { base: kind == Kind::Base };
            // Whatever stands before a run was durable before the manifest named the run's file, or the run was begun.
            self.prove(synced.max(lsn));
            return Ok(());
        }
        let Frame::Run { base } = self.frame else { return Err(self.damage(Damage::Annotation)) };
        if self.segment != Some(segment) || self.lsn != lsn {
            return Err(self.damage(Damage::Sequence));
        }
        self.prove(synced);
        self.frame = match kind {
            Kind::Block { len_bytes, crc } => {
                Frame::Block { base, left_bytes: len_bytes, hasher: crc32fast::Hasher::new(), crc }
            }
            Kind::Run | Kind::Base | Kind::End => Frame::Foreign,
        };
        Ok(())
    }

    fn close_block(&mut self) -> Result<Step, Fault> {
        let Frame::Block { base, hasher, crc, .. } = &self.frame else { return Ok(Step::Nothing) };
        if hasher.clone().finalize() != *crc {
            return Err(self.damage(Damage::Checksum));
        }
        if self.in_group {
            return Err(self.damage(Damage::Group));
        }
        self.frame = Frame::Run { base: *base };
        self.mark_good(true);
        Ok(Step::Nothing)
    }

    fn skip_block_bytes(&mut self) -> Result<Step, Fault> {
        if self.input.window().is_empty() && !self.input.fill(None)? {
            return Err(self.damage(Damage::EndOfFile));
        }
        let Frame::Block { left_bytes, .. } = self.frame else { return Ok(Step::Nothing) };
        let len = self.input.window().len().min(usize::try_from(left_bytes).unwrap_or(usize::MAX));
        self.consume(len);
        Ok(Step::Nothing)
    }

    /// Reads one command; in a block it must lie in the `left_bytes` of the block.
    fn command(&mut self, left_bytes: Option<u64>) -> Result<Step, Fault> {
        let left = left_bytes.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
        let len = loop {
            let window = self.input.window();
            let visible = &window[..window.len().min(left)];
            match parse_command(visible, self.bulk_bytes_max, &mut self.spans) {
                Parsed::Whole(len) => break len,
                Parsed::Malformed { at } => return Err(self.damage_at(Damage::Format, at)),
                Parsed::TooLong { at } => return Err(self.damage_at(Damage::Length, at)),
                Parsed::Incomplete { need } => {
                    if visible.len() == left || need.is_some_and(|need| need > left) {
                        // The sum isn't checked yet, but the block can't be what was written.
                        return Err(self.damage(Damage::Length));
                    }
                    if !self.input.fill(need)? {
                        return Err(self.damage(Damage::EndOfFile));
                    }
                }
            }
        };
        self.consume(len);
        self.interpret(len)
    }

    /// Says what the command that was consumed last means here.
    fn interpret(&mut self, len: usize) -> Result<Step, Fault> {
        let misplaced = Fault::Damage { damage: Damage::Group, at: self.input.offset() - len as u64 };
        let args = Args::new(self.input.consumed(len), &self.spans);
        let step = if args.is("SELECT", 2) {
            let db = args.get(1).and_then(|db| std::str::from_utf8(db).ok()).and_then(|db| db.parse().ok());
            match db {
                Some(db) => self.db = db,
                None => return Err(misplaced),
            }
            Step::Nothing
        } else if args.is("MULTI", 1) || args.is("EXEC", 1) {
            let begins = args.is("MULTI", 1);
            if begins == self.in_group {
                return Err(misplaced);
            }
            self.in_group = begins;
            if begins { Step::GroupBegin } else { Step::GroupEnd }
        } else {
            Step::Command { len }
        };
        if !self.in_group && !matches!(self.frame, Frame::Block { .. }) {
            self.mark_good(false);
        }
        Ok(step)
    }

    /// Consumes effect bytes: they count for the LSN and, in a block, for its sum.
    fn consume(&mut self, len: usize) {
        if let Frame::Block { left_bytes, hasher, .. } = &mut self.frame {
            hasher.update(&self.input.window()[..len]);
            *left_bytes -= len as u64;
        }
        // The bytes of a base aren't part of the stream of effects.
        if !matches!(self.frame, Frame::Block { base: true, .. }) {
            self.lsn += len as u64;
        }
        self.input.consume(len);
    }

    fn mark_good(&mut self, ours: bool) {
        self.good_is_ours = ours;
        self.good = Mark { offset: self.input.offset(), lsn: self.lsn };
        // With too many places to remember the proof is only coarser.
        if self.depth == Depth::Sums && self.unproven.len() < MARKS_MAX {
            self.unproven.push_back(self.good);
        }
    }

    /// Notes that a line here says what was durable when it was written.
    fn prove(&mut self, synced: u64) {
        if synced >= self.lsn {
            // Not the line's own place: room made ready may stand before it, which the good part doesn't end with.
            self.proven = Mark { offset: self.good.offset, lsn: self.lsn };
            self.unproven.clear();
            return;
        }
        while let Some(mark) = self.unproven.front().filter(|mark| mark.lsn <= synced) {
            self.proven = *mark;
            self.unproven.pop_front();
        }
    }

    fn damage(&self, damage: Damage) -> Fault {
        self.damage_at(damage, 0)
    }

    fn damage_at(&self, damage: Damage, ahead: usize) -> Fault {
        Fault::Damage { damage, at: self.input.offset() + ahead as u64 }
    }
}

/// What lines of ours after a damage say about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// There are none: the end of the file is torn.
    Nothing,
    /// We wrote more behind it, at this offset, and nobody says that it was durable.
    Unsynced { at: u64 },
    /// What is damaged was durable once.
    Synced,
}

/// Looks for lines of ours behind the good end of a file, which is at offset `from` and at `lsn`. Only asked after damage,
/// O(bytes that remain).
pub(super) fn lines_after<F: DiskFile>(
    file: F,
    from: u64,
    limit: u64,
    segment: u64,
    lsn: u64,
) -> io::Result<After> {
    let mut input = Input::new(file, limit);
    let mut after = After::Nothing;
    skip(&mut input, from)?;
    loop {
        let window = input.window();
        let Some(place) =
            window.windows(annotation::PREFIX.len()).position(|bytes| bytes == annotation::PREFIX)
        else {
            let passed = window.len().saturating_sub(annotation::PREFIX.len());
            input.consume(passed);
            if !input.fill(None)? {
                return Ok(after);
            }
            continue;
        };
        input.consume(place);
        let more = input.window().len() < annotation::LINE_BYTES_MAX
            && input.fill(Some(annotation::LINE_BYTES_MAX))?;
        if more {
            continue;
        }
        let window = input.window();
        let line = window.iter().take(annotation::LINE_BYTES_MAX).position(|&byte| byte == b'\n');
        let found = line.and_then(|end| Annotation::parse(&window[..=end]));
        if let Some(found) = found.filter(|found| found.segment == segment) {
            if found.synced > lsn {
                return Ok(After::Synced);
            }
            // The line at the good end itself is that of what is damaged.
            if input.offset() > from && after == After::Nothing {
                after = After::Unsynced { at: input.offset() };
            }
        }
        input.consume(1);
    }
}

/// The smallest part of a file that a loss of power takes as a whole.
const SECTOR_BYTES: u64 = if cfg!(test) { 32 } else { 512 };

/// Whether `from..until` looks like a place where the disk has later bytes and not these: a sector, or what it has of one
/// from `from` on, is what stood there before: zeros, or room made ready. Decay of what was there doesn't look like this.
pub(super) fn has_lost_sector<F: DiskFile>(file: F, from: u64, until: u64) -> io::Result<bool> {
    let mut input = Input::new(file, until);
    skip(&mut input, from)?;
    let (mut zeros, mut marks) = (0, 0);
    loop {
        let start = input.offset();
        let window = input.window();
        for (offset, &byte) in (start..).zip(window) {
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            marks = if ahead::may_stand_at(offset, byte) { marks + 1 } else { 0 };
            let end = offset + 1;
            if end.is_multiple_of(SECTOR_BYTES) && zeros.max(marks) >= SECTOR_BYTES.min(end - from) {
                return Ok(true);
            }
        }
        let len = window.len();
        input.consume(len);
        if !input.fill(None)? {
            return Ok(false);
        }
    }
}

/// Whether there are bytes from offset `from` on, and all of them are zero. O(bytes that remain).
pub(super) fn is_zero_from<F: DiskFile>(file: F, from: u64, limit: u64) -> io::Result<bool> {
    let mut input = Input::new(file, limit);
    skip(&mut input, from)?;
    if input.offset() >= limit {
        return Ok(false);
    }
    loop {
        let window = input.window();
        if window.iter().any(|&byte| byte != 0) {
            return Ok(false);
        }
        let len = window.len();
        input.consume(len);
        if !input.fill(None)? {
            return Ok(true);
        }
    }
}

fn skip<F: DiskFile>(input: &mut Input<F>, bytes: u64) -> io::Result<()> {
    while input.offset() < bytes {
        if input.window().is_empty() && !input.fill(None)? {
            break;
        }
        let ahead = usize::try_from(bytes - input.offset()).unwrap_or(usize::MAX);
        let len = input.window().len().min(ahead);
        input.consume(len);
    }
    Ok(())
}
