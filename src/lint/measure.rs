//! Measuring media: what a part and an init section hold, read from their boxes.

use mp4_atom::{Codec, Header, Moof, Moov, Pasp, ReadFrom as _, Visual};

/// A movie fragment, or several: a part or a segment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Decode time of the first sample (tfdt), in the track's timescale.
    pub start: u64,
    /// Sum of the samples' durations.
    pub duration: u64,
    /// How many samples.
    pub samples: u64,
    /// Whether any of them is a sync sample.
    pub independent: bool,
    /// The longest sample.
    pub longest: u64,
}

/// An init section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Init {
    /// Ticks a second.
    pub timescale: u32,
    /// Brands of ftyp, the major one first.
    pub brands: Vec<String>,
    /// Width and height to display, of video: with square pixels.
    pub size: Option<(u32, u32)>,
    /// RFC 6381 string as far as the boxes tell: of AVC in full, of others the sample entry.
    pub codec: String,
    /// Duration of a sample where the fragment does not say (trex).
    pub default_duration: Option<u32>,
    /// Flags of a sample where the fragment does not say (trex).
    pub default_flags: Option<u32>,
    /// Sound, of audio.
    pub sound: Option<Sound>,
}

/// What an audio sample entry says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sound {
    /// Channels.
    pub channels: u16,
    /// Samples a second.
    pub rate: u16,
}

/// sample_is_non_sync_sample (ISO/IEC 14496-12 §8.8.3.1).
const NON_SYNC: u32 = 0x0001_0000;

/// Reads an init section: ftyp and moov, in any company. `None` if it is none.
pub fn init(bytes: &[u8]) -> Option<Init> {
    let mut out = Init::default();
    let mut found = false;
    for (kind, body) in boxes(bytes)? {
        match &kind {
            b"ftyp" => {
                let brands = body.chunks_exact(4).enumerate().filter(|(index, _)| *index != 1);
                out.brands = brands.map(|(_, brand)| String::from_utf8_lossy(brand).into_owned()).collect();
            }
            b"moov" => {
                movie(body, &mut out)?;
                found = true;
            }
            _ => {}
        }
    }
    found.then_some(out)
}

fn movie(body: &[u8], out: &mut Init) -> Option<()> {
    let moov = decode::<Moov>(b"moov", body)?;
    let track = moov.trak.first()?;
    out.timescale = track.mdia.mdhd.timescale;
    let trex = moov.mvex.as_ref().and_then(|mvex| mvex.trex.first());
    out.default_duration = trex.map(|trex| trex.default_sample_duration).filter(|duration| *duration > 0);
    out.default_flags = trex.map(|trex| trex.default_sample_flags);
    match track.mdia.minf.stbl.stsd.codecs.first()? {
        Codec::Avc1(avc1) => {
            out.size = Some(shown(&avc1.visual, avc1.pasp.as_ref()));
            let avcc = &avc1.avcc;
            out.codec = format!(
                "avc1.{:02x}{:02x}{:02x}",
                avcc.avc_profile_indication, avcc.profile_compatibility, avcc.avc_level_indication
            );
        }
        Codec::Hvc1(hvc1) => {
            out.size = Some(shown(&hvc1.visual, hvc1.pasp.as_ref()));
            out.codec = "hvc1".to_owned();
        }
        Codec::Hev1(hev1) => {
            out.size = Some(shown(&hev1.visual, hev1.pasp.as_ref()));
            out.codec = "hev1".to_owned();
        }
        Codec::Av01(av01) => {
            out.size = Some(shown(&av01.visual, av01.pasp.as_ref()));
            out.codec = "av01".to_owned();
        }
        Codec::Vp09(vp09) => {
            out.size = Some(shown(&vp09.visual, vp09.pasp.as_ref()));
            out.codec = "vp09".to_owned();
        }
        Codec::Mp4a(mp4a) => {
            let audio = &mp4a.audio;
            out.sound = Some(Sound { channels: audio.channel_count, rate: audio.sample_rate.integer() });
            out.codec = "mp4a".to_owned();
        }
        Codec::Opus(_) => out.codec = "Opus".to_owned(),
        Codec::Flac(_) => out.codec = "fLaC".to_owned(),
        _ => {}
    }
    Some(())
}

/// The size at which pictures are displayed: stretched across by the shape of a pixel (ISO/IEC 14496-12 §12.1.4).
fn shown(visual: &Visual, shape: Option<&Pasp>) -> (u32, u32) {
    let (across, down) = shape.map_or((1, 1), |shape| (shape.h_spacing, shape.v_spacing));
    let (width, down) = (u64::from(visual.width), u64::from(down));
    let stretched = width.saturating_mul(across.into()).saturating_add(down / 2).checked_div(down);
    (
        stretched.and_then(|width| u32::try_from(width).ok()).unwrap_or_else(|| visual.width.into()),
        visual.height.into(),
    )
}

/// Reads a part or a segment; defaults come from its init section. `None` if there is no movie fragment in it,
/// or it is cut off.
pub fn chunk(bytes: &[u8], init: &Init) -> Option<Chunk> {
    let mut out: Option<Chunk> = None;
    for (kind, body) in boxes(bytes)? {
        if &kind == b"moof" {
            fragment(&decode::<Moof>(b"moof", body)?, init, &mut out)?;
        }
    }
    out
}

fn fragment(moof: &Moof, init: &Init, out: &mut Option<Chunk>) -> Option<()> {
    let traf = moof.traf.first()?;
    let start = traf.tfdt.as_ref()?.base_media_decode_time;
    let chunk = out.get_or_insert(Chunk { start, ..Chunk::default() });
    let usual = traf.tfhd.default_sample_duration.or(init.default_duration);
    let flags = traf.tfhd.default_sample_flags.or(init.default_flags).unwrap_or(0);
    for sample in traf.trun.iter().flat_map(|trun| trun.samples.iter()) {
        let duration = u64::from(sample.duration.or(usual)?);
        chunk.duration = chunk.duration.saturating_add(duration);
        chunk.longest = chunk.longest.max(duration);
        chunk.samples = chunk.samples.saturating_add(1);
        chunk.independent |= sample.flags.unwrap_or(flags) & NON_SYNC == 0;
        // A run without any field of its samples can count to 2^32: no part has so many.
        if chunk.samples > 1_000_000 {
            return None;
        }
    }
    Some(())
}

/// A box's type and its body.
type Boxed<'a> = ([u8; 4], &'a [u8]);

/// The boxes of a file, one after another; `None` if the last is cut off.
fn boxes(mut bytes: &[u8]) -> Option<Vec<Boxed<'_>>> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let mut rest = bytes;
        let header = Header::read_from(&mut rest).ok()?;
        let size = header.size.unwrap_or(rest.len());
        let (body, after) = rest.split_at_checked(size)?;
        out.push((header.kind.into(), body));
        bytes = after;
    }
    Some(out)
}

/// Decodes a box from its body, of which nothing is left over.
fn decode<T: mp4_atom::Atom>(kind: &[u8; 4], body: &[u8]) -> Option<T> {
    debug_assert_eq!(&<[u8; 4]>::from(T::KIND), kind, "the box that was found");
    T::decode_body(&mut &*body).ok()
}
