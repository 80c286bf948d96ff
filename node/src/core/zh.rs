//! What the core refuses and why, in Chinese.

use antibrush_protocol::{
    entry::sealed::{self, SealedError},
    replica::PublishRefusal,
};

use super::{AdmitError, KeysError, NodeError, PublishError, Refusal, WriterError};
use crate::lang::{Zh, moment};

impl Zh for Refusal {
    fn zh(&self) -> String {
        match self {
            Refusal::Entry(error) => error.zh(),
            Refusal::Token(error) => error.zh(),
            Refusal::Repeated => "同一主体与名单在前面已出现且内容不同：请保留其中一行".to_owned(),
            Refusal::Expired => "到期日期已过：请填写更晚的到期日期".to_owned(),
            Refusal::Life(error) => error.zh(),
            Refusal::NothingListed => {
                "该处没有该主体的有效列入：用 antibrush life 查看，并核对 --list 与 --publisher".to_owned()
            }
            Refusal::NothingDisputed => "该主体没有这样的未决异议：用 antibrush life 查看未决异议".to_owned(),
            Refusal::NothingToClear => "本平台在该名单上没有有效的该主体：请核对名单，或无需移出".to_owned(),
            Refusal::PaymentOff => "本联盟未启用支付账户（PAY）：列入前请联系秘书处".to_owned(),
            Refusal::Details(SealedError::TooLong) => format!("详情超过 {} 字节：请缩短", sealed::DETAILS_BYTES),
            Refusal::Details(SealedError::Text | SealedError::None | SealedError::Open) => {
                "详情含有控制字符：请删除".to_owned()
            }
            Refusal::NotAnOrganisation => "法定名单（SRC-…）只收企业（ENT）：请使用联盟自己的名单".to_owned(),
            Refusal::FutureDay => "列入日期在将来：请改正".to_owned(),
        }
    }
}

impl Zh for WriterError {
    fn zh(&self) -> String {
        match self {
            WriterError::Elsewhere(node) => {
                let node = node.as_ref().and_then(crate::network::peer_id);
                let node = node.map_or_else(String::new, |node| format!("（{node}）"));
                format!("本成员的名单源由另一节点{node}写入：请在那里发布，或在此接管（antibrush writer take）")
            }
            WriterError::TooFew { granted, needed } => format!(
                "下一批次须经 {needed} 个节点同意，目前只有 {granted} 个：请查看哪些节点在线（antibrush writer show）后重新发布；已开始的批次会保留并优先完成"
            ),
            WriterError::Behind => "本节点尚未取齐本成员的名单源：请在 status 显示取齐后重新发布".to_owned(),
            WriterError::Lost => {
                "本节点丢失了就本成员名单源作出的承诺，须待此后签署的章程生效并写入名单源才能再写：请由本成员的另一节点接管（antibrush writer take），或请秘书处续签章程".to_owned()
            }
            WriterError::Removed => {
                "此前独自写入本名单源的节点已从章程移除，但可能尚不知情：请秘书处裁定名单源以何处为准（antibrush alliance propose thaw），然后重新发布".to_owned()
            }
            WriterError::OtherKey(_) => {
                "已商定的批次须用另一名单源密钥签名：请恢复该密钥，或请秘书处将名单源截至最后一个批次".to_owned()
            }
            WriterError::NoBody => "另一节点已开始的批次无法从持有它的节点取得：请在其连接后重试".to_owned(),
        }
    }
}

impl Zh for PublishError {
    fn zh(&self) -> String {
        match self {
            PublishError::NodeKeySucceeded => "本节点的密钥已被新密钥取代：请重启节点以启用新密钥".to_owned(),
            PublishError::NotAPublisher => "本节点不能发布：只有正常状态的成员平台拥有名单源".to_owned(),
            PublishError::Recovering => {
                "本节点的文档曾丢失，或刚成为本成员的首个节点，正在从其他成员取回自己的名单源：请在 status 显示取回后重试".to_owned()
            }
            PublishError::ClockBehind(seconds) => {
                format!("本机时钟比上一批次慢 {seconds} 秒：请校准时钟后重新发布")
            }
            PublishError::Writer(error) => error.zh(),
            PublishError::KeyRevoked(charter) => format!(
                "第 {charter} 版章程已永久吊销本节点的名单源密钥，其签署的内容任何成员都不采用：请生成新密钥（antibrush alliance rotate-key feed --key-only），如秘书处尚未指定则请其写入章程（antibrush alliance propose revoke --successor），然后重启节点"
            ),
            PublishError::CharterExpired => {
                "章程已到期，不能据此发布：请秘书处续期（antibrush alliance propose renew）".to_owned()
            }
            PublishError::ClockWrong(seconds) => format!(
                "本机时钟比多数已连接成员的时钟{} {} 秒：请校准时钟后重新发布",
                if *seconds > 0 { "快" } else { "慢" },
                seconds.unsigned_abs()
            ),
            PublishError::Refused(refusal) => format!("{}：{}", refusal.zh(), next_step(*refusal)),
            PublishError::Storage(error) => error.zh(),
            PublishError::Vault(error) => error.zh(),
            PublishError::Key(error) => error.zh(),
            PublishError::Stopping => "节点正在停止：请在其运行后重新执行".to_owned(),
        }
    }
}

