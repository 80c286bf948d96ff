//! This holder's secrets: its shares of token keys, and the seeds of ceremonies that are not over.
//!
//! Each in a file of its own in `shares/` of the data directory (0700, files 0600), never in clear: sealed under a
//! [`LocalKey`] that comes from the seal key, with the file's name as the context, so that no file can stand in for another.
//!
//! | name | content |
//! |---|---|
//! | `<first 16 hex of the key id>-<first 16 hex of the public share>.share` | key id, class, epoch, number, secret, public share |
//! | `<ceremony id in hex>.seed` | the seed |
//!
//! Files are complete or absent whatever the moment of a crash, and a secret is never replaced by another one: a ceremony that
//! went on with a second seed would contradict itself in public.
//!
//! **Trust:** whoever steals the directory learns of which keys this member holds shares. Together with the seal key he has the
//! shares; with those of t holders, the keys. Whoever can write to it can destroy shares, and the node says which.
//!
//! **Erasing** overwrites a file with random bytes, syncs it and removes it. On a disk that writes in place this destroys the
//! ciphertext. SSDs, journals, copy-on-write file systems, snapshots and backups may keep the old bytes: what keeps them
//! unreadable is the seal key then. A retired share is of use only to who has those of t holders of the same ceremony, so each
//! holder that really erases its own helps all the others.

use std::{
    fmt,
    fs::{self, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use antibrush_protocol::{
    base::Hash,
    subject::Class,
    suite::{KeyId, threshold::KeyShare},
};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    keys::LocalKey,
    lang::Zh,
    random,
    storage::files::{self, FileError, Operation},
};

/// The directory in a data directory.
pub const DIRECTORY: &str = "shares";

const SHARE: &str = ".share";
const SEED: &str = ".seed";
/// Bytes of a share before it is sealed.
const PLAIN: usize = 32 + 1 + 2 + 1 + 32 + 32;
/// A file has some 140 bytes.
const MOST_FILE_BYTES: u64 = 4096;

/// Why a secret of this holder cannot be read or kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// Damaged, renamed, or sealed under another seal key.
    #[error(
        "{} does not open with this node's seal key; restore it from the backup that belongs to the key, or tell the stewards \
         that this member has lost its share: they start a new ceremony", path.display()
    )]
    Closed {
        /// The file.
        path: PathBuf,
    },
    /// Its secret does not belong to its public share. Wrong use by our own side.
    #[error(
        "the secret share does not belong to the public share in the charter; ask the stewards to start the ceremony again"
    )]
    Mismatch,
    /// Another secret is there and is never replaced.
    #[error("{} holds another secret already, which is never replaced; move the file away if it is really unused", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Zh for ShareError {
    fn zh(&self) -> String {
        match self {
            ShareError::Closed { path } => format!(
                "{} 无法用本节点的密封密钥打开：请恢复与该密钥对应的备份，或告知秘书处本成员的密钥份额已丢失，由其发起新的密钥仪式",
                path.display()
            ),
            ShareError::Mismatch => "密钥份额与章程中的公开份额不符：请联系秘书处重新发起密钥仪式".to_owned(),
            ShareError::Exists { path } => {
                format!("{} 中已有另一份秘密，不会被覆盖：如确实不再使用，请先移走该文件", path.display())
            }
            ShareError::File(error) => error.zh(),
        }
    }
}

/// A share to be kept. `Debug` shows nothing of the secret, which is wiped when dropped.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct StoredShare {
    /// The class of the key.
    #[zeroize(skip)]
    pub class: Class,
    /// Its epoch.
    #[zeroize(skip)]
    pub epoch: u16,
    /// The number of the share, 1 to n.
    #[zeroize(skip)]
    pub holder_index: u8,
    /// The secret scalar.
    pub secret: [u8; 32],
    /// The public share.
    #[zeroize(skip)]
    pub public: [u8; 32],
}

impl fmt::Debug for StoredShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredShare({} {}, {} of n)", self.class, self.epoch, self.holder_index)
    }
}

/// A share that is here, without its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeldShare {
    /// The key.
    pub key_id: KeyId,
    /// Its class.
    pub class: Class,
    /// Its epoch.
    pub epoch: u16,
    /// The number of the share.
    pub holder_index: u8,
    /// The public share.
    pub public: [u8; 32],
}

/// What [`Shares::list`] finds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The shares that open, in the order of their key ids.
    pub held: Vec<HeldShare>,
    /// Why the others do not.
    pub broken: Vec<ShareError>,
}

/// The directory of secrets.
pub struct Shares {
    directory: PathBuf,
    key: LocalKey,
}

impl Shares {
    /// Opens the directory of a data directory, or makes it; takes away what a crash left unfinished.
    ///
    /// # Errors
    /// [`ShareError::File`].
    pub fn open(data: &Path, key: LocalKey) -> Result<Shares, ShareError> {
        let directory = data.join(DIRECTORY);
        files::create_private_dir(&directory)?;
        files::remove_leftovers(&directory)?;
        Ok(Shares { directory, key })
    }

