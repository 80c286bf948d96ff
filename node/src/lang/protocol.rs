//! What the protocol's errors say, in Chinese.

use antibrush_protocol::{
    ceremony::{CeremonyError, Fault},
    charter::{CharterError, HeaderRefusal},
    encoding::DecodeError,
    entry::{EntryError, calendar, lifecycle},
    feed::{ChunkError, HeaderError, body::BodyError, build::BuildError},
    filter::FilterError,
    join::InvitationError,
    merkle::MerkleError,
    proof::ProofError,
    replica::PublishRefusal,
    signed::SignatureError,
    subject::SubjectError,
    suite::keyed::SealError,
};

use super::Zh;

impl Zh for SubjectError {
    fn zh(&self) -> String {
        self.reason_zh().to_owned()
    }
}

impl Zh for EntryError {
    fn zh(&self) -> String {
        match self {
            EntryError::Term => "到期日须晚于列入日且不超过五年：请改正到期日期",
            EntryError::MobileTerm => "手机号会被重新分配，列入期限最长180天：请缩短到期日期",
            EntryError::NotPublishable => "只有企业（非个体工商户）可以公开名称：请删除名称",
            EntryError::VictimListed => "反向刷单或降信的对象是受害者：请使用名单VIC，或改正方向",
            EntryError::NothingAmended => "没有任何变化：请修改至少一项，或删除该行",
            EntryError::Basis => "认定依据（规则版本）须为1至64字节：请补充",
            EntryError::Region => "属地须为GB/T 2260六位代码：请改正",
            EntryError::Sealed => "密封内容长度不符：请用本程序重新生成",
            EntryError::Document => "文号须为1至64字节：请改正",
            EntryError::StatutoryDocument => "法定名单的条目须写明文号：请补充",
            EntryError::GovernmentMeasure => "政府措施只能凭文号记录为已采取：请补充文号",
            EntryError::DeclineReason => "不采取措施须说明原因，其他情形不得填写原因：请补充或删除原因",
            EntryError::NoticeTerm => "只有整改通知书可以规定期限，期限须晚于通知日且不超过366天：请改正或删除期限",
            EntryError::PaymentAccounts => "章程未允许列入支付账户：列入前请联系秘书处",
            EntryError::FinancialMeasures => {
                "章程未允许措施M09（限制互联网金融服务）：请记录其他措施，或请秘书处修改章程"
            }
            EntryError::OthersListing => "只有列入方可以对异议作出处理：请联系列入方",
            EntryError::OwnNumber => "条目不得写明作者自己的编号：请删除列入方一项",
        }
        .to_owned()
    }
}

impl Zh for lifecycle::Refusal {
    fn zh(&self) -> String {
        use lifecycle::Refusal as R;
        match self {
            R::NotAMember => "作者不是联盟成员，或已被除名：请由成员记录",
            R::NotEntitled => "只有列入方（或列入方与秘书处）可以作此记录：请联系他们记录",
            R::MeasureNotAllowed => "章程未允许措施M09（限制互联网金融服务）：请记录其他措施，或请秘书处修改章程",
            R::NoListing => "该成员名单源的该位置没有列入记录：请用 antibrush life 查看",
            R::WrongKey => "列入记录的主体类型、名单或密钥期次不符：请按 antibrush life 所示填写",
            R::NotNoticed => "尚未就该列入发出整改通知书：请先发出通知（antibrush notice）",
            R::AlreadyNoticed => "已就该列入发出整改通知书：请等待信用承诺书，逾期后再升级",
            R::NotCommitted => "主体尚未提交信用承诺书：请先记录承诺（antibrush commitment）",
            R::AlreadyCommitted => "主体已提交信用承诺书：请记录整改完成，或逾期后升级",
            R::AlreadyRectified => "主体已完成整改：无须再记录，由列入方移出",
            R::AlreadyEscalated => "该列入已升级：请记录新的通知、承诺或整改完成",
            R::NotOverdue => "主体的期限尚未届满：请用 antibrush due 查看期限，届满后再升级",
            R::AlreadyDisputed => "该成员已对该列入提出异议，且尚未答复：请等待处理，或先撤回",
            R::AlreadyAnswered => "该成员以此理由提出的异议已经办结：请以其他理由提出，或联系秘书处",
            R::NoSuchDispute => "该成员没有对该列入提出过这一异议：请用 antibrush life 查看未决异议",
            R::DisputeClosed => "该异议已处理或已撤回：无须再记录，可用 antibrush life 查看",
            R::AlreadyDecided => "该成员已记录对该措施的决定：已采取的不再更改，未采取的以后仍可记录为已采取",
            R::Struck => "该列入已因异议处理失效：无须再记录，由列入方移出",
            R::Ended => "该列入已移出：无须再记录；有新的事由请重新列入",
            R::NotConfirmed => "该列入尚未核验，单方报送不发整改通知书：请等待另一成员列入同一行为，或补充主管部门文号",
        }
        .to_owned()
    }
}

