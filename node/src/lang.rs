//! The language of a text for people: Chinese or English, by locale.

use crate::core::Refusal;
pub use crate::import::Lang;

/// The language that the environment asks for: `ANTIBRUSH_LANG`, then `LC_ALL`, `LC_MESSAGES`, `LANG`.
pub fn from_environment() -> Lang {
    let names = ["ANTIBRUSH_LANG", "LC_ALL", "LC_MESSAGES", "LANG"];
    let first = names.into_iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    if first.is_some_and(|value| value.to_ascii_lowercase().starts_with("zh")) { Lang::Zh } else { Lang::En }
}

/// Picks one of two texts.
pub fn pick<T>(lang: Lang, en: T, zh: T) -> T {
    match lang {
        Lang::Zh => zh,
        Lang::En => en,
    }
}

/// Why a row was not published, in Chinese.
pub fn refusal_zh(refusal: &Refusal) -> &'static str {
    use antibrush_protocol::entry::EntryError as E;
    match refusal {
        Refusal::Entry(E::Term) => "到期日须晚于列入日且不超过五年：请改正到期日期",
        Refusal::Entry(E::MobileTerm) => "手机号会被重新分配，列入期限最长180天：请缩短到期日期",
        Refusal::Entry(E::NotPublishable) => "只有企业（非个体工商户）可以公开名称：请删除名称",
        Refusal::Entry(E::VictimListed) => "反向刷单或降信的对象是受害者：请使用名单VIC，或改正方向",
        Refusal::Entry(E::NothingAmended) => "没有任何变化",
        Refusal::Entry(E::Basis) => "认定依据（规则版本）须为1至64字节：请补充",
        Refusal::Entry(E::Region) => "属地须为GB/T 2260六位代码：请改正",
        Refusal::Entry(E::Sealed) => "密封内容长度不符",
        Refusal::Token(_) => "本节点无法生成该类主体的令牌：请查看 status 或联系秘书处",
        Refusal::Repeated => "同一主体与名单在本文件前面已出现且内容不同：请保留其中一行",
        Refusal::Expired => "到期日期已过：请填写更晚的到期日期",
        Refusal::NothingToClear => "本平台在该名单上没有有效的该主体：请核对名单，或无需移出",
        Refusal::PaymentOff => "本联盟未启用支付账户（PAY）：列入前请联系秘书处",
        Refusal::FutureDay => "列入日期在将来：请改正",
    }
}

/// What to do about a kind of problem, in Chinese: stands before the English detail.
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
