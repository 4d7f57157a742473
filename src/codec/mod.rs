//! codec: see the sign to come.
