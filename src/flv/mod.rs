//! flv: see the sign to come.
