//! `rillcast publish FILE... URL`: a file published, or several as tracks of one publish, at real-time pace, with its progress.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use indicatif::{ProgressBar, ProgressStyle};

use super::push::{self, PushError, Step};
use crate::push::{Clip, ClipError, Target, TargetError};

/// How often a line is printed where there is no terminal to draw a bar on.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// What to publish, and where to.
#[derive(Debug, Clone)]
pub struct Options {
    /// MP4 or FLV files: the first one's tracks, and each other's picture, or sound where it has none, as a further
    /// track.
    pub files: Vec<PathBuf>,
    /// `rtmp://HOST[:PORT]/APP/NAME[?QUERY]`, or the same with `rtmps://`.
    pub url: String,
    /// Certificate authorities to trust instead of the system's, as a file in PEM form.
    pub ca: Option<PathBuf>,
    /// Whether to begin again at the end, without a seam, until told to stop.
    pub repeat: bool,
}

/// Why a publish failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL cannot be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The file cannot be read.
    #[error("cannot read {file}: {error}")]
    Read {
        /// The file.
        file: String,
        /// What the system said.
        error: io::Error,
    },
    /// The file cannot be published.
    #[error("cannot publish {file}: {source}")]
    Clip {
        /// The file.
        file: String,
        /// What is wrong with it.
        source: ClipError,
    },
    /// The publish ended in error.
    #[error(transparent)]
    Push(#[from] PushError),
}

impl Error {
    /// The process's exit code: 2 for a URL that is none, else 1.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Target(_) => 2,
            Self::Read { .. } | Self::Clip { .. } | Self::Push(_) => 1,
        }
    }
}

/// Publishes a file, until it ends or `shutdown` completes; both are a success, and unpublish in words.
///
/// # Errors
/// When the file or the URL cannot be used, or the server refuses or goes away.
pub async fn run(options: Options, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
    let target = Target::parse(&options.url)?;
    let mut clips = Vec::new();
    for file in &options.files {
        clips.push(load(file).await?);
    }
    let joined = Clip::join(clips).map_err(|source| Error::Clip { file: "the files".to_owned(), source })?;
    let clip = Arc::new(joined);
    let mut progress = Progress::new(clip.duration(), options.repeat, &target);
    let (ca, report) = (options.ca.as_deref(), |step| progress.step(step));
    let ended = push::drive(&target, ca, clip, options.repeat, shutdown, report).await;
    progress.end();
    Ok(ended?)
}

async fn load(path: &std::path::Path) -> Result<Clip, Error> {
    let file = path.display().to_string();
    let size = tokio::fs::metadata(path).await.map(|metadata| metadata.len());
    match size {
        Err(error) => return Err(Error::Read { file, error }),
        Ok(size) if size > Clip::MAX_FILE => {
            return Err(Error::Clip { file, source: ClipError::TooLarge { limit: Clip::MAX_FILE } });
        }
        Ok(_) => {}
    }
    match tokio::fs::read(path).await {
        Ok(bytes) => Clip::parse(Bytes::from(bytes)).map_err(|source| Error::Clip { file, source }),
        Err(error) => Err(Error::Read { file, error }),
    }
}

/// A bar on a terminal, a line now and then elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
    /// Absent when the clip repeats for ever.
    total: Option<Duration>,
    target: String,
    /// When the next line is due, in media time.
    line_at: Duration,
}

impl Progress {
    fn new(total: Duration, repeat: bool, target: &Target) -> Self {
        let total = (!repeat).then_some(total);
        let bar = io::stderr().is_terminal().then(|| match total {
            Some(total) => {
                let bar = ProgressBar::new(total.as_millis().try_into().unwrap_or(u64::MAX));
                bar.set_style(style(
                    "{msg} {bar:30} {percent:>3} %  {elapsed_precise} of {duration_precise}",
                ));
                bar
            }
            None => {
                let bar = ProgressBar::new_spinner();
                bar.set_style(style("{spinner} {msg} {elapsed_precise}, repeating"));
                bar
            }
        });
        let progress = Self { bar, total, target: target.to_string(), line_at: LINE_EVERY };
        progress.say("connecting to");
        progress
    }

    fn step(&mut self, step: Step) {
        match (step, &self.bar) {
            (Step::Live, _) => self.say("publishing to"),
            (Step::Sent(at), Some(bar)) => bar.set_position(at.as_millis().try_into().unwrap_or(u64::MAX)),
            (Step::Sent(at), None) if at >= self.line_at => {
                self.line_at = at.saturating_add(LINE_EVERY);
                let of = self.total.map(|total| format!(" of {:.1} s", total.as_secs_f64()));
                print(&format!("published {:.1} s{}", at.as_secs_f64(), of.unwrap_or_default()));
            }
            (Step::Sent(_), None) => {}
        }
    }

    fn say(&self, what: &str) {
        let text = format!("{what} {}", self.target);
        match &self.bar {
            Some(bar) => bar.set_message(text),
            None => print(&text),
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A line on standard error; that it is closed is no reason to stop publishing.
fn print(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
