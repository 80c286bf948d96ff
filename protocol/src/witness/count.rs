//! Who counts.

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
