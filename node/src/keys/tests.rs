//! Key files against wrong passphrases, loose modes, damage, and OpenSSL as a reader that shares no code with us.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use ed25519_dalek::VerifyingKey;
use secrecy::SecretString;

use super::*;
use crate::storage::files;

const PHRASE: &str = "正确 horse battery staple";

fn protected(phrase: &str) -> Protection {
    Protection::Passphrase(SecretString::from(phrase))
}

#[test]
fn keys_come_back_under_their_passphrase_only() {
    let dir = tempfile::tempdir().unwrap();
    let made = KeyStore::create(dir.path(), &KeyRole::ALL, &protected(PHRASE)).unwrap();
    for role in KeyRole::ALL {
        let path = dir.path().join("keys").join(role.file_name());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(&path).unwrap().starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    }
    assert_eq!(fs::read_dir(dir.path().join("keys")).unwrap().count(), 4);
    let opened = KeyStore::open(dir.path(), &protected(PHRASE)).unwrap();
    assert_eq!(opened.feed().unwrap().public(), made.feed().unwrap().public());
    assert_eq!(opened.node().unwrap().secret(), made.node().unwrap().secret());
    assert_eq!(opened.seal().unwrap().secret(), made.seal().unwrap().secret());
    assert_eq!(opened.steward().unwrap().public(), made.steward().unwrap().public());
    assert_eq!(KeyStore::public(dir.path(), KeyRole::Feed).unwrap(), made.feed().unwrap().public());
    assert_eq!(KeyStore::public(dir.path(), KeyRole::Seal).unwrap(), made.seal().unwrap().public());

    let path = dir.path().join("keys/feed.pem");
    let wrong = KeyStore::open(dir.path(), &protected("another one")).unwrap_err();
    assert_eq!(wrong, KeyError::WrongPassphrase { path: path.clone() });
    let none = KeyStore::open(dir.path(), &Protection::InClearDangerously).unwrap_err();
    assert_eq!(none, KeyError::NeedsPassphrase { path });
}

#[test]
fn a_signature_verifies_and_debug_shows_the_public_key_alone() {
    let secret = [0x5A; 32];
    let key = FeedKey::from_secret(&secret);
    let signature = ed25519_dalek::Signature::from_bytes(&key.sign(b"message"));
    VerifyingKey::from_bytes(&key.public()).unwrap().verify_strict(b"message", &signature).unwrap();
    for text in [
        format!("{key:?}"),
        format!("{:?}", NodeKey::from_secret(&secret)),
        format!("{:?}", StewardKey::from_secret(&secret)),
        format!("{:?}", SealKey::from_secret(&secret)),
        format!("{:?}", protected("5a5a5a5a5a")),
    ] {
        assert!(!text.contains("5a5a5a5a"), "{text}");
    }
}

/// RFC 7748 §6.1, Alice's pair.
#[test]
fn the_seal_key_is_x25519() {
    let bytes = |text: &str| -> [u8; 32] { hex::decode(text).unwrap().try_into().unwrap() };
    let alice = SealKey::from_secret(&bytes("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
    let public = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
    assert_eq!(alice.public(), bytes(public));
}

#[test]
fn a_key_is_never_overwritten_and_nothing_is_created_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let clear = Protection::InClearDangerously;
    KeyStore::create(dir.path(), &[KeyRole::Node], &clear).unwrap();
    let before = fs::read(dir.path().join("keys/node.pem")).unwrap();
    let error = KeyStore::create(dir.path(), &[KeyRole::Feed, KeyRole::Node], &clear).unwrap_err();
    assert_eq!(error, KeyError::Exists { path: dir.path().join("keys/node.pem") });
    assert_eq!(fs::read(dir.path().join("keys/node.pem")).unwrap(), before);
    assert!(!dir.path().join("keys/feed.pem").exists());
    let keys = KeyStore::open(dir.path(), &clear).unwrap();
    let path = dir.path().join("keys/feed.pem");
    assert_eq!(keys.feed().unwrap_err(), KeyError::Missing { role: KeyRole::Feed, path });
    let path = dir.path().join("keys/node.pem");
    assert_eq!(KeyStore::open(dir.path(), &protected(PHRASE)).unwrap_err(), KeyError::InClear { path });
}

#[test]
fn a_file_that_others_can_reach_is_refused_with_the_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let clear = Protection::InClearDangerously;
    KeyStore::create(dir.path(), &[KeyRole::Feed], &clear).unwrap();
    let path = dir.path().join("keys/feed.pem");
    for mode in [0o640, 0o604, 0o620, 0o601] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = KeyStore::open(dir.path(), &clear).unwrap_err();
        assert_eq!(error, KeyError::LooseMode { path: path.clone(), mode, expected: 0o600 });
        assert!(error.to_string().ends_with(&format!("run: chmod 600 '{}'", path.display())));
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    KeyStore::open(dir.path(), &clear).unwrap();
}

