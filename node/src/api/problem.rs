//! Errors as problem+json (RFC 9457): one place maps everything that can go wrong to a status.

use std::fmt::Display;

use axum::{
    Json,
    extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    core::{AdmitError, PublishError},
    lang::Zh,
    recommend::OverrideError,
    storage::{StorageError, documents::DocumentError},
    tokens::TokenError,
};

/// What went wrong, in one sentence with the reason and the next step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A stable name of the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:antibrush:problem:unauthorized")]
    pub kind: String,
    /// The status.
    pub status: u16,
    /// The reason and the next step.
    pub detail: String,
    /// The same in Chinese.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail_zh: Option<String>,
}

impl Problem {
    /// A problem of a kind.
    pub fn new(status: StatusCode, kind: &str, detail: impl Into<String>, detail_zh: impl Into<String>) -> Problem {
        Problem {
            kind: format!("urn:antibrush:problem:{kind}"),
            status: status.as_u16(),
            detail: detail.into(),
            detail_zh: Some(detail_zh.into()),
        }
    }

    /// A problem of a kind, in the words of an error.
    pub(super) fn of(status: StatusCode, kind: &str, error: &(impl Display + Zh)) -> Problem {
        Problem::new(status, kind, error.to_string(), error.zh())
    }

    /// The caller's request is wrong.
    pub fn bad_request(detail: impl Into<String>, detail_zh: impl Into<String>) -> Problem {
        Problem::new(StatusCode::BAD_REQUEST, "bad-request", detail, detail_zh)
    }

    /// The caller's request is wrong, as an error says.
    pub fn refused(error: &(impl Display + Zh)) -> Problem {
        Problem::of(StatusCode::BAD_REQUEST, "bad-request", error)
    }

    /// The body is no JSON, or another one.
    pub fn not_the_json() -> Problem {
        Problem::bad_request(
            "the body is not the JSON that this route takes; compare it with /openapi.json",
            "请求体不是该路径要求的 JSON：请与 /openapi.json 对照",
        )
    }

    /// What was asked for is not here.
    pub fn not_found(detail: impl Into<String>, detail_zh: impl Into<String>) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "not-found", detail, detail_zh)
    }

    /// The node stops or its task ended.
    pub fn stopping() -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "stopping",
            "the node is stopping; try again when it runs",
            "节点正在停止：请在其运行后重试",
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/problem+json"));
        response
    }
}

/// No such route.
pub async fn not_found() -> Problem {
    Problem::not_found(
        "there is no such route; /openapi.json lists them all",
        "没有这个路径：/openapi.json 列出了全部路径",
    )
}

/// The route has other methods.
pub async fn method_not_allowed() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        "this route takes another method; /openapi.json says which",
        "该路径不支持此方法：/openapi.json 写明了可用的方法",
    )
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        use crate::core::WriterError as W;
        use antibrush_protocol::replica::PublishRefusal as R;
        let (status, kind) = match &error {
            PublishError::NodeKeySucceeded => (StatusCode::CONFLICT, "node-key"),
            PublishError::NotAPublisher => (StatusCode::FORBIDDEN, "not-a-publisher"),
            PublishError::Writer(W::Elsewhere(_)) => (StatusCode::CONFLICT, "not-the-writer"),
            PublishError::Writer(W::Removed) => (StatusCode::CONFLICT, "writer-removed"),
            PublishError::Writer(W::OtherKey(_)) => (StatusCode::CONFLICT, "other-key"),
            PublishError::Writer(W::TooFew { .. } | W::Behind | W::Lost | W::NoBody) => {
                (StatusCode::SERVICE_UNAVAILABLE, "no-agreement")
            }
            PublishError::Recovering => (StatusCode::SERVICE_UNAVAILABLE, "recovering"),
            PublishError::KeyRevoked(_) => (StatusCode::CONFLICT, "key-revoked"),
            PublishError::CharterExpired => (StatusCode::CONFLICT, "charter-expired"),
            PublishError::ClockBehind(_) | PublishError::ClockWrong(_) => (StatusCode::CONFLICT, "clock"),
            PublishError::Refused(R::Storage) => (StatusCode::INSUFFICIENT_STORAGE, "storage"),
            PublishError::Storage(error) => storage(error),
            PublishError::Vault(_) => (StatusCode::INSUFFICIENT_STORAGE, "storage"),
            PublishError::Refused(R::Frozen) => (StatusCode::CONFLICT, "frozen"),
            PublishError::Refused(R::Moved | R::Invalid) => (StatusCode::CONFLICT, "refused"),
            PublishError::Key(_) => (StatusCode::INTERNAL_SERVER_ERROR, "key"),
            PublishError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        };
        Problem::of(status, kind, &error)
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        let (status, kind) = storage(&error);
        Problem::of(status, kind, &error)
    }
}

