//! Program config element: the channels of a stream whose layout is not one of the numbered ones.

use crate::base::BitReader;
use crate::codec::Error;

use super::config::read;

/// Reads a `program_config_element` (ISO/IEC 14496-3 §4.4.1.1) and counts its channels, at most 92.
pub(super) fn channels(bits: &mut BitReader<'_>) -> Result<u32, Error> {
    const FIELD: &str = "program config";
    // Instance tag, object type and rate index: the record has said them.
    read(bits, 10, FIELD)?;
    let mut sides = [0; 3];
    for count in &mut sides {
        *count = read(bits, 4, FIELD)?;
    }
    let low = read(bits, 2, FIELD)?;
    let data = read(bits, 3, FIELD)?;
    let coupling = read(bits, 4, FIELD)?;
    // Mono, stereo and matrix mixdown, each behind a flag.
    for size in [4, 4, 3] {
        if read(bits, 1, FIELD)? == 1 {
            read(bits, size, FIELD)?;
        }
    }
    let mut channels = low;
    for _ in 0..sides.iter().sum() {
        let pair = read(bits, 1, FIELD)?;
        read(bits, 4, FIELD)?;
        channels = channels.saturating_add(1).saturating_add(pair);
    }
    let tags = low.saturating_add(data).saturating_mul(4).saturating_add(coupling.saturating_mul(5));
    let cut = Error::Truncated { field: FIELD };
    bits.skip(tags as usize).ok_or(cut)?;
    // Alignment counts from the start of the record, which is whole bytes.
    bits.skip(bits.remaining() % 8).ok_or(cut)?;
    let comment = read(bits, 8, "program comment")?;
    bits.skip((comment as usize).saturating_mul(8)).ok_or(Error::Truncated { field: "program comment" })?;
    Ok(channels)
}
