//! A run against holders that do what a test says.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard},
};

use antibrush_protocol::base::Timestamp;

use super::{run::*, *};
use crate::{
    import::{Column, Reject, RejectReason, SubjectRow},
    tokens::{HolderProblem, Unavailable},
};

/// ENT needs nobody, LOG has no key.
#[derive(Default)]
struct World {
    cache: BTreeSet<String>,
    /// Sizes of the requests.
    asked: Vec<usize>,
    /// How many more subjects of MOB there is a quota for.
    quota: Option<usize>,
    /// How many more requests are answered, and how many are not after that.
    outage: Option<(usize, usize)>,
    pauses: usize,
    forgets: bool,
    stops: bool,
}

struct Fake(Mutex<World>);

impl Fake {
    fn new(change: impl FnOnce(&mut World)) -> Fake {
        let mut world = World::default();
        change(&mut world);
        Fake(Mutex::new(world))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    fn asked_and_pauses(&self) -> (usize, usize) {
        let world = self.world();
        (world.asked.len(), world.pauses)
    }

    /// The counts and the lines other than progress, of a file in these blocks.
    fn run(
        &self,
        blocks: &[&[Result<SubjectRow, Reject>]],
        stop: bool,
    ) -> (Result<TokenizeLine, TokenizeLine>, Vec<serde_json::Value>) {
        let lines = Mutex::new(Vec::new());
        let send = |line: &TokenizeLine| {
            lines.lock().unwrap().push(serde_json::to_value(line).unwrap());
            true
        };
        let mut run = Run::new(self, &send, 100, stop);
        let mut is_stopped = false;
        for (number, block) in (1..).zip(blocks) {
            if run.block(block.to_vec(), 100 * number / blocks.len() as u64).is_break() {
                is_stopped = true;
                break;
            }
        }
        let last = run.end(is_stopped);
        let (progress, other): (Vec<_>, Vec<_>) =
            lines.into_inner().unwrap().into_iter().partition(|line| line.get("progress").is_some());
        let done: Vec<u64> = progress.iter().map(|line| line["progress"]["done"].as_u64().unwrap()).collect();
        assert!(done.is_sorted() && done.iter().all(|done| *done <= 100), "{done:?}");
        let rows: Vec<u64> = progress.iter().map(|line| line["progress"]["rows"].as_u64().unwrap()).collect();
        assert!(rows.is_sorted(), "{rows:?}");
        if let Ok(TokenizeLine::Summary(summary)) = &last {
            let TokenizeSummary { rows: all, local, known, evaluated, rejected, unavailable, keyless } = *summary;
            assert_eq!(all, local + known + evaluated + rejected + unavailable, "every row is counted once");
            assert!(keyless <= rejected, "{keyless} of {rejected}");
            assert_eq!((done.last(), rows.last()), (Some(&100), Some(&all)));
        }
        (last, other)
    }

    /// Rows, local, known, evaluated, rejected, unavailable; and the other lines.
    fn counts(&self, blocks: &[&[Result<SubjectRow, Reject>]], stop: bool) -> ([u64; 6], Vec<serde_json::Value>) {
        match self.run(blocks, stop) {
            (Ok(TokenizeLine::Summary(s)), lines) => {
                ([s.rows, s.local, s.known, s.evaluated, s.rejected, s.unavailable], lines)
            }
            (last, _) => panic!("{}", serde_json::to_string(&last.unwrap_or_else(|line| line)).unwrap()),
        }
    }
}

fn unavailable(problem: HolderProblem) -> TokenError {
    let missing = vec![("alibaba".to_owned(), problem)];
    TokenError::Unavailable(Arc::new(Unavailable { class: Class::Mob, epoch: 1, need: 2, have: 1, missing }))
}

impl Holders for Fake {
    fn is_local(&self, class: Class) -> Result<bool, TokenError> {
        if class == Class::Log { Err(TokenError::NoKey(class)) } else { Ok(class == Class::Ent) }
    }

    fn is_known(&self, subject: &Subject, _: &mut Vec<u8>) -> Result<bool, TokenError> {
        Ok(self.world().cache.contains(subject.canonical()))
    }

    fn evaluate(&self, subjects: &[Subject]) -> (Vec<Result<(), TokenError>>, bool) {
        let mut world = self.world();
        world.asked.push(subjects.len());
        assert!(subjects.len() <= SUBJECTS_AT_ONCE);
        if let Some((before, during)) = &mut world.outage {
            if *before == 0 && *during > 0 {
                *during -= 1;
                let nobody = || Err(unavailable(HolderProblem::NotConnected));
                return (subjects.iter().map(|_| nobody()).collect(), true);
            }
            *before = before.saturating_sub(1);
        }
        let mut evaluate = |subject: &Subject| {
            if let (Class::Mob, Some(quota)) = (subject.class(), &mut world.quota) {
                let renews = Timestamp(1_795_708_800);
                *quota = quota.checked_sub(1).ok_or_else(|| unavailable(HolderProblem::Exhausted { renews }))?;
            }
            if !world.forgets {
                world.cache.insert(subject.canonical().to_owned());
            }
            Ok(())
        };
        (subjects.iter().map(&mut evaluate).collect(), !world.forgets)
    }

    fn pause(&self, _: Duration) {
        self.world().pauses += 1;
    }

