//! One key file: PEM with an encrypted PKCS#8 key (RFC 5958, RFC 8410, PBES2 of RFC 8018), then the public key in clear.
//!
//! The public block lets the node notice damage that CBC lets through (a flipped bit in the ciphertext changes the key
//! and not the padding), and lets a person read the public key without the passphrase. The private block is PKCS#8
//! version 1, without the public key inside: OpenSSL 3.0 does not read version 2.

use pkcs8::der::asn1::{BitStringRef, OctetStringRef};
use pkcs8::der::{Decode, Document, SecretDocument, pem::LineEnding};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{self, Kdf};
use pkcs8::{AlgorithmIdentifierRef, EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef};
use pkcs8::{spki::SubjectPublicKeyInfoRef, spki::der::zeroize::Zeroizing};

use super::roles::KeyRole;

/// RFC 8410 §3.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// RFC 8410 §3.
const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");

const ENCRYPTED_LABEL: &str = "ENCRYPTED PRIVATE KEY";
const CLEAR_LABEL: &str = "PRIVATE KEY";
const PUBLIC_LABEL: &str = "PUBLIC KEY";

/// scrypt with N = 2^14, r = 8, p = 5, which OWASP's password storage recommendation ranks equal to N = 2^15, p = 3.
/// OpenSSL refuses the latter: its limit of 32 MiB leaves no room beside the 32 MiB of the table.
const SCRYPT: (u8, u32, u32) = (14, 8, 5);
/// A file with costlier parameters is refused: it would only stop the node (N·r·128 bytes of memory).
const MOST_SCRYPT_COST: u64 = 1 << 20;
const MOST_SCRYPT_BLOCK: u16 = 16;
const MOST_SCRYPT_LANES: u16 = 16;
/// The same for a file that `openssl pkcs8` wrote with PBKDF2.
const MOST_PBKDF2: u32 = 10_000_000;

/// Why a key file's content can not be used; the store adds the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not what this module writes, or changed since.
    Damaged,
    /// The passphrase does not open it.
    WrongPassphrase,
    /// Encrypted, and no passphrase was given.
    NeedsPassphrase,
    /// Not encrypted, though a passphrase was given.
    InClear,
}

fn algorithm(role: KeyRole) -> AlgorithmIdentifierRef<'static> {
    let oid = match role {
        KeyRole::Seal => X25519,
        KeyRole::Feed | KeyRole::Node | KeyRole::Steward => ED25519,
    };
    AlgorithmIdentifierRef { oid, parameters: None }
}

/// The text of a key file; `random` is the salt (16 bytes) and the initialisation vector (16 bytes).
pub(super) fn encode(
    role: KeyRole,
    secret: &[u8; 32],
    passphrase: Option<&[u8]>,
    random: &[u8; 32],
) -> Result<Zeroizing<String>, pkcs8::Error> {
    // RFC 8410 §7: CurvePrivateKey is an OCTET STRING inside the OCTET STRING.
    let mut inner = Zeroizing::new([0; 34]);
    inner[..2].copy_from_slice(&[0x04, 32]);
    inner[2..].copy_from_slice(secret);
    let private = PrivateKeyInfoRef::new(algorithm(role), OctetStringRef::new(&inner[..])?);
    let private = SecretDocument::encode_msg(&private)?;
    let mut text = match passphrase {
        Some(passphrase) => {
            let (salt, iv) = random.split_at(16);
            let scrypt = pkcs8::pkcs5::scrypt::Params::new(SCRYPT.0, SCRYPT.1, SCRYPT.2)
                .map_err(|_| pkcs8::Error::ParametersMalformed)?;
            let iv = iv.try_into().map_err(|_| pkcs8::Error::ParametersMalformed)?;
            let parameters = pbes2::Parameters::generate_scrypt_aes256cbc(scrypt, salt, iv)?;
            let sealed = parameters.encrypt(passphrase, private.as_bytes())?;
            let encrypted = EncryptedPrivateKeyInfoRef {
                encryption_algorithm: EncryptionScheme::from(parameters),
                encrypted_data: OctetStringRef::new(&sealed)?,
            };
            SecretDocument::encode_msg(&encrypted)?.to_pem(ENCRYPTED_LABEL, LineEnding::LF)?
        }
        None => private.to_pem(CLEAR_LABEL, LineEnding::LF)?,
    };
    let public = role.public_of(secret);
    let public =
        SubjectPublicKeyInfoRef { algorithm: algorithm(role), subject_public_key: BitStringRef::from_bytes(&public)? };
    text.push_str(&Document::encode_msg(&public)?.to_pem(PUBLIC_LABEL, LineEnding::LF)?);
    Ok(text)
}

