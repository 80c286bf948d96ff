//! Which column is which: the one table of headings, and the finding of the heading row.

use antibrush_protocol::codes::List;
use antibrush_protocol::subject::{Class, Subject};

use super::{ImportError, Lang, limits::MAX_HEADING_DIGITS};

/// One column that the import understands: its name in both languages and other headings that people give it.
#[derive(Clone, Copy, Debug)]
pub struct Heading {
    /// The column.
    pub column: Column,
    /// The Chinese heading that the template writes.
    pub zh: &'static str,
    /// The English heading that the template writes.
    pub en: &'static str,
    /// Other headings, compared without case, width, spaces, `*`, `-`, `_` and a tail in parentheses.
    pub synonyms: &'static [&'static str],
}

macro_rules! columns {
    ($($(#[$doc:meta])* $name:ident, $zh:literal, $en:literal, [$($synonym:literal),*];)+) => {
        /// The columns of a blacklist file.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Column { $($(#[$doc])* $name,)+ }

        impl Column {
            /// All columns, in the order of the template.
            pub const ALL: &'static [Column] = &[$(Column::$name,)+];
        }

        /// All headings that are understood, in the order of the template.
        pub const HEADINGS: &[Heading] =
            &[$(Heading { column: Column::$name, zh: $zh, en: $en, synonyms: &[$($synonym),*] },)+];
    };
}

columns! {
    /// The class of the subject. Needed, unless the heading of the identifier implies it ([`IMPLIED_CLASSES`]).
    Class, "主体类型", "class", ["类别", "主体类别", "类型", "type", "subject class", "subject type"];
    /// The identifier. Needed.
    Identifier, "主体标识", "identifier", ["标识", "标识符", "主体编号", "subject", "id", "subject id"];
    /// The list; CXH where there is no such column or the cell is empty.
    List, "名单", "list", ["名单类别", "名单类型", "所属名单", "list kind"];
    /// What the subject did. Needed, unless the whole file is of a statutory list.
    Conduct, "失信行为", "conduct", ["行为", "失信行为类型", "行为类型", "conduct code"];
    /// How grave it is.
    Severity, "严重程度", "severity", ["程度"];
    /// The part that the subject took.
    Role, "角色", "role", ["参与角色"];
    /// Which way credit was moved.
    Direction, "方向", "direction", ["炒信方向"];
    /// Six digits of GB/T 2260.
    Region, "属地", "region", ["地区", "行政区划代码", "属地代码", "region code"];
    /// The day of listing.
    Day, "列入日期", "day", ["日期", "认定日期", "列入时间", "认定时间", "date", "listed on", "listing date"];
    /// Who listed it, of a statutory list: the court or the authority.
    Source, "来源", "source", ["认定单位", "认定机关", "列入机关", "执行法院", "作出决定机关", "authority", "issued by", "court"];
    /// The number of the authoritative document. Needed on statutory lists.
    Document, "文号", "document", ["案号", "文书号", "认定文号", "执行案号", "处罚决定书文号", "document number", "case number"];
    /// The last day of the listing.
    Expires, "到期日期", "expires", ["到期日", "有效期至", "expiry", "expires on", "expiry date"];
    /// The version of the rule set by which it was decided.
    Basis, "认定依据", "basis", ["依据", "规则版本", "rule set"];
    /// Where the custodian keeps the evidence; only its salted digest leaves the platform.
    Evidence, "证据编号", "evidence", ["证据", "evidence reference", "case"];
    /// The name of the subject; kept locally unless it is a publishable organisation.
    Name, "主体名称", "name", ["名称", "企业名称", "姓名", "subject name"];
    /// Details for members who hold the identifier themselves: sealed, and nobody else can open them.
    Details, "共享详情", "details", ["密封详情", "详情", "shared details", "sealed details"];
    /// A note for colleagues.
    Note, "备注", "note", ["说明", "notes", "remark", "remarks"];
}

/// Headings that say identifier and class at once, for files about one class. A class column goes before them.
pub const IMPLIED_CLASSES: &[(Class, &[&str])] = &[
    (
        Class::Ent,
        &["统一社会信用代码", "社会信用代码", "信用代码", "uscc", "credit code", "unified social credit code"],
    ),
    (Class::Per, &["身份证号", "身份证号码", "身份证", "公民身份号码", "resident id", "id card", "id number"]),
    (Class::Mob, &["手机号", "手机号码", "手机", "mobile", "mobile number", "phone", "phone number"]),
    (Class::Shp, &["网店", "店铺", "网店编号", "店铺编号", "shop", "shop id"]),
    (Class::Acc, &["账号", "刷手账号", "账户", "account", "account id"]),
    (Class::Web, &["网址", "域名", "网站", "website", "domain"]),
    (Class::Wbl, &["运单号", "快递单号", "waybill", "waybill number"]),
];

impl Column {
    /// The Chinese heading.
    pub fn zh(self) -> &'static str {
        self.entry().zh
    }

    /// The English heading.
    pub fn en(self) -> &'static str {
        self.entry().en
    }

    /// The heading in a language.
    pub fn heading(self, lang: Lang) -> &'static str {
        match lang {
            Lang::Zh => self.zh(),
            Lang::En => self.en(),
        }
    }

    /// The macro writes columns and headings in one order.
    fn entry(self) -> &'static Heading {
        &HEADINGS[self as usize]
    }
}

