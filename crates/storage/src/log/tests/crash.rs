//! Loss of power, at every call to the disk, under random schedules of appends, writes, syncs and rewrites.
//!
//! After each one the log must load, hold a prefix of what was appended, and hold all of it that was reported durable.

use proptest::prelude::*;
use std::ops::Range;

use super::*;
use crate::disk::fake::Fault;
use crate::log::{BaseWriter, Damage};

/// What a schedule does.
#[derive(Clone, Debug)]
enum Step {
    Ahead(bool),
    Append { db: u16, value_bytes: usize },
    Group { effects: u16 },
    Write,
    Sync,
    MakeRoom,
    BeginRewrite,
    FinishRewrite,
    Recover,
    Close,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        1 => any::<bool>().prop_map(Step::Ahead),
        6 => (0u16..3, 0usize..200).prop_map(|(db, value_bytes)| Step::Append { db, value_bytes }),
        2 => (2u16..5).prop_map(|effects| Step::Group { effects }),
        4 => Just(Step::Write),
        3 => Just(Step::Sync),
        2 => Just(Step::MakeRoom),
        1 => Just(Step::BeginRewrite),
        1 => Just(Step::FinishRewrite),
        1 => Just(Step::Recover),
        1 => Just(Step::Close),
        1 => Just(Step::Restart),
    ]
}

/// A server in small: its state is the list of all effects so far, and a base is that list.
struct World {
    disk: FakeDisk,
    log: Option<(LogWriter<FakeDisk>, LogBuffer)>,
    base: Option<BaseWriter<crate::disk::fake::FakeFile>>,
    /// Every effect as a line; groups have theirs.
    lines: Vec<String>,
    /// The LSN after each unit and how many lines there are then.
    marks: Vec<(Lsn, usize)>,
    /// How many lines were reported durable.
    durable_lines: usize,
    next: usize,
}

impl World {
    fn new(disk: FakeDisk) -> Self {
        let mut world = Self {
            disk,
            log: None,
            base: None,
            lines: Vec::new(),
            marks: Vec::new(),
            durable_lines: 0,
            next: 0,
        };
        world.start(0);
        world
    }

    /// Loads the log, which must hold a prefix of at least `lines_min` lines; goes on from there.
    fn start(&mut self, lines_min: usize) {
        self.log = None;
        self.base = None;
        let loaded = match resume(&self.disk) {
            Ok((loaded, writer, buffer)) => {
                self.log = Some((writer, buffer));
                loaded
            }
            // A disk that fails during the start: nobody was told anything.
            Err(error) if self.disk.is_off() || is_injected(&error) => return,
            Err(error) => panic!("{error}"),
        };
        let loaded = effects(&loaded);
        assert!(self.lines.starts_with(&loaded), "not a prefix:\n{:#?}\nof\n{:#?}", loaded, self.lines);
        assert!(loaded.len() >= lines_min, "lost: {} of {lines_min} durable lines are there", loaded.len());
        self.lines.truncate(loaded.len());
        let kept = self.lines.len();
        self.marks.clear();
        // Units are whole.
        self.durable_lines = kept;
    }

    fn run(&mut self, step: &Step) {
        let Some((writer, buffer)) = &mut self.log else { return };
        match step {
            Step::Append { db, value_bytes } => {
                let args = ["SET", &self.next.to_string(), &"v".repeat(*value_bytes)];
                self.next += 1;
                let lsn = buffer.append(*db, &command(&args)).lsn;
                self.lines.push(format!("{db} {}", args.join(" ")));
                self.marks.push((lsn, self.lines.len()));
            }
            Step::Group { effects } => {
                let ids: Vec<_> = (0..*effects).map(|n| (n % 2, self.next + n as usize)).collect();
                self.next += ids.len();
                let commands: Vec<_> =
                    ids.iter().map(|(db, id)| (*db, command(&["INCR", &id.to_string()]))).collect();
                let parts: Vec<(u16, &[u8])> = commands.iter().map(|(db, bytes)| (*db, &bytes[..])).collect();
                let lsn = buffer.append_group(&parts).lsn;
                self.lines.extend(ids.iter().map(|(db, id)| format!("{db} INCR {id}")));
                self.marks.push((lsn, self.lines.len()));
            }
            Step::Ahead(ahead) => writer.set_ahead(*ahead),
            Step::Write => drop(writer.write_from(buffer)),
            Step::Sync => drop(writer.sync().and_then(|_| match self.next % 2 {
                0 => writer.say_all_is_durable(),
                _ => Ok(()),
            })),
            Step::MakeRoom => drop(writer.make_room()),
            Step::Close => drop(writer.close(buffer)),
            Step::Recover => drop(writer.recover_after_error()),
            Step::BeginRewrite => {
                if let Ok(mut base) = writer.begin_rewrite(buffer) {
                    let written = self.lines.iter().try_for_each(|line| {
                        let mut words = line.split(' ');
                        let db =
                            words.next().and_then(|db| db.parse().ok()).expect("a line begins with its db");
                        base.command(db, &command(&words.collect::<Vec<_>>()))
                    });
                    match written {
                        Ok(()) => self.base = Some(base),
                        Err(_) => writer.abort_rewrite(),
                    }
                }
            }
            Step::FinishRewrite => {
                if let Some(base) = self.base.take() {
                    match base.seal() {
                        Ok(sealed) => drop(writer.finish_rewrite(sealed)),
                        Err(_) => writer.abort_rewrite(),
                    }
                }
            }
            Step::Restart => {
                self.disk = self.disk.after_kill();
                return self.start(self.durable_lines);
            }
        }
        let durable = writer.positions().durable();
        let lines = self.marks.iter().rev().find(|(lsn, _)| *lsn <= durable).map_or(0, |(_, lines)| *lines);
        self.durable_lines = self.durable_lines.max(lines);
    }
}