impl Zh for calendar::CalendarError {
    fn zh(&self) -> String {
        use calendar::CalendarProblem as P;
        let problem = match self.problem {
            P::TooManyLines => "日历最多4096行",
            P::Form => "请写日期和“放假”或“上班”，例如：2027-01-01 放假",
            P::Date => "没有这一日期",
            P::Kind => "须为 holiday（放假）或 workday（上班）",
            P::Twice => "该日期出现两次",
        };
        format!("日历第 {} 行：{problem}", self.line)
    }
}

impl Zh for BuildError {
    fn zh(&self) -> String {
        match self {
            BuildError::Entry(error) => error.zh(),
            BuildError::Full => "批次已满：请先发布，再开始下一批次".to_owned(),
        }
    }
}

impl Zh for PublishRefusal {
    fn zh(&self) -> String {
        match self {
            PublishRefusal::Invalid => "新批次未通过校验",
            PublishRefusal::Moved => "名单源已有更新的批次，须重新生成本批次",
            PublishRefusal::Frozen => "名单源的历史出现两个版本，已被冻结，须由秘书处决定",
            PublishRefusal::Storage => "批次无法存储",
        }
        .to_owned()
    }
}

impl Zh for InvitationError {
    fn zh(&self) -> String {
        match self {
            InvitationError::NotAnInvitation => "这不是邀请码：邀请码以 antibrush1 开头，请完整复制".to_owned(),
            InvitationError::Checksum => "邀请码校验和不符：没有完整复制，请重新复制".to_owned(),
            InvitationError::Decode(error) => format!("邀请码无法读取：{}", error.zh()),
        }
    }
}

impl Zh for SealError {
    fn zh(&self) -> String {
        match self {
            SealError::Key => "密封密钥不是有效的 X25519 公钥",
            SealError::Open => "密封的令牌密钥无法用本节点的密封密钥打开",
        }
        .to_owned()
    }
}

impl Zh for DecodeError {
    fn zh(&self) -> String {
        match self {
            DecodeError::Malformed => "内容不是该对象应有的 CBOR".to_owned(),
            DecodeError::TrailingBytes => "对象之后还有多余的字节".to_owned(),
            DecodeError::NotCanonical => "编码不是规定的唯一形式".to_owned(),
            DecodeError::TooLarge => "对象超过长度上限".to_owned(),
            DecodeError::UnknownVersion(version) => format!("本版本不认识该对象的第 {version} 版，更新的版本或可读取"),
            DecodeError::UnknownKey(key) => format!("本版本不认识键 {key}"),
            DecodeError::Missing(field) => format!("缺少字段“{field}”"),
            DecodeError::OutOfRange(field) => format!("字段“{field}”超出范围"),
        }
    }
}

impl Zh for SignatureError {
    fn zh(&self) -> String {
        match self {
            SignatureError::Envelope => "签名信封不是规定形式的 COSE_Sign1".to_owned(),
            SignatureError::ProtectedHeader => "受保护头不属于该类对象".to_owned(),
            SignatureError::UnprotectedHeader => "未受保护头不为空".to_owned(),
            SignatureError::Payload => "载荷缺失或位置不对".to_owned(),
            SignatureError::Decode(error) => format!("载荷未被接受：{}", error.zh()),
            SignatureError::BadSignature => "签名校验不通过".to_owned(),
        }
    }
}

