//! The published examples, and what is no note.
//!
//! Sources: golang.org/x/mod/sumdb/note, note_test.go (the keys of PeterNeumann and EnochRoot and what they signed);
//! c2sp.org/tlog-cosignature@v1.0.0 (the checkpoint of example.com/behind-the-sofa and its cosigned message).

use super::*;
use crate::{base::Timestamp, fixtures::*, signed::Signer};

const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const BY_PETER: &str =
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const BY_ENOCH: &str =
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";
const BEHIND_THE_SOFA: &str = "example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
";

fn key(text: &str) -> VerifierKey {
    text.parse().unwrap()
}

fn names(note: &Note, known: &[VerifierKey]) -> Result<Vec<String>, NoteError> {
    Ok(note.verify(known)?.into_iter().map(|(key, _)| key.name().to_owned()).collect())
}

#[test]
fn a_key_has_one_form() {
    assert_eq!((key(PETER).name(), key(PETER).kind()), ("PeterNeumann", SignatureType::Ed25519));
    assert_eq!(key(PETER).to_string(), PETER);
    for from in 0..=PETER.len() {
        for to in from..=PETER.len() {
            let whole = (from, to) == (0, PETER.len());
            assert_eq!(PETER[from..to].parse::<VerifierKey>().is_ok(), whole, "{}", &PETER[from..to]);
        }
    }
    for at in 0..PETER.len() {
        let mut bytes = PETER.as_bytes().to_vec();
        bytes[at] += 1;
        let text = String::from_utf8(bytes).unwrap();
        assert_eq!(text.parse::<VerifierKey>(), Err(NoteError::Key), "{text}");
    }
    for bad in [
        // A key of another length and an unknown type, each with its right id.
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "",
        "++",
    ] {
        assert_eq!(bad.parse::<VerifierKey>(), Err(NoteError::Key), "{bad}");
    }
}

#[test]
fn known_keys_count_and_others_mean_nothing() {
    let note = |lines: &str| Note::parse(format!("{TEXT}\n{lines}").as_bytes()).unwrap();
    let both = note(&format!("{BY_PETER}{BY_ENOCH}"));
    assert_eq!(both.text, TEXT);
    assert_eq!(both.to_string(), format!("{TEXT}\n{BY_PETER}{BY_ENOCH}"));
    assert_eq!(names(&both, &[key(PETER)]), Ok(vec!["PeterNeumann".to_owned()]));
    assert_eq!(names(&both, &[key(ENOCH), key(PETER)]), Ok(vec!["PeterNeumann".to_owned(), "EnochRoot".to_owned()]));
    assert_eq!(names(&both, &[]), Err(NoteError::Unverified));
    // Each key counts once.
    assert_eq!(names(&note(&BY_PETER.repeat(3)), &[key(PETER)]), Ok(vec!["PeterNeumann".to_owned()]));
    // The wrong signature of a known key spoils the note, that of another one does not.
    let spoilt = format!("{}ABCD{}{BY_ENOCH}", &BY_PETER[..60], &BY_PETER[60..]);
    assert_eq!(names(&note(&spoilt), &[key(PETER)]), Err(NoteError::BadSignature("PeterNeumann".to_owned())));
    assert_eq!(names(&note(&spoilt), &[key(ENOCH)]), Ok(vec!["EnochRoot".to_owned()]));
    let other = Note { text: TEXT.replace("problem", "question"), ..both };
    assert_eq!(names(&other, &[key(PETER)]), Err(NoteError::BadSignature("PeterNeumann".to_owned())));
}

#[test]
fn what_is_no_note() {
    for bytes in [
        TEXT.as_bytes().to_vec(),
        format!("{TEXT}\n").into_bytes(),
        format!("{TEXT}\n{}", BY_PETER.trim_end()).into_bytes(),
        format!("\u{1}{TEXT}\n{BY_PETER}").into_bytes(),
        [b"\xff", format!("{TEXT}\n{BY_PETER}").as_bytes()].concat(),
        format!("{TEXT}\n{}", BY_PETER.replace("PeterNeumann", "Bad Name")).into_bytes(),
        format!("{TEXT}\n{}", BY_PETER.replace("PeterNeumann", "Bad+Name")).into_bytes(),
        format!("{TEXT}\n{BY_PETER}Unexpected line.\n").into_bytes(),
        format!("{TEXT}\n{}", BY_PETER.replace("x08go/", "x08go_")).into_bytes(),
        format!("{TEXT}\n— PeterNeumann x08gow==\n").into_bytes(),
        format!("{TEXT}\n{}", BY_PETER.repeat(MAX_SIGNATURES + 1)).into_bytes(),
        format!("{}\n{BY_PETER}", "long\n".repeat(MAX_NOTE_BYTES / 5)).into_bytes(),
        Vec::new(),
    ] {
        assert_eq!(Note::parse(&bytes), Err(NoteError::Malformed), "{}", String::from_utf8_lossy(&bytes));
    }
    assert!(Note::parse(format!("{TEXT}\n{}", BY_PETER.repeat(MAX_SIGNATURES)).as_bytes()).is_ok());
}

