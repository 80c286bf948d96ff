//! Changes, their differences, and proposals whose signatures are gathered one by one.

use crate::{
    base::{MemberNumber, Timestamp},
    charter::*,
    encoding::Wire,
    fixtures::*,
    signed::Signer,
    subject::Class,
};

const ONE: MemberNumber = MemberNumber(1);
const TWO: MemberNumber = MemberNumber(2);
const THREE: MemberNumber = MemberNumber(3);
const OBSERVER: MemberNumber = MemberNumber(4);

/// The next version of charter 2 with one change in it.
fn next(change: Change) -> Result<Charter, ChangeError> {
    let chain = chain(2);
    let mut charter = (**chain.current()).clone();
    charter.number += 1;
    charter.previous = Some(chain.current_id());
    charter.alliance = Some(chain.alliance());
    charter.issued = SECOND;
    change.apply(&mut charter)?;
    Ok(charter)
}

fn differences(change: Change) -> Vec<Difference> {
    diff::between(chain(2).current(), &next(change).unwrap())
}

#[test]
fn every_change_shows_as_what_it_is() {
    use MemberState::{Active, Suspended};
    let current = chain(2).current().clone();
    let key = Steward { member: ONE, key: Key::of("another").public() };
    assert_eq!(differences(Change::Suspend(OBSERVER)), [Difference::State(OBSERVER, Active, Suspended)]);
    let of_three: Vec<_> = current.stewards.iter().filter(|steward| steward.member == THREE).cloned().collect();
    let gone = of_three.into_iter().map(Difference::StewardRemoved);
    let expelled = [Difference::State(THREE, Active, MemberState::Expelled)].into_iter().chain(gone);
    assert_eq!(differences(Change::Expel(THREE)), expelled.collect::<Vec<_>>(), "its steward keys go with it");
    assert_eq!(
        differences(Change::Role(MemberNumber(5), MemberRole::KeyHolder)).first(),
        Some(&Difference::Role(MemberNumber(5), MemberRole::Platform, MemberRole::KeyHolder))
    );
    let policy =
        PolicyChange { corroboration: Some(3), term_days: Some(30), witnesses: Some(1), ..PolicyChange::default() };
    let (corroboration, term) = (current.policy.corroboration, current.policy.term_days);
    assert_eq!(
        differences(Change::Policy(policy)),
        [Difference::Corroboration(corroboration, 3), Difference::TermDays(term, 30), Difference::Witnesses(0, 1)]
    );
    assert_eq!(differences(Change::AddSteward(key.clone())), [Difference::StewardAdded(key)]);
    assert_eq!(differences(Change::Threshold(1)), [Difference::Threshold(2, 1)]);
    let expires = SECOND.plus(86_400);
    assert_eq!(differences(Change::Renew(expires)), [Difference::Expires(current.expires, expires)]);
    assert_eq!(differences(Change::RemoveSteward(THREE, None)).len(), 1);
    let holding = Holding { threshold: 2, members: vec![ONE, TWO], quotas: Vec::new() };
    assert_eq!(differences(Change::Holding(holding)), [Difference::Holding]);
    let key = current.token_keys[0].clone();
    let retired = Difference::TokenKeyRetired(key.class, key.epoch);
    assert_eq!(differences(Change::Retire(key.class, key.epoch)), [retired]);
    let next_epoch = TokenKey { epoch: key.epoch + 1, ..key.clone() };
    let added = Difference::TokenKeyAdded(key.class, key.epoch + 1);
    assert_eq!(differences(Change::TokenKeys(vec![next_epoch])), [added]);
    assert_eq!(next(Change::TokenKeys(vec![key])), Err(ChangeError::AlreadySo));
    assert_eq!(next(Change::Retire(Class::Ent, 99)), Err(ChangeError::AlreadySo));
}

