//! Who runs this node: what `init` asked and joining presents.

use std::path::Path;

use antibrush_protocol::{
    charter::MemberRole,
    subject::{Class, Subject, SubjectError},
};
use serde::{Deserialize, Serialize};

use crate::{
    lang::{Zh, place_zh},
    storage::files::{self, FileError},
};

/// The member behind a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Its short name.
    pub slug: String,
    /// Its registered name.
    pub legal_name: String,
    /// Its unified social credit code.
    pub uscc: String,
    /// The code of the entity that controls it.
    pub controller: String,
    /// What it wants to be.
    pub role: MemberRole,
}

/// Why a profile is refused.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// The short name has another form.
    #[error("the short name must have 2 to 32 characters of a-z, 0-9 and hyphen, for example: jd-mall")]
    Slug,
    /// A credit code does not pass its check.
    #[error("{which} is not a valid unified social credit code: {reason}")]
    Uscc {
        /// Which one.
        which: &'static str,
        /// Why.
        reason: SubjectError,
    },
    /// The registered name is empty or too long.
    #[error("the registered name must have 1 to 192 bytes")]
    LegalName,
    /// There is none.
    #[error("{0} holds no node yet; run: antibrush init --dir {0} …")]
    Missing(String),
    /// The file is damaged.
    #[error("profile.json is damaged: {0}; restore it from your backup")]
    Damaged(String),
    /// The disk refused.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Zh for ProfileError {
    fn zh(&self) -> String {
        match self {
            ProfileError::Slug => "简称须为2至32位小写字母、数字或连字符，例如 jd-mall：请改正".to_owned(),
            ProfileError::Uscc { which, reason } => {
                format!("{which} 不是有效的统一社会信用代码，{}", reason.reason_zh())
            }
            ProfileError::LegalName => "登记名称须为1至192字节：请改正".to_owned(),
            ProfileError::Missing(directory) => {
                format!("{directory} 中还没有节点：请运行 antibrush init --dir {directory} …")
            }
            ProfileError::Damaged(reason) => format!("profile.json 已损坏{}：请从备份恢复", place_zh(reason)),
            ProfileError::File(error) => error.zh(),
        }
    }
}

const FILE: &str = "profile.json";

impl Profile {
    /// Checks and normalises what a person typed.
    pub fn new(
        slug: &str,
        legal_name: &str,
        uscc: &str,
        controller: Option<&str>,
        role: MemberRole,
    ) -> Result<Profile, ProfileError> {
        if !antibrush_protocol::charter::is_slug(slug) {
            return Err(ProfileError::Slug);
        }
        if legal_name.is_empty() || legal_name.len() > antibrush_protocol::limits::NAME_BYTES {
            return Err(ProfileError::LegalName);
        }
        let code = |which: &'static str, text: &str| {
            Subject::parse(Class::Ent, text)
                .map(|subject| subject.canonical().to_owned())
                .map_err(|error| ProfileError::Uscc { which, reason: error })
        };
        let uscc = code("--uscc", uscc)?;
        let controller = controller.map_or(Ok(uscc.clone()), |text| code("--controller", text))?;
        Ok(Profile { slug: slug.to_owned(), legal_name: legal_name.to_owned(), uscc, controller, role })
    }

    /// Reads the profile of a data directory.
    pub fn read(directory: &Path) -> Result<Profile, ProfileError> {
        let bytes = files::read_bounded(&directory.join(FILE), 64 * 1024)?;
        let bytes = bytes.ok_or_else(|| ProfileError::Missing(directory.display().to_string()))?;
        serde_json::from_slice(&bytes).map_err(|error| ProfileError::Damaged(error.to_string()))
    }

    /// Writes it.
    pub fn write(&self, directory: &Path) -> Result<(), ProfileError> {
        // Strings and an enum encode in every case.
        let bytes = serde_json::to_vec_pretty(self).expect("a profile encodes");
        Ok(files::write_atomic(&directory.join(FILE), &bytes, 0o600)?)
    }
}
