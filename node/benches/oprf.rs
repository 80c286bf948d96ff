//! Suite 2 in process: the platform's and the holder's side an identifier, beside the multiplications that they cannot do
//! without.
//!
//! `cargo bench -p antibrush-node --bench oprf`

mod support;

use antibrush_node::random;
use antibrush_protocol::suite::threshold::{BATCH, Element, KeyShare, ThresholdKey, blind};
use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar};
use support::{line, median, seconds};

const RUNS: usize = 15;
const THRESHOLD: u8 = 2;

fn main() {
    support::machine();
    let (shares, key) = key();
    let inputs: Vec<Vec<u8>> =
        (0..BATCH).map(|n| format!("antibrush/v1/subject, as long as one {n:045}").into_bytes()).collect();
    let (mut limits, mut clients, mut holders) = (Vec::new(), Vec::new(), Vec::new());
    let (mut blinds, mut checks, mut finals) = (Vec::new(), Vec::new(), Vec::new());
    support::quiet();
    for _ in 0..RUNS {
        limits.push(multiplication());
        let mut entropy: Vec<[u8; 64]> = (0..BATCH).map(|_| random::bytes()).collect();
        let mut blinded = None;
        let blinding = seconds(|| blinded = blind(inputs.clone(), &mut entropy).ok());
        let blinded = blinded.expect("a batch");
        let wire: Vec<[u8; 32]> = blinded.elements().iter().map(|element| *element.bytes()).collect();
        let mut answers = Vec::new();
        for share in &shares[..THRESHOLD.into()] {
            holders
                .push(per_element(seconds(|| answers.push(share.evaluate(&wire, random::bytes()).expect("elements")))));
        }
        let mut checked = Vec::new();
        let checking = seconds(|| {
            checked.extend(answers.iter().map(|answer| key.check(blinded.elements(), answer).expect("honest holders")));
        });
        let finishing =
            seconds(|| drop(std::hint::black_box(key.finalize(&blinded, &checked).expect("enough answers"))));
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
    line("  blinding", figure(&mut blinds, 1.0));
    line("  checking two holders' proofs", format!("{:>6.1} µs an identifier", median(&mut checks)));
    line("  combining, unblinding, hashing", figure(&mut finals, f64::from(THRESHOLD)));
    line("holder, batches of 256, proof included", figure(&mut holders, 1.0));
}

fn per_element(seconds: f64) -> f64 {
    seconds * 1e6 / BATCH as f64
}

/// Microseconds of one multiplication of an element that is not known in advance.
fn multiplication() -> f64 {
    let scalar = Scalar::from_bytes_mod_order_wide(&random::bytes());
    let mut point = RistrettoPoint::from_uniform_bytes(&random::bytes());
    per_element(
        seconds(|| (0..BATCH).for_each(|_| point *= scalar)) + f64::from(u8::from(point == RistrettoPoint::default())),
    )
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