#[test]
fn members_and_nodes_come_and_go() {
    let newcomer = Member { sealed_seeds: Vec::new(), ..member(6) };
    assert_eq!(differences(Change::Admit(Box::new(newcomer.clone()))), [Difference::Admitted(MemberNumber(6))]);
    let number = next(Change::Admit(Box::new(Member { number: MemberNumber(0), ..newcomer.clone() }))).unwrap();
    assert_eq!(number.members.last().unwrap().number, MemberNumber(6), "the charter gives the number");
    let refused = |change: fn(&mut Member)| {
        let mut newcomer = Member { sealed_seeds: Vec::new(), ..member(6) };
        change(&mut newcomer);
        next(Change::Admit(Box::new(newcomer)))
    };
    assert_eq!(refused(|m| m.slug = member(1).slug), Err(ChangeError::Exists(ONE)));
    assert_eq!(refused(|m| m.uscc = member(2).uscc), Err(ChangeError::Exists(TWO)));
    assert_eq!(refused(|m| m.nodes[0].key = node_key(3).public()), Err(ChangeError::Exists(THREE)));
    assert_eq!(refused(|m| m.feed_keys[0].key = feed_key(2).public()), Err(ChangeError::Exists(TWO)));
    assert_eq!(refused(|m| m.slug = "No Slug".to_owned()), Err(ChangeError::Applicant));
    assert_eq!(refused(|m| m.uscc.push('X')), Err(ChangeError::Applicant));
    assert_eq!(refused(|m| m.nodes[0].key = small_order_key()), Err(ChangeError::Applicant));

    let node = Node { key: Key::of("second node").public(), addresses: Vec::new() };
    assert_eq!(differences(Change::AddNode(ONE, node.clone())), [Difference::NodeAdded(ONE, node.key)]);
    let first = node_key(1).public();
    assert_eq!(next(Change::RemoveNode(ONE, first)), Err(ChangeError::LastNode(ONE)));
    assert_eq!(next(Change::RemoveNode(ONE, node.key)), Err(ChangeError::NoSuchNode(ONE)));
    let known = Node { key: first, addresses: Vec::new() };
    assert_eq!(next(Change::AddNode(ONE, known.clone())), Err(ChangeError::AlreadySo));
    assert_eq!(next(Change::AddNode(TWO, known)), Err(ChangeError::Exists(ONE)));
    let mut two = next(Change::AddNode(ONE, node.clone())).unwrap();
    let before = two.clone();
    assert!(two.member(ONE).unwrap().is_first_node(&first), "a newcomer comes last");
    Change::RemoveNode(ONE, first).apply(&mut two).unwrap();
    assert_eq!(diff::between(&before, &two), [Difference::NodeRemoved(ONE, first)]);
    assert!(two.member(ONE).unwrap().is_first_node(&node.key));
    // A node that moves stays the node that it is.
    let at = |node: &Key, addresses: &[String]| Change::Addresses(ONE, node.public(), addresses.to_vec());
    let there = vec!["/ip4/192.0.2.7/tcp/7001".to_owned()];
    let moved = |addresses: Vec<String>| [Difference::Addresses(ONE, first, addresses)];
    assert_eq!(differences(at(&node_key(1), &there)), moved(there.clone()));
    assert_eq!(differences(at(&node_key(1), &[])), moved(Vec::new()));
    let known = chain(2).current().member(ONE).unwrap().nodes[0].addresses.clone();
    assert_eq!(next(at(&node_key(1), &known)), Err(ChangeError::AlreadySo));
    assert_eq!(next(at(&node_key(2), &there)), Err(ChangeError::NoSuchNode(ONE)));
    let long = |bytes: usize| "/".repeat(bytes);
    assert!(next(at(&node_key(1), &vec![long(256); 8])).is_ok());
    assert_eq!(next(at(&node_key(1), &[long(257)])), Err(ChangeError::Addresses));
    assert_eq!(next(at(&node_key(1), &vec![long(1); 9])), Err(ChangeError::Addresses));
    // Who is first is said.
    let mut other = before.clone();
    other.members[0].nodes.reverse();
    assert_eq!(diff::between(&before, &other), [Difference::Nodes(ONE)]);
}

/// CHARTER-16 is asked before people sign.
#[test]
fn shares_that_do_not_belong_together_are_refused_before_anybody_signs() {
    let chain = chain(2);
    let mut charter = third();
    let at = charter.token_keys.iter().position(|key| key.public_keys.len() > 1).unwrap();
    charter.token_keys[at].public_keys.swap(1, 2);
    let standing = Standing::of(&SignedCharter::unsigned(&charter), &chain, charter.issued);
    assert_eq!(standing, Err(ProposalError::Charter(CharterError::PublicShares)));
}

#[test]
fn reinstating_is_the_way_back() {
    let mut charter = next(Change::Expel(OBSERVER)).unwrap();
    assert_eq!(Change::Expel(OBSERVER).apply(&mut charter), Err(ChangeError::AlreadySo));
    assert_eq!(Change::Reinstate(OBSERVER).apply(&mut charter), Ok(()));
    assert!(charter.member(OBSERVER).unwrap().is_active());
}

/// The head of Alpha's first batch.
fn first_head() -> Stands {
    let header = feed().first;
    Stands::at(header.payload(), header.id())
}

