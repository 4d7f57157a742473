//! What becomes of what is sent: how late, how damaged, in which pieces.

use std::time::Duration;

use super::chance::Chance;

/// What one Ethernet frame carries of TCP, about: the unit that is delayed and lost.
const PACKET: u64 = 1_460;

/// How bad one direction is. The default is perfect.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Impairment {
    /// Every packet is this late.
    pub(crate) delay: Duration,
    /// And up to this much later, evenly. TCP stays in order, datagrams do not.
    pub(crate) jitter: Duration,
    /// Most bytes a second.
    pub(crate) rate: Option<u64>,
    /// Probability that a packet is lost: over TCP it comes again after `retransmit`, and all behind it wait.
    pub(crate) loss: f64,
    /// How long a packet takes that is sent again.
    pub(crate) retransmit: Duration,
    /// Probability, of each byte, that one of its bits is turned over.
    pub(crate) flips: f64,
    /// Pieces of at most so many bytes, each written alone; where a rate keeps them apart, they are read so too.
    pub(crate) split: Option<u64>,
    /// Probability that a datagram is sent twice.
    pub(crate) duplicate: f64,
    /// Probability that a datagram is overtaken: it is late by `overtaken` more.
    pub(crate) reorder: f64,
    /// How late a datagram is that others overtake.
    pub(crate) overtaken: Duration,
}

impl Default for Impairment {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            rate: None,
            loss: 0.0,
            retransmit: Duration::from_millis(200),
            flips: 0.0,
            split: None,
            duplicate: 0.0,
            reorder: 0.0,
            overtaken: Duration::from_millis(20),
        }
    }
}

/// Some bytes that share a fate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) bytes: Vec<u8>,
    /// How late it is.
    pub(crate) late: Duration,
    /// How long it holds up all that comes after it too.
    pub(crate) stall: Duration,
}

/// The fates of the bytes of one connection in one direction, in order.
///
/// Each kind of fault has chances of its own, so that one that is turned on does not move the others.
#[derive(Debug)]
pub(crate) struct Fates {
    impairment: Impairment,
    cuts: Chance,
    waits: Chance,
    flips: Chance,
    /// Bytes until the next that is damaged.
    sound: u64,
    /// Bytes left of the packet that is on its way, which is late by so much.
    left: u64,
    late: Duration,
}

impl Fates {
    /// Those of `seed`.
    pub(crate) fn new(seed: u64, impairment: Impairment) -> Self {
        let mut flips = Chance::of(seed, 3);
        let sound = flips.failures(impairment.flips);
        Self {
            cuts: Chance::of(seed, 1),
            waits: Chance::of(seed, 2),
            flips,
            sound,
            left: 0,
            late: Duration::ZERO,
            impairment,
        }
    }

    /// From here on it is as bad as this.
    pub(crate) fn change(&mut self, impairment: &Impairment) {
        if self.impairment == *impairment {
            return;
        }
        if self.impairment.flips != impairment.flips {
            self.sound = self.flips.failures(impairment.flips);
        }
        // A packet on its way stays as it is, but no longer than its kind.
        self.left = self.left.min(impairment.split.unwrap_or(PACKET));
        self.impairment = impairment.clone();
    }

    /// How bad it is now.
    pub(crate) fn impairment(&self) -> &Impairment {
        &self.impairment
    }

    /// Takes apart what comes next.
    pub(crate) fn pieces(&mut self, mut bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let mut stall = Duration::ZERO;
            if self.left == 0 {
                stall = self.packet();
            }
            let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            let (now, rest) = bytes.split_at(length);
            self.left -= length as u64;
            let mut now = now.to_vec();
            self.damage(&mut now);
            pieces.push(Piece { bytes: now, late: self.late, stall });
            bytes = rest;
        }
        pieces
    }

    /// Draws what becomes of the next packet; how long it holds up those behind it.
    fn packet(&mut self) -> Duration {
        let Impairment { delay, jitter, loss, retransmit, split, .. } = self.impairment;
        self.left = match split {
            Some(most) => 1 + self.cuts.below(most.max(1)),
            None => PACKET,
        };
        self.late = delay + jitter.mul_f64(self.waits.unit());
        if self.waits.hits(loss) { retransmit } else { Duration::ZERO }
    }

    /// What becomes of one datagram: the copies that arrive, each with how late it is.
    pub(crate) fn datagram(&mut self, bytes: &[u8]) -> Vec<(Vec<u8>, Duration)> {
        let Impairment { delay, jitter, loss, duplicate, reorder, overtaken, .. } = self.impairment;
        // All is drawn, whatever comes of it: the next datagram's fate does not depend on this one's.
        let lost = self.waits.hits(loss);
        let twice = self.cuts.hits(duplicate);
        let held = if self.cuts.hits(reorder) { overtaken } else { Duration::ZERO };
        let lates = [(); 2].map(|()| delay + jitter.mul_f64(self.waits.unit()) + held);
        let mut bytes = bytes.to_vec();
        self.damage(&mut bytes);
        let copies = if lost { 0 } else { 1 + usize::from(twice) };
        lates.into_iter().take(copies).map(|late| (bytes.clone(), late)).collect()
    }

    fn damage(&mut self, bytes: &mut [u8]) {
        let mut at = 0_u64;
        loop {
            let ahead = (bytes.len() as u64).saturating_sub(at);
            if self.sound >= ahead {
                self.sound = if self.sound == u64::MAX { u64::MAX } else { self.sound - ahead };
                return;
            }
            at += self.sound;
            if let Some(byte) = usize::try_from(at).ok().and_then(|at| bytes.get_mut(at)) {
                *byte ^= 1 << self.flips.below(8);
            }
            at += 1;
            self.sound = self.flips.failures(self.impairment.flips);
        }
    }
}