    fn is_stopping(&self) -> bool {
        self.world().stops
    }
}

fn row(class: Class, id: &str) -> Result<SubjectRow, Reject> {
    Ok(SubjectRow { line: 7, subject: Subject::parse(class, id).unwrap() })
}

fn mobiles(numbers: std::ops::Range<u64>) -> Vec<Result<SubjectRow, Reject>> {
    numbers.map(|n| row(Class::Mob, &(13_800_000_000 + n).to_string())).collect()
}

#[test]
fn every_row_is_counted_and_the_second_run_asks_for_nothing() {
    let reject = Reject { line: 9, column: Some(Column::Identifier), reason: RejectReason::Missing };
    let mut first = mobiles(0..SUBJECTS_AT_ONCE as u64 + 10);
    first.extend([row(Class::Ent, "91350100M000100Y43"), Err(reject), row(Class::Log, "sf:1")]);
    // The same subjects again: in the same request, in a later one, and written otherwise.
    let second =
        [mobiles(0..3), mobiles(SUBJECTS_AT_ONCE as u64..SUBJECTS_AT_ONCE as u64 + 2), mobiles(5000..5001)].concat();
    let fake = Fake::new(|_| {});
    let (counts, lines) = fake.counts(&[&first, &second], true);
    assert_eq!(counts, [2067, 1, 5, 2059, 2, 0]);
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["reject"]["line"], &lines[0]["reject"]["column_en"]), (&9.into(), &"identifier".into()));
    assert!(lines[1]["reject"]["reason_en"].as_str().unwrap().contains("no token key for class LOG"), "{lines:?}");
    assert_eq!(fake.world().asked, [SUBJECTS_AT_ONCE, 11], "full requests, and one for the rest");
    assert_eq!(fake.counts(&[&first, &second], true).0, [2067, 1, 2064, 0, 2, 0]);
    assert_eq!(fake.world().asked.len(), 2);
}

#[test]
fn a_quota_that_is_used_up_stops_in_order_and_the_next_day_goes_on() {
    let rows = [mobiles(0..5000), vec![row(Class::Acc, "jd:1"), row(Class::Acc, "jd:2")]].concat();
    let fake = Fake::new(|world| world.quota = Some(3000));
    let (counts, lines) = fake.counts(&[&rows], true);
    assert_eq!(counts, [5002, 0, 0, 3000, 0, 2002]);
    let exhausted = &lines[0]["exhausted"];
    assert_eq!((&exhausted["renews"], &exhausted["left_rows"]), (&1_795_708_800.into(), &2002.into()));
    let detail = exhausted["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("2002 rows are left: ") && detail.contains("until 2026-11-27 00:00 Beijing time"),
        "{detail}"
    );
    assert_eq!(fake.asked_and_pauses(), (2, 0), "nobody is asked after the refusal");
    fake.world().quota = None;
    assert_eq!(fake.counts(&[&rows], true).0, [5002, 0, 3000, 2002, 0, 0]);

    // Or the other classes go on.
    let fake = Fake::new(|world| world.quota = Some(3000));
    let (counts, lines) = fake.counts(&[&rows], false);
    assert_eq!(counts, [5002, 0, 0, 3002, 0, 2000]);
    assert_eq!(lines[0]["exhausted"]["left_rows"], 2000);
}

#[test]
fn holders_that_do_not_answer_stop_a_run_and_a_short_outage_does_not() {
    let rows = mobiles(0..5000);
    let fake = Fake::new(|world| world.outage = Some((0, usize::MAX)));
    let (counts, lines) = fake.counts(&[&rows], true);
    assert_eq!(counts, [5000, 0, 0, 0, 0, 5000]);
    assert_eq!(lines[0]["unreachable"]["left_rows"], 5000);
    assert!(lines[0]["unreachable"]["detail_zh"].as_str().unwrap().starts_with("尚余 5000 行："));
    assert_eq!(fake.asked_and_pauses(), (1, 0), "a run that never began waits for nothing");

    let fake = Fake::new(|world| world.outage = Some((1, PAUSES.len())));
    assert_eq!(fake.counts(&[&rows], true).0, [5000, 0, 0, 5000, 0, 0]);
    assert_eq!(fake.world().pauses, PAUSES.len());

    let fake = Fake::new(|world| world.outage = Some((1, PAUSES.len() + 1)));
    // What the cache has is counted to the end of the file all the same.
    let again = [rows, mobiles(0..10)].concat();
    assert_eq!(fake.counts(&[&again], true).0, [5010, 0, 10, 2048, 0, 2952]);
}

#[test]
fn a_full_disk_and_a_node_that_stops_end_it_with_an_error() {
    for (change, said) in [
        ((|world| world.forgets = true) as fn(&mut World), "cannot be kept"),
        (|world| world.stops = true, "the node is stopping"),
    ] {
        let fake = Fake::new(change);
        let (last, lines) = fake.run(&[&mobiles(0..5000)], true);
        let error = serde_json::to_value(last.err().unwrap()).unwrap();
        assert!(error["error"]["detail"].as_str().unwrap().contains(said), "{error}");
        assert!(lines.is_empty() && fake.world().asked.len() < 2);
    }
}

#[test]
fn nobody_reads_so_nobody_is_asked_any_more() {
    let fake = Fake::new(|_| {});
    let mut run = Run::new(&fake, &|_| false, 100, true);
    assert!(run.block(mobiles(0..9000), 100).is_break());
    assert!(run.end(true).is_ok());
    assert_eq!(fake.world().asked, [SUBJECTS_AT_ONCE], "what was under way is kept, the rest is not begun");
}
