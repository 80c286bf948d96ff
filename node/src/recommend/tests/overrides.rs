use std::path::Path;

use antibrush_protocol::{
    base::{Day, Timestamp},
    subject::{Class, Subject},
};

use super::listing;
use crate::{
    keys::LocalKey,
    recommend::{Action, FILE, Mode, Override, OverrideError, Overrides, Recommender, Wish, overrides},
    storage::files::{FileError, Operation},
};

const NOW: Timestamp = Timestamp(1_795_000_000);

fn open(directory: &Path) -> Overrides {
    Overrides::open(directory, key(7)).unwrap()
}

fn key(seal: u8) -> LocalKey {
    LocalKey::derive(&[seal; 32], overrides::PURPOSE)
}

fn firm() -> Subject {
    Subject::parse(Class::Ent, "91350100M000100Y43").unwrap()
}

fn mobile() -> Subject {
    Subject::parse(Class::Mob, "13800138000").unwrap()
}

fn wish(action: Action, days: u32) -> Wish {
    Wish { action, reason: "复核后认定为误报".to_owned(), until: NOW.day().plus(days), by: "admin".into() }
}

fn ok(_: &Override) -> Result<(), FileError> {
    Ok(())
}

#[test]
fn an_override_holds_until_its_last_day_and_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let today = NOW.day();
    let overrides = open(directory.path());
    assert_eq!(overrides.find(&firm(), today), None);
    let set = overrides.set(&firm(), wish(Action::Ignore, 3), false, NOW, ok).unwrap();
    assert_eq!((set.number, set.action, set.class), (1, Action::Ignore, Class::Ent));
    for overrides in [overrides, open(directory.path())] {
        assert_eq!(overrides.find(&firm(), today.plus(3)).unwrap().action, Action::Ignore);
        assert_eq!(overrides.find(&firm(), today.plus(4)), None);
        assert_eq!(overrides.find(&mobile(), today), None);
        assert_eq!(overrides.all(today).len(), 1);
        assert!(overrides.all(today.plus(4)).is_empty());
    }
    // Another one takes its place, under a number of its own; what is over is dropped by the next change.
    let overrides = open(directory.path());
    assert_eq!(overrides.set(&firm(), wish(Action::Review, 0), false, NOW, ok).unwrap().number, 2);
    assert_eq!(overrides.find(&firm(), today).unwrap().action, Action::Review);
    let later = Timestamp(NOW.0 + 2 * 86_400);
    let of_later = Wish { until: later.day(), ..wish(Action::Watch, 0) };
    assert_eq!(overrides.set(&mobile(), of_later, true, later, ok).unwrap().number, 3);
    let text = std::fs::read_to_string(directory.path().join(overrides::FILE)).unwrap();
    assert!(!text.contains("\"number\": 2") && text.contains("\"number\": 3"), "{text}");
}