fn is_injected(error: &LogError) -> bool {
    matches!(error, LogError::Io { .. })
}

/// The lines of a load without the group marks.
fn effects(lines: &[String]) -> Vec<String> {
    lines.iter().filter(|line| !matches!(line.as_str(), "{" | "}")).cloned().collect()
}

/// Groups are whole: the number of loaded lines is one at which a unit ended. The calls of the range meet the fault.
fn run(steps: &[Step], seed: u64, fault: Option<(Range<u64>, Fault)>) -> u64 {
    let disk = FakeDisk::new(seed);
    let calls_before = disk.calls();
    if let Some((range, fault)) = &fault {
        range.clone().for_each(|call| disk.fail_call(calls_before + call, *fault));
    }
    let mut world = World::new(disk.clone());
    let mut calls = 0;
    for step in steps {
        let before = world.disk.clone();
        world.run(step);
        if matches!(step, Step::Restart) {
            calls += before.calls();
            // A fault that is still to come goes on to the next disk.
            if let Some((range, fault)) = &fault {
                range.clone().filter(|call| *call >= calls).for_each(|call| {
                    world.disk.fail_call(call - calls, *fault);
                });
            }
        }
        if world.disk.is_off() {
            break;
        }
    }
    calls += world.disk.calls();
    let durable = world.durable_lines;
    for _ in 0..4 {
        let opened = Loader::open(directory(&world.disk.after_power_loss()), LoadOptions::default());
        let torn = opened.as_ref().ok().and_then(|loader| loader.torn_tail());
        assert!(torn.is_none_or(|torn| torn.damage != Damage::Empty), "{torn:?}");
        let mut after = World {
            log: None,
            base: None,
            disk: world.disk.after_power_loss(),
            ..World::new(FakeDisk::new(0))
        };
        after.lines.clone_from(&world.lines);
        after.start(durable);
        // And it can go on from there.
        after.run(&Step::Append { db: 0, value_bytes: 5 });
        after.run(&Step::Close);
        let lines = after.lines.clone();
        let (loaded, ..) = resume(&after.disk.after_power_loss()).expect("loads again");
        assert_eq!(effects(&loaded), lines);
    }
    calls
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(60)))]

    #[test]
    fn a_loss_of_power_at_any_call_takes_nothing_durable(
        steps in prop::collection::vec(step(), 1..25),
        seed: u64,
    ) {
        let calls = run(&steps, seed, None);
        for call in 0..calls {
            run(&steps, seed ^ call, Some((call..call + 1, Fault::PowerLoss)));
        }
    }

    #[test]
    fn a_failing_call_takes_nothing_durable(
        steps in prop::collection::vec(step(), 1..25),
        seed: u64,
        fault in prop_oneof![Just(Fault::Io), Just(Fault::NoSpace), Just(Fault::Short)],
    ) {
        let calls = run(&steps, seed, None);
        for call in 0..calls {
            run(&steps, seed ^ call, Some((call..call + 1, fault)));
        }
    }

    #[test]
    fn a_disk_that_is_full_for_a_while_takes_nothing_durable(
        steps in prop::collection::vec(prop_oneof![4 => step(), 1 => Just(Step::Recover)], 1..25),
        seed: u64,
        length in 2u64..12,
    ) {
        let calls = run(&steps, seed, None);
        for call in 0..calls {
            run(&steps, seed ^ call, Some((call..call + length, Fault::NoSpace)));
        }
    }
}
