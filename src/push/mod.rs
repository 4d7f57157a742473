//! push: see the sign to come.
