//! Every rule of evaluations broken once, what a bad answer proves and what it does not, and padding.

use std::{collections::BTreeSet, sync::LazyLock};

use proptest::prelude::*;

use super::*;
use crate::{
    base::{MemberNumber, Timestamp},
    charter::{CharterChain, MemberState, TokenKey},
    encoding::{DecodeError, Wire},
    fixtures::*,
    signed::{self, SignatureError, Signer},
    subject::Class,
    suite::threshold::{BATCH, Blinded, Checked, Element, KeyShare, OprfError, ThresholdKey, blind},
};

const HOLDER: MemberNumber = MemberNumber(6);

/// The request of the fixtures, made once.
fn once() -> &'static (EvaluationRequest, Blinded) {
    static ONCE: LazyLock<(EvaluationRequest, Blinded)> = LazyLock::new(asked);
    &ONCE
}

/// What everybody knows: the chain, the token key and the key itself.
struct Known {
    chain: CharterChain,
    token_key: TokenKey,
    key: ThresholdKey,
}

impl Known {
    fn new() -> Known {
        let token_key = shared_key(Class::Ent, 2).1;
        let key = ThresholdKey::read(token_key.threshold, &token_key.public_keys).unwrap();
        Known { chain: chain(3), token_key, key }
    }

    fn check(&self, envelope: &[u8], holder: MemberNumber, now: Timestamp) -> Result<Checked, EvaluationError> {
        let (request, blinded) = once();
        let alliance = self.chain.alliance();
        let under = (&alliance, &**self.chain.current(), &self.token_key, &self.key);
        check(envelope, (request, blinded.elements()), holder, under, now)
    }
}

/// The answer of Epsilon, the holder of share 3.
fn good() -> Answer {
    static GOOD: LazyLock<Answer> = LazyLock::new(make_good);
    GOOD.clone()
}

fn make_good() -> Answer {
    let (request, evaluation) = (&once().0, answered(3));
    Answer {
        alliance: alliance(),
        charter: request.charter,
        key: request.key,
        request: request.digest(),
        share: 3,
        elements: evaluation.elements,
        proof: evaluation.proof,
    }
}

fn signed_by(answer: &Answer, key: &Key) -> Vec<u8> {
    signed::sign(answer, key).envelope().to_vec()
}

fn changed(change: impl FnOnce(&mut Answer)) -> Vec<u8> {
    let mut answer = good();
    change(&mut answer);
    signed_by(&answer, &feed_key(6))
}

fn evidence(answer: Vec<u8>) -> BadAnswer {
    BadAnswer { holder: HOLDER, asked: ASKED, request: once().0.clone(), answer }
}

#[test]
fn everything_survives_the_round_trip() {
    let request = once().0.clone();
    assert_eq!(EvaluationRequest::decode(&request.encode()), Ok(request.clone()));
    assert_eq!(Answer::decode(&good().encode()), Ok(good()));
    let bad = evidence(changed(|answer| answer.proof[0] ^= 1));
    assert_eq!(BadAnswer::decode(&bad.encode()), Ok(bad));
    let full = EvaluationRequest { elements: vec![request.elements[0]; BATCH], ..request.clone() };
    assert_eq!(EvaluationRequest::decode(&full.encode()), Ok(full.clone()));
    let longest = Answer { elements: full.elements.clone(), ..good() };
    let longest = signed_by(&longest, &feed_key(6));
    let mut responses = vec![
        EvaluationResponse::Evaluated(longest.clone()),
        EvaluationResponse::Busy { retry_after_ms: u32::MAX },
        EvaluationResponse::Exhausted { left: u32::MAX, renews: Timestamp(u64::MAX) },
    ];
    responses.extend(Refusal::ALL.map(EvaluationResponse::Refused));
    for response in responses {
        assert_eq!(EvaluationResponse::decode(&response.encode()), Ok(response));
    }
    let bad = BadAnswer { request: full, answer: longest, ..evidence(Vec::new()) };
    assert_eq!(BadAnswer::decode(&bad.encode()), Ok(bad));
}