#[test]
fn a_key_is_revoked_up_to_a_head_and_a_frozen_feed_is_decided() {
    let (stands, successor) = (first_head(), Key::of("successor").public());
    let cut = Cut { charter: 3, batches: 1, size: stands.size, head: stands.head };
    let revoke = |key, successor| Change::Revoke { member: ONE, key, stands: first_head(), successor };
    let of_alpha = chain(2).current().member(ONE).unwrap().clone();
    let newest = of_alpha.feed_keys[1].key;
    assert_eq!(
        differences(revoke(None, Some(successor))),
        [
            Difference::FeedKeyRevoked(ONE, newest),
            Difference::FeedKeyAdded(ONE, successor),
            Difference::Cut(ONE, cut.clone())
        ]
    );
    // Both are put in force by the quorums as any other charter.
    for change in [revoke(Some(newest), Some(successor)), revoke(None, None), Change::Cut(ONE, first_head())] {
        let charter = next(change).unwrap();
        assert_eq!(charter.members[0].cuts, std::slice::from_ref(&cut));
        assert_eq!(chain(2).extend(signed(&charter, &["1", "2"])), Ok(true));
    }
    // CHARTER-21: an end that was set stays, and the last good head lies before one that is set now.
    let old = next(revoke(Some(of_alpha.feed_keys[0].key), None)).unwrap();
    assert_eq!(old.members[0].feed_keys[0].until, of_alpha.feed_keys[0].until);
    let ahead = Stands { issued: SECOND.plus(90), ..first_head() };
    let ahead = next(Change::Revoke { member: ONE, key: None, stands: ahead, successor: None }).unwrap();
    assert_eq!(ahead.members[0].feed_keys[1].until, Some(SECOND.plus(91)));
    let refused = |change: Change| next(change).unwrap_err();
    assert_eq!(refused(revoke(Some(successor), None)), ChangeError::NoSuchFeedKey(ONE));
    assert_eq!(refused(revoke(None, Some(newest))), ChangeError::FeedKey);
    assert_eq!(refused(revoke(None, Some(identity_key()))), ChangeError::FeedKey);
    assert_eq!(refused(revoke(None, Some(node_key(2).public()))), ChangeError::FeedKey);
    assert_eq!(refused(Change::Cut(OBSERVER, first_head())), ChangeError::NoFeed(OBSERVER));
    // A version makes one decision about a feed.
    let mut twice = next(Change::Cut(ONE, first_head())).unwrap();
    assert_eq!(Change::Cut(ONE, Stands::NOTHING).apply(&mut twice), Err(ChangeError::AlreadySo));
    let mut full = next(Change::Cut(ONE, first_head())).unwrap();
    full.members[0].cuts = (0..64).map(|charter| Cut { charter, ..cut.clone() }).collect();
    full.number = 70;
    assert_eq!(Change::Cut(ONE, first_head()).apply(&mut full), Err(ChangeError::TooManyCuts));
}

#[test]
fn a_change_that_nobody_could_put_in_force_is_refused_with_what_to_do() {
    let refused = |change: Change| next(change).unwrap_err();
    let used = chain(2).current().stewards[0].key;
    let steward_of = |member, key| Change::AddSteward(Steward { member, key });
    assert_eq!(refused(Change::Suspend(MemberNumber(99))), ChangeError::NoSuchMember(MemberNumber(99)));
    assert_eq!(refused(Change::Reinstate(ONE)), ChangeError::AlreadySo);
    assert_eq!(refused(Change::Suspend(ONE)), ChangeError::Unreachable { threshold: 2, entities: 1 });
    assert_eq!(refused(Change::RemoveSteward(ONE, None)), ChangeError::Unreachable { threshold: 2, entities: 1 });
    assert_eq!(refused(Change::RemoveSteward(OBSERVER, None)), ChangeError::NoSuchSteward(OBSERVER));
    assert_eq!(refused(Change::Threshold(0)), ChangeError::NoThreshold);
    assert_eq!(refused(Change::Threshold(2)), ChangeError::AlreadySo);
    assert_eq!(refused(Change::Threshold(3)), ChangeError::Unreachable { threshold: 3, entities: 2 }, "sisters");
    assert_eq!(refused(steward_of(TWO, used)), ChangeError::StewardKey);
    assert_eq!(refused(steward_of(TWO, identity_key())), ChangeError::StewardKey);
    assert_eq!(refused(steward_of(TWO, node_key(2).public())), ChangeError::StewardKey);
    assert_eq!(refused(Change::Role(ONE, MemberRole::Observer)), ChangeError::RoleHasFeed(ONE));
    for term in [SECOND, Timestamp(0), SECOND.plus(LONGEST_TERM_SECONDS + 1)] {
        assert_eq!(refused(Change::Renew(term)), ChangeError::Term);
    }
    let policy = PolicyChange { mobile_term_days: Some(181), ..PolicyChange::default() };
    assert_eq!(refused(Change::Policy(policy)), ChangeError::Policy);
    assert_eq!(refused(Change::Policy(PolicyChange::default())), ChangeError::AlreadySo);
    let mut charter = next(Change::Suspend(OBSERVER)).unwrap();
    let late = steward_of(OBSERVER, Key::of("late").public());
    assert_eq!(late.apply(&mut charter), Err(ChangeError::NotActive(OBSERVER)));
    let mut shared = (**chain(3).current()).clone();
    let holder = shared.holding.as_ref().unwrap().members[0];
    assert_eq!(Change::Suspend(holder).apply(&mut shared), Err(ChangeError::Holder(holder)));
}

