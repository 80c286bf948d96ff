//! The key directory: creating it once, opening it at each start.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::file::{self, Fault};
use super::roles::{FeedKey, KeyRole, NodeKey, SealKey, StewardKey};
use super::succession::Place;
use crate::{
    lang::Zh,
    storage::files::{self, FileError, Operation},
};

/// A key file is some 600 bytes.
const MOST_FILE_BYTES: u64 = 16 * 1024;
/// The only mode that a key file may have beside stricter ones: read and write for its owner.
pub(super) const MODE: u32 = 0o600;

/// Why keys could not be created or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The passphrase does not open this file (or its ciphertext is damaged: the two can not be told apart).
    #[error("the passphrase does not open {}; check it, or restore the file from its backup", path.display())]
    WrongPassphrase {
        /// The key file.
        path: PathBuf,
    },
    /// Others than the owner may read or write it.
    #[error(
        "{} has mode {mode:04o}, so others on this machine can get at the key; run: chmod {expected:o} '{}'",
        path.display(), path.display()
    )]
    LooseMode {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The bits that it should have.
        expected: u32,
    },
    /// The key is not there.
    #[error("{} is missing; restore it from its backup (a {role} key cannot be made again)", path.display())]
    Missing {
        /// Which key.
        role: KeyRole,
        /// Where it should be.
        path: PathBuf,
    },
    /// The charter names a key that does not lie here.
    #[error(
        "the charter names the {role} key {public}, which this node has not opened; if antibrush alliance rotate-key made it here, restart the node, otherwise copy {role}.next.pem from the node that made it into keys/ and restart"
    )]
    Elsewhere {
        /// Which key.
        role: KeyRole,
        /// The public key in hex.
        public: String,
    },
    /// Not a key file of this role, or changed since it was written.
    #[error("{} is not a whole {role} key; restore it from its backup", path.display())]
    Damaged {
        /// Which key.
        role: KeyRole,
        /// The key file.
        path: PathBuf,
    },
    /// A key is there already and is never overwritten.
    #[error("{} exists; a key is never overwritten: move the file away first if it is really unused", path.display())]
    Exists {
        /// The key file.
        path: PathBuf,
    },
    /// It is encrypted and no passphrase was given.
    #[error("{} is encrypted; give its passphrase ({ways})", path.display(), ways = super::passphrase::WAYS)]
    NeedsPassphrase {
        /// The key file.
        path: PathBuf,
    },
    /// It lies there in clear although a passphrase was given, which then protects nothing.
    #[error(
        "{} is not encrypted, so the passphrase protects nothing; encrypt it (openssl pkcs8 -topk8 -scrypt), or open \
         the keys in clear knowingly", path.display()
    )]
    InClear {
        /// The key file.
        path: PathBuf,
    },
    /// The operating system gave no random bytes, or a cipher refused its input.
    #[error("could not make a {role} key on this system")]
    Internal {
        /// Which key.
        role: KeyRole,
    },
    /// The operating system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Zh for KeyError {
    fn zh(&self) -> String {
        match self {
            KeyError::WrongPassphrase { path } => {
                format!("口令无法打开 {}：请核对口令，或从备份恢复该文件", path.display())
            }
            KeyError::LooseMode { path, mode, expected } => format!(
                "{} 的权限为 {mode:04o}，本机的其他用户可能取得密钥：请运行 chmod {expected:o} '{}'",
                path.display(),
                path.display()
            ),
            KeyError::Missing { role, path } => {
                format!("缺少 {}：请从备份恢复（{}密钥无法重新生成）", path.display(), role.zh())
            }
            KeyError::Elsewhere { role, public } => format!(
                "章程所列的{}密钥 {public} 未在本节点打开：如由本机的 antibrush alliance rotate-key 生成，请重启节点；否则请从生成它的节点把 {role}.next.pem 复制到 keys/ 后重启",
                role.zh()
            ),
            KeyError::Damaged { role, path } => {
                format!("{} 不是完整的{}密钥：请从备份恢复", path.display(), role.zh())
            }
            KeyError::Exists { path } => {
                format!("{} 已存在，密钥从不覆盖：如确实不再使用，请先移走该文件", path.display())
            }
            KeyError::NeedsPassphrase { path } => {
                format!("{} 已加密：请提供口令（{}）", path.display(), super::passphrase::WAYS_ZH)
            }
            KeyError::InClear { path } => format!(
                "{} 没有加密，口令起不到保护作用：请加密该文件（openssl pkcs8 -topk8 -scrypt），或明确选择密钥不设口令",
                path.display()
            ),
            KeyError::Internal { role } => {
                format!("本系统无法生成{}密钥：请检查系统的随机数来源", role.zh())
            }
            KeyError::File(error) => error.zh(),
        }
    }
}