#[test]
fn requests_have_a_power_of_two_of_elements() {
    let request = once().0.clone();
    let of = |count: usize| EvaluationRequest { elements: vec![request.elements[0]; count], ..request.clone() };
    for count in 0..=BATCH + 1 {
        let decoded = EvaluationRequest::decode(&of(count).encode()).map(|request| request.elements.len());
        let expected = match count {
            257 => Err(DecodeError::TooLarge),
            _ if count.is_power_of_two() => Ok(count),
            _ => Err(DecodeError::OutOfRange("elements")), // EVALUATION-1
        };
        assert_eq!(decoded, expected, "{count}");
        assert!((1..=BATCH).contains(&padded(count)) && padded(count).is_power_of_two());
        assert!(count > BATCH || padded(count) >= count);
    }
    assert_eq!([1, 2, 3, 5, 100, 129, 256].map(padded), [1, 2, 4, 8, 128, 256, 256]);
    // Half an element at the end.
    let mut bytes = vec![0x84, 1, 0x58, 32];
    bytes.extend([0; 32]);
    bytes.extend([0x58, 32]);
    bytes.extend([0; 32]);
    bytes.extend([0x58, 48]);
    bytes.extend([0; 48]);
    assert_eq!(EvaluationRequest::decode(&bytes), Err(DecodeError::OutOfRange("elements"))); // EVALUATION-1
}

#[test]
fn responses_have_their_lengths() {
    for (bytes, error) in [
        (&[0x81, 3][..], DecodeError::Malformed),
        (&[0x83, 3, 1, 0], DecodeError::Malformed),
        (&[0x82, 2, 0], DecodeError::Malformed),
        (&[0x82, 4, 0], DecodeError::UnknownKey(4)),
        (&[0x82, 3, 0], DecodeError::OutOfRange("refusal")),
        (&[0x82, 3, 7], DecodeError::OutOfRange("refusal")),
        (&[0x84, 2, 0, 0, 0], DecodeError::TooLarge),
        (&[0x82, 1, 0x1b, 0, 0, 0, 1, 0, 0, 0, 0], DecodeError::OutOfRange("retry")),
    ] {
        assert_eq!(EvaluationResponse::decode(bytes), Err(error), "{bytes:02x?}");
    }
}

#[test]
fn each_rule_has_its_error() {
    use EvaluationError::*;
    let known = Known::new();
    let refused = |envelope: &[u8]| known.check(envelope, HOLDER, ASKED).unwrap_err();
    assert_eq!(known.check(&signed_by(&good(), &feed_key(6)), HOLDER, ASKED).map(|checked| checked.holder()), Ok(3));
    // EVALUATION-2: by another holder, by a stranger, asked of another, by a key of another time.
    assert_eq!(refused(&signed_by(&good(), &feed_key(2))), WrongSigner(HOLDER));
    assert_eq!(refused(&signed_by(&good(), &Key::of("stranger"))), WrongSigner(HOLDER));
    let from_6 = signed_by(&good(), &feed_key(6));
    for asked in [1, 2, 3, 9].map(MemberNumber) {
        assert_eq!(known.check(&from_6, asked, ASKED).unwrap_err(), WrongSigner(asked)); // EVALUATION-2
    }
    assert_eq!(known.check(&from_6, HOLDER, Timestamp(FOUNDED.0 - 1)).unwrap_err(), WrongSigner(HOLDER)); // EVALUATION-2
    // EVALUATION-3
    assert_eq!(refused(&changed(|answer| answer.alliance[0] ^= 1)), OtherCharter(HOLDER));
    assert_eq!(refused(&changed(|answer| answer.charter = alliance())), OtherCharter(HOLDER));
    // EVALUATION-4
    assert_eq!(refused(&changed(|answer| answer.key = shared_key(Class::Mob, 3).1.id())), OtherKey(HOLDER));
    // EVALUATION-5
    assert_eq!(refused(&changed(|answer| answer.request[31] ^= 128)), OtherRequest(HOLDER));
    // EVALUATION-6
    for share in [0, 1, 2, 4, 255] {
        assert_eq!(refused(&changed(|answer| answer.share = share)), OtherShare(HOLDER));
    }
    // EVALUATION-7
    let oprf = |error| Oprf { holder: HOLDER, error };
    let proof = oprf(OprfError::Proof { holder: 3 });
    assert_eq!(refused(&changed(|answer| answer.proof[63] ^= 1)), proof);
    assert_eq!(refused(&changed(|answer| answer.elements.swap(0, 1))), proof);
    assert_eq!(refused(&changed(|answer| answer.elements[0] = [0; 32])), proof);
    assert_eq!(refused(&changed(|answer| answer.elements[0] = [255; 32])), proof);
    let count = OprfError::Count { holder: 3, expected: 4, found: 3 };
    assert_eq!(refused(&changed(|answer| answer.elements.truncate(3))), oprf(count)); // EVALUATION-7
    let other = answered(2);
    assert_eq!(
        refused(&changed(|answer| (answer.elements, answer.proof) = (other.elements, other.proof))),
        proof,
        "the evaluation of another share"
    );
    assert_eq!(refused(b"junk"), Signature(SignatureError::Envelope));
}