impl Zh for CharterError {
    fn zh(&self) -> String {
        match self {
            CharterError::Signature(error) => error.zh(),
            CharterError::FromTheFuture => "章程的签署时间在将来：两边必有一个时钟有误，请校准".to_owned(),
            CharterError::Succession => "版本号、前一版编号与联盟编号不相符".to_owned(),
            CharterError::Order => "成员没有按编号升序排列".to_owned(),
            CharterError::Member(number) => format!("成员 {number} 的简称或信用代码格式不符或重复"),
            CharterError::Key(number) => format!("成员 {number} 有弱密钥或重复使用的密钥"),
            CharterError::ObserverHoldsSecret(number) => {
                format!("成员 {number} 是监管观察员，不得持有密封内容")
            }
            CharterError::Stewards => "秘书处成员须为正常状态、各有密钥且能达到签名门限".to_owned(),
            CharterError::TokenKeys => "令牌密钥顺序不对、重复，或属于本版本不认识的套件".to_owned(),
            CharterError::Holding => {
                "密钥持有方须为正常状态、有签名密钥、互不受同一主体控制的成员，其中至少一家不是平台，且不少于门限"
                    .to_owned()
            }
            CharterError::PublicShares => "令牌密钥的公开份额不属于同一把密钥，或持有方不是成员".to_owned(),
            CharterError::FallsBack => "已使用门限密钥（套件2）的类别不得退回带密钥哈希（套件1）".to_owned(),
            CharterError::Cut(member) => {
                format!("关于成员 {member} 名单源有效范围的决定格式不对或被改动：请重新制作提案")
            }
            CharterError::FeedKey(member) => {
                format!("成员 {member} 的名单源密钥消失、被改动，或吊销时未说明名单源有效到何处：请重新制作提案")
            }
            CharterError::KeySuccession(member) => {
                format!("成员 {member} 的新密钥没有旧密钥的签名，或密钥更换记录被改动：请重新制作提案")
            }
            CharterError::Expired => "章程已到期：请秘书处签署续期章程".to_owned(),
            CharterError::TooManyEpochs => "同一类别最多有两期密钥同时有效：请先停用最旧的一期".to_owned(),
            CharterError::EnumerablePersons => "个人类使用带密钥哈希（套件1），须由章程明示接受内部枚举".to_owned(),
            CharterError::Term => "期限或某项数值超出范围".to_owned(),
            CharterError::NotNext { expected, found } => format!("应为第 {expected} 版，收到的却是第 {found} 版"),
            CharterError::OtherChain => "该章程不是本联盟章程的后续版本".to_owned(),
            CharterError::OldQuorum { have, need } => format!("前一版要求的签名不足：需要 {need}，现有 {have}"),
            CharterError::NewQuorum { have, need } => format!("本版要求的签名不足：需要 {need}，现有 {have}"),
            CharterError::NumberMoved(number) => format!("成员 {number} 消失，或其编号转给了另一法人"),
            CharterError::TokenKeyChanged => "较早版本的令牌密钥被改动或消失，新密钥须使用新的期次".to_owned(),
            CharterError::Forked(number) => format!("本节点已有另一个有效的第 {number} 版"),
        }
    }
}

impl Zh for CeremonyError {
    fn zh(&self) -> String {
        match self {
            CeremonyError::Signature(error) => return error.zh(),
            CeremonyError::Threshold => "密钥须有2至16个持有方，门限为2至持有方数：请改正召集内容",
            CeremonyError::Order => "类别和持有方须升序、不重复且至少一个类别：请改正召集内容",
            CeremonyError::Deadline => "截止时间须在召集之后、最多七天：请改正召集内容",
            CeremonyError::Keys => "份额更新须写明每个类别的公钥，生成新密钥则不写：请改正召集内容",
            CeremonyError::OtherAlliance => "该召集属于另一联盟",
            CeremonyError::OtherCharter => "该召集依据另一版章程：请取得该版章程，或按现行章程重新召集",
            CeremonyError::NotASteward => "该召集没有其章程所列秘书处的签名",
            CeremonyError::OtherHolders => "持有方和门限与章程不符：请按章程重新召集",
            CeremonyError::FromTheFuture => "该召集的签署时间在将来：两边必有一个时钟有误",
            CeremonyError::OtherCeremony => "该消息属于另一场密钥仪式",
            CeremonyError::NotAHolder(number) => return format!("成员 {number} 在该密钥仪式中没有这一角色"),
            CeremonyError::WrongKey => "该消息没有持有方签名密钥的签名",
            CeremonyError::Count => "该消息的项数与召集要求不符",
            CeremonyError::OtherKeys => "现有公钥与召集不符：请取得召集所依据的章程",
            CeremonyError::OtherShare => "本节点的份额与其公开份额不符：请恢复份额文件，或申请生成新密钥",
            CeremonyError::OtherSeed => "本节点曾以另一种子参加：请恢复种子文件，或等待下一次召集",
            CeremonyError::NoKey => "各方贡献合成的密钥不可用：请重新召集",
            CeremonyError::Defect => "同一密钥的两种计算结果不一致：请报告此缺陷并保留数据目录",
        }
        .to_owned()
    }
}

