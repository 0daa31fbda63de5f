//! Errors as PostgreSQL tells them: SQLSTATE, message, detail, hint and the character where the text is wrong.

use bytes::{BufMut, BytesMut};
use headwater_base::ErrorKind;
use headwater_sql::Fault;

use super::wire::{Broken, Wire, put_text};
use crate::{Problem, Reason};

/// What a client is told instead of an answer.
#[derive(Debug, Clone)]
pub struct Failure {
    pub code: &'static str,
    pub message: String,
    pub detail: Option<String>,
    pub hint: Option<String>,
    /// In characters from 1, in the text that the client sent.
    pub position: Option<usize>,
    /// Where in what the client sent it happened.
    pub context: Option<Box<str>>,
}

pub const SYNTAX: &str = "42601";
pub const NOT_BUILT: &str = "0A000";
pub const PROTOCOL: &str = "08P01";
pub const CANCELLED: &str = "57014";
pub const SHUTDOWN: &str = "57P01";
pub const TOO_MANY: &str = "53300";
pub const NO_ENTRY: &str = "28000";
pub const NO_PASSWORD: &str = "28P01";
pub const FAILED_TRANSACTION: &str = "25P02";
pub const ACTIVE_TRANSACTION: &str = "25001";
pub const NO_TRANSACTION: &str = "25P01";
pub const NO_STATEMENT: &str = "26000";
pub const NO_CURSOR: &str = "34000";
pub const DUPLICATE_CURSOR: &str = "42P03";
pub const DUPLICATE_STATEMENT: &str = "42P05";
pub const NO_PARAMETER: &str = "42704";
pub const NO_RELATION: &str = "42P01";
pub const NO_COLUMN: &str = "42703";
pub const NOT_NULL: &str = "23502";
pub const BAD_VALUE: &str = "22023";
pub const BAD_TEXT: &str = "22P02";
pub const BAD_BINARY: &str = "22P03";

impl Failure {
    pub fn new(code: &'static str, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), detail: None, hint: None, position: None, context: None }
    }

    pub fn not_built(what: &str) -> Failure {
        Failure::new(NOT_BUILT, format!("{what} is not supported"))
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }

    pub fn context(mut self, context: impl Into<String>) -> Failure {
        self.context = Some(context.into().into_boxed_str());
        self
    }

    pub fn detail(mut self, detail: impl Into<String>) -> Failure {
        self.detail = Some(detail.into());
        self
    }

    pub fn of(problem: Problem) -> Failure {
        let code = code(&problem);
        let Some(diagnostics) = problem.diagnostics else {
            return Failure { hint: problem.hint, ..Failure::new(code, problem.message) };
        };
        let mut all = diagnostics.0.into_iter();
        let Some(first) = all.next() else {
            return Failure { hint: problem.hint, ..Failure::new(code, problem.message) };
        };
        let before = first.source.text.get(..first.span.start.min(first.source.text.len()));
        let position = before.map(|before| before.chars().count() + 1);
        let others: Vec<String> = all.map(|other| format!("also: {}", other.message)).collect();
        let details: Vec<String> = first.detail.into_iter().chain(others).collect();
        Failure {
            code,
            message: first.message,
            detail: (!details.is_empty()).then(|| details.join("\n")),
            hint: first.hint,
            position,
            context: None,
        }
    }

    /// Sends it as an error. `fatal`: the connection ends with it.
    pub fn send(&self, wire: &mut Wire, fatal: bool) {
        let severity = if fatal { "FATAL" } else { "ERROR" };
        wire.put(b'E', |out| self.fields(out, severity));
    }

    /// Sends it as something to know.
    pub fn notice(&self, wire: &mut Wire, severity: &str) {
        wire.put(b'N', |out| self.fields(out, severity));
    }

    fn fields(&self, out: &mut BytesMut, severity: &str) {
        let mut field = |tag: u8, text: &str| {
            out.put_u8(tag);
            put_text(out, text);
        };
        field(b'S', severity);
        field(b'V', severity);
        field(b'C', self.code);
        field(b'M', &self.message);
        if let Some(detail) = &self.detail {
            field(b'D', detail);
        }
        if let Some(hint) = &self.hint {
            field(b'H', hint);
        }
        if let Some(position) = self.position {
            field(b'P', &position.to_string());
        }
        if let Some(context) = &self.context {
            field(b'W', context);
        }
        out.put_u8(0);
    }
}

impl<E: Into<Problem>> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::of(error.into())
    }
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Failure {
        match broken {
            Broken::Gone => Failure::new("08006", "the client is gone"),
            Broken::Protocol(what) => Failure::new(PROTOCOL, what),
        }
    }
}

/// What DataFusion and Arrow say when an expression fails on the rows that it meets: their errors have no kinds. So
/// do those of the catalog's functions, which come through them.
const RUNNING: &[(&str, &str)] = &[
    ("there is no relation", NO_RELATION),
    ("is not supported", NOT_BUILT),
    ("Divide by zero", "22012"),
    ("divide by zero", "22012"),
    ("Cannot cast", BAD_TEXT),
    ("Can't cast value", "22003"),
    ("Overflow happened", "22003"),
    ("overflow", "22003"),
    ("out of range", "22003"),
];

fn code(problem: &Problem) -> &'static str {
    if let Some(reason) = problem.reason {
        return of_reason(reason);
    }
    let first = problem.diagnostics.as_ref().and_then(|found| found.0.first());
    let message = first.map_or(problem.message.as_str(), |first| first.message.as_str());
    let told = || RUNNING.iter().find(|(words, _)| message.contains(words)).map(|(_, code)| *code);
    match (problem.kind, first.map(|first| first.fault)) {
        (ErrorKind::Conflict, None | Some(Fault::Meaning)) => "55006",
        (ErrorKind::Invalid, Some(Fault::Meaning)) => told().unwrap_or("42000"),
        (ErrorKind::Invalid, None) => told().unwrap_or("22000"),
        (ErrorKind::Invalid | ErrorKind::Conflict, Some(fault)) => of_fault(fault),
        (ErrorKind::Unavailable, _) if message.contains("memory") => "53200",
        (ErrorKind::Unavailable, _) => "57000",
        (ErrorKind::Corrupt, _) => "XX001",
        (ErrorKind::Internal, _) => "XX000",
    }
}

fn of_reason(reason: Reason) -> &'static str {
    match reason {
        Reason::NoValue => NOT_NULL,
        Reason::WrongValue => BAD_TEXT,
        Reason::KeyExists => "23505",
        Reason::TooMuch => "54000",
        Reason::TooManyQueries => TOO_MANY,
        Reason::Cancelled | Reason::TimedOut => CANCELLED,
        Reason::RelationExists => "42P07",
        Reason::Exists => of_fault(Fault::Exists),
        Reason::NoObject => of_fault(Fault::NoObject),
        Reason::DependedOn => "2BP01",
        Reason::WrongKind => of_fault(Fault::WrongKind),
        Reason::NotBuilt => NOT_BUILT,
    }
}

fn of_fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Meaning => "42000",
        Fault::Syntax => SYNTAX,
        Fault::NotBuilt => NOT_BUILT,
        Fault::NoRelation => NO_RELATION,
        Fault::NoColumn => NO_COLUMN,
        Fault::NoFunction => "42883",
        Fault::NoObject => "42704",
        Fault::Ambiguous => "42702",
        Fault::ColumnTwice => "42701",
        Fault::Exists => "42710",
        Fault::WrongKind => "42809",
        Fault::Types => "42804",
        Fault::Option => BAD_VALUE,
    }
}
