//! The message that binds values to a prepared statement.

use arrow::datatypes::DataType;
use bytes::{Bytes, BytesMut};
use datafusion::common::ScalarValue;
use headwater_query::sqltype::sql_name;

use super::encode::{Column, Form};
use super::failure::{BAD_TEXT, Failure, PROTOCOL};
use super::wire::Body;
use super::{decode, oids};

pub struct Bound {
    pub portal: String,
    pub prepared: String,
    /// As sent; `None` is NULL.
    sent: Vec<(Option<Bytes>, Form)>,
    /// Of the rows.
    pub forms: Vec<Form>,
}

impl Bound {
    pub fn read(mut body: Body) -> Result<Bound, Failure> {
        let (portal, prepared) = (body.text()?, body.text()?);
        let forms = forms(&mut body)?;
        let count = body.count()?;
        if forms.len() > 1 && forms.len() != count {
            return Err(Failure::new(PROTOCOL, format!("{} formats came for {count} values", forms.len())));
        }
        let mut sent = Vec::new();
        for number in 0..count {
            let form = match forms.as_slice() {
                [] => Form::Text,
                [one] => *one,
                each => each[number],
            };
            let value = match usize::try_from(body.int32()?) {
                Ok(length) => Some(body.bytes(length)?),
                Err(_) => None,
            };
            sent.push((value, form));
        }
        Ok(Bound { portal, prepared, sent, forms: self::forms(&mut body)? })
    }

    /// The values for parameters of these types.
    pub fn values(&self, oids: &[u32], wanted: &[DataType]) -> Result<Vec<ScalarValue>, Failure> {
        self.check(wanted.len())?;
        let types = oids.iter().zip(wanted).enumerate();
        let values = self.sent.iter().zip(types);
        let read = values
            .map(|((value, form), (at, (oid, wanted)))| decode::parameter(at + 1, value.clone(), *form, *oid, wanted));
        read.collect()
    }

    /// The values as expressions of SQL.
    pub fn literals(&self, oids: &[u32]) -> Result<Vec<String>, Failure> {
        self.check(oids.len())?;
        let values = self.sent.iter().zip(oids).enumerate();
        values.map(|(at, ((value, form), oid))| literal(at + 1, value.as_ref(), *form, *oid)).collect()
    }

    fn check(&self, parameters: usize) -> Result<(), Failure> {
        if self.sent.len() == parameters {
            return Ok(());
        }
        let message = format!("{} values came for {parameters} parameters", self.sent.len());
        Err(Failure::new(PROTOCOL, message))
    }
}

fn forms(body: &mut Body) -> Result<Vec<Form>, Failure> {
    let count = body.count()?;
    (0..count).map(|_| Form::of_code(body.int16()?)).collect()
}

fn literal(number: usize, value: Option<&Bytes>, form: Form, oid: u32) -> Result<String, Failure> {
    let Some(value) = value else { return Ok("NULL".to_owned()) };
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let Some(arrow) = oids::arrow(oid) else {
        let utf8 = std::str::from_utf8(value);
        return utf8.map(quoted).map_err(|_| Failure::new("22021", format!("parameter ${number} is not UTF-8")));
    };
    let wrong = |error: String| Failure::new(BAD_TEXT, format!("parameter ${number}: {error}"));
    let scalar = decode::parameter(number, Some(value.clone()), form, oid, &arrow)?;
    let array = scalar.to_array().map_err(|error| wrong(error.to_string()))?;
    let mut text = BytesMut::new();
    Column::new(&array)?.write(0, Form::Text, &mut text)?;
    let text = String::from_utf8(text.to_vec()).map_err(|error| wrong(error.to_string()))?;
    Ok(match arrow {
        DataType::Utf8View => quoted(&text),
        DataType::Binary => format!("X'{}'", text.trim_start_matches("\\x")),
        DataType::List(_) => {
            return Err(Failure::not_built("an array as a parameter of a statement other than a query"));
        }
        other => format!("CAST({} AS {})", quoted(&text), sql_name(&other)),
    })
}
