//! control: see the sign to come.
