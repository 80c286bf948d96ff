//! Who may do what: bearer tokens with scopes.
//!
//! `api-tokens.json` holds the SHA-256 of each token, its name and its scopes; `api-token` holds the administrator's token
//! in clear, mode 0600, for the command line of the same user. **Trust:** who reads `api-token` may do everything that
//! this node may do.

use std::{collections::HashMap, path::Path, sync::Arc};

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    http::{StatusCode, header, request::Parts},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{
    Modify,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{App, Problem};
use crate::{
    lang::{Zh, place_zh},
    random,
    storage::files::{self, FileError},
};

/// Where the administrator's token lies in a data directory.
pub const ADMIN_TOKEN_FILE: &str = "api-token";
const TOKENS_FILE: &str = "api-tokens.json";

/// What a token lets its bearer do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Check subjects.
    Check,
    /// Read feeds, members, status, changes, proofs.
    Read,
    /// Publish entries.
    Publish,
    /// Everything.
    Admin,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Grant {
    name: Arc<str>,
    scopes: Vec<Scope>,
    sha256: String,
}

/// The tokens of a node.
pub struct Access {
    grants: HashMap<[u8; 32], Grant>,
}

/// Why the tokens can not be read.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The disk refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is damaged.
    #[error(
        "{TOKENS_FILE} is damaged: {0}; restore it from your backup, or delete it and api-token to make a new administrator's token"
    )]
    Damaged(String),
}

impl Zh for AuthError {
    fn zh(&self) -> String {
        match self {
            AuthError::File(error) => error.zh(),
            AuthError::Damaged(reason) => format!(
                "{TOKENS_FILE} 已损坏{}：请从备份恢复，或删除该文件和 {ADMIN_TOKEN_FILE} 以生成新的管理员令牌",
                place_zh(reason)
            ),
        }
    }
}

impl Access {
    /// Reads the tokens of a data directory; makes the administrator's one the first time.
    pub fn open(directory: &Path) -> Result<Access, AuthError> {
        let path = directory.join(TOKENS_FILE);
        let Some(bytes) = files::read_bounded(&path, 1 << 20)? else { return Access::create(directory) };
        let grants: Vec<Grant> =
            serde_json::from_slice(&bytes).map_err(|error| AuthError::Damaged(error.to_string()))?;
        Access::index(grants)
    }

    fn create(directory: &Path) -> Result<Access, AuthError> {
        let token = URL_SAFE_NO_PAD.encode(random::bytes::<32>());
        files::write_atomic(&directory.join(ADMIN_TOKEN_FILE), token.as_bytes(), 0o600)?;
        let grant = Grant { name: "admin".into(), scopes: vec![Scope::Admin], sha256: hex::encode(digest(&token)) };
        // Strings and enums encode in every case.
        let bytes = serde_json::to_vec_pretty(&[&grant]).expect("grants encode");
        files::write_atomic(&directory.join(TOKENS_FILE), &bytes, 0o600)?;
        Access::index(vec![grant])
    }

    fn index(grants: Vec<Grant>) -> Result<Access, AuthError> {
        let index = |grant: Grant| {
            let key = hex::decode(&grant.sha256).ok().and_then(|bytes| bytes.try_into().ok());
            Ok((key.ok_or_else(|| AuthError::Damaged("a digest is not 64 hex digits".to_owned()))?, grant))
        };
        Ok(Access { grants: grants.into_iter().map(index).collect::<Result<_, AuthError>>()? })
    }

    /// The bearer of a token. Looking a digest up takes no longer for a near miss than for a far one.
    fn bearer(&self, token: &str) -> Option<&Grant> {
        self.grants.get(&digest(token))
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// A caller whose token has scope `S` (a number of [`Scope`]).
pub struct Caller<const S: u8> {
    /// The token's name, for the audit log.
    pub name: Arc<str>,
}

/// May check.
pub const CHECK: u8 = 0;
/// May read.
pub const READ: u8 = 1;
/// May publish.
pub const PUBLISH: u8 = 2;
/// May do everything.
pub const ADMIN: u8 = 3;

fn scope(number: u8) -> Scope {
    match number {
        CHECK => Scope::Check,
        READ => Scope::Read,
        PUBLISH => Scope::Publish,
        _ => Scope::Admin,
    }
}

impl<const S: u8> FromRequestParts<App> for Caller<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
        let grant = token.and_then(|token| app.access.bearer(token)).ok_or_else(|| {
            Problem::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "send a valid token as `Authorization: Bearer …`; the administrator's lies in the file api-token of the data directory",
                "令牌缺失或无效：请以 Authorization: Bearer … 发送有效令牌，管理员令牌在数据目录的 api-token 文件中",
            )
        })?;
        if grant.scopes.contains(&scope(S)) || grant.scopes.contains(&Scope::Admin) {
            Ok(Caller { name: grant.name.clone() })
        } else {
            Err(Problem::new(
                StatusCode::FORBIDDEN,
                "forbidden",
                "the token has not the scope of this route; ask the node's administrator for another one",
                "令牌没有该路径所需的权限：请向节点管理员申请另一个令牌",
            ))
        }
    }
}

impl<const S: u8> OptionalFromRequestParts<App> for Caller<S> {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Option<Self>, Self::Rejection> {
        Ok(<Self as FromRequestParts<App>>::from_request_parts(parts, app).await.ok())
    }
}

/// Names the scheme in the OpenAPI document.
pub struct BearerScheme;

impl Modify for BearerScheme {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        document.components.get_or_insert_with(Default::default).add_security_scheme("bearer", scheme);
    }
}
