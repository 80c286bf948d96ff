//! What a proposal changes, in words for a secretary.

use antibrush_protocol::{
    base::MemberNumber,
    charter::{Charter, Difference, KeyKind},
    signed::PublicKey,
};

use crate::{
    lang::{Both, moment},
    network::peer_id,
};

/// The two charters, for the names of members.
pub struct Names<'a> {
    /// In force.
    pub old: &'a Charter,
    /// Proposed.
    pub new: &'a Charter,
}

impl Names<'_> {
    fn of(&self, number: MemberNumber) -> String {
        let member = self.new.member(number).or_else(|| self.old.member(number));
        member.map_or_else(|| number.to_string(), |member| member.slug.clone())
    }
}

/// One difference in words.
pub fn of(difference: &Difference, names: &Names<'_>) -> Both {
    use Difference as D;
    let of_member = |number: &MemberNumber, en: &str, zh: &str| {
        let slug = names.of(*number);
        Both::new(format!("{slug}: {en}"), format!("{slug}：{zh}"))
    };
    let from_to = |en: &str, zh: &str, from: String, to: String| {
        Both::new(format!("{en}: {from} → {to}"), format!("{zh}：{from} → {to}"))
    };
    match difference {
        D::Admitted(number) => match names.new.member(*number) {
            Some(m) => of_member(
                number,
                &format!("is admitted as {}: {}, {}", m.role.en(), m.legal_name, m.uscc),
                &format!("接纳为{}（{}，{}）", m.role.zh(), m.legal_name, m.uscc),
            ),
            None => of_member(number, "is admitted", "接纳为成员"),
        },
        D::Vanished(number) => of_member(number, "vanishes from the charter", "从章程中消失"),
        D::State(number, from, to) => of_member(
            number,
            &format!("state {} → {}", from.code(), to.code()),
            &format!("状态由“{}”改为“{}”", from.zh(), to.zh()),
        ),
        D::Role(number, from, to) => of_member(
            number,
            &format!("role {} → {}", from.code(), to.code()),
            &format!("角色由“{}”改为“{}”", from.zh(), to.zh()),
        ),
        D::LegalName(number) => of_member(number, "registered name changes", "登记名称变更"),
        D::Controller(number) => of_member(number, "controlling entity changes", "控制方变更"),
        D::KeySucceeded(number, kind, key) => {
            let key = match kind {
                KeyKind::Feed => hex::encode(key),
                KeyKind::Node => peer(key),
            };
            of_member(
                number,
                &format!("its {} hands over to {key}, signed by both", kind.en()),
                &format!("{}更换为 {key}，新旧密钥均已签名", kind.zh()),
            )
        }
        D::FeedKeyAdded(number, key) => {
            let key = hex::encode(key);
            of_member(number, &format!("signs its feed with key {key}"), &format!("名单源改用密钥 {key}"))
        }
        D::FeedKeyRevoked(number, key) => {
            let key = hex::encode(key);
            of_member(number, &format!("feed key {key} is revoked for good"), &format!("名单源密钥 {key} 永久吊销"))
        }
        D::Cut(number, cut) => {
            let (batches, size) = (cut.batches, cut.size);
            let (en, zh) = match &cut.head {
                Some(head) => {
                    let head = hex::encode(head);
                    (
                        format!(
                            "its feed stands up to {size} entries in {batches} batches, last head {head}; everything after that is void"
                        ),
                        format!("名单源以前 {batches} 个批次共 {size} 条为准，末批头 {head}，其后全部作废"),
                    )
                }
                None => ("nothing of its feed stands: all of it is void".to_owned(), "名单源全部作废".to_owned()),
            };
            of_member(number, &en, &zh)
        }
        D::FeedKeys(number) => of_member(number, "feed keys change", "名单源密钥变更"),
        D::NodeAdded(number, key) => {
            let peer = peer(key);
            of_member(number, &format!("gets another node, {peer}"), &format!("新增节点 {peer}"))
        }
        D::NodeRemoved(number, key) => {
            let peer = peer(key);
            of_member(number, &format!("loses its node {peer}"), &format!("移除节点 {peer}"))
        }
        D::Addresses(number, key, addresses) if addresses.is_empty() => {
            let peer = peer(key);
            of_member(
                number,
                &format!("its node {peer} only dials out"),
                &format!("节点 {peer} 只主动连接，不公布地址"),
            )
        }
        D::Addresses(number, key, addresses) => {
            let (peer, addresses) = (peer(key), addresses.join(" "));
            of_member(
                number,
                &format!("its node {peer} is reached at {addresses}"),
                &format!("节点 {peer} 的地址改为 {addresses}"),
            )
        }
        D::Nodes(number) => of_member(number, "the order of its nodes changes", "节点的次序变更"),
        D::Sealed(number) => of_member(number, "what is sealed to it changes", "密封给它的内容变更"),
        D::OtherOfMember(number) => of_member(
            number,
            "changes in a way that this release cannot name; use a newer one before signing",
            "有本版本无法说明的变更：请升级后再签名",
        ),
        D::StewardAdded(steward) => {
            let key = hex::encode(steward.key);
            of_member(
                &steward.member,
                &format!("becomes a steward with key {key}"),
                &format!("成为秘书处成员，密钥 {key}"),
            )
        }
        D::StewardRemoved(steward) => {
            let key = hex::encode(steward.key);
            of_member(&steward.member, &format!("loses steward key {key}"), &format!("不再持有秘书处密钥 {key}"))
        }
        D::Threshold(from, to) => {
            from_to("stewards who must sign", "须签名的秘书处成员数", from.to_string(), to.to_string())
        }
        D::Corroboration(from, to) => {
            from_to("members that confirm a listing", "确认列入所需成员数", from.to_string(), to.to_string())
        }
        D::TermDays(from, to) => {
            from_to("term of a listing in days", "列入期限（天）", from.to_string(), to.to_string())
        }
        D::MobileTermDays(from, to) => {
            from_to("term of a mobile number in days", "手机号列入期限（天）", from.to_string(), to.to_string())
        }
        D::Witnesses(from, to) => from_to(
            "witnesses under different control that a head needs before its entries take effect",
            "条目生效前树头所需的不同控制方见证数",
            from.to_string(),
            to.to_string(),
        ),
        D::PaymentAccounts(true) => Both::new("payment accounts may be listed", "可列入支付账户"),
        D::PaymentAccounts(false) => Both::new("payment accounts may not be listed any more", "不再允许列入支付账户"),
        D::FinancialMeasures(true) => Both::new(
            "measure M09 (internet financial services) may be recorded",
            "可记录措施M09（限制互联网金融服务）",
        ),
        D::FinancialMeasures(false) => Both::new(
            "measure M09 (internet financial services) may not be recorded any more",
            "不再允许记录措施M09（限制互联网金融服务）",
        ),
        D::NamesPublishers(true) => Both::new("answers name the listing members", "查询结果给出列入方名称"),
        D::NamesPublishers(false) => Both::new("answers only count the listing members", "查询结果只给出列入方数量"),
        D::AcceptsEnumeration(true) => Both::new(
            "personal classes may use keyed tokens, which every member can enumerate",
            "个人类可用带密钥哈希，任何成员都能枚举",
        ),
        D::AcceptsEnumeration(false) => {
            Both::new("personal classes may not use keyed tokens any more", "个人类不再允许带密钥哈希")
        }
        D::TokenKeyAdded(class, epoch) => Both::new(
            format!("token key of {} for epoch {epoch} is added", class.code()),
            format!("新增 {} 类第 {epoch} 期令牌密钥", class.code()),
        ),
        D::TokenKeyRetired(class, epoch) => Both::new(
            format!("token key of {} for epoch {epoch} is retired", class.code()),
            format!("停用 {} 类第 {epoch} 期令牌密钥", class.code()),
        ),
        D::TokenKeyChanged(class, epoch) => Both::new(
            format!("shares of the token key of {} for epoch {epoch} change", class.code()),
            format!("{} 类第 {epoch} 期令牌密钥的份额变更", class.code()),
        ),
        D::Holding => Both::new("key holders, their threshold or quotas change", "密钥持有方、门限或配额变更"),
        D::Names => Both::new("name, level or region of the alliance changes", "联盟名称、范围或属地变更"),
        D::Expires(from, to) => from_to("holds until", "有效期至", moment(*from), moment(*to)),
        D::Other => Both::new(
            "something changes that this release cannot name; use a newer one before signing",
            "有本版本无法说明的变更：请升级后再签名",
        ),
    }
}

fn peer(key: &PublicKey) -> String {
    peer_id(key).map_or_else(|| hex::encode(key), |id| id.to_string())
}