/// WITNESS-9: what nobody could ever witness would never take effect.
#[test]
fn as_many_witnesses_as_there_could_be_are_asked_for_and_no_more() {
    let ask = |witnesses| Change::Policy(PolicyChange { witnesses: Some(witnesses), ..PolicyChange::default() });
    // Five members, two of them sisters: a feed has witnesses under three controls besides its publisher's.
    let too_many = |witnesses, most| Err(ChangeError::TooFewWitnesses { witnesses, most });
    assert_eq!(next(ask(4)).map(drop), too_many(4, 3));
    let asking = next(ask(3)).unwrap();
    let after = |changes: &[Change]| {
        let mut charter = asking.clone();
        changes.iter().try_for_each(|change| change.apply(&mut charter))
    };
    // Who leaves takes its word along, unless a sister has the same to say.
    assert_eq!(after(&[Change::Suspend(OBSERVER)]), too_many(3, 2));
    assert_eq!(after(&[Change::Expel(MemberNumber(5))]), too_many(3, 2));
    assert_eq!(after(&[Change::Role(MemberNumber(5), MemberRole::Gateway)]), too_many(3, 2));
    assert_eq!(after(&[Change::Suspend(THREE)]), Ok(()));
    assert_eq!(after(&[ask(2), Change::Suspend(OBSERVER)]), Ok(()));
    // A stolen key goes at once, and can witness nothing.
    let revoke = Change::Revoke { member: TWO, key: None, stands: Stands::NOTHING, successor: None };
    assert_eq!(after(&[revoke.clone(), Change::Suspend(THREE)]), too_many(3, 2));
    assert_eq!(after(&[revoke]), Ok(()));
}

/// A signer sees every bit that he signs.
#[test]
fn no_change_goes_unseen() {
    let old = (**chain(3).current()).clone();
    let hidden: [fn(&mut Charter); 22] = [
        |c| c.members[0].cuts.push(Cut { charter: 4, batches: 0, size: 0, head: None }),
        |c| c.members[0].feed_keys[0].from = Timestamp(1),
        |c| (c.members[0].feed_keys[0].from, c.members[0].feed_keys[0].revoked) = (Timestamp(1), Some(4)),
        |c| c.members[0].feed_keys.truncate(1),
        |c| c.members[0].legal_name.push('x'),
        |c| c.members[0].controller = CODES[4].to_owned(),
        |c| c.members[0].feed_keys[0].until = Some(Timestamp(1)),
        |c| c.members[0].nodes.clear(),
        |c| c.members[0].seal_key = [9; 32],
        |c| c.members[0].sealed_seeds.clear(),
        |c| c.members[0].slug.push('x'),
        |c| c.members[0].uscc = CODES[4].to_owned(),
        |c| drop(c.members.pop()),
        |c| c.founding_nonce = [0; 32],
        |c| c.name_en.push('x'),
        |c| c.region = None,
        |c| c.holding = None,
        |c| c.policy.names_publishers ^= true,
        |c| c.policy.accepts_insider_enumeration ^= true,
        |c| c.policy.witnesses = 3,
        |c| drop(c.token_keys.pop()),
        |c| c.token_keys[0].retired = Some(Timestamp(1)),
    ];
    for (at, change) in hidden.iter().enumerate() {
        let mut new = old.clone();
        change(&mut new);
        assert!(!diff::between(&old, &new).is_empty(), "change {at}");
    }
    let mut new = old.clone();
    (new.number, new.previous, new.issued) = (4, Some([1; 32]), Timestamp(1));
    assert_eq!(diff::between(&old, &new), [], "what every version has of its own");
    new.members.push(Member { number: MemberNumber(9), ..old.members[0].clone() });
    let key = old.token_keys[0].clone();
    new.token_keys.push(TokenKey { epoch: 9, ..key.clone() });
    let came = [Difference::Admitted(MemberNumber(9)), Difference::TokenKeyAdded(key.class, 9)];
    assert_eq!(diff::between(&old, &new), came);
    assert!(Class::ALL.contains(&key.class));
}

