//! TS: an MPEG-2 transport stream of one programme, packet by packet.
//! In:  `Track` and `Frame`.      Out: the packets of each access unit, tables and clock references among them.
//! Belongs here: packets, tables, PES, when a table or a clock reference is due.   Does not: Annex B and ADTS (see codec).
//! Time: the generation's.  Memory: one access unit at a time.  Spec: ISO/IEC 13818-1.

mod coding;
mod packet;
mod pes;
mod program;
mod tables;

pub(super) use self::program::Packets;
