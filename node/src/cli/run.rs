//! `run`: the node until it is told to stop.

use std::io::IsTerminal;

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::{Context, Failure, args::RunArgs};
use crate::{
    config::{Config, LogFormat},
    serve,
};

pub async fn run(context: &Context, args: RunArgs) -> Result<(), Failure> {
    let data = context.lock()?;
    let mut config = context.load_config()?;
    config.listen = args.listen.map_or(config.listen, |listen| vec![listen]);
    config.api = args.api.unwrap_or(config.api);
    config.log = args.log.unwrap_or(config.log);
    start_logging(&config)?;
    // Installed before anything runs, so that no signal finds the node half started.
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::new)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::new)?;
    let serving = serve::start(data, context.open_keys()?, config).await.map_err(Failure::new)?;
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
    tokio::select! {
        _ = terminate.recv() => tracing::info!("told to stop (SIGTERM)"),
        _ = interrupt.recv() => tracing::info!("told to stop (SIGINT)"),
    }
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    serving.stop().await;
    Ok(())
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