fn next_step(refusal: PublishRefusal) -> &'static str {
    match refusal {
        PublishRefusal::Storage => "请在数据目录所在磁盘上释放空间后重新发布，已存数据没有丢失",
        PublishRefusal::Moved => "请重新发布",
        PublishRefusal::Frozen => "请联系秘书处",
        PublishRefusal::Invalid => "请用 status 检查本机时钟和章程",
    }
}

impl Zh for AdmitError {
    fn zh(&self) -> String {
        match self {
            AdmitError::Charter(error) => format!("这样的章程不成立：{}", error.zh()),
            AdmitError::Seal(error) => error.zh(),
            AdmitError::Key(error) => error.zh(),
            AdmitError::Storage(error) => error.zh(),
            AdmitError::NotASteward => "本节点没有本联盟的秘书处密钥：请在秘书处节点上执行".to_owned(),
            AdmitError::Slug => "该简称已被占用或格式不符：请换一个（2至32位小写字母、数字或连字符）".to_owned(),
            AdmitError::NeedsQuorum(stewards) => {
                format!(
                    "按本章程，每次变更须有 {stewards} 家秘书处成员签名：请用 antibrush alliance propose 提案（令牌密钥的命令加 --out 文件），用 antibrush alliance sign 收集签名，再用 antibrush alliance publish 发布"
                )
            }
            AdmitError::Stopping => "节点正在停止：请在其运行后重试".to_owned(),
        }
    }
}

impl Zh for KeysError {
    fn zh(&self) -> String {
        match self {
            KeysError::Admit(error) => error.zh(),
            KeysError::NoSuchMember(place) => {
                format!("所列第 {place} 个简称不属于任何成员：用 antibrush alliance members 查看联盟成员")
            }
            KeysError::NoHolders => {
                "章程尚未指定密钥持有方：请用 --holders 和 --threshold 指定，其中至少一家不是平台".to_owned()
            }
            KeysError::UnderWay(until) => {
                format!("有一场密钥仪式正在进行，截止 {}：请等它结束，或用 antibrush keys status 查看", moment(*until))
            }
            KeysError::NothingToMake => "所要求的类别都已有门限密钥：换期请用 antibrush keys rotate".to_owned(),
            KeysError::NothingThere => "还没有类别使用门限密钥：请先运行 antibrush keys ceremony".to_owned(),
            KeysError::TwoEpochs(class) => {
                format!("{}（{class}）类正在换期：请先停用旧的一期（antibrush keys retire）", class.zh())
            }
            KeysError::OtherHolders => {
                "份额更新只在原持有方之间进行，而章程现在指定了其他持有方：请改用 antibrush keys rotate".to_owned()
            }
            KeysError::NoSuchEpoch(epoch) => {
                format!("没有类别有第 {epoch} 期密钥：用 antibrush keys status 查看各期")
            }
            KeysError::RetiredAlready(epoch) => {
                format!("第 {epoch} 期已停用：用 antibrush keys status 查看哪些持有方已删除份额")
            }
            KeysError::NoSuccessor(epoch) => {
                format!("第 {epoch} 期是其类别最新的一期：请先用 antibrush keys rotate 生成下一期")
            }
            KeysError::NotCarried { member, count } => format!(
                "{member} 在旧一期有 {count} 条有效列入尚未转入新一期：请等其节点转入完毕（标识库丢失的平台须重新导入名单），或用 --force 停用（这些列入将不再可见）"
            ),
            KeysError::NotFresh => {
                "本节点尚未收齐所有名单源，无法判断列入是否都已转入：请等 antibrush feed show 显示最新，或用 --force 停用".to_owned()
            }
            KeysError::Storage(error) => error.zh(),
            KeysError::Call(error) => error.zh(),
            KeysError::NoSuchCeremony(id) => format!("本节点不知道密钥仪式 {id}：用 antibrush keys status 查看"),
            KeysError::NoResult => {
                "该密钥仪式尚无章程可以采用的结果：用 antibrush keys status 查看进展".to_owned()
            }
            KeysError::Minutes => "密钥仪式的时限须为1分钟至7天：请改正".to_owned(),
        }
    }
}

impl Zh for NodeError {
    fn zh(&self) -> String {
        match self {
            NodeError::NoAlliance => {
                "本节点尚未加入任何联盟：请成立联盟（antibrush alliance create）或加入联盟（antibrush join 邀请码）"
                    .to_owned()
            }
            NodeError::Storage(error) => error.zh(),
            NodeError::Key(error) => error.zh(),
            NodeError::Shares(error) => error.zh(),
            NodeError::Vault(error) => error.zh(),
            NodeError::Profile(error) => error.zh(),
            NodeError::Calendar(error) => error.zh(),
            NodeError::Network(error) => error.zh(),
            NodeError::Clock { shown, charter } => {
                format!("本机时钟显示 {shown}，而联盟章程签署于 {charter}：请校准时钟后重新启动节点")
            }
        }
    }
}