/// The secret in a key file.
pub(super) fn decode(role: KeyRole, text: &str, passphrase: Option<&[u8]>) -> Result<Zeroizing<[u8; 32]>, Fault> {
    let private = match (block(text, ENCRYPTED_LABEL), block(text, CLEAR_LABEL), passphrase) {
        (Some(_), _, None) => return Err(Fault::NeedsPassphrase),
        (Some(pem), _, Some(passphrase)) => open(pem, passphrase)?,
        (None, Some(_), Some(_)) => return Err(Fault::InClear),
        (None, Some(pem), None) => SecretDocument::from_pem(pem).map_err(|_| Fault::Damaged)?.1,
        (None, None, _) => return Err(Fault::Damaged),
    };
    let private = PrivateKeyInfoRef::from_der(private.as_bytes()).map_err(|_| Fault::Damaged)?;
    let [0x04, 32, secret @ ..] = private.private_key.as_bytes() else { return Err(Fault::Damaged) };
    let secret: Zeroizing<[u8; 32]> = Zeroizing::new(secret.try_into().map_err(|_| Fault::Damaged)?);
    // A file that OpenSSL rewrote has no public block.
    let expected = if block(text, PUBLIC_LABEL).is_some() { Some(decode_public(role, text)?) } else { None };
    let matches = expected.is_none_or(|public| public == role.public_of(&secret));
    if private.algorithm == algorithm(role) && matches { Ok(secret) } else { Err(Fault::Damaged) }
}

/// Whether the private key of the file is under a passphrase.
pub(super) fn is_encrypted(text: &str) -> bool {
    block(text, ENCRYPTED_LABEL).is_some()
}

/// The public key in a key file: readable without the passphrase, and not proved by it.
pub(super) fn decode_public(role: KeyRole, text: &str) -> Result<[u8; 32], Fault> {
    let (_, document) = block(text, PUBLIC_LABEL).and_then(|pem| Document::from_pem(pem).ok()).ok_or(Fault::Damaged)?;
    let found = SubjectPublicKeyInfoRef::from_der(document.as_bytes()).map_err(|_| Fault::Damaged)?;
    let key = found.subject_public_key.as_bytes().and_then(|bytes| bytes.try_into().ok());
    key.filter(|_| found.algorithm == algorithm(role)).ok_or(Fault::Damaged)
}

fn open(pem: &str, passphrase: &[u8]) -> Result<SecretDocument, Fault> {
    let (_, document) = SecretDocument::from_pem(pem).map_err(|_| Fault::Damaged)?;
    let encrypted = EncryptedPrivateKeyInfoRef::from_der(document.as_bytes()).map_err(|_| Fault::Damaged)?;
    if !is_affordable(&encrypted.encryption_algorithm) || encrypted.encrypted_data.as_bytes().len() % 16 != 0 {
        return Err(Fault::Damaged);
    }
    // A wrong passphrase leaves wrong padding, or in one of 256 cases right padding and no DER inside.
    encrypted.decrypt(passphrase).map_err(|_| Fault::WrongPassphrase)
}

fn is_affordable(scheme: &EncryptionScheme) -> bool {
    let EncryptionScheme::Pbes2(parameters) = scheme else { return false };
    match &parameters.kdf {
        Kdf::Scrypt(scrypt) => {
            scrypt.cost_parameter <= MOST_SCRYPT_COST
                && scrypt.block_size <= MOST_SCRYPT_BLOCK
                && scrypt.parallelization <= MOST_SCRYPT_LANES
        }
        Kdf::Pbkdf2(pbkdf2) => pbkdf2.iteration_count <= MOST_PBKDF2,
        _ => false,
    }
}

/// The PEM block with this label, from its first dash to its last.
fn block<'a>(text: &'a str, label: &str) -> Option<&'a str> {
    let (first, last) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let start = text.find(&first)?;
    let length = text[start..].find(&last)? + last.len();
    Some(&text[start..start + length])
}
