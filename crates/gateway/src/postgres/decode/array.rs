//! Arrays of one dimension, as text: `{a,"b c",NULL}`.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

pub fn text(text: &str, oid: u32, item: &DataType) -> Result<ScalarValue, String> {
    let values = items(text)?.into_iter().map(|found| match found {
        Some(found) => {
            let value = super::text(&found, oid, item)?;
            super::exactly(value, item)
        }
        None => ScalarValue::try_from(item).map_err(|error| error.to_string()),
    });
    let values = values.collect::<Result<Vec<_>, _>>()?;
    Ok(ScalarValue::List(ScalarValue::new_list_nullable(&values, item)))
}

/// The items' texts; `None` is NULL.
fn items(text: &str) -> Result<Vec<Option<String>>, String> {
    let wrong = || format!("'{text}' is no array: write {{a,b}}");
    let inside = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).ok_or_else(wrong)?;
    if inside.trim().is_empty() {
        return Ok(Vec::new());
    }
    let (mut found, mut item, mut quoted, mut was_quoted) = (Vec::new(), String::new(), false, false);
    let mut characters = inside.chars();
    let ended = |item: &mut String, was_quoted: &mut bool| {
        let text = std::mem::take(item);
        let text = if *was_quoted { text } else { text.trim().to_owned() };
        let null = !std::mem::take(was_quoted) && text.eq_ignore_ascii_case("null");
        if null { None } else { Some(text) }
    };
    while let Some(character) = characters.next() {
        match character {
            '\\' => item.push(characters.next().ok_or_else(wrong)?),
            '"' => {
                quoted = !quoted;
                if quoted && !was_quoted {
                    item.clear();
                }
                was_quoted = true;
            }
            ',' if !quoted => found.push(ended(&mut item, &mut was_quoted)),
            '{' | '}' if !quoted => return Err("arrays of several dimensions are not built".to_owned()),
            _ if !quoted && was_quoted && character.is_whitespace() => {}
            _ => item.push(character),
        }
    }
    if quoted {
        return Err(wrong());
    }
    found.push(ended(&mut item, &mut was_quoted));
    Ok(found)
}
