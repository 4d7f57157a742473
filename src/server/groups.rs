//! Groups: who shares a stream with whom, and what a publish of theirs gets.

use crate::control::{DeclaredGroup, Grant, Settings};
use crate::live::{Error, Group, Registry};
use crate::media::{Now, StreamName};

use super::intake::Place;

/// The groups of one run.
#[derive(Debug)]
pub(super) struct Groups(Vec<(DeclaredGroup, Group)>);

impl Groups {
    /// The groups that are configured; clocks in them may be a segment apart.
    pub(super) fn new(settings: &Settings) -> Self {
        let group = |declared: &DeclaredGroup| {
            let group = Group::new(declared.members.clone(), declared.sound_places(), settings.segment);
            (declared.clone(), group)
        };
        Self(settings.groups.iter().map(group).collect())
    }

    /// The group that `stream` is a member of, and its name.
    pub(super) fn of(&self, stream: &StreamName) -> Option<(&StreamName, &Group)> {
        let (declared, group) = self.0.iter().find(|(declared, _)| declared.members.contains(stream))?;
        Some((&declared.name, group))
    }

    /// What a publish gets that was granted: the stream, or its place in the group.
    ///
    /// # Errors
    /// As [`Registry::publish_on`] and [`Group::join`]; `Group` when it asks for the group itself.
    pub(super) fn place(
        &self,
        registry: &Registry,
        grant: &Grant,
        settings: &Settings,
        now: Now,
    ) -> Result<Place, Error> {
        let Grant { stream, credential } = grant;
        let terms = settings.terms(stream, *credential);
        let Some((declared, group)) = self.0.iter().find(|(declared, _)| declared.members.contains(stream))
        else {
            if self.0.iter().any(|(declared, _)| declared.name == *stream) {
                return Err(Error::Group(stream.clone()));
            }
            return registry.publish_on(stream, terms, now).map(Place::Stream);
        };
        if !declared.led_by(stream) {
            return group.join(stream, terms, now).map(Place::Seat);
        }
        let mut publisher = registry.publish_on(&declared.name, terms, now)?;
        let lead = group.lead(&mut publisher);
        Ok(Place::Lead(publisher, lead))
    }
}
