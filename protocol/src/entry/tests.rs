//! Every rule of entries and of the ledger, broken once, and the folding.

use proptest::prelude::*;

use super::ledger::{self, Effect, Ending, Standing, Void};
use super::*;
use crate::{
    base::{Day, MemberNumber, Token},
    charter::Policy,
    codes::{Conduct, Direction, List, Reason, Role, Severity},
    encoding::{DecodeError, Wire},
    fixtures::{
        CODES, SOLE_TRADER, amendment, carried_listing, clearing, day, entries, full_listing, label, listing,
        mobile_listing, remarks, statutory_listing,
    },
    subject::{Class, Subject},
};

/// What is refused at the making is refused at the arrival.
fn refused(entry: Entry, error: EntryError) {
    assert_eq!(entry.check(), Err(error), "{entry:?}");
    assert_eq!(Entry::decode(&entry.encode()), Err(DecodeError::OutOfRange("entry"))); // ENTRY-2
}

fn list(change: impl FnOnce(&mut Listing)) -> Entry {
    let mut listing = listing();
    change(&mut listing);
    Entry::List(listing)
}

fn amend(change: impl FnOnce(&mut Amendment)) -> Entry {
    let mut amendment = amendment();
    change(&mut amendment);
    Entry::Amend(amendment)
}

#[test]
fn every_entry_survives_the_round_trip() {
    for entry in [entries(), remarks(), vec![Entry::List(carried_listing()), Entry::List(statutory_listing())]].concat()
    {
        assert_eq!(entry.check(), Ok(()));
        assert_eq!(Entry::decode(&entry.encode()), Ok(entry));
    }
}

#[test]
fn each_kind_has_its_number() {
    let kinds = [entries(), remarks()].concat();
    let numbers: std::collections::BTreeSet<u8> = kinds.iter().map(|entry| entry.kind().number()).collect();
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]); // ENTRY-1
    for kind in [0, 9, 23] {
        let mut bytes = Entry::Clear(clearing()).encode();
        assert_eq!(bytes[1..3], [0, 3]);
        bytes[2] = kind;
        assert_eq!(Entry::decode(&bytes), Err(DecodeError::OutOfRange("kind"))); // ENTRY-1
        assert_eq!(Kind::from_number(kind), None);
    }
}

#[test]
fn terms_are_bounded() {
    for expires in [day(), Day(0), day().plus(5 * 366 + 1)] {
        refused(list(|l| l.expires = expires), EntryError::Term); // ENTRY-3
        refused(amend(|a| a.expires = Some(expires)), EntryError::Term); // ENTRY-3
    }
    assert_eq!(list(|l| l.expires = day().plus(5 * 366)).check(), Ok(()));
    let late = |l: &mut Listing| (l.day, l.expires) = (Day(Day::MAX.0 - 1), Day(Day::MAX.0 + 1));
    assert_eq!(list(late).check(), Err(EntryError::Term)); // ENTRY-3: the wire and the table have 16 bits
    let mobile = Listing { expires: day().plus(181), ..mobile_listing() };
    refused(Entry::List(mobile), EntryError::MobileTerm); // ENTRY-4
    let longer = |a: &mut Amendment| (a.class, a.expires) = (Class::Mob, Some(day().plus(181)));
    refused(amend(longer), EntryError::MobileTerm); // ENTRY-4
    assert_eq!(Entry::List(mobile_listing()).check(), Ok(()));
}

#[test]
fn only_confirmed_organisations_are_named() {
    let named = |class, text| PublicName::new(&Subject::parse(class, text).unwrap(), "甲");
    assert!(named(Class::Ent, CODES[0]).is_ok());
    // ENTRY-5
    assert_eq!(named(Class::Ent, SOLE_TRADER), Err(EntryError::NotPublishable));
    assert_eq!(named(Class::Web, "example.com"), Err(EntryError::NotPublishable));
    let subject = Subject::parse(Class::Ent, CODES[0]).unwrap();
    for name in ["", "a\u{7}", "长".repeat(65).as_str()] {
        assert_eq!(PublicName::new(&subject, name), Err(EntryError::NotPublishable));
    }
    let other_class = Listing { class: Class::Web, ..full_listing() };
    refused(Entry::List(other_class), EntryError::NotPublishable); // ENTRY-5
    // ENTRY-5, at the arrival: a sole trader's code in the place of a company's.
    let text = hex::encode(Entry::List(full_listing()).encode());
    let swapped = text.replace(&hex::encode(CODES[4]), &hex::encode(SOLE_TRADER));
    assert_ne!(text, swapped);
    assert_eq!(Entry::decode(&hex::decode(swapped).unwrap()), Err(DecodeError::OutOfRange("name")));
}

