//! HTTP/2 frames without end and sense, to a whole server.

mod heard;
mod said;

use std::time::Duration;

use crate::heap;
use crate::http::House;
use crate::steps::Steps;

use self::said::Said;

pub(crate) use self::heard::judge;

/// In which whoever says nothing more is rid of: a minute idle, and what a ping takes that nobody answers.
const BOUND: Duration = Duration::from_secs(100);
/// Memory of a connection at most at a time: pipes of 64 KiB, buffers, and 64 streams with what they send.
const MEMORY: usize = 3 << 20;

/// Frames by steps, behind a preface, to one who reads or does not: what is heard is what a plain reader of frames may
/// hear, the connection ends, by itself where it must, and leaves no task, memory is bounded, and a good request is answered.
pub fn http2(data: &[u8]) {
    let mut steps = Steps(data);
    let how = steps.byte();
    let said = Said::by(how & 2 == 0, &mut steps);
    House::with(|house| {
        let reads = how & 1 == 0;
        // Longer than a request is held.
        let patience = (how & 12 != 0).then_some(Duration::from_secs(7));
        let (heard, most) = heap::of(|| house.endures(&said.pieces, reads, patience, BOUND));
        let all = said.bytes();
        // What was said is in pieces and here, what was heard grows as it comes.
        let beside = 2 * all.len() + 3 * heard.len();
        assert!(most <= MEMORY + beside, "{most} bytes of memory");
        judge(&all, &heard);
        if reads && said.sound {
            heard::answered(&heard, &said.asked);
        }
    });
}

/// Connections that are well, and those that are not.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    said::seeds()
}
