//! cmaf: see the sign to come.
