//! What one charter changes in another, as values: a steward reads them in words before he signs.
//!
//! Nothing is left out: a change that has no value of its own shows as [`Difference::OtherOfMember`] or
//! [`Difference::Other`], so that no signature is given to something unseen.

use super::{
    Charter, Cut, FeedKey, KeyKind, Member, MemberRole, MemberState, Node, Policy, Steward, TokenKey, succession,
};
use crate::{
    base::{MemberNumber, Timestamp},
    signed::PublicKey,
    subject::Class,
};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A member came.
    Admitted(MemberNumber),
    /// A member is not there any more, which no chain takes (CHARTER-11).
    Vanished(MemberNumber),
    /// A member's state.
    State(MemberNumber, MemberState, MemberState),
    /// A member's role.
    Role(MemberNumber, MemberRole, MemberRole),
    /// A member's registered name.
    LegalName(MemberNumber),
    /// Who controls a member.
    Controller(MemberNumber),
    /// A key of a member handed over to this one.
    KeySucceeded(MemberNumber, KeyKind, PublicKey),
    /// A feed key came.
    FeedKeyAdded(MemberNumber, PublicKey),
    /// A feed key is revoked.
    FeedKeyRevoked(MemberNumber, PublicKey),
    /// A member's feed keys change in another way: one of them ends.
    FeedKeys(MemberNumber),
    /// Up to where a member's feed stands.
    Cut(MemberNumber, Cut),
    /// A node of a member came.
    NodeAdded(MemberNumber, PublicKey),
    /// A node of a member went.
    NodeRemoved(MemberNumber, PublicKey),
    /// Where a node of a member listens.
    Addresses(MemberNumber, PublicKey, Vec<String>),
    /// The order of a member's nodes, the first of which signs in its name.
    Nodes(MemberNumber),
    /// The key to which secrets are sealed for a member, or what is sealed to it.
    Sealed(MemberNumber),
    /// Anything else of a member.
    OtherOfMember(MemberNumber),
    /// A steward key came.
    StewardAdded(Steward),
    /// A steward key went.
    StewardRemoved(Steward),
    /// How many stewards must sign.
    Threshold(u8, u8),
    /// How many members must list the same conduct.
    Corroboration(u8, u8),
    /// The default term of a listing, in days.
    TermDays(u16, u16),
    /// The term of a mobile number, in days.
    MobileTermDays(u16, u16),
    /// Whether answers name the listing members.
    NamesPublishers(bool),
    /// Whether the alliance accepts keyed tokens for personal classes.
    AcceptsEnumeration(bool),
    /// How many must witness a head before its entries take effect.
    Witnesses(u8, u8),
    /// Whether payment accounts may be listed.
    PaymentAccounts(bool),
    /// Whether measure M09 may be recorded.
    FinancialMeasures(bool),
    /// A token key came.
    TokenKeyAdded(Class, u16),
    /// A token key was retired.
    TokenKeyRetired(Class, u16),
    /// A token key changed in another way: its shares were renewed.
    TokenKeyChanged(Class, u16),
    /// Who holds the next keys, or how much a holder evaluates.
    Holding,
    /// The alliance's names, level or region.
    Names,
    /// Until when the charter holds.
    Expires(Timestamp, Timestamp),
    /// Anything else.
    Other,
}

