//! The HTTP interface: what a platform's risk system talks to.
//!
//! Bound to loopback unless configured otherwise; every call but the health ones needs a bearer token with the scope of
//! its route. Errors are problem+json (RFC 9457). The command line uses the same routes, over a socket while the node
//! runs and in process while it does not, so there is one way in.

mod alliance;
mod archive;
mod auth;
mod changes;
mod charter;
mod check;
mod checkpoint;
mod effect;
mod feed;
mod filter;
mod health;
mod import;
mod keys;
mod life;
mod lines;
mod listing;
mod member;
mod problem;
mod proof;
mod purge;
mod recommend;
mod remark;
mod report;
mod status;
mod tokenize;
mod writer;

use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, routing::get};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use auth::BearerScheme;
pub use auth::{ADMIN_TOKEN_FILE, Access, AuthError, Scope};
pub use problem::Problem;

use crate::{audit::Audit, core::Node, effects::Own, hits::Hits, recommend::Recommender};

/// The largest body of a call that carries no file: 10,000 identifiers of 4 KiB each do not occur, of 400 bytes they may.
const BODY_BYTES: usize = 8 * 1024 * 1024;

/// What the routes share.
#[derive(Clone)]
pub struct App {
    /// The node.
    pub node: Arc<Node>,
    /// Who may do what.
    pub access: Arc<Access>,
    /// The audit log.
    pub audit: Arc<Audit>,
    /// What the risk system is advised to do.
    pub recommender: Arc<Recommender>,
    /// Which listings the checks hit.
    pub hits: Arc<Hits>,
    /// What this node alone counts of effects.
    pub effects: Arc<Own>,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "antibrush node",
        description = "Checks, listings and feeds of a brushing-blacklist alliance. 反炒信联盟节点接口。",
        license(name = "Apache-2.0")
    ),
    components(schemas(problem::Problem)),
    modifiers(&BearerScheme),
)]
struct Document;

/// The routes and their OpenAPI description.
pub fn router(app: App) -> (Router, utoipa::openapi::OpenApi) {
    let small = OpenApiRouter::new()
        .routes(routes!(check::check))
        .routes(routes!(check::checks))
        .routes(routes!(recommend::show))
        .routes(routes!(recommend::reload))
        .routes(routes!(recommend::overrides, recommend::set_override))
        .routes(routes!(recommend::remove_override))
        .routes(routes!(listing::list))
        .routes(routes!(listing::clear))
        .routes(routes!(remark::remark))
        .routes(routes!(life::lives))
        .routes(routes!(life::due))
        .routes(routes!(effect::effects))
        .routes(routes!(feed::feeds))
        .routes(routes!(feed::feed))
        .routes(routes!(feed::verify))
        .routes(routes!(checkpoint::checkpoint))
        .routes(routes!(writer::writer))
        .routes(routes!(writer::take))
        .routes(routes!(member::members))
        .routes(routes!(status::status))
        .routes(routes!(report::overlap))
        .routes(routes!(changes::changes))
        .routes(routes!(proof::inclusion))
        .routes(routes!(proof::consistency))
        .routes(routes!(proof::absence))
        .routes(routes!(proof::equivocation))
        .routes(routes!(alliance::invite))
        .routes(routes!(alliance::admit))
        .routes(routes!(charter::propose))
        .routes(routes!(charter::show))
        .routes(routes!(charter::sign))
        .routes(routes!(charter::publish))
        .routes(routes!(keys::keys))
        .routes(routes!(keys::holders))
        .routes(routes!(keys::call))
        .routes(routes!(keys::ceremony))
        .routes(routes!(keys::retire))
        .routes(routes!(archive::charters))
        .routes(routes!(archive::headers))
        .routes(routes!(archive::chunk))
        .routes(routes!(archive::put_charter))
        .routes(routes!(archive::put_headers))
        .routes(routes!(archive::put_chunk))
        // Not tower's limit layer: its refusal is plain text, the extractors' is a problem.
        .layer(DefaultBodyLimit::max(BODY_BYTES));
    let large = OpenApiRouter::new()
        .routes(routes!(import::import))
        .routes(routes!(tokenize::tokenize))
        .routes(routes!(recommend::forecast::forecast))
        .routes(routes!(filter::build))
        .routes(routes!(filter::check))
        .layer(DefaultBodyLimit::max(lines::FILE_BYTES));
    let open = OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(health::metrics));
    let (router, document) =
        OpenApiRouter::with_openapi(Document::openapi()).merge(small).merge(large).merge(open).split_for_parts();
    let served = document.clone();
    let router = router
        .route("/openapi.json", get(move || std::future::ready(axum::Json(served.clone()))))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .with_state(app);
    (router, document)
}
