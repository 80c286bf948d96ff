//! Who counts, and what is in force by that.

use std::collections::BTreeSet;

use crate::{base::MemberNumber, charter::Charter};

/// WITNESS-6: under how many different controls the witnesses of a feed are: active members alone, and nobody under the
/// control of the publisher. Sisters count once.
pub fn entities(
    charter: &Charter,
    publisher: MemberNumber,
    witnesses: impl IntoIterator<Item = MemberNumber>,
) -> usize {
    let own = charter.member(publisher).map(|member| member.controller.as_str());
    let members = witnesses.into_iter().filter_map(|number| charter.member(number));
    let controllers: BTreeSet<&str> =
        members.filter(|member| member.is_active()).map(|member| member.controller.as_str()).collect();
    controllers.into_iter().filter(|controller| Some(*controller) != own).count()
}

/// WITNESS-9: the largest number of witnesses that every feed could reach: under how many different controls, besides its publisher's,
/// members have a key to witness with. 0 where nobody publishes.
pub fn most(charter: &Charter) -> usize {
    let could = charter.members.iter().filter(|member| member.role.signs());
    let could = could.filter(|member| member.feed_keys.iter().any(|key| key.revoked.is_none()));
    let could: Vec<MemberNumber> = could.map(|member| member.number).collect();
    let publishers = charter.members.iter().filter(|member| member.is_publisher());
    publishers.map(|publisher| entities(charter, publisher.number, could.iter().copied())).min().unwrap_or(0)
}

/// WITNESS-9: how many of a feed's first batches are in force: all those of which a head at or after them was witnessed under as
/// many different controls as the policy asks for. `seen` is, for each witness, the newest batch that it stated and that the
/// history here has with the stated size and root. What is in force stays so, whoever leaves later.
pub fn batches_in_force(charter: &Charter, publisher: MemberNumber, seen: &[(MemberNumber, u64)]) -> u64 {
    let needed = usize::from(charter.policy.witnesses);
    if needed == 0 {
        return u64::MAX;
    }
    let reach = |seq: u64| seen.iter().filter(move |(_, stated)| *stated >= seq).map(|(witness, _)| *witness);
    let enough = seen.iter().map(|(_, seq)| *seq).filter(|seq| entities(charter, publisher, reach(*seq)) >= needed);
    enough.max().map_or(0, |seq| seq.saturating_add(1))
}
