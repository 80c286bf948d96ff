//! Statutory lists (`SRC-*`): what a row of a court's or a regulator's list means where it says nothing.
//!
//! Such a row names the organisation, the document and the day; conduct, severity, rules and term follow from the list. The
//! terms are those after which the source itself takes a subject off, so that a list that is not imported again does not
//! outlive it. docs/DOMAIN.md has the table with the sources; a test compares the two.

use antibrush_protocol::{
    codes::{Conduct, List, Severity},
    subject::Class,
};

/// What holds for every row of a statutory list that does not say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statutory {
    /// For what.
    pub conduct: Conduct,
    /// How grave.
    pub severity: Severity,
    /// By which rules the source lists, as their number is cited.
    pub basis: &'static str,
    /// How long a listing holds, counted from its day.
    pub term_days: u32,
}

/// The defaults of a list; `None` of an alliance list.
pub const fn defaults(list: List) -> Option<Statutory> {
    let (conduct, severity, basis, term_days) = match list {
        // 最高人民法院关于公布失信被执行人名单信息的若干规定, art. 2: two years.
        List::SrcCourt => (Conduct::C16, Severity::Ordinary, "法释〔2017〕7号", 2 * 365),
        // 市场主体登记管理条例. A revocation has no end: three years, as long as its representative is barred (公司法 art. 178).
        List::SrcRevoked => (Conduct::C99, Severity::Severe, "国务院令第746号", 3 * 365),
        // 重大税收违法失信主体信息公布管理办法: published for three years.
        List::SrcTax => (Conduct::C99, Severity::Severe, "国家税务总局令第54号", 3 * 365),
        // 海关注册登记和备案企业信用管理办法: two years without a further offence.
        List::SrcCustoms => (Conduct::C99, Severity::Ordinary, "海关总署令第251号", 2 * 365),
        // 市场监督管理严重违法失信名单管理办法: three years.
        List::SrcSerious => (Conduct::C99, Severity::Severe, "国家市场监督管理总局令第44号", 3 * 365),
        List::Cxh | List::Ecb | List::Ecw | List::Red | List::Cand | List::Vic => return None,
    };
    Some(Statutory { conduct, severity, basis, term_days })
}

/// Whether subjects of a class may stand on a list: statutory lists are taken over of organisations alone. A court's list of
/// persons stays with the court: sharing it would count once for each member (法释〔2017〕10号 art. 11).
pub const fn takes(list: List, class: Class) -> bool {
    !list.is_statutory() || matches!(class, Class::Ent)
}

/// The source as it stands in clear in an entry: at most `bytes` of it, cut off with an ellipsis.
pub fn shortened(source: &str, bytes: usize) -> String {
    const ELLIPSIS: &str = "…";
    if source.len() <= bytes {
        return source.to_owned();
    }
    let fits = (0..=bytes.saturating_sub(ELLIPSIS.len())).rev();
    let end = fits.into_iter().find(|end| source.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{ELLIPSIS}", &source[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statutory_list_and_no_other_has_defaults_that_fit() {
        for list in List::ALL.iter().copied() {
            let defaults = defaults(list);
            assert_eq!(defaults.is_some(), list.is_statutory(), "{}", list.code());
            if let Some(Statutory { basis, term_days, .. }) = defaults {
                assert!((1..=64).contains(&basis.len()), "{basis}: ENTRY-8");
                assert!(term_days <= 1830, "ENTRY-3");
            }
        }
    }

    #[test]
    fn the_table_of_the_docs_is_this_one() {
        let docs = include_str!("../../docs/DOMAIN.md");
        for list in List::ALL.iter().copied() {
            let Some(Statutory { conduct, severity, basis, term_days }) = defaults(list) else { continue };
            let row = format!(
                "| `{}` | `{}` {} | `{}` | {basis} | {term_days} |",
                list.code(),
                conduct.code(),
                conduct.zh(),
                severity.code()
            );
            assert!(docs.contains(&row), "{row}");
        }
    }

    #[test]
    fn a_source_is_cut_between_characters() {
        assert_eq!(shortened("北京市朝阳区人民法院", 64), "北京市朝阳区人民法院");
        let long = "新疆维吾尔自治区伊犁哈萨克自治州中级人民法院";
        let short = shortened(long, 64);
        assert_eq!(short, "新疆维吾尔自治区伊犁哈萨克自治州中级人民…".to_owned());
        assert!(short.len() <= 64 && long.len() > 64);
    }
}
