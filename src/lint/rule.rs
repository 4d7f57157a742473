//! The rules: a stable name for each, how bad it is to break it, and where it is written.

use super::finding::Severity;

macro_rules! rules {
    ($($name:ident $severity:ident $id:literal $source:literal $what:literal;)*) => {
        /// A rule that can be broken. Its [`Rule::id`] is stable: scripts and alerts may rely on it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $what] $name,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name, such as `part-over-target`.
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)* }
            }

            /// How bad it is to break it.
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// Where it is written: a section of draft-pantos-hls-rfc8216bis (`§`), a number of Apple's
            /// authoring specification, another RFC, or "practice" where players are known to need it.
            pub fn source(self) -> &'static str {
                match self { $(Self::$name => $source,)* }
            }

            /// What it says, in a sentence.
            pub fn what(self) -> &'static str {
                match self { $(Self::$name => $what,)* }
            }
        }
    };
}

rules! {
    // The text.
    NotUtf8 Error "not-utf8" "§4.1" "A playlist is UTF-8.";
    ByteOrderMark Error "byte-order-mark" "§4.1" "A playlist has no byte order mark.";
    ControlCharacter Error "control-character" "§4.1" "A playlist has no control characters but CR and LF.";
    StrayWhitespace Error "stray-whitespace" "§4.1" "No line begins or ends in white space.";
    NoHeader Error "no-header" "§4.4.1.1" "The first line is #EXTM3U.";
    AttributeMalformed Error "attribute-malformed" "§4.2" "An attribute list is NAME=VALUE, separated by commas alone.";
    AttributeTwice Error "attribute-twice" "§4.2" "An attribute stands once in its list.";
    AttributeType Error "attribute-type" "§4.2" "Strings are quoted, enumerated values and numbers are not.";
    AttributeMissing Error "attribute-missing" "§4.4" "A tag has the attributes that it requires.";
    TagMalformed Error "tag-malformed" "§4.4" "The value of a tag follows its grammar.";
    TagTwice Error "tag-twice" "§4.4.3" "A tag about the whole playlist stands once.";
    VersionTooLow Error "version-too-low" "§8" "EXT-X-VERSION covers every feature used.";
    VersionTooHigh Warning "version-too-high" "§6.2.1" "EXT-X-VERSION is not higher than needed.";
    SequenceLate Error "sequence-late" "§4.4.3.2" "The sequence numbers come before the first segment and before EXT-X-SKIP.";
    TagAfterPart Error "tag-after-part" "§4.4.4.9" "Tags about a segment come before its first part.";
    Unpaired Error "extinf-unpaired" "§4.4.4.1" "EXTINF and the URI of a segment come together.";
    DirectiveInUri Warning "directive-in-uri" "practice" "No URI of a playlist carries a delivery directive.";
    // Durations and sequence numbers.
    NoTargetDuration Error "no-target-duration" "§4.4.3.1" "A media playlist has EXT-X-TARGETDURATION, at least 1.";
    SegmentOverTarget Error "segment-over-target" "§4.4.3.1" "A segment, rounded, is not longer than the target duration.";
    TooFewSegments Warning "too-few-segments" "Apple 8.11" "A live playlist lists six segments.";
    NoDiscontinuitySequence Warning "no-discontinuity-sequence" "Apple 8.17" "A live playlist always has EXT-X-DISCONTINUITY-SEQUENCE.";
    VodWithoutEnd Error "vod-without-end" "§4.4.3.5" "A playlist of type VOD ends.";
    // Parts.
    NoPartInf Error "no-part-inf" "§4.4.3.7" "A playlist with parts has EXT-X-PART-INF.";
    PartOverTarget Error "part-over-target" "§4.4.4.9" "A part is not longer than PART-TARGET.";
    PartTooShort Error "part-too-short" "§4.4.4.9" "A part lasts 85 % of PART-TARGET, unless it is the last, independent, or at a gap.";
    PartsUnlikeSegment Error "parts-unlike-segment" "§3.2" "The parts of a segment last as long as the segment.";
    PartsKeptLong Warning "parts-kept-long" "§6.2.2" "Parts leave the playlist three target durations from its end.";
    PartsOfIframes Warning "parts-of-iframes" "§4.4.4.9" "An I-frame playlist has no parts.";
    NoIndependentPart Warning "no-independent-part" "§4.4.4.9" "Parts with an independent frame say so.";
    UriTwice Error "uri-twice" "§6.2.1" "No two parts or segments have the same URI and range.";
    // What the server offers.
    PartHoldBackMissing Error "part-hold-back-missing" "§4.4.3.8" "With parts there is a PART-HOLD-BACK.";
    PartHoldBackShort Error "part-hold-back-short" "Apple 14.3" "PART-HOLD-BACK is at least three PART-TARGETs.";
    HoldBackShort Error "hold-back-short" "§4.4.3.8" "HOLD-BACK is at least three target durations.";
    CanSkipShort Error "can-skip-short" "§4.4.3.8" "CAN-SKIP-UNTIL is at least six target durations.";
    SkipDaterangesAlone Error "skip-dateranges-alone" "§4.4.3.8" "CAN-SKIP-DATERANGES needs CAN-SKIP-UNTIL.";
    NoBlockingReload Error "no-blocking-reload" "§B.1" "A low-latency server can hold playlist requests.";
    // What comes next, and the others.
    NoPreloadHint Error "no-preload-hint" "§B.1" "A live playlist with parts hints the next one.";
    HintAfterEnd Error "hint-after-end" "§4.4.5.3" "Nothing is hinted once the playlist has ended.";
    HintTwice Warning "hint-twice" "§4.4.5.3" "One hint of each type.";
    HintOfListed Error "hint-of-listed" "§4.4.5.3" "What is hinted is not listed yet.";
    ReportMissing Error "report-missing" "§B.1" "Every other rendition is reported.";
    ReportTwice Warning "report-twice" "§4.4.5.4" "A rendition is reported once.";
    ReportOfItself Error "report-of-itself" "§4.4.5.4" "A playlist does not report itself.";
    ReportAbsolute Error "report-absolute" "§4.4.5.4" "The URI of a report is relative.";
    ReportBehind Error "report-behind" "§B.1" "A report is at most one part behind the rendition.";
    ReportAhead Error "report-ahead" "§4.4.5.4" "A report names only what is listed.";
    // Init sections, dates, metadata.
    NoMap Error "no-map" "§4.4.4.5" "Every fMP4 segment has an init section.";
    MapChangedQuietly Warning "map-changed-quietly" "§4.4.4.3" "A new init section comes with a discontinuity.";
    NoDateTime Error "no-date-time" "Apple 8.4" "A live playlist has dates.";
    DateTimeJump Error "date-time-jump" "§4.4.4.6" "Dates follow the durations to within a frame.";
    DaterangeWithoutDate Error "daterange-without-date" "§4.4.5.1" "A playlist with date ranges has dates.";
    DaterangeReused Error "daterange-reused" "§4.4.5.1" "The attributes of one date range agree.";
    // From one state to the next.
    TargetDurationChanged Error "target-duration-changed" "§6.2.1" "EXT-X-TARGETDURATION never changes.";
    PartTargetChanged Error "part-target-changed" "practice" "PART-TARGET never changes.";
    ServerControlChanged Error "server-control-changed" "practice" "EXT-X-SERVER-CONTROL never changes.";
    SequenceWentBack Error "sequence-went-back" "§6.2.2" "EXT-X-MEDIA-SEQUENCE never decreases.";
    SequenceWrong Error "sequence-wrong" "§6.2.2" "A segment keeps its media sequence number.";
    DiscontinuitySequenceWrong Error "discontinuity-sequence-wrong" "§6.2.2" "EXT-X-DISCONTINUITY-SEQUENCE counts the discontinuities that left.";
    SegmentChanged Error "segment-changed" "§6.2.1" "What is said of a listed segment never changes.";
    DateTimeChanged Error "date-time-changed" "§6.2.1" "The date of a listed segment never changes.";
    DaterangeChanged Error "daterange-changed" "§4.4.5.1" "What is said of a date range never changes.";
    DaterangeLeftEarly Error "daterange-left-early" "§4.4.5.1" "A date range stays until it ends before the playlist.";
    PartChanged Error "part-changed" "§6.2.1" "What is said of a listed part never changes.";
    PartsCameBack Error "parts-came-back" "§6.2.1" "Parts that left do not come back.";
    PartsOutOfOrder Error "parts-out-of-order" "§6.2.2" "Parts leave in the order in which they came.";
    WentBack Error "playlist-went-back" "§6.2.1" "A playlist never lists less than it did.";
    ChangedAfterEnd Error "changed-after-end" "§4.4.3.4" "A playlist that has ended does not change.";
    RemovedTooMuch Error "removed-too-much" "§6.2.2" "Removal leaves three target durations.";
    RemovedFromEvent Error "removed-from-event" "§4.4.3.5" "Nothing leaves a playlist of type EVENT or VOD.";
    HintNotKept Error "hint-not-kept" "§6.2.6" "What was hinted is what comes next.";
    SegmentLate Error "segment-late" "§6.2.1" "A segment comes at most one and a half target durations after the last.";
    PartLate Warning "part-late" "§6.2.1" "A part comes within one PART-TARGET of the last.";
    StateNotAtomic Error "state-not-atomic" "§6.2.1" "One state is the same for everybody.";
    // Delta updates.
    SkipUnasked Error "skip-unasked" "§6.2.5.1" "EXT-X-SKIP answers _HLS_skip alone.";
    SkipTooNear Error "skip-too-near" "§6.2.5.1" "Only what is further than CAN-SKIP-UNTIL from the end is skipped.";
    SkipNothing Warning "skip-nothing" "practice" "Without anything to skip there is no EXT-X-SKIP.";
    SkipAfterEnd Error "skip-after-end" "§6.2.5.1" "A playlist that has ended is sent whole.";
    DeltaDiffers Error "delta-differs" "§6.2.5.1" "A delta merged with what was is the full playlist.";
    // Renditions side by side.
    TargetsDiffer Error "target-durations-differ" "§6.2.4" "All renditions have one target duration.";
    ControlsDiffer Error "server-controls-differ" "§6.2.4" "All renditions have the same EXT-X-SERVER-CONTROL.";
    DiscontinuitiesDiffer Error "discontinuities-differ" "§6.2.4" "Discontinuities are numbered alike in all renditions.";
    DatesDiffer Error "dates-differ" "§6.2.4" "The same content has the same date in all renditions.";
    NotAligned Warning "not-aligned" "practice" "Segments of all renditions begin together, under one number.";
    // Reloads.
    ReloadEarly Error "reload-early" "§6.2.5.2" "A held request is answered once the playlist has what was asked.";
    ReloadLate Warning "reload-late" "§6.2.5.2" "A request is held for at most three target durations.";
    ReloadFailed Error "reload-failed" "§6.2.5.2" "A reload of what is due is answered.";
    OldReloadRefused Error "old-reload-refused" "§6.2.5.2" "A reload of what has left is answered with the playlist.";
    PartAloneTaken Error "part-alone-taken" "§6.2.5.2" "_HLS_part without _HLS_msn is refused with 400.";
    NonsenseTaken Warning "nonsense-taken" "practice" "Directives that are no numbers are refused with 400.";
    FarReloadHeld Warning "far-reload-held" "§6.2.5.2" "A reload from far ahead is refused with 400 at once.";
    // Responses.
    NotFound Error "not-found" "§6.2.2" "What is listed can be fetched.";
    HintRefused Error "hint-refused" "§6.2.6" "A request for what is hinted is held and answered.";
    PartTrickled Error "part-trickled" "§6.2.6" "A part is sent when it is whole, at full speed.";
    ContentType Error "content-type" "§4" "A playlist says that it is one.";
    NotCompressed Error "not-compressed" "§B.1" "Playlists are compressed for whoever takes it.";
    NotHttp2 Error "not-http2" "§B.1" "Low-latency streams over TLS are served by HTTP/2 or later.";
    NoVary Warning "no-vary" "RFC 9110 §12.5.5" "What can be had compressed or not says Vary.";
    IdentityEncoding Warning "identity-encoding" "RFC 9110 §8.4.1" "Content-Encoding is not 'identity'.";
    AgeFromOrigin Warning "age-from-origin" "§B.1" "Age belongs to caches.";
    NoCacheControl Warning "no-cache-control" "§6.2.2" "Responses say how long they keep.";
    PlaylistKeptLong Warning "playlist-kept-long" "§B.1" "A plain playlist keeps for half a target duration.";
    ReloadNotKept Warning "reload-not-kept" "§B.1" "What was held for can be kept by caches.";
    ErrorKeptLong Warning "error-kept-long" "§B.1" "An error keeps for a few target durations at most.";
    MediaNotKept Warning "media-not-kept" "§B.1" "Media can be kept by caches.";
    NoCors Warning "no-cors" "practice" "Any page may play: Access-Control-Allow-Origin, whatever the status.";
    CorsHidesAge Warning "cors-hides-age" "§B.1" "Scripts may read Age: Access-Control-Expose-Headers.";
    MediaRedirected Error "media-redirected" "Apple 8.18" "Media is not redirected.";
    // Media.
    MediaUnreadable Error "media-unreadable" "§3.1.2" "A part is a movie fragment with its data.";
    DurationUntrue Error "duration-untrue" "Apple 8.1" "A part lasts as long as it says, to within a frame.";
    MediaOverTarget Error "media-over-target" "§4.4.4.9" "The media in a part is not longer than PART-TARGET.";
    IndependentUntrue Error "independent-untrue" "§4.4.4.9" "A part that says INDEPENDENT=YES has an independent frame.";
    IndependentUnsaid Warning "independent-unsaid" "§4.4.4.9" "A part with an independent frame says INDEPENDENT=YES.";
    DecodeTimeGap Error "decode-time-gap" "Apple 7.3" "A part begins where the one before it ended.";
    SegmentUnlikeParts Error "segment-unlike-parts" "§3.2" "A segment holds exactly the samples of its parts.";
    InitUnreadable Error "init-unreadable" "§3.1.2" "An init section is ftyp and moov.";
    InitBrand Error "init-brand" "§3.1.2" "The brands of fMP4 include iso6 or later.";
    // The multivariant playlist.
    NoVariant Error "no-variant" "§4.4.6.2" "A multivariant playlist has variants, each with a URI.";
    BandwidthMissing Error "bandwidth-missing" "§4.4.6.2" "Every variant has BANDWIDTH.";
    AverageMissing Error "average-bandwidth-missing" "Apple 9.14" "Every variant has AVERAGE-BANDWIDTH.";
    AverageOverPeak Error "average-over-peak" "§4.4.6.2" "AVERAGE-BANDWIDTH is not above BANDWIDTH.";
    CodecsMissing Error "codecs-missing" "Apple 9.1" "Every variant has CODECS.";
    CodecsIncomplete Error "codecs-incomplete" "§4.4.6.2" "CODECS lists every format of every rendition of the variant.";
    CodecsUntrue Error "codecs-untrue" "§4.4.6.2" "CODECS says what the init section says.";
    ResolutionMissing Error "resolution-missing" "Apple 9.1" "Every video variant has RESOLUTION.";
    ResolutionUntrue Warning "resolution-untrue" "§4.4.6.2" "RESOLUTION is the size to display the video at.";
    FrameRateMissing Error "frame-rate-missing" "Apple 9.1" "Every video variant has FRAME-RATE.";
    FrameRateForm Warning "frame-rate-form" "§4.4.6.2" "FRAME-RATE has three decimals.";
    FrameRateUntrue Warning "frame-rate-untrue" "§4.4.6.2" "FRAME-RATE is that of the video.";
    CaptionsUnsaid Warning "captions-unsaid" "Apple 4.4" "Every variant says CLOSED-CAPTIONS, or NONE.";
    GroupMissing Error "group-missing" "§4.4.6.2.1" "A group that a variant names exists.";
    NameTwice Error "name-twice" "§4.4.6.1.1" "Names of a group differ.";
    DefaultTwice Error "default-twice" "§4.4.6.1.1" "A group has one default.";
    DefaultNotAutoselect Error "default-not-autoselect" "§4.4.6.1" "A default is also AUTOSELECT.";
    BandwidthUnderstated Error "bandwidth-understated" "Apple 9.14" "The measured peak is within 125 % of BANDWIDTH.";
    BandwidthTight Warning "bandwidth-tight" "§4.4.6.2" "The measured peak is within BANDWIDTH.";
    AverageUnderstated Error "average-understated" "Apple 9.14" "The measured average is within 110 % of AVERAGE-BANDWIDTH.";
}
