//! server: see the sign to come.