#[test]
fn no_keys_at_all_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys/feed.pem");
    let error = KeyStore::open(dir.path(), &Protection::InClearDangerously).unwrap_err();
    assert_eq!(error, KeyError::Missing { role: KeyRole::Feed, path });
}

#[test]
fn every_changed_character_is_noticed() {
    let secret = [9; 32];
    let text = file::encode(KeyRole::Feed, &secret, None, &[1; 32]).unwrap();
    assert_eq!(*file::decode(KeyRole::Feed, &text, None).unwrap(), secret);
    assert_eq!(file::decode(KeyRole::Seal, &text, None).unwrap_err(), file::Fault::Damaged, "another role's key");
    for at in 0..text.len() {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        match file::decode(KeyRole::Feed, &changed, None) {
            Err(fault) => assert_eq!(fault, file::Fault::Damaged),
            // The label of the public block: without that block there is nothing to compare with.
            Ok(found) => assert!(*found == secret, "character {at} changed the key"),
        }
    }
}

/// CBC without a MAC: a flipped bit in the middle changes the key and leaves the padding right.
#[test]
fn a_flipped_bit_in_the_ciphertext_is_noticed() {
    let text = file::encode(KeyRole::Feed, &[9; 32], Some(PHRASE.as_bytes()), &[1; 32]).unwrap();
    let (_, sealed) = pkcs8::der::SecretDocument::from_pem(block_of(&text)).unwrap();
    let mut bytes = sealed.as_bytes().to_vec();
    let middle = bytes.len() - 64 + 20;
    bytes[middle] ^= 1;
    let changed = pkcs8::der::SecretDocument::try_from(bytes.as_slice()).unwrap();
    let pem = changed.to_pem("ENCRYPTED PRIVATE KEY", pkcs8::LineEnding::LF).unwrap();
    let whole = text.replace(block_of(&text), pem.trim_end());
    assert_eq!(file::decode(KeyRole::Feed, &whole, Some(PHRASE.as_bytes())).unwrap_err(), file::Fault::Damaged);
}

fn block_of(text: &str) -> &str {
    let end = "-----END ENCRYPTED PRIVATE KEY-----";
    &text[..text.find(end).unwrap() + end.len()]
}

#[test]
fn garbage_is_damage() {
    let dir = tempfile::tempdir().unwrap();
    KeyStore::create(dir.path(), &[KeyRole::Seal], &protected(PHRASE)).unwrap();
    let path = dir.path().join("keys/seal.pem");
    let whole = fs::read_to_string(&path).unwrap();
    for garbage in [b"".as_slice(), b"\xff\xfe", b"-----BEGIN ENCRYPTED PRIVATE KEY-----", &whole.as_bytes()[..200]] {
        fs::write(&path, garbage).unwrap();
        let error = KeyStore::open(dir.path(), &protected(PHRASE)).unwrap_err();
        assert_eq!(error, KeyError::Damaged { role: KeyRole::Seal, path: path.clone() });
    }
    fs::write(&path, vec![b'x'; 20_000]).unwrap();
    assert!(matches!(KeyStore::open(dir.path(), &protected(PHRASE)).unwrap_err(), KeyError::File(_)));
}

/// The independent reader.
#[test]
fn openssl_reads_what_we_write_and_we_read_what_it_writes() {
    let Ok(version) = Command::new("openssl").arg("version").output() else {
        println!("skipped: openssl is not on the PATH");
        return;
    };
    println!("{}", String::from_utf8_lossy(&version.stdout).trim());
    let dir = tempfile::tempdir().unwrap();
    let keys = KeyStore::create(dir.path(), &[KeyRole::Feed, KeyRole::Seal], &protected("pass phrase")).unwrap();
    for (role, public) in
        [(KeyRole::Feed, keys.feed().unwrap().public()), (KeyRole::Seal, keys.seal().unwrap().public())]
    {
        let path = dir.path().join("keys").join(role.file_name());
        let der = openssl(&["pkey", "-passin", "pass:pass phrase", "-pubout", "-outform", "DER"], &path);
        assert_eq!(der[der.len() - 32..], public, "{role}");
    }
    // Their encryption, with their default key derivation, of the same key.
    let path = dir.path().join("keys/feed.pem");
    let theirs = openssl(
        &["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passin", "pass:pass phrase", "-passout", "pass:other"],
        &path,
    );
    fs::write(&path, theirs).unwrap();
    fs::remove_file(dir.path().join("keys/seal.pem")).unwrap();
    let opened = KeyStore::open(dir.path(), &protected("other")).unwrap();
    assert_eq!(opened.feed().unwrap().public(), keys.feed().unwrap().public());
}

