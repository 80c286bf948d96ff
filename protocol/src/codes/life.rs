//! The codes of what happens to a listing after it was made: notices, commitments, disputes, rulings and measures.

use super::codes;

codes! {
    /// What a notice says.
    NoticeStep {
        Rectify = 1, "rectify", "整改通知书", "rectification notice";
        Urge = 2, "urge", "督促", "urged to act";
        Escalate = 3, "escalate", "升级/约谈通报", "escalation";
    }
}

codes! {
    /// What the subject undertook or did.
    CommitmentStep {
        Committed = 1, "committed", "信用承诺书", "commitment";
        Rectified = 2, "rectified", "整改完成", "rectification done";
    }
}

codes! {
    /// Whether a dispute is filed or taken back.
    DisputeStep {
        Filed = 1, "filed", "异议申诉", "dispute filed";
        Withdrawn = 2, "withdrawn", "撤回异议", "dispute withdrawn";
    }
}

codes! {
    /// What is disputed.
    DisputeReason {
        Identity = 1, "D01", "主体认定错误", "wrong subject";
        Facts = 2, "D02", "事实不符", "facts are wrong";
        Severity = 3, "D03", "程度认定不当", "severity is wrong";
        Repaired = 4, "D04", "已整改修复", "already repaired";
        Victim = 5, "D05", "主体为受害者", "subject is the victim";
        Term = 6, "D06", "超过保存期限", "kept past its term";
        Unlawful = 7, "D07", "信息采集不合法", "collected unlawfully";
        Other = 99, "D99", "其他异议", "other dispute";
    }
}

codes! {
    /// How the publisher rules on a dispute.
    Outcome {
        Upheld = 1, "upheld", "异议成立", "dispute is upheld";
        Corrected = 2, "corrected", "更正", "listing corrected";
        Withdrawn = 3, "withdrawn", "撤回列入", "listing withdrawn";
        Rejected = 4, "rejected", "异议不成立", "dispute rejected";
    }
}

impl Outcome {
    /// Whether the listing is struck: it is not enforceable from then on, before its clearing arrives and without it.
    pub const fn strikes(self) -> bool {
        matches!(self, Outcome::Upheld | Outcome::Withdrawn)
    }
}

codes! {
    /// On what the publisher's ruling rests.
    RulingReason {
        Sufficient = 1, "J01", "证据充分", "evidence suffices";
        Insufficient = 2, "J02", "证据不足", "evidence does not suffice";
        Identity = 3, "J03", "主体不符", "another subject";
        Victim = 4, "J04", "认定为受害者", "found to be the victim";
        Repaired = 5, "J05", "整改已完成", "repaired in time";
        Severity = 6, "J06", "程度已调整", "severity adjusted";
        Procedure = 7, "J07", "程序不当", "procedure not kept";
        Other = 99, "J99", "其他理由", "other ground";
    }
}