#[test]
fn one_flipped_bit_anywhere_is_refused_and_proves_nothing() {
    let known = Known::new();
    let envelope = signed_by(&good(), &feed_key(6));
    for bit in 0..8 * envelope.len() {
        let mut bad = envelope.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let error = known.check(&bad, HOLDER, ASKED).unwrap_err();
        assert!(matches!(error, EvaluationError::Signature(_)), "bit {bit}: {error:?}");
        assert!(!error.is_evidence(), "anybody can flip a bit");
    }
    let bad = |bit: usize| {
        let mut bad = envelope.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        evidence(bad)
    };
    assert!((0..8 * envelope.len()).step_by(97).all(|bit| bad(bit).verify(&known.chain).is_none()));
}

/// The holder signs an evaluation in which one bit is wrong: whatever bit it is, the charter is enough to prove it.
#[test]
fn one_bit_that_the_holder_got_wrong_is_proved_with_the_charter_alone() {
    let (chain, expected) = (chain(3), OprfError::Proof { holder: 3 });
    let expected = Some(EvaluationError::Oprf { holder: HOLDER, error: expected });
    let answer = good();
    let bits = 8 * (32 * answer.elements.len() + answer.proof.len());
    for bit in (0..bits).step_by(13) {
        let bad = changed(|answer| match bit / 8 {
            byte @ 0..128 => answer.elements[byte / 32][byte % 32] ^= 1 << (bit % 8),
            byte => answer.proof[byte - 128] ^= 1 << (bit % 8),
        });
        let read = BadAnswer::decode(&evidence(bad).encode()).unwrap();
        assert_eq!(read.verify(&chain), expected, "bit {bit}");
    }
    let share = evidence(changed(|answer| answer.share = 2));
    assert_eq!(share.verify(&chain), Some(EvaluationError::OtherShare(HOLDER)));
}

