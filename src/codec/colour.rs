//! Colour: code points of ISO/IEC 23091-2, told only when they tell something.

use crate::media::Colour;

const UNSPECIFIED: u8 = Colour::UNSPECIFIED;

/// A description of (primaries, transfer, matrix); `None` when it would say nothing that is not assumed anyway.
pub(super) fn described(points: Option<(u8, u8, u8)>, full_range: bool) -> Option<Colour> {
    let (primaries, transfer, matrix) = points.unwrap_or((UNSPECIFIED, UNSPECIFIED, UNSPECIFIED));
    let silent = [primaries, transfer, matrix] == [UNSPECIFIED; 3] && !full_range;
    (!silent).then_some(Colour { primaries, transfer, matrix, full_range })
}

/// The tail of an AV1 or VP9 codec string; `None` when it may be left out, since every field has its default:
/// BT.709 (said, or for want of anything else) in limited range.
pub(super) fn suffix(colour: Option<Colour>) -> Option<String> {
    const BT709: u8 = 1;
    let Colour { primaries, transfer, matrix, full_range } = colour?;
    let plain = |point: u8| point == BT709 || point == UNSPECIFIED;
    if plain(primaries) && plain(transfer) && plain(matrix) && !full_range {
        return None;
    }
    Some(format!("{primaries:02}.{transfer:02}.{matrix:02}"))
}