    /// Keeps a share; it is on the disk when this returns.
    ///
    /// # Errors
    /// [`ShareError::Mismatch`] before anything is written; [`ShareError::Exists`], [`ShareError::File`].
    pub fn put_share(&self, key_id: &KeyId, share: &StoredShare) -> Result<(), ShareError> {
        let read = KeyShare::read(share.holder_index, &share.secret).ok_or(ShareError::Mismatch)?;
        if read.public().bytes() != &share.public {
            return Err(ShareError::Mismatch);
        }
        let mut plain = Zeroizing::new(Vec::with_capacity(PLAIN));
        plain.extend_from_slice(key_id);
        plain.push(share.class.number());
        plain.extend_from_slice(&share.epoch.to_be_bytes());
        plain.push(share.holder_index);
        plain.extend_from_slice(&share.secret);
        plain.extend_from_slice(&share.public);
        self.create(&share_name(key_id, &share.public), &plain)
    }

    /// The share of a key that belongs to this public share; `None` if it is not here.
    ///
    /// # Errors
    /// [`ShareError::Closed`], [`ShareError::File`].
    pub fn share(&self, key_id: &KeyId, public_share: &[u8; 32]) -> Result<Option<KeyShare>, ShareError> {
        let name = share_name(key_id, public_share);
        let Some((held, share)) = self.read_share(&name)? else { return Ok(None) };
        // Another key or share whose name begins alike is not the one that was asked for.
        Ok((held.key_id == *key_id && held.public == *public_share).then_some(share))
    }

    /// Every share that is here.
    ///
    /// # Errors
    /// [`ShareError::File`] if the directory cannot be read; a file that does not open is in [`Inventory::broken`].
    pub fn list(&self) -> Result<Inventory, ShareError> {
        let mut found = Inventory::default();
        for name in self.names(SHARE)? {
            match self.read_share(&name) {
                Ok(share) => found.held.extend(share.map(|(held, _)| held)),
                Err(error) => found.broken.push(error),
            }
        }
        found.held.sort_unstable();
        Ok(found)
    }

    /// Erases every share of a key, also those that no longer open; returns how many.
    ///
    /// # Errors
    /// [`ShareError::File`].
    pub fn retire(&self, key_id: &KeyId) -> Result<usize, ShareError> {
        let prefix = format!("{}-", hex::encode(&key_id[..8]));
        let mut erased = 0;
        for name in self.names(SHARE)?.iter().filter(|name| name.starts_with(&prefix)) {
            // Another key whose id begins alike keeps its share.
            let other = matches!(self.read_share(name), Ok(Some((held, _))) if held.key_id != *key_id);
            if !other {
                erased += usize::from(self.erase(name)?);
            }
        }
        Ok(erased)
    }

    /// Erases one share of a key: after a refresh the old one. Returns whether it was here.
    ///
    /// # Errors
    /// [`ShareError::File`].
    pub fn drop_share(&self, key_id: &KeyId, public_share: &[u8; 32]) -> Result<bool, ShareError> {
        self.erase(&share_name(key_id, public_share))
    }

    /// Keeps the seed of a ceremony; it is on the disk when this returns, and only then may anything be said that was made from it.
    ///
    /// # Errors
    /// [`ShareError::Exists`] if the ceremony has another one, [`ShareError::Closed`], [`ShareError::File`].
    pub fn put_seed(&self, ceremony: &Hash, seed: &[u8; 32]) -> Result<(), ShareError> {
        self.create(&seed_name(ceremony), seed)
    }

    /// The seed of a ceremony; `None` if there is none.
    ///
    /// # Errors
    /// [`ShareError::Closed`], [`ShareError::File`].
    pub fn seed(&self, ceremony: &Hash) -> Result<Option<Zeroizing<[u8; 32]>>, ShareError> {
        let name = seed_name(ceremony);
        let Some(plain) = self.read(&name)? else { return Ok(None) };
        let seed = <[u8; 32]>::try_from(plain.as_slice()).map_err(|_| self.closed(&name))?;
        Ok(Some(Zeroizing::new(seed)))
    }

    /// How long ago the seed of a ceremony was kept, by the file's time; zero if that lies ahead or there is none.
    ///
    /// # Errors
    /// [`ShareError::File`].
    pub fn seed_age(&self, ceremony: &Hash, now: SystemTime) -> Result<Duration, ShareError> {
        let path = self.directory.join(seed_name(ceremony));
        match fs::metadata(&path).and_then(|file| file.modified()) {
            Ok(kept) => Ok(now.duration_since(kept).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Duration::ZERO),
            Err(error) => Err(FileError::new(&path, Operation::Read, &error).into()),
        }
    }

