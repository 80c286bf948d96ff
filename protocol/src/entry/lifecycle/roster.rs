//! Who is who, and what the alliance allows: what of the charters the states of listings depend on.

use std::collections::BTreeMap;

use super::Who;
use crate::{
    base::{Day, MemberNumber},
    charter::{Charter, MemberState, Policy},
};

/// What of the charters counts here. The same charters give the same roster on every node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roster {
    /// Those who have a say, with a number for who controls them, by member number.
    seats: Vec<(MemberNumber, u16)>,
    /// Who was a steward from the first to the last of these days.
    terms: Vec<(MemberNumber, Day, Day)>,
    /// How many members under different control confirm a listing.
    pub(super) corroboration: usize,
    pub(super) payment_accounts: bool,
    pub(super) financial_measures: bool,
}

impl Roster {
    /// The roster of an alliance with these versions of its charter, oldest first.
    ///
    /// Members and policy are those of the last. A steward is whoever was one on the day of its remark: the secretariat rotates
    /// (轮值), and the notices of an earlier one go on to hold.
    pub fn new<'a>(charters: impl IntoIterator<Item = &'a Charter>) -> Roster {
        let (mut roster, mut running): (Roster, BTreeMap<MemberNumber, Day>) = Default::default();
        for charter in charters {
            let day = charter.issued.day();
            running.retain(|member, since| {
                let stays = charter.stewards.iter().any(|steward| steward.member == *member);
                if !stays {
                    // The day of the change counts for both, for nobody can tell its hours apart.
                    roster.terms.push((*member, *since, day));
                }
                stays
            });
            for steward in &charter.stewards {
                running.entry(steward.member).or_insert(day);
            }
            roster.seats = seats(charter);
            roster.set_policy(&charter.policy);
        }
        roster.terms.extend(running.into_iter().map(|(member, since)| (member, since, Day::MAX)));
        roster
    }

    fn set_policy(&mut self, policy: &Policy) {
        self.corroboration = usize::from(policy.corroboration);
        self.payment_accounts = policy.payment_accounts;
        self.financial_measures = policy.financial_measures;
    }

    /// The number of the entity that controls a member; `None` for whoever has no say.
    pub(super) fn controller(&self, member: MemberNumber) -> Option<u16> {
        self.seats.binary_search_by_key(&member, |(number, _)| *number).ok().map(|at| self.seats[at].1)
    }

    /// Who a member is to a listing of the publisher on a day.
    pub fn who(&self, member: MemberNumber, publisher: MemberNumber, day: Day) -> Who {
        let serves =
            |(steward, from, until): &(MemberNumber, Day, Day)| *steward == member && (*from..=*until).contains(&day);
        if self.controller(member).is_none() {
            Who::Nobody
        } else if member == publisher {
            Who::Publisher
        } else if self.terms.iter().any(serves) {
            Who::Steward
        } else {
            Who::Member
        }
    }
}

/// Expelled members have no say; suspended ones publish nothing new, and what they published stands.
fn seats(charter: &Charter) -> Vec<(MemberNumber, u16)> {
    let mut controllers: Vec<&str> = charter.members.iter().map(|member| member.controller.as_str()).collect();
    controllers.sort_unstable();
    controllers.dedup();
    let staying = charter.members.iter().filter(|member| member.state != MemberState::Expelled);
    let seats = staying.filter_map(|member| {
        let at = controllers.binary_search(&member.controller.as_str()).ok()?;
        Some((member.number, u16::try_from(at).ok()?))
    });
    seats.collect()
}
