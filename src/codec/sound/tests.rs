//! Tests of sound.
