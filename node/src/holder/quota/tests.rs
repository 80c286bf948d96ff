use std::{fs, path::PathBuf, thread};

use antibrush_protocol::evaluation::quota::LEAST_BLOCK;

use super::*;

const A: MemberNumber = MemberNumber(1);
const B: MemberNumber = MemberNumber(2);
const QUOTA: u32 = 1000;
const TODAY: Day = Day(20_000);
const TOMORROW: Day = Day(20_001);

fn open(directory: &Path) -> Quotas {
    Quotas::open(directory).unwrap()
}

fn take(quotas: &Quotas, member: MemberNumber, count: u32, today: Day) -> Result<(), QuotaError> {
    quotas.take(member, Class::Mob, count, QUOTA, today)
}

fn count(quotas: &Quotas, member: MemberNumber, today: Day) -> u32 {
    quotas.used(today).iter().filter(|row| row.0 == member).map(|row| row.2).sum()
}

fn exhausted(left: u32, renews: Day) -> Result<(), QuotaError> {
    Err(QuotaError::Exhausted { left, renews })
}

/// What a killed process leaves: the value is dropped, and nothing is written for that.
fn crash(quotas: Quotas) {
    drop(quotas);
}

fn slots(directory: &Path) -> [PathBuf; 2] {
    ["today.0", "today.1"].map(|name| directory.join(name))
}

#[test]
fn a_quota_is_for_one_member_class_and_day() {
    let dir = tempfile::tempdir().unwrap();
    let quotas = open(dir.path());
    take(&quotas, A, QUOTA - 1, TODAY).unwrap();
    assert_eq!(take(&quotas, A, 2, TODAY), exhausted(1, TOMORROW));
    take(&quotas, A, 1, TODAY).unwrap();
    take(&quotas, A, 0, TODAY).unwrap();
    assert_eq!(take(&quotas, A, 1, TODAY), exhausted(0, TOMORROW));
    take(&quotas, B, QUOTA, TODAY).unwrap();
    quotas.take(A, Class::Per, 5, 5, TODAY).unwrap();
    // A lower quota holds at once, a higher one as well.
    assert_eq!(quotas.take(A, Class::Per, 1, 3, TODAY), exhausted(0, TOMORROW));
    quotas.take(A, Class::Per, 2, 7, TODAY).unwrap();
    assert_eq!(quotas.take(A, Class::Per, u32::MAX, 8, TODAY), exhausted(1, TOMORROW));
    assert_eq!(quotas.used(TODAY), [(A, Class::Per, 7), (A, Class::Mob, QUOTA), (B, Class::Mob, QUOTA)]);
    take(&quotas, A, QUOTA, TOMORROW).unwrap();
    assert_eq!(quotas.used(TOMORROW), [(A, Class::Mob, QUOTA)]);
}

#[test]
fn a_crash_at_any_moment_never_makes_a_count_less() {
    let dir = tempfile::tempdir().unwrap();
    let mut answered = 0;
    let mut quotas = open(dir.path());
    for round in 0u32.. {
        let ask = 1 + round % 50;
        if take(&quotas, A, ask, TODAY).is_err() {
            break;
        }
        answered += ask;
        assert!(count(&quotas, A, TODAY) >= answered);
        if round % 3 == 0 {
            let before = count(&quotas, A, TODAY);
            crash(quotas);
            quotas = open(dir.path());
            let after = count(&quotas, A, TODAY);
            assert!(after >= before && after <= before + LEAST_BLOCK, "{before} {after}");
        }
    }
    assert!(answered > 0 && answered <= QUOTA);
    assert!(QUOTA - count(&quotas, A, TODAY) < 50);
}