fn openssl(arguments: &[&str], input: &Path) -> Vec<u8> {
    let output = Command::new("openssl").args(arguments).arg("-in").arg(input).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn a_successor_takes_the_place_of_a_key_and_no_crash_in_between_loses_one() {
    let names = ["feed.pem", "feed.next.pem", "feed.former.pem", "feed.former.pem.new"];
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    KeyStore::create(dir.path(), &KeyRole::ALL, &protected(PHRASE)).unwrap();
    let old = KeyStore::public(dir.path(), KeyRole::Feed).unwrap();
    let new = KeyStore::make_successor(dir.path(), KeyRole::Feed, &protected(PHRASE)).unwrap();
    let again = KeyStore::make_successor(dir.path(), KeyRole::Feed, &protected(PHRASE)).unwrap();
    assert_eq!(new, again, "the one that is made already");
    assert_eq!(fs::metadata(keys.join("feed.next.pem")).unwrap().permissions().mode() & 0o777, 0o600);
    let whole: Vec<_> = names.map(|name| fs::read(keys.join(name)).ok()).into();
    // What lies there after each step of the change: nothing, the second name, the former one, all.
    let [present, next, ..] = &whole[..] else { panic!() };
    for (what, files) in [
        ("before", [present, next, &None, &None]),
        ("linked", [present, next, &None, present]),
        ("kept", [present, next, present, &None]),
        ("kept, and both names there", [present, next, present, present]),
        ("done", [next, &None, present, &None]),
    ] {
        for (name, content) in names.iter().zip(files) {
            drop(fs::remove_file(keys.join(name)));
            if let Some(content) = content {
                files::create_exclusive(&keys.join(name), content, 0o600).unwrap();
            }
        }
        let opened = KeyStore::open(dir.path(), &protected(PHRASE)).unwrap();
        assert!(opened.feed_with(&old).is_ok() && opened.feed_with(&new).is_ok(), "{what}");
        super::succession::settle_as(dir.path(), KeyRole::Feed, &new).unwrap();
        assert_eq!(KeyStore::public(dir.path(), KeyRole::Feed).unwrap(), new, "{what}");
        assert_eq!(KeyStore::public_at(dir.path(), KeyRole::Feed, Place::Former).unwrap(), old, "{what}");
        assert!(!keys.join("feed.next.pem").exists(), "{what}");
    }
    assert!(!keys.join("feed.former.pem.new").exists());
    // The key in use was lost: the one that the stewards named takes its place all the same.
    fs::remove_file(keys.join("feed.pem")).unwrap();
    let named = KeyStore::make_successor(dir.path(), KeyRole::Feed, &protected(PHRASE)).unwrap();
    super::succession::settle_as(dir.path(), KeyRole::Feed, &named).unwrap();
    assert_eq!(KeyStore::public(dir.path(), KeyRole::Feed).unwrap(), named);
    // A successor that was never named is set aside, and another one is made.
    let given_up = KeyStore::make_successor(dir.path(), KeyRole::Feed, &protected(PHRASE)).unwrap();
    assert!(KeyStore::set_successor_aside(dir.path(), KeyRole::Feed).unwrap());
    assert!(!KeyStore::set_successor_aside(dir.path(), KeyRole::Feed).unwrap());
    assert_ne!(KeyStore::make_successor(dir.path(), KeyRole::Feed, &protected(PHRASE)).unwrap(), given_up);
    // One from a node with another passphrase keeps nothing from starting.
    let other = tempfile::tempdir().unwrap();
    KeyStore::create(other.path(), &[KeyRole::Feed], &protected("another passphrase")).unwrap();
    fs::copy(other.path().join("keys/feed.pem"), keys.join("feed.next.pem")).unwrap();
    assert!(KeyStore::open(dir.path(), &protected(PHRASE)).unwrap().feed_with(&named).is_ok());
    let unknown = KeyStore::open(dir.path(), &protected(PHRASE)).unwrap().feed_with(&[7; 32]).unwrap_err();
    assert!(matches!(unknown, KeyError::Elsewhere { role: KeyRole::Feed, .. }));
}
