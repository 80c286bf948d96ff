//! What the operating system and parsers say, in Chinese.

use std::io::{Error, ErrorKind};

use super::Zh;

impl Zh for ErrorKind {
    fn zh(&self) -> String {
        use ErrorKind as K;
        match self {
            K::NotFound => "文件或目录不存在",
            K::PermissionDenied => "权限不足",
            K::ConnectionRefused => "连接被拒绝",
            K::ConnectionReset => "连接被重置",
            K::ConnectionAborted => "连接中断",
            K::NotConnected => "尚未连接",
            K::HostUnreachable => "无法到达该主机",
            K::NetworkUnreachable => "无法到达该网络",
            K::NetworkDown => "网络未启用",
            K::AddrInUse => "地址已被占用",
            K::AddrNotAvailable => "本机没有该地址",
            K::BrokenPipe => "对方已关闭连接",
            K::AlreadyExists => "已存在",
            K::WouldBlock => "资源暂时不可用",
            K::NotADirectory => "不是目录",
            K::IsADirectory => "是目录而不是文件",
            K::DirectoryNotEmpty => "目录不为空",
            K::ReadOnlyFilesystem => "文件系统只读",
            K::InvalidInput => "参数无效",
            K::InvalidData => "数据无效",
            K::TimedOut => "超时",
            K::WriteZero => "无法写入",
            K::StorageFull => "磁盘空间不足",
            K::QuotaExceeded => "超出磁盘配额",
            K::FileTooLarge => "文件过大",
            K::ResourceBusy => "资源被占用",
            K::Interrupted => "操作被中断",
            K::Unsupported => "系统不支持该操作",
            K::UnexpectedEof => "内容不完整",
            K::OutOfMemory => "内存不足",
            // The standard library adds kinds.
            _ => "系统错误",
        }
        .to_owned()
    }
}

impl Zh for Error {
    fn zh(&self) -> String {
        match self.raw_os_error() {
            Some(code) => coded(self.kind(), code),
            None => self.kind().zh(),
        }
    }
}

fn coded(kind: ErrorKind, code: i32) -> String {
    format!("{}，错误码 {code}", kind.zh())
}

/// A reason of which only the English text is left: what the system said (`… (os error 98)`) in Chinese, anything else as
/// it is.
pub fn reason_zh(reason: &str) -> String {
    let code = reason.split_once("(os error ").and_then(|(_, rest)| rest.split(')').next()?.parse().ok());
    code.map_or_else(|| reason.to_owned(), |code| coded(Error::from_raw_os_error(code).kind(), code))
}

/// The place that a parser names (`… at line 3 column 7`), in brackets; nothing if it names none. The rest of its text is
/// for developers.
pub fn place_zh(reason: &str) -> String {
    let number = |name: &str| -> Option<u64> {
        let (_, rest) = reason.rsplit_once(name)?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    };
    match (number("line "), number("column ")) {
        (Some(line), Some(column)) => format!("（第 {line} 行第 {column} 列）"),
        _ => String::new(),
    }
}