#[test]
fn signatures_are_gathered_one_by_one() {
    let chain = chain(2);
    let charter = next(Change::Suspend(OBSERVER)).unwrap();
    let mut proposal = SignedCharter::unsigned(&charter);
    let standing = |proposal: &SignedCharter| Standing::of(proposal, &chain, SECOND).unwrap();
    assert_eq!(standing(&proposal).old, Quorum { have: 0, need: 2, open: vec![ONE, TWO, THREE], sisters: vec![] });
    // A signature survives its file.
    let signature = proposal.signature_by(&steward("2"));
    let signature = CharterSignature::decode(&signature.encode()).unwrap();
    assert_eq!(proposal.add(signature.clone()), Ok(steward("2").public()));
    assert_eq!(proposal.add(signature), Err(ProposalError::Duplicate));
    let second_key = proposal.signature_by(&steward("2b"));
    assert!(proposal.add(second_key).is_ok());
    let sister = proposal.signature_by(&steward("3"));
    assert!(proposal.add(sister).is_ok());
    let now = standing(&proposal);
    assert_eq!(now.old, Quorum { have: 1, need: 2, open: vec![ONE], sisters: vec![THREE] }, "sisters count once");
    assert!(!now.is_met());
    let last = proposal.signature_by(&steward("1"));
    assert!(proposal.add(last).is_ok());
    assert!(standing(&proposal).is_met());
    let proposal = SignedCharter::decode(&proposal.encode()).unwrap();
    let mut extended = chain.clone();
    assert_eq!(extended.extend(proposal.clone()), Ok(true));
    assert_eq!(Standing::of(&proposal, &extended, SECOND), Err(ProposalError::InForce(3)));
}

#[test]
fn a_foreign_or_broken_signature_is_not_added() {
    let mut proposal = SignedCharter::unsigned(&next(Change::Suspend(OBSERVER)).unwrap());
    let mut other = SignedCharter::unsigned(&next(Change::Expel(OBSERVER)).unwrap()).signature_by(&steward("1"));
    assert_eq!(proposal.add(other.clone()), Err(ProposalError::OtherCharter));
    other.charter = proposal.id();
    assert!(matches!(proposal.add(other), Err(ProposalError::Signature(_))));
    assert!(proposal.signers().is_empty());
    let stranger = proposal.signature_by(&Key::of("stranger"));
    assert!(proposal.add(stranger).is_ok());
    assert_eq!(Standing::of(&proposal, &chain(2), SECOND), Err(ProposalError::NotASteward));
}

#[test]
fn a_proposal_that_is_late_early_or_foreign_is_refused_exactly() {
    let standing = |change: &dyn Fn(&mut Charter)| {
        let mut charter = next(Change::Suspend(OBSERVER)).unwrap();
        change(&mut charter);
        Standing::of(&SignedCharter::unsigned(&charter), &chain(2), SECOND).unwrap_err()
    };
    assert_eq!(standing(&|c| c.number = 2), ProposalError::Stale(2));
    assert_eq!(standing(&|c| c.number = 1), ProposalError::Rollback { in_force: 2, found: 1 });
    assert_eq!(standing(&|c| c.number = 4), ProposalError::Skipped { in_force: 2, found: 4 });
    assert_eq!(standing(&|c| c.previous = Some([0; 32])), ProposalError::Forked(2));
    assert_eq!(standing(&|c| c.alliance = Some([0; 32])), ProposalError::OtherAlliance);
    assert_eq!(standing(&|c| c.expires = SECOND), ProposalError::Expired);
    assert_eq!(
        standing(&|c| c.issued = SECOND.plus(86_400)),
        ProposalError::Charter(CharterError::FromTheFuture) // CHARTER-14
    );
    assert_eq!(standing(&|c| c.expires = c.issued.plus(0)), ProposalError::Expired);
    assert_eq!(
        standing(&|c| drop(c.members.pop())),
        ProposalError::Charter(CharterError::NumberMoved(MemberNumber(5)))
    );
}
