//! Changes of the charter and their proposals.

use antibrush_protocol::{
    charter::{ChangeError, ProposalError},
    limits,
};

use super::Zh;

impl Zh for ChangeError {
    fn zh(&self) -> String {
        match self {
            ChangeError::AlreadySo => "现行章程已是如此：无需变更".to_owned(),
            ChangeError::NoSuchMember(number) => {
                format!("章程中没有成员 {number}：用 antibrush alliance members 查看")
            }
            ChangeError::Exists(number) => {
                format!("成员 {number} 已使用该简称、信用代码或其中某个密钥：为成员增加节点请加 --node-of")
            }
            ChangeError::Applicant => "申请中的简称、信用代码或密钥不合格：请申请方重新生成加入申请".to_owned(),
            ChangeError::TooManyMembers => "章程中的成员已达上限：无法再接纳".to_owned(),
            ChangeError::OtherKeys(number) => format!(
                "申请方没有成员 {number} 的名单源密钥和密封密钥：增加节点须复制这两个密钥（antibrush init --feed-key 文件 --seal-key 文件）"
            ),
            ChangeError::TooManyNodes(number) => {
                format!("成员 {number} 的节点已达上限：请先用 antibrush alliance propose node remove 移除一个")
            }
            ChangeError::NoSuchNode(number) => {
                format!("成员 {number} 没有这个 PeerId 的节点：用 antibrush alliance members --json 查看")
            }
            ChangeError::Addresses => format!(
                "每个节点至多 {} 个地址，每个至多 {} 字节，且须为写明主机、不含 PeerId 的 multiaddress，例如 /ip4/192.0.2.7/tcp/7001",
                limits::ADDRESSES,
                limits::ADDRESS_BYTES
            ),
            ChangeError::LastNode(number) => format!("这是成员 {number} 唯一的节点：请先增加节点，或暂停该成员"),
            ChangeError::NotActive(number) => format!("成员 {number} 不是正常状态：请先恢复，再使其成为秘书处成员"),
            ChangeError::StewardKey => {
                "该密钥过弱或已在章程中：请使用秘书处节点上 antibrush alliance steward-key 打印的公钥".to_owned()
            }
            ChangeError::NoSuchSteward(number) => {
                format!("成员 {number} 没有该秘书处密钥：用 antibrush alliance members 查看")
            }
            ChangeError::TooManyStewards => "章程中的秘书处密钥已达上限：请先移除一个".to_owned(),
            ChangeError::Unreachable { threshold, entities } => format!(
                "变更后秘书处只剩 {entities} 个互不受同一主体控制的成员，而须有 {threshold} 个签名：请先降低门限或增加秘书处成员"
            ),
            ChangeError::TooFewWitnesses { witnesses, most } => format!(
                "见证数为 {witnesses}，而除列入方外可作见证的互不受同一主体控制的成员至多 {most} 个：请先调低见证数（antibrush alliance propose policy --witnesses {most}）"
            ),
            ChangeError::NoThreshold => "至少须有一家秘书处成员签名：请把门限设为1或以上".to_owned(),
            ChangeError::Holder(number) => {
                format!("成员 {number} 已被指定为密钥持有方：请先用 antibrush keys holders 指定其他持有方")
            }
            ChangeError::RoleNeedsKey(number) => {
                format!("成员 {number} 没有新角色所需的名单源密钥：请以新角色重新加入")
            }
            ChangeError::RoleHasFeed(number) => format!("成员 {number} 有名单源，不能改为监管观察员：可改为暂停"),
            ChangeError::Policy => {
                "某项数值超出范围：确认成员数1至16，列入期限1至1825天，手机号期限1至180天，见证数0至16".to_owned()
            }
            ChangeError::NoSuchFeedKey(number) => {
                format!("成员 {number} 没有该名单源密钥，或已吊销：用 antibrush alliance members 查看")
            }
            ChangeError::FeedKey => "该名单源密钥过弱或已在章程中：请使用该成员节点生成的公钥".to_owned(),
            ChangeError::TooManyCuts => "该成员名单源的裁定已达上限：请除名后以新成员编号重新接纳".to_owned(),
            ChangeError::Succession(number) => {
                format!(
                    "成员 {number} 的密钥更换文件没有新旧两把密钥的有效签名，或属于其他联盟：请该成员重新制作（antibrush alliance rotate-key）"
                )
            }
            ChangeError::NotThePresentKey(number) => {
                format!(
                    "成员 {number} 要被接替的密钥并非现用密钥：请该成员重新制作文件（antibrush alliance rotate-key），或不指定新密钥而只吊销旧密钥"
                )
            }
            ChangeError::TooManyKeys(number) => {
                format!("成员 {number} 更换密钥的次数已达章程上限：请以新成员编号重新接纳")
            }
            ChangeError::SuccessorKey(number) => format!("成员 {number} 的新密钥过弱或已在章程中：请该成员另行生成"),
            ChangeError::NoFeed(number) => format!("成员 {number} 不发布名单源：无可裁定"),
            ChangeError::Term => "章程有效期须晚于今天且不超过五年：请改用其他期限".to_owned(),
        }
    }
}

impl Zh for ProposalError {
    fn zh(&self) -> String {
        match self {
            ProposalError::OtherCharter => "该签名属于另一份章程：请用 antibrush alliance sign 对本提案签名".to_owned(),
            ProposalError::Signature(error) => {
                format!("签名不成立（{}）：请向签名方重新索取文件", error.zh())
            }
            ProposalError::Duplicate => "该密钥已对本提案签名：每家秘书处成员只签一次".to_owned(),
            ProposalError::NotASteward => {
                "签名密钥在现行章程和提案章程中都不属于秘书处：请先提案将其加入章程".to_owned()
            }
            ProposalError::Full => "提案中的签名已达上限：请重新提案".to_owned(),
            ProposalError::InForce(number) => format!("本提案已作为第 {number} 版生效：无需再做什么"),
            ProposalError::Stale(number) => {
                format!("另一个第 {number} 版已在此期间生效：请重新提案并重新收集签名")
            }
            ProposalError::Rollback { in_force, found } => {
                format!("提案为第 {found} 版，而第 {in_force} 版已生效，章程不得回退：请重新提案")
            }
            ProposalError::Skipped { in_force, found } => format!(
                "提案为第 {found} 版，而本节点只有第 {in_force} 版，缺少中间版本：请让节点运行至取得这些版本，或先发布它们"
            ),
            ProposalError::Forked(number) => format!(
                "提案接续的是另一个第 {number} 版，不是本节点现行的版本：请与其他秘书处成员核对章程，再重新提案"
            ),
            ProposalError::OtherAlliance => "提案属于另一联盟：请在该联盟的节点上执行".to_owned(),
            ProposalError::Expired => "提案章程的有效期已过：请重新提案".to_owned(),
            ProposalError::Charter(error) => format!("提案章程不成立：{}：请重新提案", error.zh()),
        }
    }
}
