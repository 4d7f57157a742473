//! Codecs: which ones a peer says it takes beyond those that every player of RTMP does.

use crate::flv::FourCc;
use crate::flv::amf0::Value;

/// `FourCcInfoMask::CanDecode` and `CanForward`: either makes a codec worth sending.
const TAKES: u32 = 1 | 4;
/// Stands for every codec.
const ANY: &str = "*";
/// Codecs remembered: four times as many as there are.
const MOST: usize = 64;

/// The FourCCs that a peer announced in `connect` (Enhanced RTMP v2, "Enhancing NetConnection connect Command").
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Codecs {
    any: bool,
    list: Vec<FourCc>,
}

impl Codecs {
    /// Whether frames of `codec` may be sent with a FourCC.
    pub fn take(&self, codec: FourCc) -> bool {
        self.any || self.list.contains(&codec)
    }

    /// What the properties of `connect` announce: by list, or by maps that say what for.
    pub(super) fn of(properties: &Value<'_>) -> Self {
        let mut codecs = Self::default();
        if let Some(Value::StrictArray(items)) = properties.get("fourCcList") {
            items.iter().filter_map(Value::as_str).for_each(|name| codecs.add(name));
        }
        for map in ["videoFourCcInfoMap", "audioFourCcInfoMap"] {
            let fields = properties.get(map).and_then(Value::fields).unwrap_or_default();
            for (name, mask) in fields {
                let mask = mask.as_number().unwrap_or_default() as u32;
                if mask & TAKES != 0 {
                    codecs.add(name);
                }
            }
        }
        codecs
    }

    fn add(&mut self, name: &str) {
        self.any |= name == ANY;
        if let Ok(code) = <[u8; 4]>::try_from(name.as_bytes())
            && self.list.len() < MOST
            && !self.take(FourCc(code))
        {
            self.list.push(FourCc(code));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_maps_and_wildcards_are_understood_and_nothing_is_taken_from_nobody() {
        let list = Value::StrictArray(vec![Value::String("hvc1"), Value::String("longer"), Value::Null]);
        let map = Value::Object(vec![("Opus", Value::Number(4.0)), ("fLaC", Value::Number(2.0))]);
        let codecs = Codecs::of(&Value::Object(vec![("fourCcList", list), ("audioFourCcInfoMap", map)]));
        let taken = [FourCc::HEVC, FourCc::OPUS, FourCc::FLAC, FourCc::AV1].map(|code| codecs.take(code));
        assert_eq!(taken, [true, true, false, false]);
        let map = Value::Object(vec![("*", Value::Number(1.0))]);
        assert!(Codecs::of(&Value::Object(vec![("videoFourCcInfoMap", map)])).take(FourCc::AV1));
        assert!(!Codecs::of(&Value::Null).take(FourCc::AVC));
    }

    #[test]
    fn a_list_without_end_is_remembered_up_to_a_bound() {
        let names: Vec<String> = (0..1_000).map(|n| format!("{n:04}")).collect();
        let list = Value::StrictArray(names.iter().map(|name| Value::String(name)).collect());
        assert_eq!(Codecs::of(&Value::Object(vec![("fourCcList", list)])).list.len(), MOST);
    }
}
