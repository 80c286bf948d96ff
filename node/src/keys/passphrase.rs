//! Where the passphrase comes from: a file named on the command line, a file named in the environment, the environment
//! itself, a person at a terminal. The first that is there wins, and a broken one is an error, never skipped.

use std::env;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::{
    lang::Zh,
    storage::files::{self, FileError},
};

/// Names a file whose first line is the passphrase.
pub const FILE_VARIABLE: &str = "ANTIBRUSH_PASSPHRASE_FILE";
/// Holds the passphrase itself. Other processes of the same user can read it: prefer the file.
pub const VARIABLE: &str = "ANTIBRUSH_PASSPHRASE";
/// What an error tells a person who gave none.
pub const WAYS: &str =
    "--passphrase-file <file>, ANTIBRUSH_PASSPHRASE_FILE=<file>, ANTIBRUSH_PASSPHRASE=<passphrase>, or at a terminal";
/// The same in Chinese.
pub const WAYS_ZH: &str =
    "--passphrase-file <文件>、ANTIBRUSH_PASSPHRASE_FILE=<文件>、ANTIBRUSH_PASSPHRASE=<口令>，或在终端输入";

/// A passphrase file longer than this is some other file.
const MOST_FILE_BYTES: u64 = 4096;
/// scrypt slows guessing down; it does not save a passphrase that is among the first million guesses.
const LEAST_CHARACTERS: usize = 12;

/// Why there is no passphrase.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PassphraseError {
    /// None was given and nobody can be asked.
    #[error("no passphrase for the keys; give it in one of these ways: {WAYS}")]
    None,
    /// The file's first line is empty, or it is not text.
    #[error("{} holds no passphrase in its first line", path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
    /// The variable is set and empty, or not text.
    #[error("{name} is set and holds no passphrase; set it or unset it")]
    EmptyVariable {
        /// The variable.
        name: &'static str,
    },
    /// The two entries at the terminal differ.
    #[error("the two entries differ; nothing was created, run it again")]
    Mismatch,
    /// Too short for a new key.
    #[error("the passphrase has {found} characters; a new key needs {LEAST_CHARACTERS} or more")]
    TooShort {
        /// Its length in characters.
        found: usize,
    },
    /// The terminal could not be read.
    #[error("could not read the passphrase from the terminal ({kind}); give it in another way: {WAYS}")]
    Terminal {
        /// Why.
        kind: io::ErrorKind,
    },
    /// The file could not be read.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Zh for PassphraseError {
    fn zh(&self) -> String {
        match self {
            PassphraseError::None => format!("没有密钥口令：请用以下方式之一提供，{WAYS_ZH}"),
            PassphraseError::EmptyFile { path } => {
                format!("{} 的第一行没有口令：请把口令写在第一行", path.display())
            }
            PassphraseError::EmptyVariable { name } => {
                format!("环境变量 {name} 已设置但其中没有口令：请填写口令，或取消该变量")
            }
            PassphraseError::Mismatch => "两次输入的口令不一致，没有建立任何密钥：请重新运行".to_owned(),
            PassphraseError::TooShort { found } => {
                format!("口令只有 {found} 个字符：新密钥的口令至少需要 {LEAST_CHARACTERS} 个字符")
            }
            PassphraseError::Terminal { kind } => {
                format!("无法从终端读取口令（{}）：请改用其他方式，{WAYS_ZH}", kind.zh())
            }
            PassphraseError::File(error) => error.zh(),
        }
    }
}

/// What the passphrase is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Opening keys: asked once.
    Open,
    /// Creating keys: asked twice, and not too short.
    Create,
}

/// The passphrase, from the first source that is there.
///
/// # Errors
/// [`PassphraseError`].
pub fn find(explicit: Option<&Path>, purpose: Purpose) -> Result<SecretString, PassphraseError> {
    let found = match explicit {
        Some(path) => from_file(path)?,
        None => match from_env()? {
            Some(found) => found,
            None if io::stdin().is_terminal() => prompt(purpose)?,
            None => return Err(PassphraseError::None),
        },
    };
    check(found, purpose)
}

fn check(found: SecretString, purpose: Purpose) -> Result<SecretString, PassphraseError> {
    let length = found.expose_secret().chars().count();
    let too_short = purpose == Purpose::Create && length < LEAST_CHARACTERS;
    if too_short { Err(PassphraseError::TooShort { found: length }) } else { Ok(found) }
}

