//! Why no token can be made.

use std::{fmt, sync::Arc};

use antibrush_protocol::{base::Timestamp, evaluation::Refusal, subject::Class};

use crate::lang::{Zh, moment};

/// Why no token can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The member's role may not derive tokens.
    #[error(
        "this node belongs to an observer or a key holder: it verifies and counts, but may not turn identifiers into tokens; ask on a platform's node"
    )]
    NotEntitled,
    /// The charter has no key for the class.
    #[error(
        "the alliance has no token key for class {0}; ask the stewards to run a key ceremony (antibrush keys ceremony)"
    )]
    NoKey(Class),
    /// The sealed seed does not open or does not match its commitment.
    #[error("this node's sealed pepper does not open; ask the steward to admit this node again")]
    Sealed,
    /// Too few holders answer.
    #[error(transparent)]
    Unavailable(#[from] Arc<Unavailable>),
}

impl Zh for TokenError {
    fn zh(&self) -> String {
        match self {
            TokenError::NotEntitled => {
                "本节点属于观察员或密钥持有方：可以校验和统计，但不能把标识转换为令牌，请在平台节点上查询".to_owned()
            }
            TokenError::NoKey(class) => format!(
                "联盟没有{}（{class}）类的令牌密钥：请联系秘书处举行密钥仪式（antibrush keys ceremony）",
                class.zh()
            ),
            TokenError::Sealed => "密封给本节点的令牌密钥无法打开：请联系秘书处重新接纳本节点".to_owned(),
            TokenError::Unavailable(unavailable) => unavailable.zh(),
        }
    }
}

/// Fewer than t holders answer: which, and why the others do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// The class.
    pub class: Class,
    /// The epoch of the key.
    pub epoch: u16,
    /// How many must answer.
    pub need: usize,
    /// How many did.
    pub have: usize,
    /// The others by their short names.
    pub missing: Vec<(String, HolderProblem)>,
}

/// Why a holder does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HolderProblem {
    /// This node does not run, so nobody can be asked.
    Offline,
    /// No connection to any of its nodes.
    NotConnected,
    /// No answer in time.
    NoAnswer,
    /// Too much to do.
    Busy,
    /// This member's quota of the day is used up there.
    Exhausted {
        /// When the next day's begins.
        renews: Timestamp,
    },
    /// It refuses.
    Refused(Refusal),
    /// Its answer did not hold; evidence is kept where it is one.
    BadAnswer,
}

impl HolderProblem {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            HolderProblem::Offline => "node_not_running",
            HolderProblem::NotConnected => "not_connected",
            HolderProblem::NoAnswer => "no_answer",
            HolderProblem::Busy => "busy",
            HolderProblem::Exhausted { .. } => "quota_exhausted",
            HolderProblem::Refused(Refusal::NoShare) => "no_share",
            HolderProblem::Refused(Refusal::NotEntitled) => "not_entitled",
            HolderProblem::Refused(Refusal::UnknownCharter) => "unknown_charter",
            HolderProblem::Refused(Refusal::Clock) => "wrong_clock",
            HolderProblem::Refused(Refusal::Elements) => "bad_elements",
            HolderProblem::Refused(Refusal::Storage) => "storage",
            HolderProblem::BadAnswer => "bad_answer",
        }
    }
}

impl fmt::Display for HolderProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HolderProblem::Offline => "cannot be asked while this node does not run",
            HolderProblem::NotConnected => "is not connected",
            HolderProblem::NoAnswer => "does not answer",
            HolderProblem::Busy => "has too much to do",
            HolderProblem::Exhausted { renews } => {
                return write!(f, "has no quota left for this member until {} Beijing time", moment(*renews));
            }
            HolderProblem::Refused(Refusal::NoShare) => "has no share of this key",
            HolderProblem::Refused(Refusal::NotEntitled) => "does not evaluate for this member's role",
            HolderProblem::Refused(Refusal::UnknownCharter) => "does not know this node's charter yet",
            HolderProblem::Refused(Refusal::Clock) => "has a wrong clock",
            HolderProblem::Refused(Refusal::Elements) => "takes the request for malformed",
            HolderProblem::Refused(Refusal::Storage) => "has no room on its disk",
            HolderProblem::BadAnswer => "gave an answer that does not hold",
        })
    }
}

impl Zh for HolderProblem {
    fn zh(&self) -> String {
        match self {
            HolderProblem::Offline => "在本节点未运行时无法询问",
            HolderProblem::NotConnected => "未连接",
            HolderProblem::NoAnswer => "没有应答",
            HolderProblem::Busy => "任务过多",
            HolderProblem::Exhausted { renews } => {
                return format!("本成员当日配额已用完，北京时间 {} 恢复", moment(*renews));
            }
            HolderProblem::Refused(Refusal::NoShare) => "没有该密钥的份额",
            HolderProblem::Refused(Refusal::NotEntitled) => "不为本成员的角色求值",
            HolderProblem::Refused(Refusal::UnknownCharter) => "尚未收到本节点所依据的章程",
            HolderProblem::Refused(Refusal::Clock) => "时钟有误",
            HolderProblem::Refused(Refusal::Elements) => "认为请求格式不符",
            HolderProblem::Refused(Refusal::Storage) => "磁盘空间不足",
            HolderProblem::BadAnswer => "给出的答案不成立",
        }
        .to_owned()
    }
}

impl Unavailable {
    fn is_offline(&self) -> bool {
        self.missing.iter().any(|(_, problem)| *problem == HolderProblem::Offline)
    }

    /// When enough holders have a quota again, if it is quotas that are missing: the earliest moment at which the answer may
    /// be another one.
    pub fn renews(&self) -> Option<Timestamp> {
        let renews = |problem: &HolderProblem| match problem {
            HolderProblem::Exhausted { renews } => Some(*renews),
            _ => None,
        };
        self.missing.iter().filter_map(|(_, problem)| renews(problem)).min()
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unavailable { class, need, have, .. } = self;
        write!(f, "{need} key holders must answer for class {class} and {have} did: ")?;
        for (index, (slug, problem)) in self.missing.iter().enumerate() {
            write!(f, "{}{slug} {problem}", if index > 0 { ", " } else { "" })?;
        }
        match self.renews() {
            Some(_) => f.write_str("; try again then, or ask the stewards for a larger quota"),
            None if self.is_offline() => f.write_str("; start it with `antibrush run`, then ask again"),
            None => f.write_str("; try again later, or look at `antibrush keys status`"),
        }
    }
}

impl std::error::Error for Unavailable {}

impl Zh for Unavailable {
    fn zh(&self) -> String {
        let Unavailable { class, need, have, .. } = self;
        let missing: Vec<String> =
            self.missing.iter().map(|(slug, problem)| format!("{slug} {}", problem.zh())).collect();
        let next = match self.renews() {
            Some(_) => "请届时再试，或向秘书处申请提高配额",
            None if self.is_offline() => "请用 antibrush run 启动本节点后再查询",
            None => "请稍后再试，或运行 antibrush keys status 查看",
        };
        format!(
            "{}（{class}）类须有 {need} 个密钥持有方应答，现有 {have} 个：{}；{next}",
            class.zh(),
            missing.join("，")
        )
    }
}
