//! m3u8: see the sign to come.
