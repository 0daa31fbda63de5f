//! Crash simulation.