impl Zh for Fault {
    fn zh(&self) -> String {
        match self {
            Fault::Dropped => "截止前没有应答",
            Fault::TwoMessages => "同一轮签署了两条不同的消息",
            Fault::BadPackage => "发出的承诺格式不符",
            Fault::BadProof => "没有证明其知道自己的贡献",
            Fault::BadShare => "分发的份额与其承诺不符",
            Fault::FalseComplaint => "投诉了正确的份额",
            Fault::OtherResult => "确认的结果与各方消息算出的不同",
        }
        .to_owned()
    }
}

impl Zh for HeaderRefusal {
    fn zh(&self) -> String {
        match self {
            HeaderRefusal::Signature(error) => error.zh(),
            HeaderRefusal::Form(error) => error.zh(),
            HeaderRefusal::OtherAlliance => "批次头属于另一个联盟".to_owned(),
            HeaderRefusal::UnknownCharter => "批次头所依据的章程本节点尚未收到".to_owned(),
            HeaderRefusal::NotAPublisher => "发布方不是可以发布的正常成员".to_owned(),
            HeaderRefusal::WrongKey => "批次头不是由发布方的名单源密钥签名".to_owned(),
            HeaderRefusal::Checkpoint => "批次头的检查点不是由批次头的密钥签名".to_owned(),
            HeaderRefusal::EarlierCharter => "批次头所依据的章程早于前一批次头的".to_owned(),
            HeaderRefusal::Void => "批次头已作废：秘书处决定该名单源只到更早的批次为止有效".to_owned(),
            HeaderRefusal::CharterExpired => "批次头签署时其所依据的章程已到期".to_owned(),
            HeaderRefusal::FromTheFuture => "批次头的签署时间在将来，双方时钟有一方不准".to_owned(),
        }
    }
}

impl Zh for HeaderError {
    fn zh(&self) -> String {
        match self {
            HeaderError::Size => "起始序号、条数与总数不相符",
            HeaderError::Chunks => "各分块的条数之和与总条数不符",
            HeaderError::Totals => "统计之和与总条数不符",
            HeaderError::Previous => "只有首个批次没有前一批次",
            HeaderError::Lifetime => "树头须在签署后24小时内到期",
            HeaderError::EmptyRoot => "空树的树根必须为空树根",
        }
        .to_owned()
    }
}

impl Zh for BodyError {
    fn zh(&self) -> String {
        match self {
            BodyError::Gap => "批次不是从名单源的末尾开始",
            BodyError::Root => "各叶算出的树根与批次头签署的不同",
            BodyError::Totals => "条目之和与批次头的统计不符",
            BodyError::Misdescribed => "批次头所指的分块与其描述不符",
        }
        .to_owned()
    }
}

impl Zh for ChunkError {
    fn zh(&self) -> String {
        match self {
            ChunkError::TooLong => "分块比批次头所写的长".to_owned(),
            ChunkError::Start(error) => format!("分块开头的位置未被接受：{}", error.zh()),
            ChunkError::Leaf { leaf, error } => format!("分块的第 {leaf} 个叶未被接受：{}", error.zh()),
            ChunkError::Count => "分块的叶数与批次头所写的不同".to_owned(),
            ChunkError::Digest => "分块的叶不是批次头所指的叶".to_owned(),
            ChunkError::Misdescribed => "批次头所指的分块与其描述不符".to_owned(),
        }
    }
}