/// The first line of a file, without its line end.
///
/// # Errors
/// [`PassphraseError::EmptyFile`], [`PassphraseError::File`].
pub fn from_file(path: &Path) -> Result<SecretString, PassphraseError> {
    let empty = || PassphraseError::EmptyFile { path: path.to_path_buf() };
    let file = std::fs::File::open(path).map_err(|error| FileError::new(path, files::Operation::Open, &error))?;
    let bytes = Zeroizing::new(files::read_open(file, path, MOST_FILE_BYTES)?);
    let text = std::str::from_utf8(&bytes).map_err(|_| empty())?;
    let line = text.lines().next().filter(|line| !line.is_empty()).ok_or_else(empty)?;
    Ok(SecretString::from(line))
}

/// From [`FILE_VARIABLE`], else from [`VARIABLE`]; `None` if neither is set.
///
/// # Errors
/// [`PassphraseError::EmptyVariable`], and those of [`from_file`].
pub fn from_env() -> Result<Option<SecretString>, PassphraseError> {
    from_values(env::var_os(FILE_VARIABLE), env::var_os(VARIABLE))
}

fn from_values(
    file: Option<std::ffi::OsString>,
    value: Option<std::ffi::OsString>,
) -> Result<Option<SecretString>, PassphraseError> {
    if let Some(path) = file {
        let named = !path.is_empty();
        return if named { from_file(Path::new(&path)).map(Some) } else { Err(empty_variable(FILE_VARIABLE)) };
    }
    let Some(value) = value else { return Ok(None) };
    match value.into_string() {
        Ok(text) if !text.is_empty() => Ok(Some(SecretString::from(text))),
        _ => Err(empty_variable(VARIABLE)),
    }
}

fn empty_variable(name: &'static str) -> PassphraseError {
    PassphraseError::EmptyVariable { name }
}

/// Asks a person, without echo.
///
/// # Errors
/// [`PassphraseError::Mismatch`], [`PassphraseError::Terminal`].
pub fn prompt(purpose: Purpose) -> Result<SecretString, PassphraseError> {
    let ask = |text: &str| {
        rpassword::prompt_password(text)
            .map(SecretString::from)
            .map_err(|error| PassphraseError::Terminal { kind: error.kind() })
    };
    let first = ask("Passphrase for the keys: ")?;
    if purpose == Purpose::Create {
        check(first.clone(), purpose)?;
        if ask("The same once more: ")?.expose_secret() != first.expose_secret() {
            return Err(PassphraseError::Mismatch);
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_wins_over_the_variable_and_a_broken_source_is_not_skipped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("phrase");
        std::fs::write(&path, "from the file\r\nsecond line\n").unwrap();
        let text = |found: Option<SecretString>| found.map(|secret| secret.expose_secret().to_owned());
        let both = from_values(Some(path.clone().into()), Some("variable".into())).unwrap();
        assert_eq!(text(both).as_deref(), Some("from the file"));
        assert_eq!(text(from_values(None, Some("variable".into())).unwrap()).as_deref(), Some("variable"));
        assert_eq!(text(from_values(None, None).unwrap()), None);
        let broken = from_values(None, Some("".into())).unwrap_err();
        assert_eq!(broken, PassphraseError::EmptyVariable { name: VARIABLE });
        std::fs::write(&path, "\nsecond line").unwrap();
        assert_eq!(from_file(&path).unwrap_err(), PassphraseError::EmptyFile { path: path.clone() });
        std::fs::write(&path, vec![b'x'; 5000]).unwrap();
        assert!(matches!(from_file(&path).unwrap_err(), PassphraseError::File(_)));
    }

    #[test]
    fn a_new_key_needs_a_passphrase_that_is_not_short() {
        let short = SecretString::from("短短短");
        assert_eq!(check(short.clone(), Purpose::Create).unwrap_err(), PassphraseError::TooShort { found: 3 });
        assert!(check(short, Purpose::Open).is_ok());
    }

    #[test]
    fn the_error_names_every_way() {
        let text = PassphraseError::None.to_string();
        for way in ["--passphrase-file", FILE_VARIABLE, VARIABLE, "terminal"] {
            assert!(text.contains(way), "{text}");
        }
    }
}
