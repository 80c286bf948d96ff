//! The way to a node: over its HTTP interface while it runs, in process while it does not. The routes are the same.

use std::{net::SocketAddr, path::Path};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Method, Request, Response, StatusCode, header},
};
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::{Context, Failure};
use crate::{
    api::{self, ADMIN_TOKEN_FILE, App, Problem},
    core::Opening,
    lang::Zh,
    serve,
    storage::{files, lock},
};

/// A way to a node.
pub struct Client {
    way: Way,
    token: String,
}

enum Way {
    Running(SocketAddr),
    InProcess { app: Box<App>, router: Router },
}

impl Client {
    /// Finds the running node of the data directory, or opens the directory itself.
    pub async fn open(context: &Context) -> Result<Client, Failure> {
        let running = lock::running(&context.directory).map_err(Failure::new)?;
        if let Some(running) = running {
            let api = running.api.ok_or_else(|| {
                let (pid, directory) = (running.pid, context.directory.display());
                Failure::both(
                    format!(
                        "another process ({pid}) uses {directory} and does not answer yet; wait for it, or stop it first"
                    ),
                    format!("另一进程（{pid}）正在使用 {directory}，尚未响应：请稍候，或先停止它"),
                )
            })?;
            return Client::running(api, &context.directory);
        }
        let data = context.lock()?;
        let app = serve::open(data, context.open_keys()?, context.load_config()?, Opening::Offline)
            .await
            .map_err(Failure::new)?;
        let token = read_token(&context.directory)?;
        let (router, _) = api::router(app.clone());
        Ok(Client { way: Way::InProcess { app: Box::new(app), router }, token })
    }

    /// Whether the node runs, so that other nodes can be reached through it.
    pub fn is_running(&self) -> bool {
        matches!(self.way, Way::Running(_))
    }

    /// The client of a node that is known to run.
    pub fn running(api: SocketAddr, directory: &Path) -> Result<Client, Failure> {
        Ok(Client { way: Way::Running(api), token: read_token(directory)? })
    }

    /// Sends a request and returns the answer whatever its status.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<Response<Body>, Failure> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "antibrush")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token))
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body))
            .map_err(|error| {
                Failure::both(format!("the request cannot be made: {error}"), "无法构造请求：请检查参数中有无特殊字符")
            })?;
        match &self.way {
            Way::Running(api) => send_over_socket(*api, request).await,
            Way::InProcess { router, .. } => {
                let Ok(response) = router.clone().oneshot(request).await;
                Ok(response)
            }
        }
    }

    /// Sends a request and decodes a good answer; a problem becomes a [`Failure`].
    pub async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Failure> {
        let body = match body {
            // Strings, numbers and enums encode in every case.
            Some(body) => Bytes::from(serde_json::to_vec(body).expect("a request encodes")),
            None => Bytes::new(),
        };
        let response = self.send(method, path, "application/json", body).await?;
        let bytes = good(response).await?;
        serde_json::from_slice(&bytes).map_err(|_| something_else())
    }

    /// GET.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.call(Method::GET, path, None::<&()>).await
    }

    /// POST with JSON.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// Ends an in-process node in order.
    pub async fn close(self) {
        if let Way::InProcess { app, .. } = self.way {
            app.node.stop().await;
            app.audit.flush();
            app.effects.save(&app.node);
        }
    }
}

/// The body of a good answer; a problem becomes a [`Failure`].
pub async fn good(response: Response<Body>) -> Result<Bytes, Failure> {
    let status = response.status();
    let bytes = response.into_body().collect().await.map_err(|_| broken())?.to_bytes();
    if status.is_success() {
        return Ok(bytes);
    }
    match serde_json::from_slice::<Problem>(&bytes) {
        Ok(problem) => Err(Failure::problem(problem)),
        Err(_) => Err(Failure::both(
            format!("the node answered {}", readable(status)),
            format!("节点返回状态 {}：请查看其日志", status.as_u16()),
        )),
    }
}

/// A good answer that cannot be read.
pub fn something_else() -> Failure {
    Failure::both(
        "the node answered with something else; is it of the same release?",
        "节点的回答无法识别：请确认它与本命令是同一版本",
    )
}

async fn send_over_socket(api: SocketAddr, request: Request<Body>) -> Result<Response<Body>, Failure> {
    let stream = TcpStream::connect(api).await.map_err(|error| {
        Failure::both(
            format!("the node at {api} does not answer ({error}); check that it runs, or look into its log"),
            format!("{api} 的节点没有响应（{}）：请确认其正在运行，或查看其日志", error.zh()),
        )
    })?;
    // Without it small requests wait for the peer's delayed acknowledgement; a refusal costs only speed.
    let _ = stream.set_nodelay(true);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|_| broken())?;
    tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|_| broken())?;
    Ok(response.map(Body::new))
}

fn broken() -> Failure {
    Failure::both(
        "the connection to the node broke; look whether it still runs, then repeat the command: it changes nothing twice",
        "与节点的连接中断：请确认其仍在运行，然后重新执行，重复执行不会重复生效",
    )
}

fn readable(status: StatusCode) -> String {
    format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default())
}

fn read_token(directory: &Path) -> Result<String, Failure> {
    let path = directory.join(ADMIN_TOKEN_FILE);
    let bytes = files::read_bounded(&path, 1024).map_err(Failure::new)?;
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(|text| text.trim().to_owned()).ok_or_else(|| {
        Failure::both(
            format!("{} is missing; start the node once with `antibrush run`, it makes one", path.display()),
            format!("缺少 {}：请用 antibrush run 启动一次节点，它会生成该文件", path.display()),
        )
    })
}
