//! The configuration: one file, the environment and flags, in that order of increasing weight.
//!
//! The file is `antibrush.toml` in the data directory or the one that `--config` names; a variable `ANTIBRUSH_API` sets
//! `api`, and so on.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use libp2p::{Multiaddr, multiaddr::Protocol};
use serde::{Deserialize, Serialize};

use crate::lang::{Zh, place_zh};

/// What can be configured. Every field has a default, so a file is optional.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the node listens for other nodes.
    pub listen: Vec<Multiaddr>,
    /// Under which addresses other nodes reach it; the listening addresses if empty.
    pub announce: Vec<Multiaddr>,
    /// Where the HTTP interface listens. Loopback unless somebody knows better.
    pub api: SocketAddr,
    /// What is logged: `error`, `warn`, `info`, `debug`, or a filter of tracing's.
    pub log: String,
    /// `text` or `json`.
    pub log_format: LogFormat,
    /// The rule-set version that entries rely on when a row names none.
    pub basis: String,
    /// The most identifiers of one batch check.
    pub checks_at_once: usize,
    /// A file to which everything that leaves this node for other nodes is copied before it is encrypted; none if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tap: Option<PathBuf>,
    /// How long requests may still run when the node is told to stop, in seconds.
    pub grace_seconds: u64,
}

/// The form of logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why the configuration is refused.
#[derive(Debug, thiserror::Error)]
#[error("the configuration {} is refused: {reason}; correct it or remove the line", path.display())]
pub struct ConfigError {
    path: PathBuf,
    reason: String,
}

impl Zh for ConfigError {
    fn zh(&self) -> String {
        format!("配置文件 {} 未被接受（{}）：请改正或删去该行", self.path.display(), explained(&self.reason))
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            // A literal that parses.
            listen: vec!["/ip4/0.0.0.0/tcp/4861".parse().expect("a valid multiaddress")],
            announce: Vec::new(),
            api: SocketAddr::from(([127, 0, 0, 1], 8861)),
            log: "info".to_owned(),
            log_format: LogFormat::Text,
            basis: "default/1".to_owned(),
            checks_at_once: 10_000,
            tap: None,
            grace_seconds: 10,
        }
    }
}

impl Config {
    /// The file's name in a data directory.
    pub const FILE: &'static str = "antibrush.toml";

    /// Reads the file (which must exist if it is named explicitly) and the environment.
    pub fn load(directory: &Path, explicit: Option<&Path>) -> Result<Config, ConfigError> {
        let path = explicit.map_or_else(|| directory.join(Self::FILE), Path::to_path_buf);
        let refused =
            |error: config::ConfigError| ConfigError { path: path.clone(), reason: one_line(&error.to_string()) };
        let file = config::File::from(path.as_path()).format(config::FileFormat::Toml).required(explicit.is_some());
        let environment = config::Environment::with_prefix("ANTIBRUSH")
            .try_parsing(true)
            .list_separator(",")
            .with_list_parse_key("listen")
            .with_list_parse_key("announce");
        // Variables of the same prefix that are no configuration (passphrases, the language) must not be refused as unknown.
        let known =
            ["listen", "announce", "api", "log", "log_format", "basis", "checks_at_once", "tap", "grace_seconds"];
        let environment = environment.source(Some(
            std::env::vars()
                .filter(|(name, _)| {
                    name.strip_prefix("ANTIBRUSH_").is_some_and(|rest| known.contains(&rest.to_lowercase().as_str()))
                })
                .collect(),
        ));
        let merged = config::Config::builder().add_source(file).add_source(environment).build().map_err(refused)?;
        merged.try_deserialize().map_err(refused)
    }

    /// The addresses that the charter may name: those to announce, or those to listen on as far as they name a host.
    pub fn reachable(&self) -> Vec<Multiaddr> {
        let addresses = if self.announce.is_empty() { &self.listen } else { &self.announce };
        addresses.iter().filter(|address| names_a_host(address)).cloned().collect()
    }

    /// The file's content.
    pub fn to_toml(&self) -> String {
        let list = |addresses: &[Multiaddr]| {
            let quoted: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
            format!("[{}]", quoted.join(", "))
        };
        format!(
            "# antibrush node. Variables ANTIBRUSH_… outweigh this file, flags outweigh both.\n\
             # antibrush 节点配置。环境变量 ANTIBRUSH_… 优先于本文件，命令行参数优先于两者。\n\n\
             # Where other nodes connect. 其他节点的连接地址。\nlisten = {}\n\
             # Addresses under which others reach this node; the above if empty. 对外公布的地址。\nannounce = {}\n\
             # The HTTP interface; keep it on loopback or behind your gateway. HTTP 接口。\napi = \"{}\"\n\
             # error, warn, info, debug\nlog = \"{}\"\nlog_format = \"{}\"\n\
             # Rule-set version for rows that name none. 未注明认定依据时使用的规则版本。\nbasis = \"{}\"\n",
            list(&self.listen),
            list(&self.announce),
            self.api,
            self.log,
            if self.log_format == LogFormat::Json { "json" } else { "text" },
            self.basis,
        )
    }
}

/// Whether others can dial an address: it does not begin with what listens on every interface.
pub fn names_a_host(address: &Multiaddr) -> bool {
    !address.is_empty()
        && !address.iter().any(|part| match part {
            Protocol::Ip4(ip) => ip.is_unspecified(),
            Protocol::Ip6(ip) => ip.is_unspecified(),
            _ => false,
        })
}

/// The parser draws the place over several lines; a refusal is one sentence.
fn one_line(reason: &str) -> String {
    let is_drawing = |line: &&str| line.contains(" | ") || line.ends_with('|') || line.starts_with("in ");
    let lines: Vec<&str> = reason.lines().map(str::trim).filter(|line| !line.is_empty() && !is_drawing(line)).collect();
    lines.join(": ")
}

/// What the parser says, in Chinese as far as its usual sentences go.
fn explained(reason: &str) -> String {
    let quoted = |before: &str| reason.split_once(before).and_then(|(_, rest)| rest.split('`').next());
    if let Some(name) = quoted("unknown field `") {
        format!("没有 {name} 这个配置项")
    } else if let Some(name) = quoted("for key `") {
        format!("配置项 {name} 的值不对")
    } else if reason.starts_with("configuration file") && reason.contains("not found") {
        "文件不存在".to_owned()
    } else if reason.starts_with("TOML parse error") {
        format!("不是有效的 TOML{}", place_zh(reason))
    } else {
        reason.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_file_reads_back_and_unknown_keys_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let config = Config { basis: "CXH-2016/1".to_owned(), ..Config::default() };
        std::fs::write(directory.path().join(Config::FILE), config.to_toml()).unwrap();
        assert_eq!(Config::load(directory.path(), None).unwrap(), config);
        std::fs::write(directory.path().join(Config::FILE), "listn = []\n").unwrap();
        assert!(Config::load(directory.path(), None).unwrap_err().to_string().contains("listn"));
        assert!(Config::load(directory.path(), Some(Path::new("/nonexistent/x.toml"))).is_err());
    }
}