#[test]
fn an_orderly_end_costs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let quotas = open(dir.path());
    take(&quotas, A, 10, TODAY).unwrap();
    quotas.settle().unwrap();
    take(&quotas, A, 1, TODAY).unwrap();
    crash(quotas);
    let quotas = open(dir.path());
    assert_eq!(count(&quotas, A, TODAY), 11 + LEAST_BLOCK, "what came after it is reserved anew");
    take(&quotas, A, 1, TODAY).unwrap();
    quotas.settle().unwrap();
    assert_eq!(count(&open(dir.path()), A, TODAY), 12 + LEAST_BLOCK);
}

#[test]
fn the_disk_is_asked_once_a_block() {
    let dir = tempfile::tempdir().unwrap();
    let quotas = open(dir.path());
    let before = quotas.lock().disk.sequence();
    for _ in 0..100_000 {
        quotas.take(A, Class::Mob, 1, 1_000_000, TODAY).unwrap();
    }
    // A 256th of the quota, and one for the day.
    let writes = quotas.lock().disk.sequence() - before;
    assert!((20..=30).contains(&writes), "{writes}");
}

#[test]
fn a_clock_that_is_turned_back_renews_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let quotas = open(dir.path());
    take(&quotas, A, QUOTA, TODAY).unwrap();
    take(&quotas, A, QUOTA - 5, TOMORROW).unwrap();
    crash(quotas);
    let quotas = open(dir.path());
    for day in [TODAY, Day(0), TOMORROW] {
        assert_eq!(take(&quotas, A, 6, day), exhausted(0, Day(20_002)));
        assert_eq!(quotas.used(day), [(A, Class::Mob, QUOTA)]);
    }
    // The day itself is kept although nothing was taken on it.
    take(&quotas, A, 0, Day(20_005)).unwrap();
    crash(quotas);
    let quotas = open(dir.path());
    take(&quotas, A, QUOTA, Day(20_003)).unwrap();
    assert_eq!(take(&quotas, A, 1, Day(20_005)), exhausted(0, Day(20_006)));
}

#[test]
fn the_day_before_can_be_reported() {
    let dir = tempfile::tempdir().unwrap();
    let quotas = open(dir.path());
    assert_eq!(quotas.usage_of(TODAY), None);
    for n in 0..60 {
        take(&quotas, A, 100 + n, Day(20_000 + n)).unwrap();
    }
    quotas.settle().unwrap();
    for quotas in [quotas, open(dir.path())] {
        assert_eq!(quotas.usage_of(Day(20_018)), None);
        for n in 19..60 {
            assert_eq!(quotas.usage_of(Day(20_000 + n)), Some(vec![(A, Class::Mob, 100 + n)]), "{n}");
        }
        assert_eq!(quotas.used(Day(20_060)), [], "the next day began without anybody");
        assert_eq!(quotas.usage_of(Day(20_059)), Some(vec![(A, Class::Mob, 159)]));
    }
    // Lost counts of past days cost reports and nothing else.
    fs::write(dir.path().join("history"), b"damaged").unwrap();
    let quotas = open(dir.path());
    assert_eq!(quotas.usage_of(Day(20_050)), None);
    assert_eq!(count(&quotas, A, Day(20_059)), 159);
}

/// Counts of two members on two days, settled.
fn settled() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let quotas = open(dir.path());
    take(&quotas, A, 1, Day(19_990)).unwrap();
    take(&quotas, A, 300, TODAY).unwrap();
    take(&quotas, B, 1, TODAY).unwrap();
    quotas.settle().unwrap();
    dir
}

#[test]
fn one_damaged_file_is_made_good_from_the_other() {
    for number in 0..2 {
        let dir = settled();
        let slot = &slots(dir.path())[number];
        let whole = fs::read(slot).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            for bytes in [&changed[..], &whole[..at]] {
                fs::write(slot, bytes).unwrap();
                let quotas = open(dir.path());
                assert_eq!((count(&quotas, A, TODAY), count(&quotas, B, TODAY)), (300, 1), "{at}");
            }
        }
        fs::remove_file(slot).unwrap();
        let quotas = open(dir.path());
        take(&quotas, B, 1, TODAY).unwrap();
        crash(quotas);
        // Now the other one may go.
        fs::remove_file(&slots(dir.path())[1 - number]).unwrap();
        let quotas = open(dir.path());
        assert_eq!((count(&quotas, A, TODAY), count(&quotas, B, TODAY)), (300, 2 + LEAST_BLOCK));
    }
}

