//! The language of a text for people: Chinese or English, by locale.
//!
//! Each error of the node says its own sentence in Chinese, beside its enum; those of the protocol and of the system say
//! theirs here.

use std::fmt::Display;

use antibrush_protocol::base::Timestamp;

pub use crate::import::Lang;
pub use system::{place_zh, reason_zh};

mod charter;
mod protocol;
mod system;
#[cfg(test)]
mod tests;

/// The language that the environment asks for: `ANTIBRUSH_LANG`, then `LC_ALL`, `LC_MESSAGES`, `LANG`.
pub fn from_environment() -> Lang {
    let names = ["ANTIBRUSH_LANG", "LC_ALL", "LC_MESSAGES", "LANG"];
    let first = names.into_iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    if first.is_some_and(|value| value.to_ascii_lowercase().starts_with("zh")) { Lang::Zh } else { Lang::En }
}

/// A moment as people read it: `2026-11-27 00:00`, Beijing time, to the minute.
pub fn moment(at: Timestamp) -> String {
    let local = at.0.saturating_add(8 * 3600);
    format!("{} {:02}:{:02}", at.day(), local / 3600 % 24, local / 60 % 60)
}

/// Picks one of two texts.
pub fn pick<T>(lang: Lang, en: T, zh: T) -> T {
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

/// A sentence that has a Chinese twin. Like the English one it never holds an identifier.
pub trait Zh {
    /// The same sentence in Chinese.
    fn zh(&self) -> String;
}

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Both {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

impl Both {
    /// From the two texts.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Both {
        Both { en: en.into(), zh: zh.into() }
    }
}

impl<E: Display + Zh> From<E> for Both {
    fn from(error: E) -> Both {
        Both { en: error.to_string(), zh: error.zh() }
    }
}

/// What to do about a kind of problem, in Chinese: stands before the English detail of a node that gives no Chinese one.
pub fn problem_zh(kind: &str) -> Option<&'static str> {
    Some(match kind.rsplit(':').next()? {
        "unauthorized" => "令牌无效：请使用数据目录中 api-token 文件里的令牌",
        "forbidden" => "令牌权限不足：请向节点管理员申请",
        "bad-request" => "请求有误：请按提示改正",
        "not-found" => "没有找到",
        "not-a-publisher" => "本节点不能发布：只有正常状态的成员平台拥有名单源",
        "no-token" => "本节点不能把标识转换为令牌（监管观察员不可，或联盟未启用该类）",
        "not-a-steward" => "本节点不是秘书处节点：请在秘书处节点上执行",
        "slug" => "简称已被占用或格式不符：请换一个（2至32位小写字母、数字、连字符）",
        "needs-quorum" => "需要更多秘书处成员签名",
        "storage" => "存储失败：请释放磁盘空间后重试，已存数据没有丢失",
        "damaged" => "存储损坏或无响应：请重启节点，节点会从其他成员恢复",
        "clock" => "本机时钟有误：请校准时钟后重试",
        "frozen" => "名单源已冻结：请联系秘书处",
        "refused" => "批次未被接受：请重试",
        "recovering" => "节点正在从其他成员恢复自己的名单源：请稍后重试",
        "stopping" => "节点正在停止：请在其运行后重试",
        "too-large" => "内容过大：请拆分",
        "cursor-gone" => "游标已失效：请从头开始",
        _ => return None,
    })
}