/// How key files are kept.
#[derive(Clone, Debug)]
pub enum Protection {
    /// Encrypted under this passphrase.
    Passphrase(SecretString),
    /// In clear, readable for anyone who gets the file or a backup of it: demonstrations and tests.
    InClearDangerously,
}

impl Protection {
    pub(super) fn passphrase(&self) -> Option<&[u8]> {
        match self {
            Protection::Passphrase(secret) => Some(secret.expose_secret().as_bytes()),
            Protection::InClearDangerously => None,
        }
    }
}

/// The files under `keys/` of a data directory.
#[derive(Debug)]
pub struct KeyStore;

impl KeyStore {
    /// Draws new keys and writes them to `<directory>/keys/`; all of them or none.
    ///
    /// # Errors
    /// [`KeyError::Exists`] before anything is written; [`KeyError::File`], [`KeyError::Internal`].
    pub fn create(directory: &Path, roles: &[KeyRole], protection: &Protection) -> Result<Keys, KeyError> {
        let roles: Vec<_> = roles.iter().map(|role| (*role, None)).collect();
        KeyStore::create_with(directory, &roles, protection)
    }

    /// The same, with copies of existing key files where one is named: a further node of a member has the member's feed key and
    /// seal key. A copied file is in clear or under the same passphrase; the copy is kept as the others are.
    ///
    /// # Errors
    /// As [`KeyStore::create`]; and [`KeyError::Missing`], [`KeyError::Damaged`], [`KeyError::LooseMode`],
    /// [`KeyError::WrongPassphrase`], [`KeyError::NeedsPassphrase`] of the file that is copied.
    pub fn create_with(
        directory: &Path,
        roles: &[(KeyRole, Option<PathBuf>)],
        protection: &Protection,
    ) -> Result<Keys, KeyError> {
        let keys = directory.join("keys");
        for (role, _) in roles {
            let path = keys.join(role.file_name());
            if path.symlink_metadata().is_ok() {
                return Err(KeyError::Exists { path });
            }
        }
        files::create_private_dir(&keys)?;
        let drawn = in_parallel(roles, |(role, copied)| {
            let secret = copied.as_ref().map(|path| secret_of(*role, path, protection)).transpose()?;
            make(*role, secret, protection)
        })?;
        let mut written: Vec<PathBuf> = Vec::new();
        for ((role, _), (_, text)) in roles.iter().zip(&drawn) {
            let path = keys.join(role.file_name());
            match files::create_exclusive(&path, text.as_bytes(), MODE) {
                Ok(()) => written.push(path),
                Err(error) => {
                    // These were made a moment ago by this very call and nobody knows them yet.
                    written.iter().for_each(|path| drop(fs::remove_file(path)));
                    let taken = error.kind == io::ErrorKind::AlreadyExists;
                    return Err(if taken { KeyError::Exists { path } } else { error.into() });
                }
            }
        }
        Ok(Keys::assemble(
            directory,
            roles.iter().map(|(role, _)| *role).zip(drawn.into_iter().map(|(secret, _)| secret)),
        ))
    }

