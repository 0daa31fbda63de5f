//! From declared to running: what a project says, what a data folder has, and the steps from one to the other.
//!
//! [`project`] reads the files; [`resolve`] settles what they mean, as a pure function; [`diff`] compares that with
//! what is stored, into steps that are shown and applied from one list.

pub mod diff;
pub mod error;
pub mod project;
pub mod resolve;
pub mod sources;

pub use diff::{Change, Step};
pub use error::{Error, Result};
pub use project::Project;
pub use resolve::{Declared, resolve};
