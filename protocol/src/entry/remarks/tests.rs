//! The rules of form of remarks, each broken once.

use super::*;
use crate::{
    charter::Policy,
    encoding::{DecodeError, Wire},
    entry::Entry,
    fixtures::{about, day, dispute, measure_declined, measure_recorded, notice, own, remarks, ruling},
};

fn refused(entry: Entry, error: EntryError) {
    assert_eq!(entry.check(), Err(error), "{entry:?}");
    assert_eq!(Entry::decode(&entry.encode()), Err(DecodeError::OutOfRange("entry"))); // ENTRY-2
}

#[test]
fn each_remark_says_which_listing_it_speaks_of() {
    for entry in remarks() {
        let about = entry.about().unwrap();
        assert_eq!((entry.token(), entry.list(), entry.class()), (&about.token, about.list, about.class));
        assert_eq!((entry.epoch(), entry.day(), entry.conduct()), (about.epoch, about.day, None));
    }
}

#[test]
fn only_a_rectification_notice_sets_a_term() {
    let with = |step, until| Entry::Notice(Notice { step, until, ..notice() });
    for step in [NoticeStep::Urge, NoticeStep::Escalate] {
        refused(with(step, Some(day().plus(60))), EntryError::NoticeTerm); // ENTRY-16
        assert_eq!(with(step, None).check(), Ok(()));
    }
    for until in [day(), Day(0), day().plus(367)] {
        refused(with(NoticeStep::Rectify, Some(until)), EntryError::NoticeTerm); // ENTRY-16
    }
    assert_eq!(with(NoticeStep::Rectify, Some(day().plus(366))).check(), Ok(()));
    refused(Entry::Notice(Notice { document: Some(String::new()), ..notice() }), EntryError::Document); // ENTRY-12
}

#[test]
fn measures_of_the_government_need_a_document() {
    for measure in Measure::ALL.iter().copied().filter(|measure| measure.is_governmental()) {
        let recorded = MeasureTaken { measure, ..measure_recorded() };
        assert_eq!(Entry::Measure(recorded.clone()).check(), Ok(()));
        refused(Entry::Measure(MeasureTaken { document: None, ..recorded.clone() }), EntryError::GovernmentMeasure); // ENTRY-14
        let acknowledged = MeasureTaken { response: Response::Acknowledged, ..recorded };
        refused(Entry::Measure(acknowledged), EntryError::GovernmentMeasure); // ENTRY-14
    }
    let numbers: Vec<u8> = Measure::ALL.iter().map(|measure| measure.number()).collect();
    assert_eq!(numbers.len(), 12 + 9 + 6);
    assert!(!numbers.contains(&13), "M13 is reserved: its text is not established");
}

#[test]
fn a_reason_stands_where_a_measure_is_declined() {
    let without = MeasureTaken { reason: None, ..measure_declined() };
    refused(Entry::Measure(without), EntryError::DeclineReason); // ENTRY-15
    for response in [Response::Applied, Response::Acknowledged] {
        let with = MeasureTaken { response, ..measure_declined() };
        refused(Entry::Measure(with), EntryError::DeclineReason); // ENTRY-15
    }
}

#[test]
fn only_the_publisher_can_write_a_ruling() {
    refused(Entry::Ruling(Ruling { about: about(), ..ruling() }), EntryError::OthersListing); // ENTRY-18
}

#[test]
fn the_charter_and_the_author_count_when_one_is_made() {
    let m09 = Entry::Measure(MeasureTaken {
        measure: Measure::M09,
        response: Response::Applied,
        reason: None,
        ..measure_declined()
    });
    let (policy, me) = (Policy::default(), MemberNumber(2));
    assert_eq!(m09.check_under(me, &policy), Err(EntryError::FinancialMeasures)); // ENTRY-17
    assert_eq!(m09.check_under(me, &Policy { financial_measures: true, ..policy.clone() }), Ok(()));
    for entry in [Entry::Dispute(dispute()), Entry::Notice(notice())] {
        assert_eq!(entry.check_under(me, &policy), Ok(()));
        assert_eq!(entry.check_under(MemberNumber(1), &policy), Err(EntryError::OwnNumber)); // ENTRY-19
    }
    let own_dispute = Entry::Ruling(Ruling { disputer: Some(MemberNumber(1)), ..ruling() });
    assert_eq!(own_dispute.check_under(MemberNumber(1), &policy), Err(EntryError::OwnNumber)); // ENTRY-19
    assert_eq!(Entry::Ruling(ruling()).check_under(MemberNumber(1), &policy), Ok(()));
}

/// The entry with a pair put behind its last one: keys of a remark end below 23.
fn with_pair(entry: &Entry, pair: &[u8]) -> Vec<u8> {
    let mut bytes = entry.encode();
    bytes[0] += 1;
    bytes.extend_from_slice(pair);
    bytes
}

#[test]
fn each_kind_has_its_own_fields() {
    // A measure (key 23) in a dispute, and what a withdrawn dispute names (key 22) in one that is filed.
    let filed = Entry::Dispute(dispute());
    assert_eq!(Entry::decode(&with_pair(&filed, &[23, 1])), Err(DecodeError::NotCanonical));
    assert_eq!(Entry::decode(&with_pair(&filed, &[22, 7])), Err(DecodeError::NotCanonical));
    assert_eq!(Entry::decode(&with_pair(&filed, &[24, 24, 7])), Err(DecodeError::UnknownKey(24)));
    // Codes of another kind's table: a commitment has two steps, a dispute no reason 8.
    let commitment = Entry::Commitment(crate::fixtures::commitment()).encode();
    let step = |number| [&commitment[..commitment.len() - 1], &[number]].concat();
    assert_eq!(step(1), commitment);
    assert_eq!(Entry::decode(&step(3)), Err(DecodeError::OutOfRange("step")));
    assert_eq!(Entry::decode(&step(0)), Err(DecodeError::OutOfRange("step")));
    let without = Entry::Commitment(Commitment { about: own(), ..crate::fixtures::commitment() }).encode();
    let cut = [&[without[0] - 1], &without[1..without.len() - 2]].concat();
    assert_eq!(Entry::decode(&cut), Err(DecodeError::Missing("step")));
}
