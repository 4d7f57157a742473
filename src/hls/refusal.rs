//! Refusal: why a request is not served, as status, text and cache life.

use super::reply::Cache;

/// Why a request is not served. The texts are fixed: nothing of the request is ever repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 400: directives that do not follow their grammar.
    BadDirective,
    /// 400: a segment or part too far in the future (§6.2.5.2).
    TooFarAhead,
    /// 404: there is no such resource, or no longer; repeatable for this many seconds.
    NotFound(u32),
    /// 404: nothing there now, but there may be.
    NotYet,
    /// 404: a part that was hinted and will not come (§6.2.6).
    Cancelled,
    /// 503: held as long as can be.
    TimedOut,
    /// 503: too many requests are held already.
    Busy,
}

impl Refusal {
    /// A stream, generation or rendition that does not exist. It may be published any moment.
    pub const UNKNOWN: Self = Self::NotFound(1);

    /// HTTP status code.
    pub fn status(self) -> u16 {
        match self {
            Self::BadDirective | Self::TooFarAhead => 400,
            Self::NotFound(_) | Self::NotYet | Self::Cancelled => 404,
            Self::TimedOut | Self::Busy => 503,
        }
    }

    /// Cache-Control. What may be true a moment later is not kept: one cached 404 of a part that comes,
    /// or one 503, would outlive its cause for everybody behind that cache.
    pub fn cache(self) -> Cache {
        match self {
            Self::BadDirective => Cache::Seconds(1),
            Self::NotFound(seconds) => Cache::Seconds(seconds),
            Self::TooFarAhead | Self::NotYet | Self::Cancelled | Self::TimedOut | Self::Busy => {
                Cache::NoStore
            }
        }
    }

    /// Retry-After in seconds, where there is one.
    pub fn retry_after(self) -> Option<u32> {
        (self.status() == 503).then_some(1)
    }

    /// The body, as plain text for people.
    pub fn text(self) -> &'static str {
        match self {
            Self::BadDirective => "malformed delivery directive\n",
            Self::TooFarAhead => "that segment or part is too far in the future\n",
            Self::NotFound(_) => "not found\n",
            Self::NotYet => "not there yet\n",
            Self::Cancelled => "that part will not come\n",
            Self::TimedOut => "nothing new in time, try again\n",
            Self::Busy => "too many requests are waiting, try again\n",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hostile case 61: what is final is immutable, what is future is never stored.
    #[test]
    fn cache_lives_follow_what_may_still_change() {
        assert_eq!(Cache::Immutable.to_string(), "public, max-age=31536000, immutable");
        assert_eq!(Cache::Seconds(12).to_string(), "public, max-age=12");
        assert_eq!(Cache::Shared(12).to_string(), "public, max-age=0, s-maxage=12");
        assert_eq!(Cache::NoStore.to_string(), "no-store");
        for (refusal, status, cache, retry) in [
            (Refusal::BadDirective, 400, "public, max-age=1", None),
            (Refusal::TooFarAhead, 400, "no-store", None),
            (Refusal::NotFound(2), 404, "public, max-age=2", None),
            (Refusal::NotYet, 404, "no-store", None),
            (Refusal::Cancelled, 404, "no-store", None),
            (Refusal::TimedOut, 503, "no-store", Some(1)),
            (Refusal::Busy, 503, "no-store", Some(1)),
        ] {
            assert_eq!((refusal.status(), refusal.retry_after()), (status, retry), "{refusal:?}");
            assert_eq!(refusal.cache().to_string(), cache, "{refusal:?}");
        }
    }
}
