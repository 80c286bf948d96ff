use antibrush_protocol::{
    codes::{Conduct, List, Role, Severity, State},
    subject::Class,
};
use proptest::prelude::*;

use super::{FIRM, PERSON, default_policy, listing};
use crate::recommend::{
    Action, Asked, Cap, Counts, Decided, Listing, Persons, Policy, Recommendation, Standing, parse,
};

fn advise(policy: &Policy, of: Asked, listings: &[Listing<'_>]) -> Recommendation {
    policy.recommend(of, listings, None).unwrap()
}

/// The table of docs/DOMAIN.md.
#[test]
fn what_the_default_says_of_a_firm() {
    use {Action as A, List as L, Severity as V, State as S};
    let policy = default_policy();
    let enforceable = |state| matches!(state, S::Confirmed | S::Noticed | S::Committed | S::Overdue | S::Escalated);
    let table: &[(List, &[State], [Action; 3])] = &[
        // minor, ordinary, severe
        (L::Cxh, &[S::Reported], [A::Watch, A::Watch, A::Review]),
        (L::Ecb, &[S::Reported], [A::Watch, A::Watch, A::Review]),
        (L::Cxh, &[S::Confirmed, S::Noticed, S::Overdue, S::Escalated], [A::Watch, A::Review, A::Block]),
        (L::Ecb, &[S::Confirmed, S::Noticed, S::Overdue, S::Escalated], [A::Watch, A::Review, A::Block]),
        (L::Cxh, &[S::Committed], [A::Watch, A::Review, A::Review]),
        (L::Cxh, &[S::Lapsed, S::Rectified], [A::Watch; 3]),
        (L::Cxh, &[S::Repaired, S::Withdrawn, S::Expired], [A::Ignore; 3]),
        (L::Ecw, &[S::Reported, S::Confirmed, S::Noticed, S::Escalated], [A::Watch; 3]),
        (L::Cand, &[S::Reported, S::Lapsed], [A::Watch; 3]),
        (L::Red, &[S::Confirmed], [A::Ignore; 3]),
        (L::Vic, &[S::Confirmed], [A::Ignore; 3]),
        (L::SrcCourt, &[S::Confirmed], [A::Review; 3]),
        (L::SrcSerious, &[S::Confirmed, S::Escalated], [A::Review; 3]),
        (L::SrcTax, &[S::Withdrawn, S::Expired], [A::Ignore; 3]),
    ];
    for (list, states, wanted) in table {
        for (state, (severity, wanted)) in
            states.iter().flat_map(|state| V::ALL.iter().zip(wanted).map(move |pair| (*state, pair)))
        {
            let listing = Listing {
                list: *list,
                state,
                severity: *severity,
                enforceable: enforceable(state) && list.is_enforceable(),
                ..listing()
            };
            let judged = policy.judge(FIRM, &listing);
            assert_eq!(judged.action, *wanted, "{list} {state} {severity}");
            assert!(judged.rule.is_some(), "the default leaves nothing to `otherwise`: {list} {state} {severity}");
        }
    }
    for (disputed, suspended, struck, wanted) in
        [(true, false, false, A::Watch), (true, true, false, A::Watch), (false, false, true, A::Ignore)]
    {
        for list in [L::Cxh, L::Ecb] {
            let listing = Listing { list, disputed, suspended, struck, enforceable: false, ..listing() };
            assert_eq!(policy.judge(FIRM, &listing).action, wanted);
        }
    }
}

#[test]
fn the_first_rule_that_matches_counts_and_each_key_narrows_it() {
    for (key, other) in [
        ("list = \"CXH\"", Listing { list: List::Ecb, ..listing() }),
        ("conduct = [\"C01\", \"C02\"]", Listing { conduct: Conduct::C03, ..listing() }),
        ("severity = \"严重\"", Listing { severity: Severity::Ordinary, ..listing() }),
        ("state = [\"confirmed\", \"escalated\"]", Listing { state: State::Noticed, ..listing() }),
        ("state = \"confirmed\"", Listing { disputed: true, ..listing() }),
        ("source = [\"jd\"]", Listing { source: Some("alibaba"), ..listing() }),
        ("source = [\"jd\"]", Listing { source: None, ..listing() }),
        ("role = \"organise\"", Listing { role: Some(Role::Assist), ..listing() }),
        ("role = \"organise\"", Listing { role: None, ..listing() }),
        ("min_members = 2", Listing { members: 1, ..listing() }),
    ] {
        let text =
            format!("otherwise = \"ignore\"\n[[rules]]\n{key}\nthen = \"watch\"\n[[rules]]\n{key}\nthen = \"block\"\n");
        let policy = parse(&text).unwrap();
        let judged = policy.judge(FIRM, &listing());
        assert_eq!((judged.action, judged.rule), (Action::Watch, Some(0)), "{key}");
        assert_eq!(
            (policy.judge(FIRM, &other).action, policy.judge(FIRM, &other).rule),
            (Action::Ignore, None),
            "{key}"
        );
    }
    let policy = parse("otherwise = \"ignore\"\n[[rules]]\nclass = \"ENT\"\nthen = \"watch\"\n").unwrap();
    assert_eq!(policy.judge(FIRM, &listing()).action, Action::Watch);
    assert_eq!(policy.judge(Asked { class: Class::Web, ..FIRM }, &listing()).action, Action::Ignore);
}

#[test]
fn a_rule_that_names_no_list_says_nothing_of_statutory_lists() {
    let policy = parse("otherwise = \"watch\"\n[[rules]]\nthen = \"block\"\n").unwrap();
    assert_eq!(policy.judge(FIRM, &listing()).action, Action::Block);
    for list in List::ALL.iter().copied().filter(|list| list.is_statutory()) {
        let statutory = Listing { list, ..listing() };
        assert_eq!(policy.judge(FIRM, &statutory).action, Action::Watch, "{list}");
    }
}

#[test]
fn the_strongest_of_all_listings_counts_and_names_where_it_comes_from() {
    let policy = default_policy();
    let (minor, court) =
        (Listing { severity: Severity::Minor, ..listing() }, Listing { list: List::SrcCourt, ..listing() });
    let ordinary = Listing { severity: Severity::Ordinary, ..listing() };

    let advised = advise(&policy, FIRM, &[minor, listing(), court]);
    assert_eq!(advised.action, Action::Block);
    assert_eq!(advised.from.iter().map(|ground| ground.listing).collect::<Vec<_>>(), [1]);
    assert_eq!(&*advised.from[0].rule, "confirmed and severe 已核验且严重");
    assert_eq!(advised.from[0].number, Some(11));

    // An alliance listing and a statutory one may say the same; they stay two.
    let advised = advise(&policy, FIRM, &[minor, ordinary, court]);
    assert_eq!(advised.action, Action::Review);
    let grounds: Vec<_> = advised.from.iter().map(|ground| (ground.listing, ground.list, ground.statutory)).collect();
    assert_eq!(grounds, [(1, List::Cxh, false), (2, List::SrcCourt, true)]);
    assert_eq!(policy.recommend(FIRM, &[], None), None);
}

#[test]
fn persons_are_not_blocked_unless_it_is_said_in_words() {
    let mut policy = default_policy();
    let advised = advise(&policy, PERSON, &[listing()]);
    assert_eq!((advised.action, advised.capped_by_person), (Action::Review, true));
    assert_eq!(advised.from[0].capped, Some(Cap::Person));
    // A sole trader is a person whose class is not.
    let trader = Asked { class: Class::Ent, personal: true };
    assert_eq!(advise(&policy, trader, &[listing()]).action, Action::Review);
    // What is not capped does not say so.
    let ordinary = Listing { severity: Severity::Ordinary, ..listing() };
    assert!(!advise(&policy, PERSON, &[ordinary]).capped_by_person);
    assert!(!advise(&policy, FIRM, &[listing()]).capped_by_person);

    policy.persons = Persons::MayBeBlockedWithoutReview;
    let advised = advise(&policy, PERSON, &[listing()]);
    assert_eq!((advised.action, advised.capped_by_person), (Action::Block, false));
}

#[test]
fn an_override_outranks_the_rules_and_not_what_protects() {
    let policy = default_policy();
    let decide = |action| Some(Decided { number: 7, action });
    let eased = policy.recommend(FIRM, &[listing()], decide(Action::Ignore)).unwrap();
    assert_eq!((eased.action, eased.by_override, eased.override_number), (Action::Ignore, true, Some(7)));
    assert!(eased.from.is_empty());
    // Also for one whom nobody lists.
    assert_eq!(policy.recommend(FIRM, &[], decide(Action::Block)).unwrap().action, Action::Block);
    let person = policy.recommend(PERSON, &[], decide(Action::Block)).unwrap();
    assert_eq!((person.action, person.capped_by_person), (Action::Review, true));
    let marked = Listing { victim: true, enforceable: false, ..listing() };
    let victim = policy.recommend(FIRM, &[marked], decide(Action::Block)).unwrap();
    assert_eq!((victim.action, victim.victim, victim.capped_by_person), (Action::Review, true, false));
}

#[test]
fn what_takes_a_listing_s_force_comes_before_its_state() {
    let of = |struck, suspended, disputed| Listing { struck, suspended, disputed, ..listing() }.standing();
    assert_eq!(of(true, true, true), Standing::Struck);
    assert_eq!(of(false, true, true), Standing::Suspended);
    assert_eq!(of(false, false, true), Standing::Disputed);
    assert_eq!(of(false, false, false), Standing::State(State::Confirmed));
    for standing in Standing::all() {
        assert_eq!(Standing::parse(standing.code()), Some(standing));
        assert_eq!(Standing::parse(standing.zh()), Some(standing));
    }
}

#[test]
fn an_answer_counts_once_for_each_list_and_conduct() {
    let policy = default_policy();
    let listings = [
        listing(),
        listing(),
        Listing { conduct: Conduct::C02, ..listing() },
        Listing { list: List::Ecw, ..listing() },
    ];
    let mut counts = Counts::since(antibrush_protocol::base::Timestamp(5));
    for _ in 0..3 {
        counts.count(&advise(&policy, FIRM, &listings), &listings);
    }
    let decided = Some(Decided { number: 1, action: Action::Ignore });
    counts.count(&policy.recommend(FIRM, &listings, decided).unwrap(), &listings);
    let rows: Vec<_> =
        counts.rows().iter().map(|row| (row.recommendation, row.list, row.conduct, row.answers)).collect();
    assert_eq!(
        rows,
        [
            (Action::Block, Some(List::Cxh), Some(Conduct::C01), 3),
            (Action::Block, Some(List::Cxh), Some(Conduct::C02), 3),
            (Action::Ignore, None, None, 1),
        ]
    );
}

fn any_of<T: Copy + std::fmt::Debug + 'static>(all: &'static [T]) -> impl Strategy<Value = T> {
    (0..all.len()).prop_map(move |at| all[at])
}

