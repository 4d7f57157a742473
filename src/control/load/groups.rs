//! Groups in the file: `[groups.NAME]` with its `members`, and what may not stand together.

use crate::control::fault::{Fault, Origin, SettingsError};
use crate::control::group::DeclaredGroup;
use crate::control::schema;
use crate::control::settings::Settings;
use crate::control::stream::{Policy, Voice};
use crate::media::StreamName;

use super::wrong;

const MEMBERS: &str =
    "a list of 2 to 8 streams, the one that leads first, such as [\"cam_1080\", \"cam_720\"]";
const SOUND: &str = "a list of members, such as [\"cam_1080\", \"commentary\"]";

/// Reads all of `[groups]`.
pub(super) fn read(table: toml::Table, origin: &Origin) -> Result<Vec<DeclaredGroup>, SettingsError> {
    table.into_iter().map(|(name, value)| group(&name, value, origin)).collect()
}

fn group(name: &str, value: toml::Value, origin: &Origin) -> Result<DeclaredGroup, SettingsError> {
    let path = format!("groups.{name}");
    let at = |word: &str| format!("{path}.{word}");
    let toml::Value::Table(table) = value else {
        return Err(wrong(&path, origin, Fault::Expected("a table with `members`")));
    };
    if let Some(word) = table.keys().find(|word| !schema::GROUP_KEYS.contains(&word.as_str())) {
        let near = schema::GROUP_KEYS.iter().min_by_key(|known| strsim::damerau_levenshtein(known, word));
        let suggestion = near.map(|known| at(known));
        return Err(SettingsError::Unknown { key: at(word), origin: origin.clone(), suggestion });
    }
    let name = StreamName::parse(name).map_err(|fault| wrong(&path, origin, fault.into()))?;
    let names = |word: &str, expects| {
        let expected = || wrong(&at(word), origin, Fault::Expected(expects));
        let Some(list) = table.get(word) else { return Ok(None) };
        let list = list.as_array().ok_or_else(expected)?;
        let parse = |(index, name): (usize, &toml::Value)| {
            let place = format!("{}[{index}]", at(word));
            StreamName::parse(name.as_str().ok_or_else(expected)?)
                .map_err(|fault| wrong(&place, origin, fault.into()))
        };
        list.iter().enumerate().map(parse).collect::<Result<Vec<_>, _>>().map(Some)
    };
    let members = names("members", MEMBERS)?.unwrap_or_default();
    if !DeclaredGroup::MEMBERS.contains(&members.len()) {
        return Err(wrong(&at("members"), origin, Fault::Expected(MEMBERS)));
    }
    let leader = members.first().cloned();
    let sound = names("sound", SOUND)?.unwrap_or_else(|| leader.into_iter().collect());
    if let Some(stranger) = sound.iter().find(|one| !members.contains(one)) {
        return Err(wrong(&at("sound"), origin, Fault::NoMember(stranger.to_string())));
    }
    for (word, list) in [("members", &members), ("sound", &sound)] {
        let twice = list.iter().enumerate().find(|(index, one)| list.iter().take(*index).any(|o| o == *one));
        if let Some((_, one)) = twice {
            return Err(wrong(&at(word), origin, Fault::Twice(one.to_string())));
        }
    }
    Ok(DeclaredGroup { name, members, sound })
}

