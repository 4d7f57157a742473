//! server: see the sign to come.

pub mod web;
