//! Notices, commitments, disputes, rulings and measures, and the documents of listings.

use antibrush_protocol::{encoding::DecodeError::*, entry::Entry};

use super::*;
use crate::edit::*;

pub fn entries() -> Vec<Defect> {
    let of = |entry: &Entry| Tree::of(entry);
    let notice = || of(&Entry::Notice(notice()));
    let commitment = || of(&Entry::Commitment(commitment()));
    let filed = || of(&Entry::Dispute(dispute()));
    let withdrawn = || of(&Entry::Dispute(dispute_withdrawn()));
    let ruling = || of(&Entry::Ruling(ruling()));
    let declined = || of(&Entry::Measure(measure_declined()));
    let recorded = || of(&Entry::Measure(measure_recorded()));
    let statutory = || of(&Entry::List(statutory_listing()));
    let broken = OutOfRange("entry");
    vec![
        defect("entry-statutory-undocumented", "no document", statutory().without(19).bytes(), broken),
        defect("entry-document-empty", "an empty document", statutory().set(19, "").bytes(), broken),
        defect("entry-document-too-long", "65 bytes", statutory().set(19, "d".repeat(65)).bytes(), TOO_LARGE),
        defect(
            "entry-document-control-character",
            "a line break in the document",
            statutory().set(19, "1\n2").bytes(),
            OutOfRange("document"),
        ),
        defect("entry-list-of-another", "a listing in another feed", statutory().append(22, 0).bytes(), NOT_CANONICAL),
        defect("entry-notice-without-target", "no key 14", notice().without(14).bytes(), Missing("target")),
        defect("entry-notice-without-step", "no key 20", notice().without(20).bytes(), Missing("step")),
        defect("entry-notice-unknown-step", "step 4", notice().set(20, 4).bytes(), OutOfRange("step")),
        defect("entry-notice-term-past", "a term before its day", notice().set(11, day().0).bytes(), broken),
        defect("entry-notice-term-long", "a term of 367 days", notice().set(11, day().0 + 367).bytes(), broken),
        defect("entry-notice-urge-term", "urged with a term", notice().set(20, 2).bytes(), broken),
        defect("entry-publisher-17-bits", "member 65536", notice().set(18, 65_536).bytes(), OutOfRange("publisher")),
        defect("entry-commitment-bare", "no evidence", commitment().without(13).bytes(), Missing("evidence")),
        defect("entry-commitment-step", "step 3", commitment().set(20, 3).bytes(), OutOfRange("step")),
        defect("entry-dispute-bare", "no evidence", filed().without(13).bytes(), Missing("evidence")),
        defect("entry-dispute-without-reason", "no key 15", filed().without(15).bytes(), Missing("reason")),
        defect("entry-dispute-reason", "reason 8", filed().set(15, 8).bytes(), OutOfRange("reason")),
        defect("entry-dispute-of-a-dispute", "filed, with key 22", filed().append(22, 7).bytes(), NOT_CANONICAL),
        defect("entry-withdrawal-of-nothing", "no key 22", withdrawn().without(22).bytes(), Missing("dispute")),
        defect(
            "entry-withdrawal-of-anothers",
            "with a disputer",
            withdrawn().without(22).append(21, 5).append(22, 7).bytes(),
            NOT_CANONICAL,
        ),
        defect(
            "entry-ruling-of-another",
            "a listing in another's feed",
            {
                let tree = ruling().without(20).without(21).without(22);
                tree.append(18, 2).append(20, 1).append(21, 3).append(22, 7).bytes()
            },
            broken,
        ),
        defect("entry-ruling-of-nothing", "no key 22", ruling().without(22).bytes(), Missing("dispute")),
        defect("entry-ruling-outcome", "outcome 5", ruling().set(20, 5).bytes(), OutOfRange("step")),
        defect("entry-ruling-reason", "reason 8", ruling().set(15, 8).bytes(), OutOfRange("reason")),
        defect("entry-measure-reserved", "measure 13", declined().set(23, 13).bytes(), OutOfRange("measure")),
        defect("entry-measure-missing", "no key 23", declined().without(23).bytes(), Missing("measure")),
        defect("entry-measure-declined-bare", "declined without a reason", declined().without(15).bytes(), broken),
        defect("entry-measure-applied-reason", "applied for a reason", declined().set(20, 1).bytes(), broken),
        defect("entry-measure-undocumented", "G01 without a document", recorded().without(19).bytes(), broken),
        defect("entry-measure-acknowledged", "G01 acknowledged", recorded().set(20, 3).bytes(), broken),
        defect(
            "entry-measure-conduct",
            "a measure with a conduct",
            {
                let mut tree = declined();
                for key in [10, 14, 15, 18, 20, 23] {
                    tree = tree.without(key);
                }
                let day = u64::from(day().0);
                tree.append(5, 1)
                    .append(10, day)
                    .append(14, 0)
                    .append(15, 1)
                    .append(18, 1)
                    .append(20, 2)
                    .append(23, 25)
                    .bytes()
            },
            NOT_CANONICAL,
        ),
    ]
}