#[test]
fn a_crash_at_every_byte_of_a_write_leaves_the_old_or_the_new_counts() {
    let dir = tempfile::tempdir().unwrap();
    let quotas = open(dir.path());
    take(&quotas, A, 100, TODAY).unwrap();
    quotas.settle().unwrap();
    let old = slots(dir.path()).map(|slot| fs::read(slot).unwrap());
    take(&quotas, B, 100, TODAY).unwrap();
    let new = slots(dir.path()).map(|slot| fs::read(slot).unwrap());
    crash(quotas);
    let written = |slot: usize, length: usize| {
        let rest = old[slot].get(length..).unwrap_or_default();
        [&new[slot][..length], rest].concat()
    };
    // The first file is written to some byte, then the second one.
    for slot in 0..2 {
        for length in 0..=new[slot].len() {
            let states =
                if slot == 0 { [written(0, length), old[1].clone()] } else { [new[0].clone(), written(1, length)] };
            for (path, bytes) in slots(dir.path()).iter().zip(&states) {
                fs::write(path, bytes).unwrap();
            }
            let quotas = open(dir.path());
            let found = (count(&quotas, A, TODAY), count(&quotas, B, TODAY));
            let fresh = slot == 1 || length == new[0].len();
            assert_eq!(found, (100, if fresh { 100 + LEAST_BLOCK } else { 0 }), "file {slot} byte {length}");
            // And from there the whole of the next write can be torn again.
            take(&quotas, B, 1, TODAY).unwrap();
            crash(quotas);
            assert!(count(&open(dir.path()), B, TODAY) > found.1);
        }
    }
}

/// Cuts both files to this length, or removes them.
fn destroy(directory: &Path, length: Option<usize>) {
    for slot in slots(directory) {
        match length {
            Some(length) => fs::write(&slot, &fs::read(&slot).unwrap()[..length]).unwrap(),
            None => fs::remove_file(slot).unwrap(),
        }
    }
}

#[test]
fn lost_counts_close_the_day_and_not_the_next() {
    let length = fs::read(&slots(settled().path())[0]).unwrap().len();
    for cut in (0..length).step_by(5).chain([length - 1]).map(Some).chain([None]) {
        let dir = settled();
        destroy(dir.path(), cut);
        // However often the node is started.
        for _ in 0..3 {
            let quotas = open(dir.path());
            quotas.settle().unwrap();
            assert_eq!(take(&quotas, A, 1, TODAY), exhausted(0, TOMORROW), "{cut:?}");
            assert_eq!(take(&quotas, B, 1, TODAY), exhausted(0, TOMORROW), "{cut:?}");
        }
        let quotas = open(dir.path());
        take(&quotas, A, QUOTA, TOMORROW).unwrap();
        assert_eq!(count(&open(dir.path()), A, TOMORROW), QUOTA);
    }
}

#[test]
fn lost_counts_and_a_clock_turned_back_open_no_day_that_was() {
    let dir = settled();
    destroy(dir.path(), None);
    let quotas = open(dir.path());
    // The history knows of 19 990, so the day that was lost came later.
    for day in [Day(5), Day(19_990), Day(19_991)] {
        assert_eq!(take(&quotas, A, 1, day), exhausted(0, Day(19_992)));
    }
}