#[test]
fn what_proves_nothing() {
    let chain = chain(3);
    let bad = || changed(|answer| answer.proof[0] ^= 1);
    assert!(evidence(bad()).verify(&chain).is_some());
    let nothing = |evidence: BadAnswer| assert_eq!(evidence.verify(&chain), None, "{evidence:?}");
    nothing(evidence(signed_by(&good(), &feed_key(6))));
    // A bad answer under somebody else's signature.
    let mut answer = good();
    answer.proof[0] ^= 1;
    nothing(evidence(signed_by(&answer, &feed_key(2))));
    nothing(evidence(signed_by(&answer, &node_key(6))));
    // Laid to another holder's charge.
    nothing(BadAnswer { holder: MemberNumber(2), ..evidence(bad()) });
    nothing(BadAnswer { holder: MemberNumber(99), ..evidence(bad()) });
    // Under another charter, key or request than the one that is shown.
    nothing(evidence(changed(|answer| (answer.proof[0], answer.charter) = (0, alliance()))));
    nothing(evidence(changed(|answer| (answer.proof[0], answer.key) = (0, shared_key(Class::Mob, 3).1.id()))));
    nothing(evidence(changed(|answer| (answer.proof[0], answer.request) = (0, [0; 32]))));
    let request = EvaluationRequest { charter: alliance(), ..once().0.clone() };
    nothing(BadAnswer { request: request.clone(), ..evidence(bad()) });
    nothing(BadAnswer { request: EvaluationRequest { charter: [0; 32], ..request.clone() }, ..evidence(bad()) });
    let keyed = token_key(Class::Web, 1).id();
    nothing(BadAnswer { request: EvaluationRequest { key: keyed, ..once().0.clone() }, ..evidence(bad()) });
    // A request that the holder had to refuse.
    let mut request = once().0.clone();
    request.elements[2] = [0; 32];
    let answer = changed(|answer| (answer.proof[0], answer.request) = (0, request.digest()));
    nothing(BadAnswer { request, ..evidence(answer) });
    // At a time at which the key was not the holder's.
    nothing(BadAnswer { asked: Timestamp(FOUNDED.0 - 1), ..evidence(bad()) });
    nothing(evidence(Vec::new()));
}

/// After a refresh, what was right under the charter of its time stays right, and what was wrong stays wrong.
#[test]
fn a_refresh_makes_no_good_answer_bad() {
    let mut chain = chain(3);
    let mut fourth = third();
    (fourth.number, fourth.previous) = (4, Some(chain.current_id()));
    let place = fourth.token_keys.iter().position(|key| *key == shared_key(Class::Ent, 2).1).unwrap();
    let (new_shares, refreshed) = refreshed_key(Class::Ent, 2, 1);
    fourth.token_keys[place] = refreshed.clone();
    assert_eq!(chain.extend(signed(&fourth, &["1", "2"])), Ok(true));
    assert_eq!(refreshed.id(), shared_key(Class::Ent, 2).1.id());
    assert_eq!(evidence(signed_by(&good(), &feed_key(6))).verify(&chain), None);
    assert!(evidence(changed(|answer| answer.proof[0] ^= 1)).verify(&chain).is_some());
    // The same for a key that is retired later.
    let mut fifth = fourth.clone();
    (fifth.number, fifth.previous) = (5, Some(chain.current_id()));
    fifth.token_keys[place].retired = Some(ASKED);
    let under_fourth = chain.current_id();
    assert_eq!(chain.extend(signed(&fifth, &["1", "2"])), Ok(true));
    assert_eq!(evidence(signed_by(&good(), &feed_key(6))).verify(&chain), None);
    assert!(evidence(changed(|answer| answer.proof[0] ^= 1)).verify(&chain).is_some());

    // A holder answers under a charter that has its share, so that nobody can make such evidence against it.
    let (old, new) = (answered_with(&shared_key(Class::Ent, 2).0), answered_with(&new_shares));
    let request = |charter| EvaluationRequest { charter, ..once().0.clone() };
    let under_third = once().0.charter;
    let mut chain = self::chain(3);
    let one = MemberNumber(1);
    assert_eq!(admit(&chain, one, &request(under_third), Some(&old)).map(TokenKey::id), Ok(refreshed.id()));
    assert_eq!(admit(&chain, one, &request(under_third), Some(&new)), Err(Refusal::UnknownCharter)); // EVALUATION-8
    assert_eq!(admit(&chain, one, &request(under_fourth), Some(&old)), Err(Refusal::UnknownCharter)); // EVALUATION-8
    assert_eq!(chain.extend(signed(&fourth, &["1", "2"])), Ok(true));
    assert_eq!(admit(&chain, one, &request(under_third), Some(&new)), Err(Refusal::UnknownCharter)); // EVALUATION-8
    assert_eq!(admit(&chain, one, &request(under_fourth), Some(&old)), Err(Refusal::UnknownCharter)); // EVALUATION-8
    assert_eq!(admit(&chain, one, &request(under_fourth), Some(&new)).map(TokenKey::id), Ok(refreshed.id()));
    assert_eq!(admit(&chain, one, &request(alliance()), Some(&new)), Err(Refusal::UnknownCharter)); // EVALUATION-8
}