    /// Opens every key that is there; [`Keys`] says later which one is missing.
    ///
    /// # Errors
    /// [`KeyError`]; [`KeyError::Missing`] names the feed key if there is none at all.
    pub fn open(directory: &Path, protection: &Protection) -> Result<Keys, KeyError> {
        let mut found = Vec::new();
        for (role, place) in Place::all() {
            let path = place.path(directory, role);
            if let Some(text) = read_file(&path, role)? {
                found.push((role, path, text));
            }
        }
        if found.is_empty() {
            return Err(KeyError::Missing { role: KeyRole::Feed, path: path(directory, KeyRole::Feed) });
        }
        let secrets = in_parallel(&found, |(role, path, text)| {
            let decoded = file::decode(*role, text, protection.passphrase());
            let decoded = decoded.map_err(|fault| explain_file(fault, *role, path.clone()));
            match decoded {
                // A copy from another node may be under another passphrase. It keeps nothing from starting; what it was to sign
                // says that it is missing.
                Err(error) if *path != Place::Present.path(directory, *role) => {
                    tracing::warn!(%error, "a key beside the one in use does not open and is left out");
                    Ok(None)
                }
                decoded => decoded.map(Some),
            }
        })?;
        let opened = found.into_iter().zip(secrets).filter_map(|((role, ..), secret)| Some((role, secret?)));
        Ok(Keys::assemble(directory, opened))
    }

    /// Whether the keys of a directory are under a passphrase: true if any of them is.
    ///
    /// # Errors
    /// [`KeyError::Missing`] if there is no key at all, [`KeyError::LooseMode`], [`KeyError::File`].
    pub fn is_encrypted(directory: &Path) -> Result<bool, KeyError> {
        let mut found = false;
        for role in KeyRole::ALL {
            if let Some(text) = read(directory, role)? {
                found = true;
                if file::is_encrypted(&text) {
                    return Ok(true);
                }
            }
        }
        if found {
            Ok(false)
        } else {
            Err(KeyError::Missing { role: KeyRole::Feed, path: path(directory, KeyRole::Feed) })
        }
    }

    /// The public key of a role, which needs no passphrase. It is as trustworthy as the file: [`KeyStore::open`] proves
    /// it.
    ///
    /// # Errors
    /// [`KeyError::Missing`], [`KeyError::Damaged`] (also for a file without its public block), [`KeyError::LooseMode`],
    /// [`KeyError::File`].
    pub fn public(directory: &Path, role: KeyRole) -> Result<[u8; 32], KeyError> {
        let text = read(directory, role)?.ok_or_else(|| KeyError::Missing { role, path: path(directory, role) })?;
        file::decode_public(role, &text).map_err(|fault| explain(fault, role, directory))
    }
}

/// The opened keys.
#[derive(Debug)]
pub struct Keys {
    pub(super) directory: PathBuf,
    /// The one in `feed.pem` first, then its successor and its predecessor, if they lie there; nodes likewise.
    pub(super) feeds: Vec<FeedKey>,
    pub(super) nodes: Vec<NodeKey>,
    seal: Option<SealKey>,
    steward: Option<StewardKey>,
}

impl Keys {
    fn assemble(directory: &Path, secrets: impl Iterator<Item = (KeyRole, Zeroizing<[u8; 32]>)>) -> Keys {
        let (directory, feeds, nodes) = (directory.to_path_buf(), Vec::new(), Vec::new());
        let mut keys = Keys { directory, feeds, nodes, seal: None, steward: None };
        for (role, secret) in secrets {
            match role {
                KeyRole::Feed => keys.feeds.push(FeedKey::from_secret(&secret)),
                KeyRole::Node => keys.nodes.push(NodeKey::from_secret(&secret)),
                KeyRole::Seal => keys.seal = Some(SealKey::from_secret(&secret)),
                KeyRole::Steward => keys.steward = Some(StewardKey::from_secret(&secret)),
            }
        }
        keys
    }

    /// The feed key, as long as no charter says which ([`Keys::feed_of`]).
    ///
    /// # Errors
    /// [`KeyError::Missing`], as for the other keys.
    pub fn feed(&self) -> Result<&FeedKey, KeyError> {
        self.feeds.first().ok_or_else(|| self.missing(KeyRole::Feed))
    }