#[test]
fn the_published_checkpoint_reads_as_its_document_says() {
    let note = Note::parse(BEHIND_THE_SOFA.as_bytes()).unwrap();
    assert_eq!(note.to_string(), BEHIND_THE_SOFA);
    let checkpoint = Checkpoint::parse(&note.text).unwrap();
    assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("example.com/behind-the-sofa", 20_852_163));
    let cosignature = Cosignature::read(&note.signatures[1].signature).unwrap();
    assert_eq!(cosignature.time, Timestamp(1_679_315_147));
    assert_eq!(cosignature.to_bytes(), note.signatures[1].signature);
    assert_eq!(
        cosigned_message(cosignature.time, &note.text),
        "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    );
}

#[test]
fn a_checkpoint_has_one_form() {
    let log = log_name(&alliance(), "alpha", 0);
    let text = Checkpoint::of(&log, 7, 8, &[9; 32]).text();
    let root = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=";
    assert_eq!(text, format!("antibrush/1/{}/alpha\n8\n{root}\nbatch 7\n", hex::encode(&alliance()[..16])));
    assert_eq!(Checkpoint::parse(&text), Some(Checkpoint::of(&log, 7, 8, &[9; 32])));
    for bad in [
        text.replace("\n8\n", "\n08\n"),
        text.replace("\n8\n", "\n+8\n"),
        text.replace("\n8\n", "\n18446744073709551616\n"),
        text.replace("\nbatch 7\n", "\n\n"),
        text.replace('=', ""),
        format!("\n8\n{root}\n"),
        text.trim_end().to_owned(),
        String::new(),
    ] {
        assert_eq!(Checkpoint::parse(&bad), None, "{bad}");
    }
    assert_eq!(log_name(&alliance(), "alpha", 2), format!("{log}/2"));
    assert_eq!(witness_name(&alliance(), "alpha"), format!("{log}/witness"));
}

#[test]
fn a_log_signs_and_a_witness_cosigns() {
    let (log, witness) = (log_name(&alliance(), "alpha", 0), witness_name(&alliance(), "watch"));
    let text = Checkpoint::of(&log, 0, 5, &[1; 32]).text();
    let log = VerifierKey::new(&log, SignatureType::Ed25519, feed_key(1).public()).unwrap();
    let witness = VerifierKey::new(&witness, SignatureType::Cosignature, feed_key(4).public()).unwrap();
    let cosignature = Cosignature::sign(&text, FIRST, &feed_key(4));
    let lines = [log.signature(feed_key(1).sign(text.as_bytes()).to_vec()), witness.signature(cosignature.to_bytes())];
    let note = Note { text: text.clone(), signatures: lines.to_vec() }.to_string();
    let keys = [log.to_string(), witness.to_string()].map(|text| key(&text));
    assert_eq!(keys, [log.clone(), witness.clone()]);
    let note = Note::parse(note.as_bytes()).unwrap();
    assert_eq!(note.verify(&keys).unwrap().len(), 2);
    // Neither at another time nor under another key, nor one kind for the other.
    let later = Cosignature { time: FIRST.plus(1), ..cosignature };
    assert!(!later.verify(&feed_key(4).public(), &text) && !cosignature.verify(&feed_key(2).public(), &text));
    let bare = Note { text, signatures: vec![log.signature(cosignature.signature.to_vec())] };
    assert_eq!(names(&bare, &keys), Err(NoteError::BadSignature(log.name().to_owned())));
    assert_eq!(Cosignature::read(&[0; 71]), None);
    assert!(VerifierKey::new("two words", SignatureType::Ed25519, [0; 32]).is_err());
}
