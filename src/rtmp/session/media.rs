//! Media messages: audio, video, aggregate and data, while publishing.

use bytes::Bytes;

use super::core::{Phase, Session};
use crate::base::ByteReader;
use crate::flv::{self, Metadata, PacketKind, Tag, TagKind};
use crate::media::TrackKind;
use crate::rtmp::chunk::Message;
use crate::rtmp::error::Error;
use crate::rtmp::output::{Discard, Discarded, Output};

impl Session {
    /// Takes an audio or video message.
    pub(super) fn tag(&mut self, kind: TagKind, message: Message) -> Result<(), Error> {
        self.media_at(kind, message.stream, message.timestamp, message.payload)
    }

    /// Takes an aggregate message (§7.1.6): FLV tags one after the other. An aggregate inside one is left out.
    ///
    /// The first tag happened at the message's timestamp, whatever its own says; the others keep their distance
    /// to it. Back pointers are not looked at: encoders get them wrong, and nothing needs them.
    pub(super) fn aggregate(&mut self, message: &Message) -> Result<(), Error> {
        let at = self.reader.consumed();
        let max = self.limits.rtmp.aggregate_tags;
        let mut r = ByteReader::new(&message.payload);
        let mut first = None;
        let mut tags = 0_usize;
        while let Some(head) = read_head(&mut r) {
            tags = tags.saturating_add(1);
            if tags > max {
                return Err(Error::AggregateTags { at, max });
            }
            let body = r.take(head.len).ok_or(Error::AggregateCut { at, len: head.len })?;
            let _back_pointer = r.u32();
            let offset = head.time.wrapping_sub(*first.get_or_insert(head.time));
            let body = message.payload.slice_ref(body);
            match TagKind::from_id(head.kind) {
                Some(TagKind::Script) => {
                    self.data(message.stream, message.timestamp.wrapping_add(offset), &body)?;
                }
                Some(kind) => {
                    self.media_at(kind, message.stream, message.timestamp.wrapping_add(offset), body)?;
                }
                None => {}
            }
            // A tag may have ended the conversation.
            if !matches!(self.phase, Phase::Publishing { .. }) {
                break;
            }
        }
        Ok(())
    }

    /// Takes a data message: metadata is announced, what is timed is handed on, all else is left out. Timed
    /// metadata that is no good ends nothing: nobody's picture depends on it.
    pub(super) fn data(&mut self, stream: u32, timestamp: u32, payload: &[u8]) -> Result<(), Error> {
        match self.phase {
            Phase::Publishing { stream: ours, .. } if ours == stream => {}
            _ => return Ok(()),
        }
        let (reason, bad) = match flv::cue(payload, self.media.near(timestamp), &self.limits.rtmp) {
            Ok(Some(cue)) => {
                self.outbox.push(Output::Cue(Box::new(cue)));
                return Ok(());
            }
            Ok(None) => match Metadata::parse(payload, &self.limits.rtmp) {
                Ok(metadata) => {
                    metadata.into_iter().for_each(|said| self.outbox.push(Output::Announced(said)));
                    return Ok(());
                }
                Err(fault) => (Discard::Metadata(fault), true),
            },
            Err(fault) => (Discard::Cue(fault), false),
        };
        self.outbox.push(Output::Discarded(Discarded { track: None, reason }));
        if bad { self.count_bad() } else { Ok(()) }
    }

    fn media_at(&mut self, kind: TagKind, stream: u32, time: u32, body: Bytes) -> Result<(), Error> {
        let now = self.now;
        match &mut self.phase {
            Phase::Publishing { stream: ours, media, .. } if *ours == stream => *media = Some(now),
            _ => return Ok(()),
        }
        let (kind, parsed) = match kind {
            TagKind::Audio => (TrackKind::Audio, Tag::parse(TagKind::Audio, body)),
            _ => (TrackKind::Video, Tag::parse(TagKind::Video, body)),
        };
        let time = self.media.unwrap(time);
        // A configuration shares its time with the first frame.
        let carries_frame = matches!(&parsed, Ok(Tag::Audio(packets) | Tag::Video(packets))
            if packets.iter().any(|packet| matches!(packet.kind, PacketKind::Frames { .. })));
        if carries_frame && let Some(fault) = self.pace.step(kind, time, now) {
            return Err(Error::Clock(fault));
        }
        let verdict = match parsed {
            Ok(Tag::Audio(packets) | Tag::Video(packets)) => {
                let mut bad = 0_u32;
                for packet in packets {
                    let sound = self.media.take(kind, time, packet, now, &self.limits, &mut self.outbox);
                    bad = bad.saturating_add(u32::from(!sound));
                }
                bad
            }
            Ok(Tag::Script(_)) => 0,
            Err(fault) => u32::from(!self.media.refuse_tag(kind, fault, &mut self.outbox)),
        };
        (0..verdict).try_for_each(|_| self.count_bad())
    }

    /// Counts one bad frame, and gives up on a publisher that sends too many.
    fn count_bad(&mut self) -> Result<(), Error> {
        let max = self.limits.codec.bad_frames;
        if self.media.bad.count(self.now) > max { Err(Error::BadFrames(max)) } else { Ok(()) }
    }
}

/// Header of a tag in an aggregate: FLV's (§E.4.1).
struct TagHead {
    kind: u8,
    len: usize,
    time: u32,
}

fn read_head(r: &mut ByteReader<'_>) -> Option<TagHead> {
    let kind = r.u8()?;
    let len = r.u24()? as usize;
    let (low, high) = (r.u24()?, r.u8()?);
    let _stream = r.u24()?;
    Some(TagHead { kind, len, time: low | (u32::from(high) << 24) })
}
