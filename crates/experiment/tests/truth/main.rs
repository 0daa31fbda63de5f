//! Intervals against effects that are known because they were put in. Seeds are fixed, and bounds are those that a
//! sound implementation misses in one of a million seeds.

#![allow(clippy::unwrap_used, reason = "all of it is tests, helpers too")]

mod chance;
mod coverage;
mod peeking;
mod shop;
mod verdicts;