    /// The node key, as long as no charter says which ([`Keys::node_in`]).
    ///
    /// # Errors
    /// [`KeyError::Missing`].
    pub fn node(&self) -> Result<&NodeKey, KeyError> {
        self.nodes.first().ok_or_else(|| self.missing(KeyRole::Node))
    }

    /// The seal key.
    ///
    /// # Errors
    /// [`KeyError::Missing`].
    pub fn seal(&self) -> Result<&SealKey, KeyError> {
        self.seal.as_ref().ok_or_else(|| self.missing(KeyRole::Seal))
    }

    /// The steward key.
    ///
    /// # Errors
    /// [`KeyError::Missing`].
    pub fn steward(&self) -> Result<&StewardKey, KeyError> {
        self.steward.as_ref().ok_or_else(|| self.missing(KeyRole::Steward))
    }

    pub(super) fn missing(&self, role: KeyRole) -> KeyError {
        KeyError::Missing { role, path: path(&self.directory, role) }
    }
}

fn path(directory: &Path, role: KeyRole) -> PathBuf {
    Place::Present.path(directory, role)
}

fn explain(fault: Fault, role: KeyRole, directory: &Path) -> KeyError {
    explain_file(fault, role, path(directory, role))
}

fn explain_file(fault: Fault, role: KeyRole, path: PathBuf) -> KeyError {
    match fault {
        Fault::Damaged => KeyError::Damaged { role, path },
        Fault::WrongPassphrase => KeyError::WrongPassphrase { path },
        Fault::NeedsPassphrase => KeyError::NeedsPassphrase { path },
        Fault::InClear => KeyError::InClear { path },
    }
}

/// Writes a key down, a new one if none is given.
pub(super) fn make(
    role: KeyRole,
    given: Option<Zeroizing<[u8; 32]>>,
    protection: &Protection,
) -> Result<(Zeroizing<[u8; 32]>, Zeroizing<String>), KeyError> {
    let internal = || KeyError::Internal { role };
    let secret = match given {
        Some(secret) => secret,
        None => {
            let mut secret = Zeroizing::new([0; 32]);
            getrandom::fill(&mut *secret).map_err(|_| internal())?;
            secret
        }
    };
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|_| internal())?;
    let text = file::encode(role, &secret, protection.passphrase(), &random).map_err(|_| internal())?;
    Ok((secret, text))
}

/// The secret of a key file that lies anywhere.
fn secret_of(role: KeyRole, path: &Path, protection: &Protection) -> Result<Zeroizing<[u8; 32]>, KeyError> {
    let text = read_file(path, role)?.ok_or_else(|| KeyError::Missing { role, path: path.to_path_buf() })?;
    let passphrase = protection.passphrase().filter(|_| file::is_encrypted(&text));
    file::decode(role, &text, passphrase).map_err(|fault| explain_file(fault, role, path.to_path_buf()))
}

/// Reads a key file after a look at its mode; both on the same open file, so that it can not change in between.
fn read(directory: &Path, role: KeyRole) -> Result<Option<Zeroizing<String>>, KeyError> {
    read_file(&path(directory, role), role)
}

pub(super) fn read_file(path: &Path, role: KeyRole) -> Result<Option<Zeroizing<String>>, KeyError> {
    let path = path.to_path_buf();
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::new(&path, Operation::Open, &error).into()),
    };
    let metadata = file.metadata().map_err(|error| FileError::new(&path, Operation::Read, &error))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(KeyError::LooseMode { path, mode, expected: MODE });
    }
    let bytes = Zeroizing::new(files::read_open(file, &path, MOST_FILE_BYTES)?);
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Some(Zeroizing::new(text.to_owned()))),
        Err(_) => Err(KeyError::Damaged { role, path }),
    }
}

/// One thread per key: scrypt takes a third of a second each.
fn in_parallel<I: Sync, O: Send>(
    items: &[I],
    act: impl Fn(&I) -> Result<O, KeyError> + Sync,
) -> Result<Vec<O>, KeyError> {
    thread::scope(|scope| {
        let running: Vec<_> = items.iter().map(|item| scope.spawn(|| act(item))).collect();
        // A panic in a thread is a bug here; it goes on in the caller.
        running.into_iter().map(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}