/// What is read out of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contents {
    /// Listings: class, identifier, conduct and what else the table of headings knows; all on one list if somebody says so.
    Blacklist(Option<List>),
    /// Subjects alone, all of one class if somebody says so; every other column is passed over.
    Subjects(Option<Class>),
}

/// Where each column stands in a file.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// Position of each [`Column`], by its order.
    places: [Option<usize>; HEADINGS.len()],
    /// The class that the identifier's heading implies, when there is no class column, or that somebody said.
    pub(super) implied: Option<Class>,
    /// The list of all rows, if somebody said it.
    pub(super) said: Option<List>,
    /// Number of cells of the heading row.
    pub(super) width: usize,
    /// Headings that mean nothing here.
    pub(super) ignored: Vec<String>,
}

impl Layout {
    /// Where a column stands.
    pub(super) fn place(&self, column: Column) -> Option<usize> {
        self.places[column as usize]
    }

    /// Reads one row as headings. `Err(NoHeadings)` if it has none.
    fn read(row: &[String], said: Option<List>) -> Result<Layout, ImportError> {
        let mut layout =
            Layout { places: [None; HEADINGS.len()], implied: None, said, width: row.len(), ignored: Vec::new() };
        let mut known = 0;
        let mut duplicate = None;
        for (place, text) in row.iter().enumerate() {
            let Some((column, implied)) = recognise(text) else {
                if !text.trim().is_empty() {
                    layout.ignored.push(shown(text));
                }
                continue;
            };
            known += 1;
            match layout.places[column as usize] {
                Some(first) if duplicate.is_none() => {
                    let (first, second) = (shown(&row[first]), shown(text));
                    duplicate = Some(ImportError::DuplicateColumn { column, first, second });
                }
                Some(_) => {}
                None => layout.places[column as usize] = Some(place),
            }
            layout.implied = layout.implied.or(implied);
        }
        // One known word may be a cell of a file without headings ("手机号" is also a class): showing the row would show data.
        if known < 2 {
            return Err(ImportError::NoHeadings);
        }
        if let Some(duplicate) = duplicate {
            return Err(duplicate);
        }
        if layout.place(Column::Class).is_some() {
            layout.implied = None;
        }
        let statutory = said.is_some_and(List::is_statutory);
        let needed: &[Column] = match statutory {
            true => &[Column::Class, Column::Identifier, Column::Document],
            false => &[Column::Class, Column::Identifier, Column::Conduct],
        };
        let is_missing = |column: &Column| {
            layout.place(*column).is_none() && !(*column == Column::Class && layout.implied.is_some())
        };
        let missing: Vec<_> = needed.iter().copied().filter(is_missing).collect();
        if missing.is_empty() {
            return Ok(layout);
        }
        let found = row.iter().filter(|text| !text.trim().is_empty()).map(|text| shown(text)).collect();
        Err(ImportError::MissingColumns { missing, found })
    }

    /// Reads one of these rows as headings of subjects. `Err(NoIdentifiers)` without any heading found if it has none.
    fn read_subjects(rows: &[Vec<String>], index: usize, said: Option<Class>) -> Result<Layout, ImportError> {
        let row = &rows[index];
        let known: Vec<(usize, Column, Option<Class>)> = row
            .iter()
            .enumerate()
            .filter_map(|(place, text)| recognise(text).map(|(column, implied)| (place, column, implied)))
            .collect();
        let is_heading = match known[..] {
            [] => false,
            [(place, column, implied)] => column == Column::Identifier && is_lone_heading(rows, index, place, implied),
            _ => true,
        };
        if !is_heading {
            return Err(ImportError::NoIdentifiers { found: Vec::new() });
        }
        let places = |wanted: Column| known.iter().filter(move |(_, column, _)| *column == wanted);
        let mut identifiers: Vec<_> = places(Column::Identifier).copied().collect();
        let mut classes: Vec<_> = places(Column::Class).copied().collect();
        if said.is_some() {
            // Whoever says the class means the column that says it too ("手机号" beside "id" of customers), if there is one.
            let says_it = identifiers.iter().any(|(_, _, implied)| *implied == said);
            identifiers.retain(|(_, _, implied)| *implied == if says_it { said } else { None });
            classes.clear();
        }
        for same in [&identifiers, &classes] {
            if let [(first, column, _), (second, ..), ..] = same[..] {
                let (first, second) = (shown(&row[first]), shown(&row[second]));
                return Err(ImportError::DuplicateColumn { column, first, second });
            }
        }
        let Some((place, _, implied)) = identifiers.first().copied() else {
            let found = row.iter().filter(|text| !text.trim().is_empty()).map(|text| shown(text)).collect();
            return Err(ImportError::NoIdentifiers { found });
        };
        let class = classes.first().map(|(place, ..)| *place);
        let implied = if class.is_some() { None } else { said.or(implied) };
        if class.is_none() && implied.is_none() {
            return Err(ImportError::NoClass { identifier: shown(&row[place]) });
        }
        let is_ignored = |at: usize| at != place && Some(at) != class && !row[at].trim().is_empty();
        let ignored = (0..row.len()).filter(|at| is_ignored(*at)).map(|at| shown(&row[at])).collect();
        let mut layout = Layout { places: [None; HEADINGS.len()], implied, said: None, width: row.len(), ignored };
        layout.places[Column::Identifier as usize] = Some(place);
        layout.places[Column::Class as usize] = class;
        Ok(layout)
    }

