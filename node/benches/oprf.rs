//! Suite 2 in process: the platform's and the holder's side an identifier, beside the multiplications that they cannot do
//! without. What each side does between the network and its result: encoding, padding, signatures, proofs, derivation.
//!
//! `cargo bench -p antibrush-node --bench oprf`

mod support;

use antibrush_node::{
    clock,
    keys::{KeyStore, Keys, Protection},
    random,
    storage::{Store, lock::DataDir},
};
use antibrush_protocol::{
    base::{Hash, MemberNumber},
    charter::{Charter, TokenKey},
    encoding::Wire,
    evaluation::{self, EvaluationRequest, EvaluationResponse, padded},
    subject::Class,
    suite::{
        Extractor, Suite,
        threshold::{BATCH, Element, KeyShare, ThresholdKey, blind},
    },
};
use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar};
use support::{Process, curve, line, median, seconds};

const RUNS: usize = 15;
const THRESHOLD: u8 = 2;
/// The founder's number: it signs for both holders here.
const FOUNDER: MemberNumber = MemberNumber(1);

/// A real charter and the key of its one member.
struct Ground {
    alliance: Hash,
    charter_id: Hash,
    charter: Charter,
    keys: Keys,
}

fn main() {
    support::machine();
    let root = tempfile::tempdir().expect("a temporary directory");
    let ground = Ground::new(&root);
    let (shares, key) = key();
    let inputs: Vec<Vec<u8>> =
        (0..BATCH).map(|n| format!("antibrush/v1/subject, as long as one {n:045}").into_bytes()).collect();
    let (mut limits, mut clients, mut holders) = (Vec::new(), Vec::new(), Vec::new());
    let (mut blinds, mut checks, mut finals) = (Vec::new(), Vec::new(), Vec::new());
    support::quiet();
    for _ in 0..RUNS {
        limits.push(curve::multiplication());
        let token_key = |share: usize| TokenKey {
            class: Class::Mob,
            epoch: 1,
            suite: Suite::Threshold,
            threshold: THRESHOLD,
            holders: shares.len() as u8,
            public_keys: public_keys(&key, &shares),
            members: (0..shares.len()).map(|at| MemberNumber(if at == share { 1 } else { 2 + at as u16 })).collect(),
            retired: None,
        };
        let id = token_key(0).id();
        let extractor = Extractor::new(&id);
        let (mut blinded, mut request) = (None, None);
        let blinding = seconds(|| {
            let mut entropy: Vec<[u8; 64]> = (0..BATCH).map(|_| random::bytes()).collect();
            let mut made = blind(inputs.clone(), &mut entropy).expect("a batch");
            let padding: Vec<[u8; 64]> = (BATCH..padded(BATCH)).map(|_| random::bytes()).collect();
            made.pad(&padding).expect("a batch");
            let elements = made.elements().iter().map(|element| *element.bytes()).collect();
            let asked = EvaluationRequest { charter: ground.charter_id, key: id, elements };
            request = Some((asked.encode(), asked));
            blinded = Some(made);
        });
        let (blinded, (wire, request)) = (blinded.expect("made"), request.expect("made"));
        let mut answers = Vec::new();
        for share in &shares[..THRESHOLD.into()] {
            holders.push(per_element(seconds(|| {
                let request = EvaluationRequest::decode(&wire).expect("a request");
                let elements = Element::read_all(&request.elements).expect("elements");
                let evaluation = share.evaluate(&elements, &mut random::bytes()).expect("randomness");
                let feed = ground.keys.feed().expect("a feed key");
                answers.push(evaluation::sign(&ground.alliance, &request, evaluation, feed).encode());
            })));
        }
        let mut checked = Vec::new();
        let checking = seconds(|| {
            for (share, answer) in answers.iter().enumerate() {
                let answer = EvaluationResponse::decode(answer).expect("a response");
                let EvaluationResponse::Evaluated(answer) = answer else { panic!("{answer:?}") };
                let token_key = token_key(share);
                let under = (&ground.alliance, &ground.charter, &token_key, &key);
                let asked = (&request, blinded.elements());
                checked.push(evaluation::check(&answer, asked, FOUNDER, under, clock::wall()).expect("honest holders"));
            }
        });
        let finishing = seconds(|| {
            let prfs = key.finalize(&blinded, &checked).expect("enough answers");
            for prf in &prfs {
                std::hint::black_box(extractor.derive(prf).token());
            }
        });
        blinds.push(per_element(blinding));
        checks.push(per_element(checking));
        finals.push(per_element(finishing));
        clients.push(per_element(blinding + checking + finishing));
    }
    let one = median(&mut limits);
    let figure = |values: &mut [f64], needs: f64| {
        let value = median(values);
        format!(
            "{value:>6.1} µs an identifier, {:.2} × the {needs} multiplications that it needs",
            value / (needs * one)
        )
    };
    line("limit: one multiplication of an element", format!("{one:>6.1} µs"));
    // One to blind; one an answer to take the blind off and combine.
    line("platform, t = 2, batches of 256", figure(&mut clients, 1.0 + f64::from(THRESHOLD)));
    line("  blinding, padding, encoding", figure(&mut blinds, 1.0));
    line("  two holders' signatures and proofs", format!("{:>6.1} µs an identifier", median(&mut checks)));
    line("  combining, unblinding, hashing to the token", figure(&mut finals, f64::from(THRESHOLD)));
    line("holder, batches of 256, proof and signature", figure(&mut holders, 1.0));
}

impl Ground {
    fn new(root: &tempfile::TempDir) -> Ground {
        let founder = Process::founder(root.path());
        let data = DataDir::lock(&founder.directory).expect("our own directory");
        let (store, _) = Store::open(&data).expect("a store");
        let chain = store.charters().expect("readable charters").expect("a charter");
        let keys = KeyStore::open(&founder.directory, &Protection::InClearDangerously).expect("keys in clear");
        let (alliance, charter_id) = (chain.alliance(), chain.current_id());
        Ground { alliance, charter_id, charter: (**chain.current()).clone(), keys }
    }
}

fn per_element(seconds: f64) -> f64 {
    seconds * 1e6 / BATCH as f64
}

/// A key that a dealer shared 2 of 3: only a benchmark may have one.
fn key() -> (Vec<KeyShare>, ThresholdKey) {
    let random = || Scalar::from_bytes_mod_order_wide(&random::bytes());
    let (secret, slope) = (random(), random());
    let share = |x: u8| KeyShare::read(x, (secret + slope * Scalar::from(x)).as_bytes()).expect("no share is zero");
    let shares: Vec<KeyShare> = (1..=3).map(share).collect();
    let group = Element::from(RistrettoPoint::mul_base(&secret));
    let public: Vec<[u8; 32]> =
        std::iter::once(&group).chain(shares.iter().map(KeyShare::public)).map(|element| *element.bytes()).collect();
    let key = ThresholdKey::read(THRESHOLD, &public).expect("one polynomial");
    (shares, key)
}

fn public_keys(key: &ThresholdKey, shares: &[KeyShare]) -> Vec<[u8; 32]> {
    std::iter::once(key.group()).chain(shares.iter().map(KeyShare::public)).map(|element| *element.bytes()).collect()
}
