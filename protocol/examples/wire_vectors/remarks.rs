//! What members say of the listing at leaf 0 of member 1.

use antibrush_protocol::{encoding::Wire, entry::Entry};

use crate::{annotate::annotate, entry, fixtures::*};

/// Name, what it is, annotated hex.
pub fn objects() -> Vec<(&'static str, &'static str, String)> {
    let show = |of: Entry| annotate(&of.encode(), "object", &entry());
    vec![
        (
            "entry_list_statutory",
            "Entry, kind List, on a statutory list: with the number of its document.",
            show(Entry::List(statutory_listing())),
        ),
        (
            "entry_notice",
            "Entry, kind Notice, step rectify, by member 2 of leaf 0 of member 1, with a term of its own.",
            show(Entry::Notice(notice())),
        ),
        (
            "entry_commitment",
            "Entry, kind Commitment, step committed, by member 1 of its own leaf 0.",
            show(Entry::Commitment(commitment())),
        ),
        (
            "entry_dispute",
            "Entry, kind Dispute, filed by member 3 against leaf 0 of member 1.",
            show(Entry::Dispute(dispute())),
        ),
        (
            "entry_dispute_withdrawn",
            "Entry, kind Dispute, by which member 3 takes back the dispute at its leaf 7.",
            show(Entry::Dispute(dispute_withdrawn())),
        ),
        (
            "entry_ruling",
            "Entry, kind Ruling, by which member 1 upholds the dispute at leaf 7 of member 3.",
            show(Entry::Ruling(ruling())),
        ),
        (
            "entry_measure_declined",
            "Entry, kind Measure, by which member 2 declines P05 against leaf 0 of member 1.",
            show(Entry::Measure(measure_declined())),
        ),
        (
            "entry_measure_recorded",
            "Entry, kind Measure, by which member 2 records G01, with the number of the document.",
            show(Entry::Measure(measure_recorded())),
        ),
    ]
}
