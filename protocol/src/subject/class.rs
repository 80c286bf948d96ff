//! The eleven classes of subjects.

use crate::codes::codes;

codes! {
    /// What kind of identifier a subject is. Each class has one canonical form and its own token key.
    Class {
        Ent = 1, "ENT", "企业", "legal entity";
        Per = 2, "PER", "个人", "person";
        Mob = 3, "MOB", "手机号", "mobile";
        Shp = 4, "SHP", "网店", "shop";
        Acc = 5, "ACC", "账号", "account";
        Pay = 6, "PAY", "支付账户", "payment account";
        Web = 7, "WEB", "炒信平台/空包网", "site";
        App = 8, "APP", "应用", "app";
        Grp = 9, "GRP", "群组", "group";
        Log = 10, "LOG", "物流", "logistics";
        Wbl = 11, "WBL", "运单", "waybill";
    }
}

impl Class {
    /// Whether a subject of this class counts as a person until something else is known. A sole trader (ENT, prefix
    /// 92) is personal although its class is not: ask [`super::Subject::is_personal`] where there is a subject.
    pub const fn is_personal_by_default(self) -> bool {
        !matches!(self, Class::Ent | Class::Web | Class::App)
    }
}