fn answered_with(shares: &[KeyShare]) -> [u8; 32] {
    *shares[2].public().bytes()
}

#[test]
fn a_holder_answers_who_may_ask() {
    let (chain, request) = (chain(3), once().0.clone());
    let public = answered_with(&shared_key(Class::Ent, 2).0);
    let ask = |member: u16, request: &EvaluationRequest, public| {
        admit(&chain, MemberNumber(member), request, public).map(TokenKey::id)
    };
    assert_eq!(ask(5, &request, Some(&public)), Ok(request.key));
    // The observer, a key holder, nobody.
    for member in [4, 6, 99] {
        assert_eq!(ask(member, &request, Some(&public)), Err(Refusal::NotEntitled));
    }
    assert_eq!(ask(1, &request, None), Err(Refusal::NoShare));
    for key in [shared_key(Class::Mob, 2).1.id(), [0; 32]] {
        let retired = EvaluationRequest { key, ..request.clone() };
        assert_eq!(ask(1, &retired, Some(&public)), Err(Refusal::NoShare));
    }
    let unknown = EvaluationRequest { charter: [0; 32], ..request.clone() };
    assert_eq!(ask(1, &unknown, Some(&public)), Err(Refusal::UnknownCharter));
    // A member that is suspended derives nothing.
    let mut fourth = third();
    (fourth.number, fourth.previous) = (4, Some(chain.current_id()));
    fourth.members[4].state = MemberState::Suspended;
    let mut chain = self::chain(3);
    assert_eq!(chain.extend(signed(&fourth, &["1", "2"])), Ok(true));
    assert_eq!(admit(&chain, MemberNumber(5), &request, Some(&public)), Err(Refusal::NotEntitled));
}

#[test]
fn nobody_is_blamed_for_a_key_or_a_release_that_is_not_known_here() {
    use EvaluationError::*;
    let newer = Signature(SignatureError::Decode(DecodeError::UnknownVersion(2)));
    assert!(!newer.is_senders_fault() && !WrongSigner(HOLDER).is_senders_fault());
    let faults = [
        Signature(SignatureError::BadSignature),
        OtherCharter(HOLDER),
        OtherKey(HOLDER),
        OtherRequest(HOLDER),
        OtherShare(HOLDER),
        Oprf { holder: HOLDER, error: OprfError::Proof { holder: 3 } },
    ];
    assert!(faults.iter().all(EvaluationError::is_senders_fault));
    assert_eq!(faults.iter().filter(|error| error.is_evidence()).count(), 2);
}

#[test]
fn a_signed_answer_is_what_the_asker_checks() {
    let known = Known::new();
    for (share, member) in (1..=3).zip(HOLDERS) {
        let signer = present_feed_key(member.0);
        let response = sign(&alliance(), &once().0, answered(share), &signer);
        let EvaluationResponse::Evaluated(envelope) = response else { panic!("{response:?}") };
        assert_eq!(known.check(&envelope, member, ASKED).map(|checked| checked.holder()), Ok(share));
        assert_eq!(signed::Signed::<Answer>::decode(&envelope).unwrap().key(), signer.public());
    }
}

/// Blinds some inputs and pads them as the platform does.
fn blinded(inputs: usize, salt: u64) -> Blinded {
    let entropy = |n: usize| wide(&format!("blind {salt} {n}"));
    let texts = (0..inputs).map(|n| format!("+86138{n:08}").into_bytes()).collect();
    let mut drawn: Vec<[u8; 64]> = (0..inputs).map(entropy).collect();
    let mut blinded = blind(texts, &mut drawn).unwrap();
    let filling: Vec<[u8; 64]> = (inputs..padded(inputs)).map(entropy).collect();
    blinded.pad(&filling).unwrap();
    blinded
}

fn elements(blinded: &Blinded) -> Vec<[u8; 32]> {
    blinded.elements().iter().map(|element| *element.bytes()).collect()
}

