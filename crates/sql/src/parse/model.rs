//! `CREATE MODEL`, and the statements about a model's versions.

use sqlparser::tokenizer::Token;

use super::view;
use super::{Cursor, create, lists, names, query, schedule};
use crate::ast::{CreateModel, Expression, Learned, Method, Name, PromoteModel, Schedule, TrainModel, Training};
use crate::{Diagnostics, Options, Result, Span};

const HINT: &str = "the query follows AS; before it stand PREDICT, USING, WITH, RETRAIN and PROMOTE WHEN (…)";

pub(super) fn create(cursor: &mut Cursor<'_>) -> Result<CreateModel, Diagnostics> {
    let create::Opening { start, existing } = create::open(cursor, &["MODEL"])?;
    let name = names::object(cursor, "the model")?;
    if cursor.take(&["FROM"]) {
        cursor.expect(&["ONNX"]).map_err(|refused| refused.with_hint("write FROM ONNX (PATH 'models/churn.onnx')"))?;
        let options = lists::options(cursor)?;
        return Ok(CreateModel { name, existing, from: Learned::Onnx(options) });
    }
    let empty = lists::no_options(cursor, start);
    let mut clauses = Clauses::default();
    while !cursor.take(&["AS"]) {
        if !clauses.read(cursor)? {
            return Err(cursor.expected("AS").with_hint(HINT).into());
        }
    }
    let mut after = cursor.split_off(view::tail(cursor));
    let query = query::query(cursor)?;
    while !after.at_end() {
        let start = after.position();
        if !after.take(&["WITH"]) {
            return Err(after.expected("WITH or the end of the statement").into());
        }
        let options = lists::options(&mut after)?;
        lists::once(&after, start, "WITH", &mut clauses.options, options)?;
    }
    let Some((method, method_span)) = clauses.method else {
        let refused = cursor.error(name.span, format!("model {name} says nothing that learns"));
        return Err(refused.with_hint(format!("add USING, and one of {}", methods())).into());
    };
    let needs_none = matches!(method, Method::RandomCutForest | Method::MatrixFactorization);
    if clauses.predict.is_none() && !needs_none {
        let refused = cursor.error(name.span, format!("model {name} says no column that it learns to tell"));
        return Err(refused.with_hint("add PREDICT and one of the query's columns").into());
    }
    let training = Training {
        predict: clauses.predict,
        method,
        method_span,
        options: clauses.options.unwrap_or(empty),
        retrain: clauses.retrain,
        promote: clauses.promote,
        query,
    };
    training.settings()?;
    Ok(CreateModel { name, existing, from: Learned::Rows(Box::new(training)) })
}

#[derive(Default)]
struct Clauses {
    predict: Option<Name>,
    method: Option<(Method, Span)>,
    options: Option<Options>,
    retrain: Option<Schedule>,
    promote: Option<Expression>,
}

impl Clauses {
    /// False if none of them comes next.
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<bool, Diagnostics> {
        let start = cursor.position();
        if cursor.take(&["PREDICT"]) {
            let column = cursor.name("the name of a column")?;
            lists::once(cursor, start, "PREDICT", &mut self.predict, column)?;
        } else if cursor.take(&["USING"]) {
            let method = method(cursor)?;
            lists::once(cursor, start, "USING", &mut self.method, method)?;
        } else if cursor.take(&["WITH"]) {
            let options = lists::options(cursor)?;
            lists::once(cursor, start, "WITH", &mut self.options, options)?;
        } else if cursor.take(&["RETRAIN"]) {
            let Some(schedule) = schedule::schedule(cursor)? else {
                return Err(cursor.expected(schedule::WORDS).into());
            };
            lists::once(cursor, start, "RETRAIN", &mut self.retrain, schedule)?;
        } else if cursor.take(&["PROMOTE"]) {
            cursor.expect(&["WHEN"])?;
            let condition = condition(cursor)?;
            lists::once(cursor, start, "PROMOTE WHEN", &mut self.promote, condition)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }
}

/// A condition in parentheses, so that it is plain where it ends.
fn condition(cursor: &mut Cursor<'_>) -> Result<Expression, Diagnostics> {
    const HINT: &str = "write the condition in parentheses: PROMOTE WHEN (auc > champion.auc)";
    if !cursor.take_token(&Token::LParen) {
        return Err(cursor.expected("a condition in parentheses").with_hint(HINT).into());
    }
    let condition = query::expression(cursor)?;
    if !cursor.take_token(&Token::RParen) {
        return Err(cursor.expected(")").with_hint(HINT).into());
    }
    Ok(condition)
}

fn method(cursor: &mut Cursor<'_>) -> Result<(Method, Span)> {
    let name = cursor.name("what learns")?;
    let found = Method::ALL.into_iter().find(|method| method.as_str() == name.value);
    found.map(|method| (method, name.span)).ok_or_else(|| {
        let refused = cursor.error(name.span, format!("nothing that learns is called {name}"));
        match crate::nearest(&name.value, Method::ALL.iter().map(|method| method.as_str())) {
            Some(near) => refused.with_hint(format!("did you mean {near}?")),
            None => refused.with_hint(format!("what works: {}", methods())),
        }
    })
}

fn methods() -> String {
    Method::ALL.map(Method::as_str).join(", ")
}

/// `TRAIN MODEL name`
pub(super) fn train(cursor: &mut Cursor<'_>) -> Result<TrainModel, Diagnostics> {
    cursor.expect(&["TRAIN"])?;
    cursor.expect(&["MODEL"])?;
    Ok(TrainModel { name: names::object(cursor, "the model")? })
}

/// `PROMOTE MODEL name VERSION number`
pub(super) fn promote(cursor: &mut Cursor<'_>) -> Result<PromoteModel, Diagnostics> {
    cursor.expect(&["PROMOTE"])?;
    cursor.expect(&["MODEL"])?;
    let name = names::object(cursor, "the model")?;
    cursor.expect(&["VERSION"]).map_err(|refused| refused.with_hint("system.model_versions has the versions"))?;
    let number = match cursor.next() {
        Token::Number(number, false) => number.parse().ok(),
        _ => None,
    };
    let Some(number) = number else { return Err(cursor.expected("the number of a version").into()) };
    cursor.advance();
    Ok(PromoteModel { name, version: Some(number) })
}

/// `ROLLBACK MODEL name`
pub(super) fn rollback(cursor: &mut Cursor<'_>) -> Result<PromoteModel, Diagnostics> {
    cursor.expect(&["ROLLBACK"])?;
    cursor.expect(&["MODEL"])?;
    Ok(PromoteModel { name: names::object(cursor, "the model")?, version: None })
}
