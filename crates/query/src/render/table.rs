//! Rows as an aligned table, as psql shows them.

use arrow::array::Array;
use arrow::array::RecordBatch;
use arrow::datatypes::Schema;

use super::cell;
use crate::Result;

/// Header, rule, rows and their count. NULL is empty; line breaks inside of a value are shown as `\n`.
pub fn table(schema: &Schema, batches: &[RecordBatch], out: &mut Vec<u8>) -> Result<()> {
    let mut widths: Vec<usize> = schema.fields().iter().map(|field| field.name().chars().count()).collect();
    let numbers: Vec<bool> = schema.fields().iter().map(|field| cell::is_number(field.data_type())).collect();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for batch in batches {
        let formatters = batch.columns().iter().map(|column| cell::formatter(column)).collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            let mut texts = Vec::with_capacity(formatters.len());
            for (number, formatter) in formatters.iter().enumerate() {
                let text = if batch.column(number).is_null(row) { String::new() } else { shown(formatter, row)? };
                widths[number] = widths[number].max(text.chars().count());
                texts.push(text);
            }
            rows.push(texts);
        }
    }
    let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
    line(&names, &widths, &numbers, out);
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
    out.extend_from_slice(rule.join("+").as_bytes());
    out.push(b'\n');
    for row in &rows {
        line(row, &widths, &numbers, out);
    }
    let plural = if rows.len() == 1 { "row" } else { "rows" };
    out.extend_from_slice(format!("({} {plural})\n", rows.len()).as_bytes());
    Ok(())
}

fn shown(formatter: &arrow::util::display::ArrayFormatter<'_>, row: usize) -> Result<String> {
    let mut text = Vec::new();
    cell::write(formatter, row, &mut text)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    Ok(if text.contains(['\n', '\r', '\t']) {
        text.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t")
    } else {
        text
    })
}

fn line(texts: &[String], widths: &[usize], numbers: &[bool], out: &mut Vec<u8>) {
    let mut shown = String::new();
    for (number, text) in texts.iter().enumerate() {
        shown.push_str(if number == 0 { " " } else { " | " });
        let padding = " ".repeat(widths[number] - text.chars().count());
        if numbers[number] {
            shown.push_str(&padding);
            shown.push_str(text);
        } else {
            shown.push_str(text);
            shown.push_str(&padding);
        }
    }
    out.extend_from_slice(shown.trim_end().as_bytes());
    out.push(b'\n');
}