#[test]
fn padding_hides_the_number_and_changes_no_result() {
    let (shares, token_key) = shared_key(Class::Ent, 2);
    let key = ThresholdKey::read(2, &token_key.public_keys).unwrap();
    let values = |blinded: &Blinded| -> Vec<[u8; 64]> {
        let answer = |share: &KeyShare| {
            let answer = share.evaluate(blinded.elements(), &mut wide("proof")).unwrap();
            key.check(blinded.elements(), &answer).unwrap()
        };
        let answers: Vec<Checked> = shares[1..].iter().map(answer).collect();
        key.finalize(blinded, &answers).unwrap().iter().map(|prf| prf.0).collect()
    };
    let one_by_one: Vec<[u8; 64]> = {
        let texts: Vec<Vec<u8>> = (0..11).map(|n| format!("+86138{n:08}").into_bytes()).collect();
        let one = |text: &Vec<u8>| values(&blind(vec![text.clone()], &mut [wide("alone")]).unwrap())[0];
        texts.iter().map(one).collect()
    };
    for count in [1, 2, 3, 5, 11] {
        let blinded = blinded(count, 7);
        let sent = elements(&blinded);
        assert_eq!(sent.len(), padded(count));
        assert_eq!(sent.iter().collect::<BTreeSet<_>>().len(), sent.len(), "all different");
        assert!(Element::read_all(&sent).is_ok());
        let request = EvaluationRequest { elements: sent, ..once().0.clone() };
        assert_eq!(EvaluationRequest::decode(&request.encode()), Ok(request));
        assert_eq!(values(&blinded), one_by_one[..count], "{count}");
    }
    let mut full = blinded(BATCH, 7);
    assert_eq!(full.pad(&[wide("more")]), Err(OprfError::BatchSize(257)));
    assert_eq!((full.pad(&[]), full.elements().len()), (Ok(()), BATCH));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whichever holders answer and in whatever order, the value is the same; one holder fewer gives none.
    #[test]
    fn any_two_holders_give_the_same_tokens(count in 1usize..6, salt: u64, order in Just([1u8, 2, 3]).prop_shuffle()) {
        let known = Known::new();
        let alliance = known.chain.alliance();
        let blinded = blinded(count, salt);
        let request = EvaluationRequest { elements: elements(&blinded), ..once().0.clone() };
        let shares = shared_key(Class::Ent, 2).0;
        let answer = |share: u8| {
            let holder = HOLDERS[usize::from(share) - 1];
            let entropy = wide(&format!("proof {share} {salt}"));
            let evaluation = shares[usize::from(share) - 1].evaluate(&Element::read_all(&request.elements).unwrap(), &mut entropy.clone()).unwrap();
            let response = sign(&alliance, &request, evaluation, &present_feed_key(holder.0));
            let EvaluationResponse::Evaluated(envelope) = response else { panic!("{response:?}") };
            let under = (&alliance, &**known.chain.current(), &known.token_key, &known.key);
            check(&envelope, (&request, blinded.elements()), holder, under, ASKED).unwrap()
        };
        let answers: Vec<Checked> = order.iter().map(|share| answer(*share)).collect();
        let values = |answers: &[Checked]| -> Result<Vec<[u8; 64]>, OprfError> {
            known.key.finalize(&blinded, answers).map(|prfs| prfs.iter().map(|prf| prf.0).collect())
        };
        let first = values(&answers[..2]).unwrap();
        prop_assert_eq!(first.len(), count);
        prop_assert_eq!(values(&answers[1..]).unwrap(), first.clone());
        prop_assert_eq!(values(&[answers[2].clone(), answers[0].clone()]).unwrap(), first.clone());
        prop_assert_eq!(values(&answers).unwrap(), first);
        prop_assert_eq!(values(&answers[..1]).err(), Some(OprfError::TooFew { have: 1, need: 2 }));
        prop_assert_eq!(values(&[]).err(), Some(OprfError::TooFew { have: 0, need: 2 }));
    }
}