/// What `new` changes in `old`, members first. What every version has of its own (number, predecessor, date) does not count.
pub fn between(old: &Charter, new: &Charter) -> Vec<Difference> {
    let mut found = Vec::new();
    for member in &new.members {
        match old.member(member.number) {
            Some(before) => of_member(&handed_over(before, member, new, &mut found), member, &mut found),
            None => found.push(Difference::Admitted(member.number)),
        }
    }
    let gone = old.members.iter().filter(|member| new.member(member.number).is_none());
    found.extend(gone.map(|member| Difference::Vanished(member.number)));
    let came = new.stewards.iter().filter(|steward| !old.stewards.contains(steward));
    found.extend(came.cloned().map(Difference::StewardAdded));
    let went = old.stewards.iter().filter(|steward| !new.stewards.contains(steward));
    found.extend(went.cloned().map(Difference::StewardRemoved));
    if old.threshold != new.threshold {
        found.push(Difference::Threshold(old.threshold, new.threshold));
    }
    of_policy(&old.policy, &new.policy, &mut found);
    of_token_keys(&old.token_keys, &new.token_keys, &mut found);
    if old.holding != new.holding {
        found.push(Difference::Holding);
    }
    if (&old.name_zh, &old.name_en, old.level, old.region) != (&new.name_zh, &new.name_en, new.level, new.region) {
        found.push(Difference::Names);
    }
    if old.expires != new.expires {
        found.push(Difference::Expires(old.expires, new.expires));
    }
    // The rest, taken over: what still differs is something that this list does not know.
    let known = Charter {
        number: new.number,
        previous: new.previous,
        alliance: new.alliance,
        issued: new.issued,
        members: new.members.clone(),
        stewards: new.stewards.clone(),
        threshold: new.threshold,
        policy: new.policy.clone(),
        token_keys: new.token_keys.clone(),
        holding: new.holding.clone(),
        name_zh: new.name_zh.clone(),
        name_en: new.name_en.clone(),
        level: new.level,
        region: new.region,
        expires: new.expires,
        ..old.clone()
    };
    if known != *new {
        found.push(Difference::Other);
    }
    found
}

/// The member as it was, but for the keys that handed over: what else differs is told by the other differences.
fn handed_over(old: &Member, new: &Member, charter: &Charter, found: &mut Vec<Difference>) -> Member {
    let mut known = old.clone();
    let Some((made, alliance)) = new.successions.strip_prefix(&old.successions[..]).zip(charter.alliance) else {
        return known;
    };
    for succession in made {
        let signed = succession.signed(alliance, new.number);
        if succession::record(&mut known, &signed, charter.number, charter.issued) {
            found.push(Difference::KeySucceeded(new.number, succession.kind, succession.new));
        }
    }
    known
}

fn of_member(old: &Member, new: &Member, found: &mut Vec<Difference>) {
    let number = new.number;
    if old.state != new.state {
        found.push(Difference::State(number, old.state, new.state));
    }
    if old.role != new.role {
        found.push(Difference::Role(number, old.role, new.role));
    }
    let mut differs = |differs: bool, difference: Difference| {
        if differs {
            found.push(difference);
        }
    };
    differs(old.legal_name != new.legal_name, Difference::LegalName(number));
    differs(old.controller != new.controller, Difference::Controller(number));
    for difference in of_feed_keys(old, new) {
        differs(true, difference);
    }
    let made = new.cuts.strip_prefix(&old.cuts[..]);
    for cut in made.unwrap_or_default() {
        differs(true, Difference::Cut(number, cut.clone()));
    }
    let without = |nodes: &[Node], those: &[Node]| {
        let is_new = |node: &&Node| !those.iter().any(|other| other.key == node.key);
        nodes.iter().filter(is_new).map(|node| node.key).collect::<Vec<_>>()
    };
    let (came, went) = (without(&new.nodes, &old.nodes), without(&old.nodes, &new.nodes));
    came.iter().for_each(|key| differs(true, Difference::NodeAdded(number, *key)));
    went.iter().for_each(|key| differs(true, Difference::NodeRemoved(number, *key)));
    let moved = |before: &&Node| new.node(&before.key).filter(|node| node.addresses != before.addresses);
    for node in old.nodes.iter().filter_map(|before| moved(&before)) {
        differs(true, Difference::Addresses(number, node.key, node.addresses.clone()));
    }
    // Newcomers come last; anything else changes who is first.
    let stayed = old.nodes.iter().map(|node| node.key).filter(|key| !went.contains(key));
    let order = stayed.chain(came.iter().copied());
    differs(!order.eq(new.nodes.iter().map(|node| node.key)), Difference::Nodes(number));
    let sealed = old.seal_key != new.seal_key || old.sealed_seeds != new.sealed_seeds;
    differs(sealed, Difference::Sealed(number));
    let known = Member {
        state: new.state,
        role: new.role,
        legal_name: new.legal_name.clone(),
        controller: new.controller.clone(),
        feed_keys: new.feed_keys.clone(),
        nodes: new.nodes.clone(),
        seal_key: new.seal_key,
        sealed_seeds: new.sealed_seeds.clone(),
        cuts: if made.is_some() { new.cuts.clone() } else { old.cuts.clone() },
        ..old.clone()
    };
    differs(known != *new, Difference::OtherOfMember(number));
}

