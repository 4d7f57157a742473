//! rtmp: see the sign to come.
