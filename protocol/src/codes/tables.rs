//! The tables themselves.

use super::codes;

codes! {
    /// The list kinds. Alliance lists are contractual; `SRC-*` lists are statutory lists imported from their sources, never
    /// merged with the others and never shown as them (国办发〔2020〕49号).
    List {
        Cxh = 1, "CXH", "炒信黑名单", "brushing blacklist";
        Ecb = 2, "ECB", "电子商务领域黑名单", "e-commerce blacklist";
        Ecw = 3, "ECW", "重点关注名单", "key watch list";
        Red = 4, "RED", "红名单", "red list";
        Cand = 5, "CAND", "待核验", "candidate";
        Vic = 6, "VIC", "受害/误伤", "victim";
        SrcCourt = 16, "SRC-COURT", "失信被执行人名单", "judgment defaulters";
        SrcRevoked = 17, "SRC-REVOKED", "吊销企业", "revoked enterprises";
        SrcTax = 18, "SRC-TAX", "重大税收违法", "major tax violations";
        SrcCustoms = 19, "SRC-CUSTOMS", "海关失信", "customs defaulters";
        SrcSerious = 20, "SRC-SERIOUS", "严重违法失信", "serious violations";
    }
}

impl List {
    /// Whether a listing on it answers `listed`. CAND is never enforceable, VIC protects and RED praises.
    pub const fn is_enforceable(self) -> bool {
        !matches!(self, List::Red | List::Cand | List::Vic)
    }

    /// Whether it is a statutory list imported from its source.
    pub const fn is_statutory(self) -> bool {
        self.number() >= 16
    }
}

codes! {
    /// What the subject did.
    Conduct {
        C01 = 1, "C01", "刷单炒信/虚构交易", "fake transactions";
        C02 = 2, "C02", "虚假评价", "fake reviews";
        C03 = 3, "C03", "恶意差评", "malicious bad reviews";
        C04 = 4, "C04", "反向刷单", "reverse brushing";
        C05 = 5, "C05", "删除不利评价", "deleting unfavourable reviews";
        C06 = 6, "C06", "空包裹代发/合谋寄递", "empty parcels";
        C07 = 7, "C07", "虚假流量", "fake traffic";
        C08 = 8, "C08", "好评返现/利诱评价", "paid reviews";
        C09 = 9, "C09", "恶意注册", "malicious registration";
        C10 = 10, "C10", "刷单骗补", "subsidy fraud";
        C11 = 11, "C11", "招募刷手/组织平台", "recruiting brushers";
        C12 = 12, "C12", "非法采集滥用泄露倒卖个人信息", "personal data abuse";
        C13 = 13, "C13", "制假售假", "counterfeit goods";
        C14 = 14, "C14", "侵犯知识产权", "intellectual property infringement";
        C15 = 15, "C15", "网络购物合同纠纷", "online shopping contract dispute";
        C16 = 16, "C16", "失信被执行人", "judgment defaulter";
        C17 = 17, "C17", "虚假宣传", "false advertising";
        C18 = 18, "C18", "服务/合同违约", "breach of contract";
        C19 = 19, "C19", "图物不符", "goods differ from pictures";
        C20 = 20, "C20", "价格欺诈", "price fraud";
        C99 = 99, "C99", "其他", "other";
    }
}

codes! {
    /// The part that the subject took.
    Role {
        Organise = 1, "organise", "组织", "organiser";
        TakePart = 2, "take-part", "参与", "participant";
        Assist = 3, "assist", "协助", "assistant";
    }
}

codes! {
    /// Which way the credit of the target was moved.
    Direction {
        Up = 1, "up", "增信", "raise credit";
        Down = 2, "down", "降信", "lower credit";
    }
}

codes! {
    /// How grave the conduct is.
    Severity {
        Minor = 1, "minor", "轻微", "slight";
        Ordinary = 2, "ordinary", "一般", "normal";
        Severe = 3, "severe", "严重", "grave";
    }
}

codes! {
    /// Why a listing was cleared.
    Reason {
        Rectified = 1, "R01", "整改完成", "rectified";
        Repaired = 2, "R02", "信用修复", "credit repaired";
        Mistake = 3, "R03", "误报", "reported by mistake";
        DisputeUpheld = 4, "R04", "异议成立", "dispute upheld";
        Withdrawn = 5, "R05", "撤回", "withdrawn by publisher";
        Duplicate = 6, "R06", "重复", "duplicate";
        SourceRemoved = 7, "R07", "来源名单移出", "removed by its source";
    }
}
