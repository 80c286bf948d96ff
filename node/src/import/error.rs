//! Why a whole file was refused.

use std::io;

use super::limits::{MAX_LINE_BYTES, MAX_UNPACKED_BYTES};
use super::{Column, IMPLIED_CLASSES};
use crate::lang::Zh;

/// The language of a text for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// 中文.
    Zh,
    /// English.
    En,
}

/// Why a file was refused as a whole. The reason and the next step, never a cell's content; headings that were found are
/// shown only with digits blotted out, in case somebody's first row holds data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// No byte, or no row with a cell.
    #[error("the file is empty: export it again, or start from the template")]
    Empty,
    /// Over `MAX_TEXT_BYTES` or `MAX_WORKBOOK_BYTES`.
    #[error("the file is over {} MiB: split it", .limit_bytes >> 20)]
    TooLarge {
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// The file could not be read.
    #[error("the file could not be read ({0}): check that it exists and that the node may read it")]
    Io(io::ErrorKind),
    /// The container of .xls, and of .xlsx with a password.
    #[error("this is an old .xls file or has a password: open it and save it as .xlsx without a password")]
    LegacyXls,
    /// UTF-16, Excel's \"Unicode text\".
    #[error("the text is UTF-16: save it as \"CSV UTF-8\" or as .xlsx")]
    Utf16,
    /// Zero bytes near the beginning.
    #[error("this is neither text nor an Excel workbook: save it as .csv or .xlsx")]
    NotATable,
    /// Bytes that are no text in the encoding of the file.
    #[error("line {line} is not valid {encoding}: save the file as \"CSV UTF-8\" or as .xlsx")]
    MalformedText {
        /// `UTF-8` or `GB18030`.
        encoding: &'static str,
        /// The line, from 1.
        line: u64,
    },
    /// No line break for [`MAX_LINE_BYTES`].
    #[error("line {line} is over {} MiB: this is not a table of rows", MAX_LINE_BYTES >> 20)]
    LineTooLong {
        /// The line, from 1.
        line: u64,
    },
    /// No known heading in the first rows.
    #[error("no headings were found in the first rows: put {expected} above the columns, or start from the template", expected = expected(Lang::En))]
    NoHeadings,
    /// Some headings, but not all that are needed.
    #[error(
        "these columns are missing: {}; found: {}; known: {}",
        columns(.missing, Lang::En), .found.join(", "), expected(Lang::En)
    )]
    MissingColumns {
        /// What is missing.
        missing: Vec<Column>,
        /// The headings of the file.
        found: Vec<String>,
    },
    /// Two headings for one column.
    #[error(
        "\"{first}\" and \"{second}\" both mean the column {}: delete one, or rename it so that it is ignored",
        .column.en()
    )]
    DuplicateColumn {
        /// The column.
        column: Column,
        /// The first heading.
        first: String,
        /// The second heading.
        second: String,
    },
    /// No column of identifiers in a file of subjects.
    #[error(
        "no column of identifiers was found in the first rows{}: put the heading {} above it, or one that says the class \
        too: {}",
        in_headings(.found, Lang::En), Column::Identifier.en(), implying(Lang::En)
    )]
    NoIdentifiers {
        /// The headings of the file, if it has any.
        found: Vec<String>,
    },
    /// A column of identifiers that are of no class, in a file of subjects.
    #[error(
        "nothing says of which class the identifiers under \"{identifier}\" are: add the column {}, or give the class \
        with --class (over HTTP: class=…)",
        Column::Class.en()
    )]
    NoClass {
        /// The heading of the column.
        identifier: String,
    },
    /// A zip file without a workbook in it.
    #[error("this is a zip file but no .xlsx workbook: unpack it, or save the table as .xlsx")]
    NotAWorkbook,
    /// A workbook that can not be read.
    #[error("the workbook is damaged: open it in Excel or WPS and save it again as .xlsx")]
    BrokenWorkbook,
    /// A workbook that unpacks to far too much.
    #[error("the workbook unpacks to over {} MiB or far too well: split it, or save it as .csv", MAX_UNPACKED_BYTES >> 20)]
    WorkbookBomb,
}

impl Zh for ImportError {
    fn zh(&self) -> String {
        self.reason_zh()
    }
}

impl ImportError {
    /// The English sentence.
    pub fn reason_en(&self) -> String {
        self.to_string()
    }

