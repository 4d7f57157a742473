//! Limits on the audience: how many viewers there may be, and how many are counted.

/// Bounds on viewers.
#[derive(Debug, Clone)]
pub struct ViewerLimits {
    /// Viewers of one stream; further ones are refused. Viewers of HLS are who they say they are: one address can seem
    /// to be many, so a low bound lets it shut others out.
    pub per_stream: usize,
    /// Viewers kept count of, at 512 bytes each at most. Those of HLS past it are served and not counted; connections
    /// past it are refused.
    pub total: usize,
    /// The same from one address: it cannot fill the count alone.
    pub per_address: usize,
}

impl Default for ViewerLimits {
    fn default() -> Self {
        Self { per_stream: 100_000, total: 100_000, per_address: 4_096 }
    }
}