    /// Erases the seed of a ceremony that is over. Returns whether there was one.
    ///
    /// # Errors
    /// [`ShareError::File`].
    pub fn drop_seed(&self, ceremony: &Hash) -> Result<bool, ShareError> {
        self.erase(&seed_name(ceremony))
    }

    /// The ceremonies of which a seed is here.
    ///
    /// # Errors
    /// [`ShareError::File`].
    pub fn seeds(&self) -> Result<Vec<Hash>, ShareError> {
        let names = self.names(SEED)?;
        let id = |name: &String| {
            let mut id = [0; 32];
            hex::decode_to_slice(name.strip_suffix(SEED)?, &mut id).ok()?;
            Some(id)
        };
        Ok(names.iter().filter_map(id).collect())
    }

    fn create(&self, name: &str, plain: &[u8]) -> Result<(), ShareError> {
        let path = self.directory.join(name);
        // What is there already must be the same, as after a crash between keeping and using it.
        if let Some(found) = self.read(name)? {
            if found.as_slice() != plain {
                return Err(ShareError::Exists { path });
            }
            // The crash may have come before its name was on the disk.
            return Ok(files::sync_dir(&self.directory)?);
        }
        Ok(files::create_exclusive(&path, &self.key.seal(&context(name), plain), 0o600)?)
    }

    fn read(&self, name: &str) -> Result<Option<Zeroizing<Vec<u8>>>, ShareError> {
        let Some(sealed) = files::read_bounded(&self.directory.join(name), MOST_FILE_BYTES)? else { return Ok(None) };
        self.key.open(&context(name), &sealed).map(Some).ok_or_else(|| self.closed(name))
    }

    fn read_share(&self, name: &str) -> Result<Option<(HeldShare, KeyShare)>, ShareError> {
        let Some(plain) = self.read(name)? else { return Ok(None) };
        decode(&plain).map(Some).ok_or_else(|| self.closed(name))
    }

    fn closed(&self, name: &str) -> ShareError {
        ShareError::Closed { path: self.directory.join(name) }
    }

    /// The names with this ending, sorted.
    fn names(&self, suffix: &str) -> Result<Vec<String>, ShareError> {
        let failed = |error: std::io::Error| FileError::new(&self.directory, Operation::Open, &error);
        let mut names = Vec::new();
        for item in fs::read_dir(&self.directory).map_err(failed)? {
            let name = item.map_err(failed)?.file_name().to_string_lossy().into_owned();
            if name.ends_with(suffix) && !name.starts_with('.') {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Overwrites a file, syncs it, removes it and syncs the directory.
    fn erase(&self, name: &str) -> Result<bool, ShareError> {
        let path = self.directory.join(name);
        let failed = |operation, error: std::io::Error| FileError::new(&path, operation, &error);
        let mut file = match OpenOptions::new().write(true).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(Operation::Open, error).into()),
        };
        let mut left = file.metadata().map_err(|error| failed(Operation::Read, error))?.len();
        while left > 0 {
            let noise: [u8; 256] = random::bytes();
            let part = usize::try_from(left).unwrap_or(noise.len()).min(noise.len());
            file.write_all(&noise[..part]).map_err(|error| failed(Operation::Write, error))?;
            left -= part as u64;
        }
        file.sync_all().map_err(|error| failed(Operation::Sync, error))?;
        fs::remove_file(&path).map_err(|error| failed(Operation::Remove, error))?;
        files::sync_dir(&self.directory)?;
        Ok(true)
    }
}

impl fmt::Debug for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shares({})", self.directory.display())
    }
}

fn decode(plain: &[u8]) -> Option<(HeldShare, KeyShare)> {
    let (key_id, rest) = plain.split_first_chunk::<32>()?;
    let ([class, e1, e0, holder_index], rest) = rest.split_first_chunk::<4>()?;
    let (secret, rest) = rest.split_first_chunk::<32>()?;
    let held = HeldShare {
        key_id: *key_id,
        class: Class::from_number(*class)?,
        epoch: u16::from_be_bytes([*e1, *e0]),
        holder_index: *holder_index,
        public: rest.try_into().ok()?,
    };
    let mut secret = *secret;
    let share = KeyShare::read(*holder_index, &secret);
    secret.zeroize();
    share.filter(|share| share.public().bytes() == &held.public).map(|share| (held, share))
}

fn share_name(key_id: &KeyId, public_share: &[u8; 32]) -> String {
    format!("{}-{}{SHARE}", hex::encode(&key_id[..8]), hex::encode(&public_share[..8]))
}

fn seed_name(ceremony: &Hash) -> String {
    format!("{}{SEED}", hex::encode(ceremony))
}

/// What a file is sealed with: its own name.
fn context(name: &str) -> Vec<u8> {
    [b"shares/", name.as_bytes()].concat()
}

#[cfg(test)]
mod tests;
