//! Rows that were not taken, and the file that tells people why.

use std::io::{self, Write};

use antibrush_protocol::subject::SubjectError;

use super::{Column, Lang};

/// One row that was not taken. It never carries a cell's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The line of the file, or the row of the sheet, from 1. A row with line breaks inside quotes counts from its first.
    pub line: u64,
    /// The column at fault; `None` if it is the row as a whole.
    pub column: Option<Column>,
    /// Why.
    pub reason: RejectReason,
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident, $zh:literal, $en:literal;)+) => {
        /// Why a row was not taken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum RejectReason {
            /// The identifier is none of its class.
            Subject(SubjectError),
            $($(#[$doc])* $name,)+
        }

        impl RejectReason {
            /// All reasons except those of the subject.
            pub const OWN: &'static [RejectReason] = &[$(RejectReason::$name,)+];

            /// One Chinese sentence: the reason and the next step.
            pub fn reason_zh(self) -> &'static str {
                match self {
                    RejectReason::Subject(error) => error.reason_zh(),
                    $(RejectReason::$name => $zh,)+
                }
            }

            /// One English sentence: the reason and the next step.
            pub fn reason_en(self) -> &'static str {
                match self {
                    RejectReason::Subject(error) => error.reason_en(),
                    $(RejectReason::$name => $en,)+
                }
            }
        }
    };
}

reasons! {
    /// A needed cell is empty.
    Missing, "必填项为空：请填写", "the cell is empty but needed: fill it in";
    /// No such class.
    UnknownClass, "没有这个主体类型：请用 ENT、PER、MOB、SHP、ACC、PAY、WEB、APP、GRP、LOG、WBL 或其中文名称",
        "no such class: use ENT, PER, MOB, SHP, ACC, PAY, WEB, APP, GRP, LOG, WBL or their Chinese names";
    /// No such list.
    UnknownList, "没有这个名单：请用 CXH、ECB、ECW、RED、CAND、VIC、SRC-… 或其中文名称",
        "no such list: use CXH, ECB, ECW, RED, CAND, VIC, SRC-… or their Chinese names";
    /// A row of another list than the whole file.
    OtherList, "该行属于另一名单：请与该名单的行一起另行导入，或清空此单元格",
        "the row names another list than --list: import it with the rows of that list, or empty the cell";
    /// A subject that statutory lists do not take.
    NotAnOrganisation, "法定名单（SRC-…）只收企业（ENT）：请删除该行",
        "statutory lists (SRC-…) take organisations (ENT) alone: delete the row";
    /// No such conduct.
    UnknownConduct, "没有这种失信行为：请用 C01 至 C20、C99 或其中文名称",
        "no such conduct: use C01 to C20, C99 or their names";
    /// No such severity.
    UnknownSeverity, "没有这种严重程度：请用 轻微、一般、严重", "no such severity: use minor, ordinary or severe";
    /// No such role.
    UnknownRole, "没有这种角色：请用 组织、参与、协助", "no such role: use organise, take-part or assist";
    /// No such direction.
    UnknownDirection, "没有这种方向：请用 增信、降信", "no such direction: use up or down";
    /// Not six digits with the prefix of a province.
    NotARegion, "属地不是六位行政区划代码（GB/T 2260）：例如 330100",
        "the region is no six-digit code of GB/T 2260: write for example 330100";
    /// Not a date, or outside 1970–2149.
    NotADate, "不是有效日期：请写成 2026-11-22", "this is no date: write it as 2026-11-22";
    /// The listing ends before it begins.
    ExpiresBeforeDay, "到期日期早于列入日期：请核对两个日期", "it expires before its day: compare the two dates";
    /// A number of more than 15 digits in Excel, or scientific notation in text.
    RoundedNumber, "Excel 已将长数字四舍五入，原值已丢失：请将该列设为文本格式后从原始数据重新填写",
        "Excel has rounded this long number and the original is lost: format the column as text and fill it in again";
    /// Excel made a date of a cell.
    TurnedIntoDate, "Excel 已将该单元格变成日期：请将该列设为文本格式后重新填写",
        "Excel has turned this cell into a date: format the column as text and fill it in again";
    /// `#REF!`, `#N/A` and the like.
    FormulaError, "单元格是公式错误（如 #REF!）：请修正公式或填写值",
        "the cell holds a formula error such as #REF!: correct it or fill in the value";
    /// Over the limit of its column.
    TooLong, "文字过长：请缩短", "the text is too long: shorten it";
    /// Tab, bell and the like inside a text.
    ControlCharacter, "含有不可见的控制字符：请删除后重新输入", "there is an invisible control character: type the text again";
    /// A quote that is never closed.
    UnclosedQuote, "双引号没有闭合：请补上引号，或写成两个双引号",
        "a quotation mark is never closed: close it, or double it if it is meant";
    /// Text after a closing quote.
    StrayQuote, "双引号后还有文字：单元格内的双引号请写成两个",
        "text follows a closing quotation mark: double the marks that belong to the text";
    /// More cells than headings.
    TooManyCells, "单元格多于表头：含有分隔符的文字请加双引号",
        "there are more cells than headings: put quotation marks around texts that contain the separator";
    /// Over `MAX_ROW_BYTES`.
    RowTooLong, "整行过长：请确认每行只有一条记录", "the row is too long: check that each line holds one record";
    /// The file changed while it was read.
    NotText, "该行不是有效文本：请重新导出文件", "the row is not valid text: export the file again";
}

impl RejectReason {
    /// The sentence in a language.
    pub fn reason(self, lang: Lang) -> &'static str {
        match lang {
            Lang::Zh => self.reason_zh(),
            Lang::En => self.reason_en(),
        }
    }
}

/// Writes rejects as a CSV file that Excel opens rightly (UTF-8 with BOM): line, column, reason.
///
/// # Errors
/// Those of the writer.
pub fn write_rejects<'a, W: Write>(
    mut writer: W,
    rejects: impl IntoIterator<Item = &'a Reject>,
    lang: Lang,
) -> io::Result<()> {
    writer.write_all(b"\xEF\xBB\xBF")?;
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(writer);
    csv.write_record(match lang {
        Lang::Zh => ["行号", "列", "原因"],
        Lang::En => ["line", "column", "reason"],
    })?;
    let whole_row = if lang == Lang::Zh { "整行" } else { "row" };
    for reject in rejects {
        let column = reject.column.map_or(whole_row, |column| column.heading(lang));
        csv.write_record([reject.line.to_string().as_str(), column, reject.reason.reason(lang)])?;
    }
    csv.flush()
}