#[test]
fn victims_are_not_listed() {
    let conduct = |l: &mut Listing| l.conduct = Conduct::C04;
    let direction = |l: &mut Listing| l.direction = Some(Direction::Down);
    refused(list(conduct), EntryError::VictimListed); // ENTRY-6
    refused(list(direction), EntryError::VictimListed); // ENTRY-6
    refused(amend(|a| a.conduct = Some(Conduct::C04)), EntryError::VictimListed); // ENTRY-6
    refused(amend(|a| a.direction = Some(Direction::Down)), EntryError::VictimListed); // ENTRY-6
    let protected =
        |l: &mut Listing| (l.list, l.conduct, l.direction) = (List::Vic, Conduct::C04, Some(Direction::Down));
    assert_eq!(list(protected).check(), Ok(()));
}

#[test]
fn the_other_fields_have_their_forms() {
    let empty = |a: &mut Amendment| (a.severity, a.role, a.expires) = (None, None, None);
    refused(amend(empty), EntryError::NothingAmended); // ENTRY-7
    refused(list(|l| l.basis.clear()), EntryError::Basis); // ENTRY-8
    refused(amend(|a| a.basis = Some(String::new())), EntryError::Basis); // ENTRY-8
    let long = list(|l| l.basis = "b".repeat(65));
    assert_eq!(long.check(), Err(EntryError::Basis)); // ENTRY-8
    assert_eq!(Entry::decode(&long.encode()), Err(DecodeError::TooLarge));
    for region in [0, 109_999, 830_000, u32::MAX] {
        refused(list(|l| l.region = Some(region)), EntryError::Region); // ENTRY-9
        refused(amend(|a| a.region = Some(region)), EntryError::Region); // ENTRY-9
    }
    for len in [0, 1, 128, 167, 169, 295, 297] {
        refused(list(|l| l.sealed = Some(vec![0; len])), EntryError::Sealed); // ENTRY-10
    }
    assert_eq!(list(|l| l.sealed = Some(vec![0; 296])).check(), Ok(()));
}

#[test]
fn documents_confirm_and_statutory_lists_need_them() {
    refused(list(|l| l.document = Some(String::new())), EntryError::Document); // ENTRY-12
    refused(amend(|a| a.document = Some(String::new())), EntryError::Document); // ENTRY-12
    let long = list(|l| l.document = Some("号".repeat(22)));
    assert_eq!(long.check(), Err(EntryError::Document)); // ENTRY-12
    assert_eq!(Entry::decode(&long.encode()), Err(DecodeError::TooLarge));
    for bare in List::ALL.iter().filter(|list| list.is_statutory()) {
        refused(list(|l| l.list = *bare), EntryError::StatutoryDocument); // ENTRY-13
    }
    let with = list(|l| l.document = Some("1".to_owned()));
    let Effect::Stands(confirmed) = apply(None, &with, 0) else { panic!("it stands") };
    assert!(confirmed.document && !standing().document);
    let later =
        |a: &mut Amendment| (a.severity, a.role, a.expires, a.document) = (None, None, None, Some("1".to_owned()));
    assert_eq!(apply(Some(&standing()), &amend(later), 9), Effect::Stands(confirmed));
    // An amendment that states none leaves it.
    let Effect::Stands(kept) = apply(Some(&confirmed), &Entry::Amend(amendment()), 9) else { panic!("it stands") };
    assert!(kept.document);
}

#[test]
fn what_the_charter_does_not_take_is_not_made() {
    let policy = Policy::default();
    let account = list(|l| l.class = Class::Pay);
    let me = MemberNumber(1);
    assert_eq!(account.check_under(me, &policy), Err(EntryError::PaymentAccounts)); // ENTRY-17
    let takes = Policy { payment_accounts: true, ..policy.clone() };
    assert_eq!(account.check_under(me, &takes), Ok(()));
    assert_eq!(list(|l| l.basis.clear()).check_under(me, &takes), Err(EntryError::Basis));
    // It arrives all the same: charters change, feeds stay.
    assert_eq!(Entry::decode(&account.encode()), Ok(account));
}