#[test]
fn what_the_disk_refuses_is_not_answered() {
    let dir = tempfile::tempdir().unwrap();
    let quotas = open(dir.path());
    take(&quotas, A, 100, TODAY).unwrap();
    for slot in 0..2 {
        let good = quotas.lock().disk.replace_file(slot, full());
        let before = count(&quotas, A, TODAY);
        let error = take(&quotas, A, 100, TODAY).unwrap_err();
        assert!(matches!(&error, QuotaError::File(file) if file.is_full()), "{error}");
        assert_eq!(count(&quotas, A, TODAY), before);
        assert!(quotas.settle().is_err());
        // A settled count on one disk file: nothing more may be answered without a write.
        assert!(take(&quotas, A, 1, TODAY).is_err());
        assert!(count(&open(dir.path()), A, TODAY) >= before);
        quotas.lock().disk.replace_file(slot, good);
        take(&quotas, A, 100, TODAY).unwrap();
        assert_eq!(count(&quotas, A, TODAY), before + 100);
        assert!(count(&open(dir.path()), A, TODAY) >= before + 100);
    }
    // A day does not begin either.
    quotas.lock().disk.replace_file(0, full());
    assert!(take(&quotas, A, 1, TOMORROW).is_err());
}

fn full() -> fs::File {
    fs::File::options().read(true).write(true).open("/dev/full").unwrap()
}

#[test]
fn threads_together_take_no_more_than_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let quotas = open(dir.path());
    let taken: u32 = thread::scope(|scope| {
        let all: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..200).filter(|_| take(&quotas, A, 3, TODAY).is_ok()).count() as u32))
            .collect();
        all.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(taken, QUOTA / 3);
    assert_eq!(count(&quotas, A, TODAY), taken * 3);
}

/// Set for the process that [`a_killed_process_has_counted_all_that_it_answered`] starts.
const CHILD: &str = "ANTIBRUSH_TEST_QUOTA_DIRECTORY";

#[test]
#[ignore = "is started and killed by another test"]
fn child_that_answers_until_it_is_killed() {
    let Some(directory) = std::env::var_os(CHILD) else { return };
    let quotas = open(Path::new(&directory));
    for answered in 1u32.. {
        quotas.take(A, Class::Mob, 1, u32::MAX / 2, TODAY).unwrap();
        if answered % 8 == 0 {
            quotas.take(B, Class::Mob, 1, QUOTA * 1000, TODAY).unwrap();
            println!("answered {answered} {}", answered / 8);
        }
    }
}

#[test]
fn a_killed_process_has_counted_all_that_it_answered() {
    use std::io::{BufRead, BufReader};
    let dir = tempfile::tempdir().unwrap();
    let (mut all_a, mut all_b) = (0, 0);
    for round in 0..5 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "holder::quota::tests::child_that_answers_until_it_is_killed",
                "--exact",
                "--ignored",
                "--nocapture",
            ])
            .env(CHILD, dir.path())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut last = (0, 0);
        for line in lines.map_while(Result::ok) {
            // The last line may be cut short.
            let mut words = line.split(' ').skip_while(|word| *word != "answered").skip(1);
            let Some((Ok(a), Ok(b))) =
                words.next().zip(words.next()).map(|(a, b)| (a.parse::<u32>(), b.parse::<u32>()))
            else {
                continue;
            };
            last = (last.0.max(a), last.1.max(b));
            if a >= 200 + 10_000 * round {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        (all_a, all_b) = (all_a + last.0, all_b + last.1);
        let quotas = open(dir.path());
        let found = (count(&quotas, A, TODAY), count(&quotas, B, TODAY));
        assert!(last.0 > 0 && found.0 >= all_a && found.1 >= all_b, "{found:?} {all_a} {all_b}");
    }
}

#[test]
fn the_only_whole_file_is_not_written_to_before_there_is_another() {
    for number in 0..2 {
        let dir = settled();
        let [bad, whole] = [number, 1 - number].map(|number| slots(dir.path())[number].clone());
        fs::write(&bad, b"damaged").unwrap();
        let before = fs::read(&whole).unwrap();
        let quotas = open(dir.path());
        quotas.lock().disk.replace_file(number, full());
        assert!(take(&quotas, A, 1, TODAY).is_err());
        assert_eq!(fs::read(&whole).unwrap(), before, "file {number} is damaged");
    }
}
