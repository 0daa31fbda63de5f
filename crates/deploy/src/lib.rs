//! From declared to running: what a project says, what a data folder has, and the steps from one to the other.
//!
//! [`project`] reads the files; [`inspect`] looks at what they name outside; [`resolve`] settles what they mean, as a pure function; [`plan`] compares that with
//! what runs, into steps that are shown and applied from one list; [`running`] is what runs.

pub mod alerts;
pub mod charts;
pub mod columns;
pub mod error;
pub mod expectations;
pub mod experiments;
pub mod features;
pub mod history;
pub mod inspect;
pub mod models;
pub mod plan;
pub mod project;
pub mod refreshes;
pub mod resolve;
pub mod running;
pub mod runs;
pub mod schedule;
pub mod sinks;
pub mod sources;
pub mod stored;
pub mod system;
pub mod tables;

pub use error::{Error, Result};
pub use inspect::inspect;
pub use plan::{Plan, Step};
pub use project::Project;
pub use resolve::{Declaration, Declared, resolve};
pub use running::{Ground, Running};
pub use tables::Tables;