codes! {
    /// What a member does about a listing; the government's measures (G) are recorded and never performed by a member. 13 is
    /// reserved: the text of M13 is not established.
    Measure {
        M01 = 1, "M01", "限制新设立账户", "no new accounts";
        M02 = 2, "M02", "屏蔽或删除现有账户", "accounts hidden or deleted";
        M03 = 3, "M03", "限制发布商品及服务", "no offers of goods and services";
        M04 = 4, "M04", "限制参加营销促销", "no promotions";
        M05 = 5, "M05", "扣除信用积分", "credit points deducted";
        M06 = 6, "M06", "降低信用等级", "credit grade lowered";
        M07 = 7, "M07", "限制账户权限", "account rights restricted";
        M08 = 8, "M08", "平台公示曝光", "published on the platform";
        M09 = 9, "M09", "限制互联网金融服务", "no internet financial services";
        M10 = 10, "M10", "限制寄递企业入驻", "no delivery firms admitted";
        M11 = 11, "M11", "物流从业限制", "no work in logistics";
        M12 = 12, "M12", "限制网络广告推广", "no online advertising";
        P01 = 21, "P01", "限制入驻会员", "membership not admitted";
        P02 = 22, "P02", "会员等级限制", "membership grade limited";
        P03 = 23, "P03", "取消可信认证", "trust mark withdrawn";
        P04 = 24, "P04", "屏蔽店铺", "shop hidden";
        P05 = 25, "P05", "关闭店铺", "shop closed";
        P06 = 26, "P06", "封号", "user number banned";
        P07 = 27, "P07", "封账", "account frozen";
        P08 = 28, "P08", "公开曝光", "exposed in public";
        P09 = 29, "P09", "清退", "expelled from the platform";
        G01 = 41, "G01", "约谈", "summoned for talks";
        G02 = 42, "G02", "通报", "named in a circular";
        G03 = 43, "G03", "提高检查频次", "inspected more often";
        G04 = 44, "G04", "限制任职", "barred from posts";
        G05 = 45, "G05", "限制经营/融资", "trade and finance restricted";
        G06 = 46, "G06", "信用网站公布", "published on the credit site";
    }
}

impl Measure {
    /// Whether only an authority takes it: a member records it with the number of the authority's document.
    pub const fn is_governmental(self) -> bool {
        self.number() >= 41
    }
}

codes! {
    /// What a member did about a measure.
    Response {
        Applied = 1, "applied", "已采取", "measure applied";
        Declined = 2, "declined", "不采取", "measure declined";
        Acknowledged = 3, "acknowledged", "已接收", "request acknowledged";
    }
}

codes! {
    /// Why a member declined a measure.
    DeclineReason {
        NotHere = 1, "N01", "本平台无此主体", "subject is not here";
        OwnEvidence = 2, "N02", "自有证据不足", "own evidence does not suffice";
        Disputed = 3, "N03", "异议处理中", "listing is disputed";
        Handled = 4, "N04", "已另行处置", "handled otherwise";
        NotApplicable = 5, "N05", "措施不适用", "measure does not apply";
        HumanReview = 6, "N06", "人工复核未通过", "human review decided otherwise";
        Other = 99, "N99", "其他原因", "other cause";
    }
}

codes! {
    /// Where a listing stands in its life: what an asker sees.
    State {
        Reported = 1, "reported", "已报送", "reported alone";
        Confirmed = 2, "confirmed", "已核验", "confirmed listing";
        Lapsed = 3, "lapsed", "逾期未核验", "lapsed unconfirmed";
        Noticed = 4, "noticed", "已通知整改", "rectification demanded";
        Committed = 5, "committed", "已承诺", "rectification promised";
        Rectified = 6, "rectified", "已整改", "rectified subject";
        Overdue = 7, "overdue", "整改逾期", "rectification overdue";
        Escalated = 8, "escalated", "已升级", "escalated case";
        Repaired = 9, "repaired", "已修复移出", "repaired and removed";
        Withdrawn = 10, "withdrawn", "已撤销移出", "withdrawn and removed";
        Expired = 11, "expired", "已到期", "expired listing";
    }
}

codes! {
    /// What is due about a listing.
    Duty {
        Confirm = 1, "confirm", "交叉核验", "corroborate the report";
        Notify = 2, "notify", "送达整改通知书", "serve the notice";
        Commit = 3, "commit", "提交信用承诺书", "hand in the commitment";
        Rectify = 4, "rectify", "完成整改", "finish rectification";
        Escalate = 5, "escalate", "逾期升级", "escalate what is overdue";
        Answer = 6, "answer", "答复异议", "answer the dispute";
        HardStop = 7, "hard-stop", "异议最后期限", "hard stop of the dispute";
        Clear = 8, "clear", "移出名单", "clear the listing";
        Review = 9, "review", "到期复核", "review the listing";
        Expire = 10, "expire", "列入期满", "term of the listing ends";
        Erase = 11, "erase", "清除内容", "erase the contents";
    }
}