/// Checks the groups with one another and with the streams; what listeners are told of a group's sound is what its
/// members say of theirs.
pub(super) fn finish(settings: &mut Settings) -> Result<(), SettingsError> {
    let fault = |fault| Err(SettingsError::Together(fault));
    for (index, group) in settings.groups.iter().enumerate() {
        let name = || group.name.to_string();
        if settings.streams.iter().any(|stream| stream.name == group.name) {
            return fault(Fault::GroupWithKey(name()));
        }
        for member in &group.members {
            let other = settings.groups.iter().find(|other| other.name == *member);
            if other.is_some() {
                return fault(Fault::GroupInGroup(name(), member.to_string()));
            }
            let earlier = settings.groups.iter().take(index).find(|other| other.members.contains(member));
            if let Some(other) = earlier {
                let both = format!("`{}` and `{}`", other.name, group.name);
                return fault(Fault::TwoGroups(member.to_string(), both));
            }
            let declared = settings.streams.iter().any(|stream| stream.name == *member);
            if !declared && !settings.open_publish {
                return fault(Fault::MemberWithoutKey(name(), member.to_string()));
            }
        }
    }
    for group in &settings.groups {
        let voices = |member| settings.policies.get(member).map(|own: &Policy| own.audio.as_slice());
        let alone = group.sound.len() == 1 && group.sound.first() == group.members.first();
        let audio: Vec<Voice> = if alone {
            group.sound.iter().filter_map(voices).flatten().cloned().collect()
        } else {
            // Numbered by place: of whom nothing is said, nothing can be said of those behind it.
            group.sound.iter().map_while(|member| voices(member)?.first().cloned()).collect()
        };
        settings.policies.insert(group.name.clone(), Policy { audio, ..Policy::default() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::control::Sources;

    const STREAMS: &str = "[[stream]]\nname = \"a\"\nkey = \"key-of-a\"\naudio = [\"de\", \"en\"]\n\
                           [[stream]]\nname = \"b\"\nkey = \"key-of-b\"\naudio = [\"fr\"]\n";

    fn load(text: &str) -> Result<Settings, SettingsError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Sources { file: Some(file.path().into()), ..Sources::default() }.load()
    }

    fn refusal(groups: &str) -> String {
        let text = load(&format!("{groups}\n{STREAMS}")).unwrap_err().to_string();
        assert!(!text.contains('\n') && !text.contains("key-of"), "{text}");
        text
    }

    #[test]
    fn a_group_has_its_members_in_order_and_their_sound() {
        let settings = load(&format!("[groups.cam]\nmembers = [\"b\", \"a\"]\n{STREAMS}")).unwrap();
        let (group, leads) = settings.group_of(&StreamName::parse("b").unwrap()).unwrap();
        assert!(leads && group.name.as_str() == "cam" && group.sound_places() == [0]);
        let voice = |settings: &Settings, index| {
            settings.voice(&StreamName::parse("cam").unwrap(), index).map(|voice| voice.language.clone())
        };
        assert_eq!((voice(&settings, 0).as_deref(), voice(&settings, 1)), (Some("fr"), None));
        let both =
            load(&format!("[groups.cam]\nmembers = [\"a\", \"b\"]\nsound = [\"b\", \"a\"]\n{STREAMS}"));
        let both = both.unwrap();
        assert_eq!(both.groups[0].sound_places(), [1, 0]);
        assert_eq!(voice(&both, 1).as_deref(), Some("de"));
        let (_, leads) = both.group_of(&StreamName::parse("b").unwrap()).unwrap();
        assert!(!leads && both.group_of(&StreamName::parse("cam").unwrap()).is_none());
        let nested = load(&format!("[groups.\"studio/cam\"]\nmembers = [\"a\", \"b\"]\n{STREAMS}"));
        assert_eq!(nested.unwrap().groups[0].name.as_str(), "studio/cam");
    }

    #[test]
    fn what_is_wrong_with_a_group_is_said_with_its_place() {
        for (groups, words) in [
            ("[groups.cam]\nmembers = [\"a\"]", "`groups.cam.members`"),
            ("[groups.cam]\nmembers = \"a\"", "must be a list of 2 to 8 streams"),
            ("[groups.cam]", "`groups.cam.members`"),
            ("[groups.cam]\nmembers = [\"a\", \"b c\"]", "`groups.cam.members[1]`"),
            ("[groups.cam]\nmembers = [\"a\", 3]", "must be a list"),
            ("[groups.\"c m\"]\nmembers = [\"a\", \"b\"]", "`groups.c m`"),
            ("[groups.cam]\nmembers = [\"a\", \"b\", \"a\"]", "names `a` twice"),
            ("[groups.cam]\nmembers = [\"a\", \"b\"]\nsound = [\"c\"]", "`groups.cam.sound`"),
            ("[groups.cam]\nmembres = [\"a\", \"b\"]", "did you mean `groups.cam.members`?"),
            ("[group.cam]\nmembers = [\"a\", \"b\"]", "did you mean `groups.cam.members`?"),
            ("[groups]\ncam = 1", "`groups.cam`"),
            ("[groups.a]\nmembers = [\"a\", \"b\"]", "`a` is a group"),
            ("[groups.cam]\nmembers = [\"a\", \"c\"]", "`c` of group `cam` has no stream key"),
            (
                "[groups.x]\nmembers = [\"a\", \"b\"]\n[groups.y]\nmembers = [\"b\", \"a\"]",
                "both `x` and `y`",
            ),
            ("[groups.x]\nmembers = [\"a\", \"b\"]\n[groups.y]\nmembers = [\"x\", \"a\"]", "group `y`"),
            ("groups = 3", "`groups`"),
        ] {
            let text = refusal(groups);
            assert!(text.contains(words), "{groups}\n{text}");
        }
    }
}