fn of_feed_keys(old: &Member, new: &Member) -> Vec<Difference> {
    let (number, mut found) = (new.number, Vec::new());
    // What is not told by the other differences, the end of a revoked key among them.
    let mut rest = Vec::new();
    for key in &new.feed_keys {
        let before = old.feed_keys.iter().find(|before| before.key == key.key);
        match before {
            None => {
                found.push(Difference::FeedKeyAdded(number, key.key));
                if key.until.is_some() {
                    rest.push(key.clone());
                }
            }
            Some(before) if before.revoked.is_none() && key.revoked.is_some() => {
                found.push(Difference::FeedKeyRevoked(number, key.key));
                rest.push(FeedKey { from: key.from, ..before.clone() });
            }
            Some(_) => rest.push(key.clone()),
        }
    }
    if rest != old.feed_keys {
        found.push(Difference::FeedKeys(number));
    }
    found
}

fn of_policy(old: &Policy, new: &Policy, found: &mut Vec<Difference>) {
    if old.corroboration != new.corroboration {
        found.push(Difference::Corroboration(old.corroboration, new.corroboration));
    }
    if old.term_days != new.term_days {
        found.push(Difference::TermDays(old.term_days, new.term_days));
    }
    if old.mobile_term_days != new.mobile_term_days {
        found.push(Difference::MobileTermDays(old.mobile_term_days, new.mobile_term_days));
    }
    if old.names_publishers != new.names_publishers {
        found.push(Difference::NamesPublishers(new.names_publishers));
    }
    if old.accepts_insider_enumeration != new.accepts_insider_enumeration {
        found.push(Difference::AcceptsEnumeration(new.accepts_insider_enumeration));
    }
    if old.witnesses != new.witnesses {
        found.push(Difference::Witnesses(old.witnesses, new.witnesses));
    }
    if old.payment_accounts != new.payment_accounts {
        found.push(Difference::PaymentAccounts(new.payment_accounts));
    }
    if old.financial_measures != new.financial_measures {
        found.push(Difference::FinancialMeasures(new.financial_measures));
    }
    #[allow(clippy::needless_update, reason = "a number that is added one day shows as another difference")]
    let known = Policy {
        corroboration: new.corroboration,
        term_days: new.term_days,
        mobile_term_days: new.mobile_term_days,
        names_publishers: new.names_publishers,
        accepts_insider_enumeration: new.accepts_insider_enumeration,
        witnesses: new.witnesses,
        payment_accounts: new.payment_accounts,
        financial_measures: new.financial_measures,
        ..old.clone()
    };
    if known != *new {
        found.push(Difference::Other);
    }
}

fn of_token_keys(old: &[TokenKey], new: &[TokenKey], found: &mut Vec<Difference>) {
    for key in new {
        let before = old.iter().find(|before| (before.class, before.epoch) == (key.class, key.epoch));
        match before {
            None => found.push(Difference::TokenKeyAdded(key.class, key.epoch)),
            Some(before) if before == key => {}
            Some(before) if before.retired.is_none() && key.retired.is_some() => {
                found.push(Difference::TokenKeyRetired(key.class, key.epoch));
            }
            Some(_) => found.push(Difference::TokenKeyChanged(key.class, key.epoch)),
        }
    }
    let vanished = old.iter().any(|key| !new.iter().any(|n| (n.class, n.epoch) == (key.class, key.epoch)));
    if vanished {
        found.push(Difference::Other);
    }
}