#[test]
fn the_longest_entry_fits() {
    let longest = list(|l| {
        let subject = Subject::parse(Class::Ent, CODES[4]).unwrap();
        *l = Listing { epoch: u16::MAX, conduct: Conduct::C99, ..statutory_listing() };
        (l.day, l.expires) = (Day(65_000), Day(65_535));
        (l.role, l.direction, l.region) = (Some(Role::Assist), Some(Direction::Up), Some(829_999));
        (l.basis, l.document) = ("b".repeat(64), Some("d".repeat(64)));
        l.name = Some(PublicName::new(&subject, &"长".repeat(64)).unwrap());
        (l.sealed, l.carries) = (Some(vec![0; 296]), Some(u64::MAX));
    });
    assert_eq!((longest.encode().len(), Entry::decode(&longest.encode())), (763, Ok(longest)));
}

#[test]
fn a_field_of_another_kind_is_refused() {
    // A clearing that also states a conduct (key 5): decodes, and its re-encoding lacks the field.
    let mut bytes = Entry::Clear(clearing()).encode();
    let at = bytes.windows(2).position(|pair| pair == [0x04, List::Cxh.number()]).unwrap() + 2;
    bytes.splice(at..at, [0x05, 0x01]);
    bytes[0] += 1;
    assert_eq!(Entry::decode(&bytes), Err(DecodeError::NotCanonical));
}

/// What the ledger makes of an entry that is no remark.
fn apply(current: Option<&Standing>, entry: &Entry, index: u64) -> Effect {
    ledger::apply(current, entry, index).unwrap()
}

