//! A refusal on its way through DataFusion's planner, which has only strings for errors.
//!
//! It travels as an external error and is found again by `diagnose`, with its place and hint.

use std::fmt;

use datafusion::common::DataFusionError;
use headwater_sql::Fault;
use sqlparser::tokenizer::Span;

/// Why a statement is refused, and where.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub fault: Fault,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    pub span: Option<Span>,
}

impl Refusal {
    pub fn new(message: impl Into<String>) -> Refusal {
        Refusal { fault: Fault::Meaning, message: message.into(), detail: None, hint: None, span: None }
    }

    /// An empty span is no place.
    pub fn at(mut self, span: Span) -> Refusal {
        self.span = (span != Span::empty()).then_some(span);
        self
    }

    pub fn fault(mut self, fault: Fault) -> Refusal {
        self.fault = fault;
        self
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Refusal {
        self.hint = Some(hint.into());
        self
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Refusal {
        self.detail = Some(detail.into());
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for DataFusionError {
    fn from(refusal: Refusal) -> DataFusionError {
        DataFusionError::External(Box::new(refusal))
    }
}
