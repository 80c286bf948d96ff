//! `run`: the node until it is told to stop.

use std::{io::IsTerminal, time::Duration};

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{Context, Failure, Output, args::RunArgs};
use crate::{
    config::{Config, LogFormat},
    core::Node,
    keys::Keys,
    serve,
    storage::lock::DataDir,
};

pub async fn run(context: &Context, args: RunArgs) -> Result<(), Failure> {
    let data = context.lock()?;
    let mut config = context.load_config()?;
    config.listen = args.listen.map_or(config.listen, |listen| vec![listen]);
    config.api = args.api.unwrap_or(config.api);
    config.log = args.log.unwrap_or(config.log);
    let keys = context.open_keys()?;
    serve(context, data, keys, config, Announce::Ready).await
}

/// What the node says of itself on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announce {
    /// That it answers.
    Ready,
    /// That it answers, and later that it has every feed.
    UntilSynced,
}

/// Runs the node of a data directory until it is told to stop.
pub async fn serve(
    context: &Context,
    data: DataDir,
    keys: Keys,
    config: Config,
    announce: Announce,
) -> Result<(), Failure> {
    start_logging(&config)?;
    // Installed before anything runs, so that no signal finds the node half started.
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::new)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::new)?;
    let serving = serve::start(data, keys, config).await.map_err(Failure::new)?;
    let node = &serving.app.node;
    if *node.recovery() != crate::storage::Recovery::default() {
        tracing::info!(recovery = ?node.recovery(), "the node mended its storage on opening");
    }
    let ready = serde_json::json!({
        "event": "ready",
        "slug": node.profile().slug,
        "api": serving.api,
        "listening": node.listening(),
        "pid": std::process::id(),
    });
    context.output.show(&ready, |_| {
        context.output.say(
            format!("The node of {} answers at http://{}; stop it with Ctrl-C.", node.profile().slug, serving.api),
            format!("{} 的节点已就绪：http://{}，按 Ctrl-C 停止。", node.profile().slug, serving.api),
        );
    });
    // Only systemd listens; elsewhere there is nobody to notify.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    if announce == Announce::UntilSynced {
        let (node, output) = (node.clone(), context.output);
        tokio::spawn(async move { say_synced(&node, output).await });
    }
    tokio::select! {
        _ = terminate.recv() => tracing::info!("told to stop (SIGTERM)"),
        _ = interrupt.recv() => tracing::info!("told to stop (SIGINT)"),
    }
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    serving.stop().await;
    Ok(())
}

/// Says once that every feed is here up to what the peers have, so that no answer is stale.
async fn say_synced(node: &Node, output: Output) {
    loop {
        let view = node.view();
        let is_own = |publisher| view.is_first_node && Some(publisher) == view.me;
        let is_synced = view.feeds.iter().all(|feed| feed.caught_up || is_own(feed.publisher));
        if is_synced && !view.peers.is_empty() && !node.check_context().is_stale() {
            break;
        }
        tokio::select! {
            () = node.stopping().cancelled() => return,
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
    }
    let feeds = node.view().feeds.len();
    tracing::info!(feeds, "every feed is here");
    output.show(&serde_json::json!({ "event": "synced", "feeds": feeds }), |_| {
        output.say(
            format!("Every feed is here ({feeds}); checks are answered."),
            format!("全部名单源（{feeds} 个）已取得，可以应答查询。"),
        );
    });
}

/// Logs go to standard error; `ANTIBRUSH_LOG` and `--log` take a level or tracing's filter syntax.
fn start_logging(config: &Config) -> Result<(), Failure> {
    let known_level = ["error", "warn", "info", "debug", "trace"].contains(&config.log.as_str());
    // libp2p and sled log for their own developers; a bare level means ours.
    let filter =
        if known_level { format!("warn,libp2p=error,antibrush_node={}", config.log) } else { config.log.clone() };
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        Failure::both(
            format!("the log filter is malformed: {error}"),
            "日志过滤器的格式不对：请用 error、warn、info 或 debug",
        )
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Colours are for terminals; in a file they hide words from a search.
    let builder = builder.with_ansi(std::io::stderr().is_terminal());
    match config.log_format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}
