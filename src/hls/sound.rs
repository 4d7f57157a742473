//! Sound: the audio tracks of a stream as groups that a player can choose by what it can decode.
//!
//! ```text
//! tracks    a0 AAC   a1 AAC   a2 Opus
//! groups    audio-aac  ─ Audio 1: a0   Audio 2: a1
//!           audio-opus ─ Audio 1: a2   Audio 2: a1     every group has the same members (§4.4.6.1.1)
//! ```
//! A player that does not know one codec of a variant leaves the whole variant out, and Apple's know no Opus: each
//! variant is listed once for every group, with the codecs of that combination alone.

use super::multivariant::{Entry, bandwidth};
use crate::live::Bandwidth;
use crate::m3u8::{Audio, Multivariant};
use crate::media::{AudioCodec, AudioConfig};

/// An audio track with its configuration.
pub(super) type Track<'a> = (&'a Entry, &'a AudioConfig);

/// One group: a track for each of its members.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// GROUP-ID.
    pub(super) id: String,
    members: Vec<Track<'a>>,
    /// How many of them are of its own codec, from the first on.
    own: usize,
}

/// The groups of `tracks`, the one that most players can play first; a lone one has the plain name.
pub(super) fn groups<'a>(tracks: &[Track<'a>]) -> Vec<Group<'a>> {
    let mut codecs: Vec<AudioCodec> = Vec::new();
    for (_, config) in tracks {
        if !codecs.contains(&config.codec) {
            codecs.push(config.codec);
        }
    }
    codecs.sort_by_key(|codec| rank(*codec));
    let of = |codec: AudioCodec| -> Vec<Track<'a>> {
        tracks.iter().filter(|(_, config)| config.codec == codec).copied().collect()
    };
    let own: Vec<(AudioCodec, Vec<Track<'a>>)> = codecs.into_iter().map(|codec| (codec, of(codec))).collect();
    let most = own.iter().map(|(_, members)| members.len()).max().unwrap_or(0);
    let alone = own.len() == 1;
    let first = own.first().map(|(_, members)| members.clone()).unwrap_or_default();
    let group = |(codec, members): (AudioCodec, Vec<Track<'a>>)| {
        // What a group has no encoding of is heard in the first group's, which every player of this group that
        // plays anything can most likely play; and the first group, which has to stay playable, repeats itself.
        let member = |n: usize| members.get(n).or_else(|| first.get(n)).or_else(|| members.first()).copied();
        let id = if alone {
            Multivariant::AUDIO_GROUP.to_owned()
        } else {
            format!("{}-{}", Multivariant::AUDIO_GROUP, word(codec))
        };
        Group { id, own: members.len(), members: (0..most).filter_map(member).collect() }
    };
    own.into_iter().map(group).collect()
}

impl Group<'_> {
    /// The track that is heard unless another is chosen.
    pub(super) fn first(&self) -> Option<&Entry> {
        self.members.first().map(|(entry, _)| *entry)
    }

    /// CODECS of its members, each once.
    pub(super) fn codecs(&self) -> Vec<String> {
        let mut codecs: Vec<String> = Vec::new();
        for (_, config) in &self.members {
            if !codecs.contains(&config.codecs) {
                codecs.push(config.codecs.clone());
            }
        }
        codecs
    }

    /// Of the member that takes most (§4.1: the dearest combination counts).
    pub(super) fn bandwidth(&self) -> Bandwidth {
        let rates = self.members.iter().map(|(entry, _)| bandwidth(&entry.view));
        rates.fold(Bandwidth::default(), |most, rate| Bandwidth {
            peak: most.peak.max(rate.peak),
            average: most.average.max(rate.average),
        })
    }
}

/// EXT-X-MEDIA of every member of every group; `uri` says where a track is. Members of the same place differ in
/// nothing but their URI and channels (§4.4.6.1.1).
pub(super) fn renditions(groups: &[Group<'_>], uri: impl Fn(&Entry) -> String) -> Vec<Audio> {
    let mut names: Vec<String> = Vec::new();
    let mut languages = Vec::new();
    for n in 0..groups.first().map_or(0, |group| group.members.len()) {
        // Told by the first group that has a track of its own there.
        let own = groups.iter().filter(|group| n < group.own).find_map(|group| group.members.get(n));
        // Numbered from 1 for people; a name may stand once in a group.
        let number = n.saturating_add(1);
        let label = own.and_then(|(entry, _)| entry.label.clone());
        let name = label.unwrap_or_else(|| format!("Audio {number}"));
        let twice = names.contains(&name);
        names.push(if twice { format!("{name} {number}") } else { name });
        languages.push(own.and_then(|(entry, _)| entry.language.clone()));
    }
    let line = |group: &Group<'_>, n: usize, (entry, config): &Track<'_>| Audio {
        group: group.id.clone(),
        name: names.get(n).cloned().unwrap_or_default(),
        language: languages.get(n).cloned().flatten(),
        channels: (config.channels > 0).then_some(config.channels),
        default: n == 0,
        uri: uri(entry),
    };
    let all = groups.iter().map(|group| {
        group.members.iter().enumerate().map(|(n, track)| line(group, n, track)).collect::<Vec<_>>()
    });
    all.flatten().collect()
}

/// How few players can decode it: nothing plays where AAC does not, and Apple's players have no Opus.
fn rank(codec: AudioCodec) -> u8 {
    match codec {
        AudioCodec::Aac => 0,
        AudioCodec::Mp3 => 1,
        AudioCodec::Ac3 => 2,
        AudioCodec::Eac3 => 3,
        AudioCodec::Flac => 4,
        AudioCodec::Opus => 5,
    }
}

fn word(codec: AudioCodec) -> &'static str {
    match codec {
        AudioCodec::Aac => "aac",
        AudioCodec::Mp3 => "mp3",
        AudioCodec::Ac3 => "ac3",
        AudioCodec::Eac3 => "eac3",
        AudioCodec::Flac => "flac",
        AudioCodec::Opus => "opus",
    }
}
