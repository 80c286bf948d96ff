//! Why the network does not start, in Chinese.

use super::NetworkError;
use crate::lang::{Zh, reason_zh};

impl Zh for NetworkError {
    fn zh(&self) -> String {
        match self {
            NetworkError::Listen { address, reason } => {
                format!("无法监听 {address}（{}）：请用 --listen 或配置项 listen 另选一个地址", reason_zh(reason))
            }
            NetworkError::Setup(reason) => {
                format!("无法启动网络（{}）：请检查节点密钥和本机的网络设置", reason_zh(reason))
            }
        }
    }
}
