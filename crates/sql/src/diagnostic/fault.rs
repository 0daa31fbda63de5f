//! What kind of mistake a diagnostic tells of, where protocols of others have names for it.

/// As many as are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It was read, and can't mean anything here; there is no nearer name for it.
    Meaning,
    /// The text is no statement.
    Syntax,
    /// The language has it, or others have, and this version has not.
    NotBuilt,
    NoRelation,
    NoColumn,
    NoFunction,
    /// There is no such object of another kind: a type, a secret, a source.
    NoObject,
    /// A column's name stands for two.
    Ambiguous,
    /// Two columns have one name.
    ColumnTwice,
    /// There is an object of that name already.
    Exists,
    /// The object is of a kind that the statement does not take.
    WrongKind,
    /// Values of these types do not go together.
    Types,
    /// An option that is not known, or is missing, or has a value that it does not take.
    Option,
}