fn standing() -> Standing {
    match apply(None, &Entry::List(listing()), 0) {
        Effect::Stands(standing) => standing,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_ledger_applies_what_fits_and_voids_what_does_not() {
    let current = standing();
    assert_eq!((current.leaf, current.listed, current.expires), (0, day(), day().plus(365)));
    let void = |current: Option<&Standing>, entry: &Entry| match apply(current, entry, 9) {
        Effect::Void(void) => void,
        other => panic!("{other:?}"),
    };
    assert_eq!(void(Some(&current), &Entry::List(listing())), Void::AlreadyListed); // LEDGER-1
    assert_eq!(void(None, &amend(|_| ())), Void::NothingListed); // LEDGER-2
    let clear = Clearing { class: Class::Ent, token: listing().token, target: 0, ..clearing() };
    assert_eq!(void(None, &Entry::Clear(clear.clone())), Void::NothingListed); // LEDGER-2
    assert_eq!(void(Some(&current), &amend(|a| a.target = 1)), Void::WrongTarget); // LEDGER-3
    assert_eq!(void(Some(&current), &Entry::Clear(Clearing { target: 1, ..clear.clone() })), Void::WrongTarget); // LEDGER-3
    assert_eq!(void(Some(&current), &amend(|a| a.epoch = 2)), Void::WrongKey); // LEDGER-4
    assert_eq!(void(Some(&current), &amend(|a| a.class = Class::Web)), Void::WrongKey); // LEDGER-4
    let ending = Ending { day: day(), reason: Reason::Mistake };
    assert_eq!(apply(Some(&current), &Entry::Clear(clear.clone()), 9), Effect::Cleared(ending));
    let amended = Effect::Stands(Standing {
        severity: Severity::Minor,
        role: amendment().role,
        expires: day().plus(90),
        ..current
    });
    assert_eq!(apply(Some(&current), &Entry::Amend(amendment()), 9), amended);
}

#[test]
fn a_listing_carries_on_what_stands_before_it() {
    let carried = carried_listing();
    let apply_at = |carries: u64, index: u64| {
        apply(None, &Entry::List(Listing { carries: Some(carries), ..carried.clone() }), index)
    };
    let Effect::Stands(after) = apply_at(0, 9) else { panic!("it stands") };
    let before = standing();
    assert_eq!((after.leaf, after.epoch, after.expires), (9, 2, before.expires));
    assert_eq!(Standing { leaf: before.leaf, epoch: before.epoch, ..after }, before, "the same but for the key");
    assert!(matches!(apply_at(8, 9), Effect::Stands(_)));
    for later in [9, 10, u64::MAX] {
        assert_eq!(apply_at(later, 9), Effect::Void(Void::CarriesLater)); // LEDGER-6
    }
    // LEDGER-1 holds for it as for every listing.
    assert_eq!(apply(Some(&after), &Entry::List(carried.clone()), 12), Effect::Void(Void::AlreadyListed));
    // Each is cleared and amended under its own key.
    let clear = Clearing { class: Class::Ent, epoch: 2, token: carried.token, target: 9, ..clearing() };
    assert!(matches!(apply(Some(&after), &Entry::Clear(clear.clone()), 12), Effect::Cleared(_)));
    assert_eq!(apply(Some(&before), &Entry::Clear(Clearing { target: 0, ..clear }), 12), Effect::Void(Void::WrongKey));
    let wire = Entry::List(carried.clone()).encode();
    assert_ne!(wire, Entry::List(Listing { carries: None, ..carried }).encode());
}

#[test]
fn amendments_do_not_stretch_a_listing_over_the_longest_term() {
    let current = Standing { class: Class::Mob, expires: day().plus(100), ..standing() };
    let until = |last: u32| {
        let edit =
            |a: &mut Amendment| (a.class, a.day, a.expires) = (Class::Mob, day().plus(90), Some(day().plus(last)));
        let amendment = amend(edit);
        assert_eq!(amendment.check(), Ok(()), "each amendment alone keeps within its term");
        apply(Some(&current), &amendment, 9)
    };
    assert!(matches!(until(180), Effect::Stands(_)));
    assert_eq!(until(181), Effect::Void(Void::TermExceeded)); // LEDGER-5
}

#[test]
fn an_expired_listing_is_as_good_as_none() {
    let (current, after) = (standing(), day().plus(365));
    assert!(current.holds_on(Day(after.0 - 1)) && !current.holds_on(after));
    let late = amend(|a| (a.day, a.expires) = (after, Some(after.plus(10))));
    assert_eq!(apply(Some(&current), &late, 9), Effect::Void(Void::NothingListed)); // LEDGER-2
    let clear = Clearing { class: Class::Ent, token: listing().token, target: 0, day: after, ..clearing() };
    assert_eq!(apply(Some(&current), &Entry::Clear(clear), 9), Effect::Void(Void::NothingListed)); // LEDGER-2
    let again = list(|l| (l.day, l.expires) = (after, after.plus(10)));
    assert_eq!(apply(Some(&current), &again, 9), apply(None, &again, 9));
}

/// Entries about one token and list, with days that only rise: what an honest feed has.
fn history() -> impl Strategy<Value = Vec<Entry>> {
    let step = (0u8..3, 0u32..30, 1u32..60, 0u64..12, prop::bool::weighted(0.9));
    prop::collection::vec(step, 0..24).prop_map(|steps| {
        let mut today = day();
        let entry = |(kind, gap, term, target, same_key): (u8, u32, u32, u64, bool)| {
            today = today.plus(gap);
            let epoch = if same_key { 1 } else { 2 };
            match kind {
                0 => list(|l| (l.day, l.expires, l.epoch) = (today, today.plus(term), epoch)),
                1 => amend(|a| (a.day, a.expires, a.target, a.epoch) = (today, Some(today.plus(term)), target, epoch)),
                _ => Entry::Clear(Clearing {
                    class: Class::Ent,
                    epoch,
                    token: Token(label("t")),
                    target,
                    day: today,
                    ..clearing()
                }),
            }
        };
        steps.into_iter().map(entry).collect()
    })
}

fn fold(entries: &[Entry], drop_expired: bool) -> (Option<Standing>, Vec<Effect>) {
    let (mut current, mut effects) = (None, Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        if drop_expired {
            current = current.filter(|standing: &Standing| standing.holds_on(entry.day()));
        }
        let effect = apply(current.as_ref(), entry, index as u64);
        match effect {
            Effect::Stands(standing) => current = Some(standing),
            Effect::Cleared(_) => current = None,
            Effect::Void(_) => (),
        }
        effects.push(effect);
    }
    (current, effects)
}

proptest! {
    /// Folding depends on the entries alone: not on where the fold was interrupted and stored, and not on whether a node
    /// drops expired listings.
    #[test]
    fn folding_is_deterministic(entries in history()) {
        let (last, effects) = fold(&entries, false);
        prop_assert_eq!(&fold(&entries, false).1, &effects);
        prop_assert_eq!(&fold(&entries, true).1, &effects);
        if let Some(standing) = last {
            let index = standing.leaf as usize;
            prop_assert!(matches!(effects[index], Effect::Stands(s) if s.leaf == standing.leaf));
            prop_assert!(matches!(entries[index], Entry::List(_)));
        }
        for effect in effects {
            if let Effect::Stands(standing) = effect {
                prop_assert!(standing.listed < standing.expires);
            }
        }
    }
}
