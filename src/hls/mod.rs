//! hls: see the sign to come.