fn any_listing() -> impl Strategy<Value = Listing<'static>> {
    let codes = (any_of(List::ALL), any_of(Conduct::ALL), any_of(Severity::ALL), any_of(State::ALL));
    (codes, any::<[bool; 5]>(), 0..5usize).prop_map(|((list, conduct, severity, state), marks, members)| {
        let [enforceable, disputed, suspended, struck, victim] = marks;
        let source = Some("jd");
        Listing {
            list,
            conduct,
            severity,
            state,
            source,
            members,
            enforceable,
            disputed,
            suspended,
            struck,
            victim,
            role: None,
        }
    })
}

proptest! {
    /// The ceilings hold under a policy that blocks whatever it can.
    #[test]
    fn no_rule_lifts_a_ceiling(listings in proptest::collection::vec(any_listing(), 1..6), personal: bool) {
        let fierce = "otherwise = \"block\"\n[[rules]]\nlist = \"alliance\"\nthen = \"block\"\n";
        for policy in [parse(fierce).unwrap(), default_policy()] {
            let of = Asked { class: Class::Ent, personal };
            let advised = advise(&policy, of, &listings);
            for listing in &listings {
                let judged = policy.judge(of, listing);
                prop_assert!(!listing.victim || judged.action == Action::Ignore);
                prop_assert!(judged.action < Action::Block || (listing.enforceable && !personal));
                prop_assert!(judged.action <= advised.action);
            }
            prop_assert!(advised.action < Action::Block || !personal);
            prop_assert!(!advised.from.is_empty());
            for ground in &advised.from {
                prop_assert_eq!(policy.judge(of, &listings[ground.listing]).action, advised.action);
                prop_assert_eq!(ground.statutory, listings[ground.listing].list.is_statutory());
            }
        }
    }
}
