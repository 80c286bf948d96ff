//! A running node: the core, the HTTP interface, and an orderly end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::serve::ListenerExt;
use tokio::net::TcpListener;

use crate::{
    api::{self, Access, App, AuthError},
    audit::Audit,
    config::Config,
    core::{Node, NodeError, Opening},
    effects,
    keys::{Keys, LocalKey},
    lang::{Zh, reason_zh},
    recommend::{self, RecommendError, Recommender},
    storage::{
        files::FileError,
        lock::{DataDir, LockError},
    },
};

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The node does not open.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The tokens can not be read.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// Recommendations cannot be made.
    #[error(transparent)]
    Recommend(#[from] RecommendError),
    /// The own figures of effects can not be read.
    #[error(transparent)]
    Effects(#[from] effects::SavedError),
    /// A file can not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The data directory's lock can not be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The address is taken.
    #[error(
        "cannot listen on {address} for HTTP: {reason}; choose another one with --api or `api` in the configuration"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        reason: String,
    },
}

impl Zh for ServeError {
    fn zh(&self) -> String {
        match self {
            ServeError::Node(error) => error.zh(),
            ServeError::Auth(error) => error.zh(),
            ServeError::Recommend(error) => error.zh(),
            ServeError::Effects(error) => error.zh(),
            ServeError::File(error) => error.zh(),
            ServeError::Lock(error) => error.zh(),
            ServeError::Listen { address, reason } => {
                format!("HTTP 接口无法监听 {address}（{}）：请用 --api 或配置项 api 另选一个地址", reason_zh(reason))
            }
        }
    }
}

/// A node that answers over HTTP.
pub struct Serving {
    /// What the routes share.
    pub app: App,
    /// Where HTTP is answered.
    pub api: SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

/// Opens the parts that every face needs.
pub async fn open(data: DataDir, keys: Keys, config: Config, opening: Opening) -> Result<App, ServeError> {
    let access = Arc::new(Access::open(data.path())?);
    let audit = Arc::new(Audit::open(data.path())?);
    let key = LocalKey::derive(keys.seal().map_err(NodeError::from)?.secret(), recommend::PURPOSE);
    let recommender = Arc::new(Recommender::open(data.path(), key)?);
    let key = LocalKey::derive(keys.seal().map_err(NodeError::from)?.secret(), effects::PURPOSE);
    let effects = Arc::new(effects::Own::open(data.path(), key)?);
    let node = Node::open(data, keys, config, opening).await?;
    Ok(App { node, access, audit, recommender, hits: Arc::default(), effects })
}

/// Starts a node and its HTTP interface.
pub async fn start(data: DataDir, keys: Keys, config: Config) -> Result<Serving, ServeError> {
    let address = config.api;
    // Before anything else runs: a taken port must not leave half a node behind.
    let listener =
        TcpListener::bind(address).await.map_err(|error| ServeError::Listen { address, reason: error.to_string() })?;
    let api = listener.local_addr().map_err(|error| ServeError::Listen { address, reason: error.to_string() })?;
    let app = open(data, keys, config, Opening::Online).await?;
    app.node.data().announce(api)?;
    let (router, _) = api::router(app.clone());
    let stopping = app.node.stopping().clone();
    // An answer is one small segment: waiting to fill it would cost 40 ms.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let server = tokio::spawn(async move {
        let served = axum::serve(listener, router).with_graceful_shutdown(stopping.cancelled_owned());
        if let Err(error) = served.await {
            tracing::error!(%error, "the HTTP interface ended");
        }
    });
    let (audit, stopping) = (app.audit.clone(), app.node.stopping().clone());
    tokio::spawn(async move {
        while !stopping.is_cancelled() {
            tokio::time::sleep(Duration::from_secs(1)).await;
            audit.flush();
        }
    });
    let (recommender, stopping) = (app.recommender.clone(), app.node.stopping().clone());
    tokio::spawn(async move {
        while stopping.run_until_cancelled(tokio::time::sleep(recommend::SAVE_EVERY)).await.is_some() {
            let recommender = recommender.clone();
            drop(tokio::task::spawn_blocking(move || recommender.save_counts()).await);
        }
    });
    let (counting, stopping) = (app.clone(), app.node.stopping().clone());
    tokio::spawn(async move {
        while stopping.run_until_cancelled(tokio::time::sleep(effects::SAVE_EVERY)).await.is_some() {
            let app = counting.clone();
            drop(tokio::task::spawn_blocking(move || app.effects.save(&app.node)).await);
        }
    });
    Ok(Serving { app, api, server })
}

impl Serving {
    /// Ends in order: no new requests, running ones get their grace, everything applied is written.
    pub async fn stop(self) {
        let grace = Duration::from_secs(self.app.node.config().grace_seconds);
        self.app.node.stopping().cancel();
        if tokio::time::timeout(grace, self.server).await.is_err() {
            tracing::warn!("some requests did not end in time");
        }
        self.app.node.stop().await;
        self.app.audit.flush();
        self.app.recommender.save_counts();
        self.app.effects.save(&self.app.node);
    }
}
