//! The file from which people start.

use std::io::Write;

use super::{Column, CsvEncoding, Format, HEADINGS, Lang, Sheet, SheetError};

/// The identifiers are examples of the standards themselves (GB 32100, GB 11643). The list is CAND, which is never
/// enforceable, so that a forgotten example harms nobody.
const EXAMPLES: [fn(Column, Lang) -> &'static str; 2] = [
    |column, lang| match (column, lang) {
        (Column::Class, Lang::Zh) => "企业",
        (Column::Class, Lang::En) => "ENT",
        (Column::Identifier, _) => "91350100M000100Y43",
        (Column::Conduct, _) => "C01",
        (Column::Severity, Lang::Zh) => "严重",
        (Column::Severity, Lang::En) => "severe",
        (Column::Role, Lang::Zh) => "组织",
        (Column::Role, Lang::En) => "organise",
        (Column::Region, _) => "350100",
        (Column::Name, Lang::Zh) => "示例企业",
        (Column::Name, Lang::En) => "Example Ltd",
        _ => shared(column, lang),
    },
    |column, lang| match (column, lang) {
        (Column::Class, Lang::Zh) => "个人",
        (Column::Class, Lang::En) => "PER",
        (Column::Identifier, _) => "11010519491231002X",
        (Column::Conduct, _) => "C02",
        (Column::Severity, Lang::Zh) => "轻微",
        (Column::Severity, Lang::En) => "minor",
        (Column::Role, Lang::Zh) => "参与",
        (Column::Role, Lang::En) => "take-part",
        (Column::Region, _) => "110105",
        _ => shared(column, lang),
    },
];

fn shared(column: Column, lang: Lang) -> &'static str {
    match (column, lang) {
        (Column::List, Lang::Zh) => "待核验",
        (Column::List, Lang::En) => "CAND",
        (Column::Direction, Lang::Zh) => "增信",
        (Column::Direction, Lang::En) => "up",
        (Column::Day, _) => "2026-11-22",
        (Column::Expires, _) => "2027-05-20",
        (Column::Basis, _) => "2026.1",
        (Column::Evidence, _) => "CASE-0001",
        (Column::Note, Lang::Zh) => "示例，导入前请删除本行",
        (Column::Note, Lang::En) => "example: delete this row before importing",
        _ => "",
    }
}

/// Writes a file with all headings and two example rows.
///
/// # Errors
/// Those of the writer.
pub fn write_template<W: Write>(writer: W, lang: Lang, format: Format) -> Result<(), SheetError> {
    let row = |cell: &dyn Fn(Column) -> &'static str| HEADINGS.iter().map(|h| cell(h.column).to_owned()).collect();
    let sheet = Sheet {
        headings: row(&|column| column.heading(lang)),
        rows: EXAMPLES.iter().map(|example| row(&|column| example(column, lang))).collect(),
    };
    match format {
        Format::CsvUtf8 => sheet.write_csv(writer, CsvEncoding::Utf8Bom),
        Format::CsvGb18030 => sheet.write_csv(writer, CsvEncoding::Gb18030),
        Format::Xlsx => sheet.write_xlsx(writer),
    }
}
