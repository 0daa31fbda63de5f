//! Parameters `$1`, `$2` and so on in statements that are not queries: their values are put into the text.

use sqlparser::tokenizer::Token;

use crate::template::Template;
use crate::tokens::tokenize;
use crate::{Diagnostic, Diagnostics, SourceText, Span};

/// The numbers of the parameters that a text names, with their places.
fn named(source: &SourceText) -> Result<Vec<(usize, Span)>, Diagnostic> {
    let template = Template::verbatim(source);
    let found = tokenize(&template);
    if let Some(broken) = found.broken {
        return Err(broken);
    }
    let mut named = Vec::new();
    for (token, place) in found.tokens.iter().zip(&found.places) {
        let Token::Placeholder(text) = &token.token else { continue };
        let number = text.strip_prefix('$').and_then(|digits| digits.parse().ok()).filter(|number| *number > 0);
        let Some(number) = number else {
            let wrong = Diagnostic::syntax(source.clone(), place.written, format!("{text} is not a parameter"));
            return Err(wrong.with_hint("parameters are $1, $2 and so on"));
        };
        named.push((number, place.written));
    }
    Ok(named)
}

/// The highest number of a parameter in a text; none is 0.
pub fn parameters(source: &SourceText) -> Result<usize, Diagnostics> {
    Ok(named(source)?.into_iter().map(|(number, _)| number).max().unwrap_or(0))
}

/// The text with an expression in place of each parameter; `values` has the first for `$1`.
pub fn fill(source: &SourceText, values: &[String]) -> Result<SourceText, Diagnostics> {
    let (mut text, mut end) = (String::with_capacity(source.text.len()), 0);
    for (number, span) in named(source)? {
        let Some(value) = values.get(number - 1) else {
            return Err(Diagnostic::syntax(source.clone(), span, format!("parameter ${number} has no value")).into());
        };
        text.push_str(&source.text[end..span.start]);
        text.push_str(value);
        end = span.end;
    }
    text.push_str(&source.text[end..]);
    Ok(SourceText::new(source.name.clone(), text))
}