    /// The Chinese sentence.
    pub fn reason_zh(&self) -> String {
        match self {
            ImportError::Empty => "文件是空的：请重新导出，或从模板开始".into(),
            ImportError::TooLarge { limit_bytes } => format!("文件超过 {} MiB：请拆分后再导入", limit_bytes >> 20),
            ImportError::Io(kind) => format!("无法读取文件（{}）：请确认文件存在且节点有读取权限", kind.zh()),
            ImportError::LegacyXls => "这是旧版 .xls 文件或设有密码：请打开后另存为不带密码的 .xlsx".into(),
            ImportError::Utf16 => "文本编码是 UTF-16：请另存为“CSV UTF-8”或 .xlsx".into(),
            ImportError::NotATable => "既不是文本也不是 Excel 工作簿：请另存为 .csv 或 .xlsx".into(),
            ImportError::MalformedText { encoding, line } => {
                format!("第 {line} 行不是有效的 {encoding} 文本：请另存为“CSV UTF-8”或 .xlsx")
            }
            ImportError::LineTooLong { line } => {
                format!("第 {line} 行超过 {} MiB：这不是按行排列的表格", MAX_LINE_BYTES >> 20)
            }
            ImportError::NoHeadings => {
                format!("前几行中没有找到表头：请在各列上方写明{}，或从模板开始", expected(Lang::Zh))
            }
            ImportError::MissingColumns { missing, found } => format!(
                "缺少这些列：{}；文件中有：{}；可识别的列：{}",
                columns(missing, Lang::Zh),
                found.join("、"),
                expected(Lang::Zh)
            ),
            ImportError::DuplicateColumn { column, first, second } => {
                format!("“{first}”和“{second}”都表示“{}”：请删去一列，或改名使其被忽略", column.zh())
            }
            ImportError::NoIdentifiers { found: headings } => format!(
                "前几行中没有找到标识列{}：请在其上方写明表头“{}”，或能同时说明类型的表头：{}",
                in_headings(headings, Lang::Zh),
                Column::Identifier.zh(),
                implying(Lang::Zh)
            ),
            ImportError::NoClass { identifier } => format!(
                "无法得知“{identifier}”列中的标识属于哪个类型：请增加“{}”列，或用 --class 指明（HTTP 接口用 class=…）",
                Column::Class.zh()
            ),
            ImportError::NotAWorkbook => "这是 zip 文件但不是 .xlsx 工作簿：请先解压，或另存为 .xlsx".into(),
            ImportError::BrokenWorkbook => "工作簿已损坏：请用 Excel 或 WPS 打开后重新另存为 .xlsx".into(),
            ImportError::WorkbookBomb => {
                format!("工作簿解压后超过 {} MiB 或压缩比异常：请拆分，或另存为 .csv", MAX_UNPACKED_BYTES >> 20)
            }
        }
    }

    /// Whether another sheet's error says more.
    pub(super) fn tells_little(&self) -> bool {
        match self {
            ImportError::Empty | ImportError::NoHeadings => true,
            ImportError::NoIdentifiers { found } => found.is_empty(),
            _ => false,
        }
    }

    /// The sentence in a language.
    pub fn reason(&self, lang: Lang) -> String {
        match lang {
            Lang::Zh => self.reason_zh(),
            Lang::En => self.reason_en(),
        }
    }
}

impl From<io::Error> for ImportError {
    /// Keeps the kind alone: the message may hold a path.
    fn from(error: io::Error) -> ImportError {
        ImportError::Io(error.kind())
    }
}

fn columns(columns: &[Column], lang: Lang) -> String {
    let names: Vec<_> = columns.iter().map(|column| column.heading(lang)).collect();
    names.join(if lang == Lang::Zh { "、" } else { ", " })
}

fn expected(lang: Lang) -> String {
    columns(Column::ALL, lang)
}

/// One heading of each class that one implies.
fn implying(lang: Lang) -> String {
    let is_chinese = |name: &&&str| !name.is_ascii();
    let name = |(_, names): &(_, &[&'static str])| {
        let mut names = names.iter().filter(|name| is_chinese(name) == (lang == Lang::Zh));
        names.next().copied().unwrap_or_default()
    };
    let names: Vec<&str> = IMPLIED_CLASSES.iter().map(name).collect();
    names.join(if lang == Lang::Zh { "、" } else { ", " })
}

fn in_headings(headings: &[String], lang: Lang) -> String {
    match (headings, lang) {
        ([], _) => String::new(),
        (_, Lang::Zh) => format!("（表头有：{}）", headings.join("、")),
        (_, Lang::En) => format!(" (headings: {})", headings.join(", ")),
    }
}
