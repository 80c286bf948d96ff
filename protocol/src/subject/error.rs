//! Why a text is not a subject of its class, in words for the person who typed it.

/// Declares the defects, each with its sentence in English and Chinese: the reason, then the next step.
macro_rules! defects {
    ($($(#[$doc:meta])* $name:ident, $en:literal, $zh:literal;)+) => {
        /// The one defect because of which a text was refused. It never carries the identifier or a part of it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
        pub enum SubjectError {
            $($(#[$doc])* #[error($en)] $name,)+
        }

        impl SubjectError {
            /// Every defect, in the order of declaration.
            pub const ALL: &'static [SubjectError] = &[$(SubjectError::$name,)+];

            /// The reason and the next step, one Chinese sentence.
            pub const fn reason_zh(self) -> &'static str {
                match self { $(SubjectError::$name => $zh,)+ }
            }

            /// The reason and the next step, one English sentence.
            pub const fn reason_en(self) -> &'static str {
                match self { $(SubjectError::$name => $en,)+ }
            }
        }
    };
}

defects! {
    /// Nothing is left after spaces and separators are taken away. Any class.
    Empty,
        "the identifier is empty: fill it in or leave the row out",
        "标识为空：请填写，或删去这一行";
    /// The text is over [`super::MAX_TEXT_BYTES`], or its id, bundle id or host is over the limit of its class. Any
    /// class.
    TooLong,
        "the identifier is longer than its class allows: check that the cell holds one identifier and nothing else",
        "标识超过该类别允许的长度：请确认单元格中只有一个标识";
    /// A character outside ASCII that is not the full-width form of an ASCII one. ENT, PER, MOB and the id of
    /// `slug:id`.
    NotAscii,
        "the identifier has a character that is no plain letter, digit or sign: type it again in half-width, \
         and give the platform's own id rather than a display name",
        "标识含有普通字母、数字和符号以外的字符：请用半角重新输入，并填写平台内部编号而不是显示名称";
    /// Too few or too many symbols. ENT, PER, MOB.
    WrongLength,
        "the number of characters is wrong (credit code 18, resident ID 18 or 15, mobile number 11): compare \
         it with the original",
        "位数不对（统一社会信用代码 18 位，身份证号 18 或 15 位，手机号 11 位）：请与原件核对";
    /// A symbol that has no place there. ENT, PER, MOB and the id of `slug:id`.
    BadSymbol,
        "the identifier has a character that is not allowed in that place (a credit code has no I, O, S, V or \
         Z, an id has no spaces): compare it with the original, and format the spreadsheet column as text",
        "标识在某一位置含有不允许的字符（信用代码不含 I、O、S、V、Z，编号中不能有空格）：请与原件核对，并将表格列设为文本格式";
    /// The check digit does not match. ENT, PER.
    BadCheckDigit,
        "the check digit does not match, so at least one character is mistyped: compare it with the original",
        "校验码不符，至少有一位输入有误：请与原件核对";
    /// The first two digits of a resident ID are no province. PER.
    NoSuchProvince,
        "the first two digits of the resident ID are not the code of a province: compare it with the original",
        "身份证号前两位不是省级行政区划代码：请与原件核对";
    /// The birth date does not exist or lies outside 1900–2149. PER.
    NoSuchDate,
        "the birth date inside the resident ID does not exist: compare it with the original",
        "身份证号中的出生日期不存在：请与原件核对";
    /// Not a number of a mainland mobile network. MOB.
    NotAMobileNumber,
        "this is not a mainland China mobile number (11 digits that begin with 13 to 19): landline and \
         foreign numbers can not be listed, so use another identifier of the subject",
        "不是中国大陆手机号（以 13 至 19 开头的 11 位数字）：固定电话和境外号码不能列入，请改用该主体的其他标识";
    /// No platform before the colon. SHP, ACC, PAY, GRP, LOG, WBL.
    MissingPlatform,
        "the platform is missing: write platform-slug:id, for example taobao:12345",
        "缺少平台代号：请写成“平台代号:编号”，例如 taobao:12345";
    /// The platform before the colon is not a slug. SHP, ACC, PAY, GRP, LOG, WBL.
    BadPlatformSlug,
        "the platform before the colon is not a slug (1 to 32 letters, digits and hyphens, no hyphen first, no web \
         address): use the slug that the alliance agreed on",
        "冒号前不是平台代号（1 至 32 个字母、数字或连字符，不以连字符开头，不能是网址）：请使用联盟约定的平台代号";
    /// No id after the colon. SHP, ACC, PAY, GRP, LOG, WBL.
    MissingId,
        "there is no id after the platform: write platform-slug:id, for example taobao:12345",
        "平台代号后缺少编号：请写成“平台代号:编号”，例如 taobao:12345";
    /// The bundle id is missing or is not made of dot-separated names. APP.
    BadBundleId,
        "the bundle id before the colon is not made of letters, digits, hyphens and underscores separated by \
         single dots: copy it from the app store or the package",
        "冒号前的应用包名不是由点分隔的字母、数字、连字符和下划线组成：请从应用商店或安装包中复制";
    /// No certificate digest after the bundle id. APP.
    MissingCertificate,
        "the signing certificate is missing: write bundle-id:SHA-256 of the signing certificate",
        "缺少签名证书摘要：请写成“包名:签名证书的 SHA-256”";
    /// The certificate digest is not 64 hexadecimal digits. APP.
    BadCertificateDigest,
        "the certificate digest is not 64 hexadecimal digits: copy the SHA-256 fingerprint, not SHA-1 or MD5",
        "证书摘要不是 64 位十六进制数：请复制 SHA-256 指纹，而不是 SHA-1 或 MD5";
    /// Not a host name under UTS-46 and STD3. WEB.
    BadDomain,
        "this is not a valid domain name: copy the site's address from the browser",
        "不是有效的域名：请从浏览器地址栏复制网址";
    /// A host name without a dot. WEB.
    DomainWithoutDot,
        "a public domain name has at least one dot: write it in full, for example example.com",
        "公网域名至少含有一个点：请写完整，例如 example.com";
    /// An IP address. WEB.
    IpAddress,
        "IP addresses change hands and can not be listed: give the site's domain name",
        "IP 地址会易主，不能列入：请填写网站的域名";
}