#[test]
fn no_identifier_and_no_plain_digest_lies_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let overrides = open(directory.path());
    overrides.set(&mobile(), wish(Action::Watch, 3), true, NOW, ok).unwrap();
    overrides.set(&firm(), wish(Action::Block, 3), false, NOW, ok).unwrap();
    let text = std::fs::read_to_string(directory.path().join(overrides::FILE)).unwrap();
    for identifier in ["13800138000", "91350100M000100Y43"] {
        assert!(!text.contains(identifier), "{text}");
    }
    // Another node's key makes other codes: nothing can be tried without it.
    let elsewhere = tempfile::tempdir().unwrap();
    let other = Overrides::open(elsewhere.path(), key(8)).unwrap();
    other.set(&mobile(), wish(Action::Watch, 3), true, NOW, ok).unwrap();
    let theirs = std::fs::read_to_string(elsewhere.path().join(overrides::FILE)).unwrap();
    let code = |text: &str| text.split("\"subject\": \"").nth(1).unwrap()[..64].to_owned();
    assert_ne!(code(&text), code(&theirs));
    // Answers do not even carry the code.
    assert!(!serde_json::to_string(&overrides.all(NOW.day())).unwrap().contains("subject"));
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(directory.path().join(overrides::FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn what_is_refused_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let overrides = open(directory.path());
    let set = |subject: &Subject, wish, spared| overrides.set(subject, wish, spared, NOW, ok).unwrap_err();
    let because = |reason: &str| Wish { reason: reason.to_owned(), ..wish(Action::Watch, 3) };
    for reason in ["", "  ", "a\nb", "a\u{1b}[31m", &"长".repeat(121)] {
        assert_eq!(set(&firm(), because(reason), false), OverrideError::Reason, "{reason:?}");
    }
    for reason in ["电话13800138000", "138 0013 8000", "139-1234-5678 的投诉", "１３８００１３８０００"]
    {
        assert_eq!(set(&firm(), because(reason), false), OverrideError::Digits, "{reason}");
    }
    assert_eq!(set(&firm(), wish(Action::Watch, 367), false), OverrideError::Until);
    let over = Wish { until: Day(NOW.day().0 - 1), ..wish(Action::Watch, 0) };
    assert_eq!(set(&firm(), over, false), OverrideError::Until);
    assert_eq!(set(&mobile(), wish(Action::Block, 3), true), OverrideError::Person);
    // A change that cannot be logged is not made.
    let full =
        FileError { path: "audit.jsonl".into(), operation: Operation::Write, kind: std::io::ErrorKind::StorageFull };
    let refused = overrides.set(&firm(), wish(Action::Watch, 3), false, NOW, |_| Err(full.clone()));
    assert_eq!(refused, Err(OverrideError::File(full)));
    assert!(!directory.path().join(overrides::FILE).exists());
    assert_eq!(overrides.find(&firm(), NOW.day()), None);
    // Dates and case numbers are no identifiers.
    for reason in ["2026-11-22 电话核实", "（2026）京0105民初1234号"] {
        overrides.set(&firm(), because(reason), false, NOW, ok).unwrap();
    }
}

#[test]
fn an_override_is_taken_back_by_subject_or_number() {
    let directory = tempfile::tempdir().unwrap();
    let overrides = open(directory.path());
    let today = NOW.day();
    overrides.set(&firm(), wish(Action::Ignore, 3), false, NOW, ok).unwrap();
    overrides.set(&mobile(), wish(Action::Watch, 3), true, NOW, ok).unwrap();
    assert_eq!(overrides.remove_number(3, today, ok), Err(OverrideError::Missing));
    assert_eq!(overrides.remove_number(2, today, ok).unwrap().class, Class::Mob);
    assert_eq!(overrides.remove(&mobile(), today, ok), Err(OverrideError::Missing));
    assert_eq!(overrides.remove(&firm(), today, ok).unwrap().number, 1);
    let again = open(directory.path());
    assert!(again.all(today).is_empty());
    // A number is never used again.
    assert_eq!(again.set(&firm(), wish(Action::Watch, 3), false, NOW, ok).unwrap().number, 3);
}

#[test]
fn a_file_of_another_key_or_a_damaged_one_is_refused_loudly() {
    let directory = tempfile::tempdir().unwrap();
    open(directory.path()).set(&firm(), wish(Action::Ignore, 3), false, NOW, ok).unwrap();
    let refused = Overrides::open(directory.path(), key(8)).err();
    assert!(matches!(refused, Some(OverrideError::Damaged { .. })), "{refused:?}");
    let path = directory.path().join(overrides::FILE);
    let good = std::fs::read_to_string(&path).unwrap();
    for bad in [good.split("reason").next().unwrap(), "{}", "", &good.replace("\"subject\": \"", "\"subject\": \"zz")] {
        std::fs::write(&path, bad).unwrap();
        let refused = Overrides::open(directory.path(), key(7)).err();
        assert!(matches!(refused, Some(OverrideError::Damaged { .. })), "{bad}: {refused:?}");
    }
}

#[test]
fn shadow_mode_counts_and_gives_nothing_and_a_bad_file_leaves_what_was() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(FILE);
    let recommender = Recommender::open(directory.path(), key(7)).unwrap();
    let today = NOW.day();
    let advice = recommender.advise(&firm(), &[listing()], today);
    assert_eq!((advice.given.unwrap().action, advice.counted), (Action::Block, Some((Mode::Active, Action::Block))));
    assert_eq!(recommender.advise(&firm(), &[], today).counted, None);

    std::fs::write(&path, "mode = \"shadow\"\n[[rules]]\nthen = \"watch\"\n").unwrap();
    assert!(recommender.is_behind().unwrap());
    assert!(recommender.reload().unwrap());
    assert!(!recommender.is_behind().unwrap() && !recommender.reload().unwrap());
    let advice = recommender.advise(&firm(), &[listing()], today);
    assert_eq!((advice.given, advice.counted), (None, Some((Mode::Shadow, Action::Watch))));
    // The counts of other rules are gone.
    let (_, rows) = recommender.counted();
    assert_eq!((rows.len(), rows[0].recommendation, rows[0].answers), (1, Action::Watch, 1));

    std::fs::write(&path, "mode = \"off\"\n").unwrap();
    assert!(recommender.reload().is_err() && recommender.is_behind().is_err());
    assert_eq!(recommender.in_force().policy.mode, Mode::Shadow);
    assert!(Recommender::open(directory.path(), key(7)).is_err(), "a node does not start with it");
}
