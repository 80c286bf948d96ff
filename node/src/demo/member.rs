//! One member of the demo: a data directory and, while it runs, a process.

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
};

use crate::cli::{Client, Failure};

/// The passphrase of the demo's keys: they live as long as the demo.
const PASSPHRASE: &str = "antibrush demonstration";

/// How long a node may take to be ready.
const READY: Duration = Duration::from_secs(30);

/// A member.
pub struct Member {
    pub slug: &'static str,
    pub directory: PathBuf,
    process: Option<Child>,
    api: Option<SocketAddr>,
}

impl Member {
    pub fn new(slug: &'static str, root: &Path) -> Member {
        Member { slug, directory: root.join(slug), process: None, api: None }
    }

    /// Runs a verb of this binary on the member's directory and returns its JSON.
    pub async fn command(&self, arguments: &[&str]) -> Result<Value, Failure> {
        let output = self.invoke(arguments)?.output().await.map_err(Failure::new)?;
        let failed = || {
            let text = String::from_utf8_lossy(&output.stderr);
            let detail = text.lines().find_map(|line| serde_json::from_str::<Value>(line).ok());
            let detail = detail.and_then(|value| value["error"].as_str().map(str::to_owned));
            let detail = detail.unwrap_or_else(|| text.trim().to_owned());
            Failure::both(format!("{}: {detail}", self.slug), format!("{} 的命令失败（{detail}）", self.slug))
        };
        if !output.status.success() {
            return Err(failed());
        }
        let line = output.stdout.split(|byte| *byte == b'\n').find(|line| !line.is_empty()).unwrap_or_default();
        serde_json::from_slice(line).map_err(|_| failed())
    }

    /// Makes the node, with free ports of this machine.
    pub async fn init(&self, legal_name: &str, uscc: &str, role: &str) -> Result<Value, Failure> {
        let listen = format!("/ip4/127.0.0.1/tcp/{}", free_port()?);
        let arguments = [
            "init",
            "--slug",
            self.slug,
            "--legal-name",
            legal_name,
            "--uscc",
            uscc,
            "--role",
            role,
            "--listen",
            &listen,
            "--api",
            "127.0.0.1:0",
        ];
        self.command(&arguments).await
    }

    /// Starts the node's process and waits until it is ready.
    pub async fn start(&mut self) -> Result<(), Failure> {
        let mut command = self.invoke(&["run", "--log", "warn"])?;
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.directory.join("node.log"))
            .map_err(Failure::new)?;
        let mut process =
            command.stdout(Stdio::piped()).stderr(log).kill_on_drop(true).spawn().map_err(Failure::new)?;
        let stdout =
            process.stdout.take().ok_or_else(|| Failure::both("the node's output is missing", "没有得到节点的输出"))?;
        let mut lines = BufReader::new(stdout.take(64 * 1024)).lines();
        let ready = tokio::time::timeout(READY, lines.next_line()).await;
        let line = ready.ok().and_then(Result::ok).flatten();
        let ready: Option<Value> = line.and_then(|line| serde_json::from_str(&line).ok());
        let api = ready.and_then(|ready| ready["api"].as_str()?.parse().ok());
        let Some(api) = api else {
            let log = std::fs::read_to_string(self.directory.join("node.log")).unwrap_or_default();
            let last = log.lines().last().unwrap_or("it said nothing").to_owned();
            return Err(Failure::both(
                format!("the node of {} did not start: {last}", self.slug),
                format!("{} 的节点没有启动（{last}）", self.slug),
            ));
        };
        (self.process, self.api) = (Some(process), Some(api));
        Ok(())
    }

    /// Kills the process at once, as a power cut would.
    pub async fn kill(&mut self) -> Result<(), Failure> {
        if let Some(mut process) = self.process.take() {
            process.kill().await.map_err(Failure::new)?;
        }
        self.api = None;
        Ok(())
    }

    /// Stops the process in order.
    pub async fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let pid = process.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(pid) = pid {
            // Fails only if it has ended by itself.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        if tokio::time::timeout(Duration::from_secs(15), process.wait()).await.is_err() {
            let _ = process.kill().await;
        }
    }

    /// The way to the running node.
    pub fn client(&self) -> Result<Client, Failure> {
        let api = self.api.ok_or_else(|| {
            Failure::both(format!("the node of {} does not run", self.slug), format!("{} 的节点没有运行", self.slug))
        })?;
        Client::running(api, &self.directory)
    }

    /// Where it answers HTTP.
    pub fn api(&self) -> Option<SocketAddr> {
        self.api
    }

    fn invoke(&self, arguments: &[&str]) -> Result<Command, Failure> {
        let binary = std::env::current_exe().map_err(Failure::new)?;
        let mut command = Command::new(binary);
        command.args(arguments).arg("--json").arg("--dir").arg(&self.directory);
        command.env("ANTIBRUSH_PASSPHRASE", PASSPHRASE).stdin(Stdio::null());
        // The demo's own environment must not reach into its nodes.
        for name in
            ["ANTIBRUSH_DIR", "ANTIBRUSH_API", "ANTIBRUSH_LISTEN", "ANTIBRUSH_ANNOUNCE", "ANTIBRUSH_PASSPHRASE_FILE"]
        {
            command.env_remove(name);
        }
        Ok(command)
    }
}

/// A port that is free now. The charter names it, so it must be known before the node runs.
fn free_port() -> Result<u16, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(Failure::new)?;
    Ok(listener.local_addr().map_err(Failure::new)?.port())
}