    /// The first of the rows that has all needed headings, with its index; else the most telling error.
    pub(super) fn find(rows: &[Vec<String>], contents: Contents) -> Result<(usize, Layout), ImportError> {
        let is_empty = rows.iter().flatten().all(|text| text.trim().is_empty());
        let none = match contents {
            Contents::Blacklist(_) => ImportError::NoHeadings,
            Contents::Subjects(_) => ImportError::NoIdentifiers { found: Vec::new() },
        };
        let mut best = if is_empty { ImportError::Empty } else { none.clone() };
        for (index, row) in rows.iter().enumerate() {
            let layout = match contents {
                Contents::Blacklist(said) => Layout::read(row, said),
                Contents::Subjects(said) => Layout::read_subjects(rows, index, said),
            };
            match layout {
                Ok(layout) => return Ok((index, layout)),
                Err(error) if best == none => best = error,
                Err(_) => {}
            }
        }
        Err(best)
    }
}

/// Whether a row's only known word is the heading of a column, not a cell of a file without headings: "手机号" is also a
/// class. Such a file has a class above or below it, or the heading of classes, or an identifier beside it.
fn is_lone_heading(rows: &[Vec<String>], index: usize, place: usize, implied: Option<Class>) -> bool {
    let holds_data = |text: &String| {
        let digits = text.chars().filter(|c| c.is_numeric()).count();
        digits > MAX_HEADING_DIGITS || implied.is_some_and(|class| Subject::parse(class, text).is_ok())
    };
    let is_class = |text: &str| {
        Class::parse(text.trim()).is_some() || recognise(text).is_some_and(|(column, _)| column == Column::Class)
    };
    let mut others = rows.iter().enumerate().filter(|(other, _)| *other != index).filter_map(|(_, row)| row.get(place));
    !rows[index].iter().any(holds_data) && !others.any(|text| is_class(text))
}

/// The column that a heading means, and the class that it implies.
fn recognise(text: &str) -> Option<(Column, Option<Class>)> {
    let text = normalise(text);
    if text.is_empty() {
        return None;
    }
    let plain = HEADINGS
        .iter()
        .find(|heading| [heading.zh, heading.en].iter().chain(heading.synonyms).any(|name| normalise(name) == text));
    if let Some(heading) = plain {
        return Some((heading.column, None));
    }
    let implied = IMPLIED_CLASSES.iter().find(|(_, names)| names.iter().any(|name| normalise(name) == text));
    implied.map(|(class, _)| (Column::Identifier, Some(*class)))
}

/// Lower case, half width, without spaces, `*`, `-`, `_` and a tail in parentheses such as "（必填）".
fn normalise(text: &str) -> String {
    let narrow = text.chars().map(|c| match c {
        // The full-width forms lie in the order of ASCII 0x21–0x7E.
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(c as u32 - 0xFEE0).unwrap_or(c),
        other => other,
    });
    let kept = narrow.filter(|c| !c.is_whitespace() && !matches!(c, '*' | '-' | '_' | '\u{FEFF}'));
    kept.take_while(|c| *c != '(').flat_map(char::to_lowercase).collect()
}

/// A heading as it may be shown: at most 24 characters, digits blotted out.
fn shown(text: &str) -> String {
    text.trim().chars().take(24).map(|c| if c.is_numeric() { '#' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_headings_are_the_same_and_the_order_is_the_order_of_the_columns() {
        let mut seen = std::collections::BTreeSet::new();
        for (heading, column) in HEADINGS.iter().zip(Column::ALL) {
            assert_eq!(heading.column, *column);
            assert_eq!(heading.column.zh(), heading.zh);
            for name in [heading.zh, heading.en].iter().chain(heading.synonyms) {
                assert!(seen.insert(normalise(name)), "{name}");
            }
        }
        for name in IMPLIED_CLASSES.iter().flat_map(|(_, names)| names.iter()) {
            assert!(seen.insert(normalise(name)), "{name}");
        }
    }

    #[test]
    fn case_width_spaces_and_tails_do_not_matter() {
        for text in ["Identifier", " ＩＤＥＮＴＩＦＩＥＲ ", "主体 标识", "*主体标识（必填）", "SUBJECT_ID"]
        {
            assert_eq!(recognise(text), Some((Column::Identifier, None)), "{text}");
        }
        assert_eq!(recognise("手机号 (11位)"), Some((Column::Identifier, Some(Class::Mob))));
        assert_eq!(recognise("(x)"), None);
    }
}