/// A disk that has no room takes the same request later; what is damaged needs a restart.
fn storage(error: &StorageError) -> (StatusCode, &'static str) {
    match error {
        StorageError::Documents(DocumentError::Damaged { .. } | DocumentError::Stuck { .. })
        | StorageError::Charter(_)
        | StorageError::Damaged => (StatusCode::SERVICE_UNAVAILABLE, "damaged"),
        StorageError::Documents(_) | StorageError::File(_) | StorageError::Table(_) => {
            (StatusCode::INSUFFICIENT_STORAGE, "storage")
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let (status, kind) = match &error {
            TokenError::NotEntitled | TokenError::NoKey(_) | TokenError::Sealed => (StatusCode::FORBIDDEN, "no-token"),
            TokenError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        Problem::of(status, kind, &error)
    }
}

impl From<OverrideError> for Problem {
    fn from(error: OverrideError) -> Self {
        use OverrideError as E;
        let (status, kind) = match &error {
            E::Reason | E::Digits | E::Until | E::Person | E::Full => (StatusCode::BAD_REQUEST, "bad-request"),
            E::Missing => (StatusCode::NOT_FOUND, "not-found"),
            E::Damaged { .. } | E::File(_) => (StatusCode::INSUFFICIENT_STORAGE, "storage"),
        };
        Problem::of(status, kind, &error)
    }
}

impl From<AdmitError> for Problem {
    fn from(error: AdmitError) -> Self {
        let (status, kind) = match &error {
            AdmitError::NotASteward => (StatusCode::FORBIDDEN, "not-a-steward"),
            AdmitError::Slug => (StatusCode::CONFLICT, "slug"),
            AdmitError::NeedsQuorum(_) => (StatusCode::CONFLICT, "needs-quorum"),
            AdmitError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            AdmitError::Storage(error) => storage(error),
            AdmitError::Charter(_) | AdmitError::Seal(_) | AdmitError::Key(_) => (StatusCode::CONFLICT, "charter"),
        };
        Problem::of(status, kind, &error)
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        // The text of the rejection may quote the body; the position is enough to find the place.
        match &rejection {
            JsonRejection::MissingJsonContentType(_) => Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "media-type",
                "send the body as application/json",
                "请以 application/json 发送请求体",
            ),
            JsonRejection::BytesRejection(_) => too_large(),
            _ => Problem::not_the_json(),
        }
    }
}

impl From<BytesRejection> for Problem {
    fn from(_: BytesRejection) -> Self {
        too_large()
    }
}

impl From<QueryRejection> for Problem {
    fn from(_: QueryRejection) -> Self {
        Problem::bad_request(
            "a parameter behind the question mark is wrong; compare it with /openapi.json",
            "问号后的参数有误：请与 /openapi.json 对照",
        )
    }
}

impl From<PathRejection> for Problem {
    fn from(_: PathRejection) -> Self {
        Problem::bad_request(
            "a part of the path is wrong; compare it with /openapi.json",
            "路径的一部分有误：请与 /openapi.json 对照",
        )
    }
}

fn too_large() -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        "the body is too large for this route or was cut off; split it",
        "请求体过大或不完整：请拆分后再发送",
    )
}