impl Zh for MerkleError {
    fn zh(&self) -> String {
        match self {
            MerkleError::SizeOutOfRange { size } => format!("树有 {size} 个叶，超过 2^63"),
            MerkleError::IndexOutOfRange { index, size } => format!("{size} 个叶的树中没有序号为 {index} 的叶"),
            MerkleError::NotAPrefix { old, new } => format!("{old} 个叶的树不可能是 {new} 个叶的树的开头"),
            MerkleError::PeakCount { size, expected, found } => {
                format!("{size} 个叶的树应有 {expected} 个峰，而不是 {found} 个")
            }
            MerkleError::MissingNode { level, index } => format!("缺少第 {level} 层第 {index} 个子树的哈希"),
            MerkleError::ProofTooShort => "证明过短".to_owned(),
            MerkleError::ProofTooLong => "证明过长".to_owned(),
            MerkleError::OldRootMismatch => "证明没有得到较早的树根".to_owned(),
            MerkleError::RootMismatch => "证明没有得到树根".to_owned(),
        }
    }
}

impl Zh for ProofError {
    fn zh(&self) -> String {
        match self {
            ProofError::Decode(error) => format!("文件不是本版本能读取的证明：{}", error.zh()),
            ProofError::Charter(error) => format!("证明中的章程不成立：{}", error.zh()),
            ProofError::Header(error) => format!("证明中的签名树头不成立：{}", error.zh()),
            ProofError::Path(error) => format!("证明中的路径没有得到签署的树根：{}", error.zh()),
            ProofError::Leaf(error) => format!("证明中的叶不是条目：{}", error.zh()),
            ProofError::Heads => "两个树头不是同一名单源先后的树头".to_owned(),
            ProofError::NoContradiction => "证明中的两个树头并不矛盾".to_owned(),
            ProofError::Peaks => "证明中的峰不属于较早的树头".to_owned(),
            ProofError::Leaves => "证明中的叶不是两个树头之间的叶".to_owned(),
            ProofError::Tokens => "证明中的令牌须按密钥期次升序且每期一个".to_owned(),
            ProofError::Mentioned { index } => format!("第 {index} 条涉及该主体"),
            ProofError::Erased { index } => format!("第 {index} 条的内容已被擦除，该区间无法证明"),
            ProofError::Epoch { index, epoch } => {
                format!("第 {index} 条属于密钥第 {epoch} 期，证明中没有该主体在该期的令牌")
            }
        }
    }
}

impl Zh for FilterError {
    fn zh(&self) -> String {
        match self {
            FilterError::HeadTooLong { bytes } => format!("过滤器头有 {bytes} 字节，过长"),
            FilterError::Malformed => "过滤器头格式不对".to_owned(),
            FilterError::NotCanonical => "过滤器头不是规定形式的 CBOR".to_owned(),
            FilterError::UnknownVersion(version) => format!("不认识第 {version} 版过滤器"),
            FilterError::Lifetime { built, expires } => {
                format!("过滤器的有效期最长一天，不能从 {built} 到 {expires}（1970年以来的秒数）")
            }
            FilterError::FprExponent(exponent) => format!("误报率 2^-{exponent} 超出范围"),
            FilterError::HashesOutOfRange(probes) => format!("探测次数 {probes} 超出范围"),
            FilterError::HashesMismatch { stated, expected } => {
                format!("过滤器写明探测 {stated} 次，按布局应为 {expected} 次")
            }
            FilterError::TooManyBits { bits } => format!("过滤器有 {bits} 位，过大"),
            FilterError::WeakSeed => "种子的两半相同".to_owned(),
            FilterError::BitsMismatch { stated, expected } => {
                format!("过滤器写明 {stated} 位，按布局应为 {expected} 位")
            }
            FilterError::BitmapLength { expected, found } => format!("位图有 {found} 字节，应为 {expected} 字节"),
            FilterError::DigestMismatch => "位图与过滤器头中的摘要不符".to_owned(),
            FilterError::Fill { set, least, most } => format!("位图置位 {set} 个，按主体数应为 {least} 至 {most} 个"),
            FilterError::ItemsMismatch { stated, found } => {
                format!("过滤器写明 {stated} 个主体，名单中有 {found} 个")
            }
            FilterError::RebuildMismatch => "过滤器不是由该名单建立的".to_owned(),
            FilterError::Library(reason) => format!("布隆过滤器程序库出错（{reason}）"),
        }
    }
}
