//! The front door: parse flags, run, exit code.

use std::io::{self, Write};
use std::num::NonZero;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use rillcast::control::{
    DeclaredGroup, KeyHash, Settings, SettingsError, Sources, Value, check_key, generate_key,
};
use rillcast::media::StreamName;
use rillcast::obs::{Canvas, Encoder, Endpoint};
use rillcast::server::{self, Activated, inspect, obs_profile, publish};

/// A live media server in one binary: RTMP in, Low-Latency HLS out.
#[derive(Parser)]
#[command(name = "rillcast", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Take streams from encoders and serve them to players.
    Serve(Serve),
    /// Check a configuration and say what would run.
    Check(Serve),
    /// Publish a file over RTMP at real-time pace, or several as the rungs of a ladder.
    Publish {
        /// MP4 files, or FLV files with any codec and any number of tracks. Of a further file the picture is a
        /// further track, or its sound where it has no picture.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Where to: rtmp://HOST/live/NAME?key=KEY, or rtmp://HOST/live/KEY; rtmps:// for TLS.
        url: String,
        /// Begin again at the end, without a seam, until stopped.
        #[arg(long)]
        repeat: bool,
        /// Trust the certificate authorities in this file (PEM) instead of the system's, for rtmps://.
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
    },
    /// Follow an HLS stream as a strict player would, and report every rule that it breaks.
    Inspect {
        /// A multivariant or media playlist: http://HOST:8080/live/NAME/index.m3u8.
        url: String,
        /// For how long.
        #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = span)]
        span: Duration,
        /// Report in JSON.
        #[arg(long)]
        json: bool,
        /// Trust the certificate authorities in this file (PEM) instead of the system's.
        #[arg(long, value_name = "FILE")]
        ca: Option<PathBuf>,
    },
    /// Write a folder that OBS Studio imports as a profile, which sends several renditions of one picture.
    ObsProfile(ObsProfile),
    /// Print a new stream key and its hash for the configuration file.
    Key {
        /// Hash this key instead of making one; `-` reads it from standard input.
        #[arg(long, value_name = "KEY")]
        hash: Option<String>,
    },
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Args)]
struct ObsProfile {
    /// The stream, after which the profile is called.
    #[arg(value_parser = stream_name)]
    name: StreamName,
    /// Where OBS is to publish: rtmp://HOST/live.
    #[arg(long, value_name = "URL", value_parser = endpoint)]
    server: Endpoint,
    /// The stream key; `-` reads it from standard input. Without it, it is filled in in OBS.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Which encoders the machine has: x264, nvenc, amf, qsv, vaapi or videotoolbox.
    #[arg(long, default_value = "x264", value_parser = encoder)]
    encoder: Encoder,
    /// OBS's picture.
    #[arg(long, value_name = "SIZE@RATE", default_value = "1920x1080@60", value_parser = canvas)]
    canvas: Canvas,
    /// Most kilobits per second of all renditions and the sound together.
    #[arg(long, value_name = "N", default_value_t = 12_000)]
    max_kbps: u64,
    /// The folder to make the profile's folder in.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

#[derive(Args)]
struct Serve {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where encoders connect [default: 0.0.0.0:1935].
    #[arg(long, value_name = "ADDR")]
    rtmp: Option<String>,
    /// Where players connect [default: 0.0.0.0:8080].
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// Where players connect over TLS [default with a certificate: 0.0.0.0:8443].
    #[arg(long, value_name = "ADDR")]
    https: Option<String>,
    /// Where encoders connect over TLS [default with a certificate: 0.0.0.0:1936].
    #[arg(long, value_name = "ADDR")]
    rtmps: Option<String>,
    /// Certificate for TLS, with those that lead to its root (PEM); read again when it changes.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// Private key of the certificate (PEM, mode 0600).
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// Make a certificate for this machine, and keep it in the data folder.
    #[arg(long, value_enum, conflicts_with_all = ["tls_cert", "tls_key"])]
    tls: Option<Tls>,
    /// Metrics and health; loopback only [default: 127.0.0.1:9080].
    #[arg(long, value_name = "ADDR")]
    admin: Option<String>,
    /// Folder for what must outlive a restart [default: $STATE_DIRECTORY, else ./data].
    #[arg(long, value_name = "DIR")]
    data: Option<String>,
    /// A stream and its secret key, for this run; may be given several times.
    #[arg(long = "stream", value_name = "NAME=KEY")]
    streams: Vec<String>,
    /// Let anyone publish any name without a key; only with --rtmp on loopback.
    #[arg(long)]
    open_publish: bool,
    /// How far behind the camera players are [default: balanced].
    #[arg(long, value_enum)]
    latency: Option<Latency>,
    /// Length of a part, such as 200ms [default: by --latency].
    #[arg(long, value_name = "TIME")]
    part: Option<String>,
    /// Length of a segment, such as 2s [default: 2s].
    #[arg(long, value_name = "TIME")]
    segment: Option<String>,
    /// Publish a built-in clip to stream `demo`, in a loop.
    #[arg(long)]
    demo: bool,
    /// Take the listeners over from the server that runs on the same data folder, which then drains and ends.
    #[arg(long)]
    takeover: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Latency {
    /// Parts of about 0.2 s, for good networks.
    Low,
    /// Parts of about 0.5 s.
    Balanced,
    /// Whole segments only.
    Standard,
}

#[derive(Clone, Copy, ValueEnum)]
enum Tls {
    /// Players and encoders must be told to trust it.
    SelfSigned,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do when even this cannot be written.
            let _ = writeln!(io::stderr(), "rillcast: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Server(#[from] server::Error),
    #[error(transparent)]
    Publish(#[from] publish::Error),
    #[error(transparent)]
    Inspect(#[from] inspect::Error),
    #[error(transparent)]
    Profile(#[from] obs_profile::Error),
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Server(error) => error.exit_code(),
            Self::Publish(error) => error.exit_code(),
            Self::Inspect(error) => error.exit_code(),
            Self::Profile(_) => 1,
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(serve) => Ok(start(serve)?),
        Command::Check(serve) => Ok(check(&serve.settings().map_err(server::Error::from)?)?),
        Command::Publish { files, url, repeat, ca } => send(publish::Options { files, url, ca, repeat }),
        Command::Inspect { url, span, json, ca } => judge(inspect::Options { url, span, json, ca }),
        Command::ObsProfile(flags) => profile(flags),
        Command::Key { hash } => Ok(key(hash)?),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "rillcast", &mut script);
            Ok(print(&script)?)
        }
    }
}

fn start(serve: Serve) -> Result<(), server::Error> {
    let runtime = folder("RUNTIME_DIRECTORY");
    let from = server::Start { activated: Activated::from_environment()?, takeover: serve.takeover, runtime };
    let settings = serve.settings()?;
    server::start_log();
    // With one core there is nothing to share out, and one queue keeps its order: whoever was woken by a new part
    // is answered before anybody who has asked since.
    let mut runtime = match std::thread::available_parallelism() {
        Ok(NonZero::<usize>::MIN) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().build().map_err(system("cannot start the runtime"))?;
    let shutdown = server::on_signal(Some(settings.drain)).map_err(system("cannot wait for signals"))?;
    let result = runtime.block_on(server::run(settings, from, shutdown));
    // Whatever is still open has had its time.
    runtime.shutdown_background();
    result
}

fn send(options: publish::Options) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(system("cannot start the runtime"))?;
    let shutdown = server::on_signal(None).map_err(system("cannot wait for signals"))?;
    Ok(runtime.block_on(publish::run(options, shutdown))?)
}

fn judge(options: inspect::Options) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(system("cannot start the runtime"))?;
    let shutdown = server::on_signal(None).map_err(system("cannot wait for signals"))?;
    Ok(runtime.block_on(inspect::run(options, shutdown, Out))?)
}

fn profile(flags: ObsProfile) -> Result<(), Failure> {
    let ObsProfile { name, server, key, encoder, canvas, max_kbps, out } = flags;
    let key = typed(key)?.unwrap_or_default();
    let missing = key.is_empty();
    let options = obs_profile::Options { name, server, key, encoder, canvas, max_kbps, folder: out };
    let folder = obs_profile::write(&options)?;
    let note = if missing { "Then fill in the stream key: Settings, Stream.\n" } else { "" };
    Ok(print(format!("{}\nIn OBS: Profile, Import, and choose this folder.\n{note}", folder.display()))?)
}

fn stream_name(text: &str) -> Result<StreamName, String> {
    StreamName::parse(text).map_err(|fault| fault.to_string())
}

fn endpoint(text: &str) -> Result<Endpoint, String> {
    Endpoint::parse(text).ok_or_else(|| "a URL such as rtmp://live.example.org/live".to_owned())
}

fn encoder(text: &str) -> Result<Encoder, String> {
    Encoder::parse(text).ok_or_else(|| "x264, nvenc, amf, qsv, vaapi or videotoolbox".to_owned())
}

fn canvas(text: &str) -> Result<Canvas, String> {
    Canvas::parse(text).ok_or_else(|| "a size and a rate, such as 1920x1080@60".to_owned())
}

/// A time such as `90s` or `5m`, of at least a second.
fn span(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(span) if (1..=86_400).contains(&span.as_secs()) => Ok(span),
        _ => Err("a time such as 60s or 5m, of a second to a day".to_owned()),
    }
}

fn system(what: &'static str) -> impl Fn(io::Error) -> server::Error {
    move |error| server::Error::System { what, error }
}

fn check(settings: &Settings) -> Result<(), server::Error> {
    let part =
        settings.part_target().map_or_else(|| "none, whole segments".to_owned(), |part| format!("{part:?}"));
    let streams: Vec<_> = settings.streams.iter().map(|stream| stream.name.as_str()).collect();
    let publish = match (settings.open_publish, streams.as_slice()) {
        (true, _) => "anyone on this machine, any name".to_owned(),
        (false, []) if settings.demo => "demo".to_owned(),
        (false, []) => "main, made at the first start".to_owned(),
        (false, names) => names.join(", "),
    };
    let group = |group: &DeclaredGroup| {
        let members: Vec<_> = group.members.iter().map(|member| member.as_str()).collect();
        format!("group     {}: {}\n", group.name, members.join(", "))
    };
    let groups: String = settings.groups.iter().map(group).collect();
    let identity = server::identity(settings, server::Clock::now().wall)?;
    let secure = match (settings.https(), settings.rtmps(), identity) {
        (Some(https), Some(rtmps), Some(identity)) => {
            let (until, fingerprint) = (identity.not_after(), identity.fingerprint());
            format!("https     {https}\nrtmps     {rtmps}\ncert      until {until}, SHA-256 {fingerprint}\n")
        }
        (Some(https), Some(rtmps), None) => {
            format!("https     {https}\nrtmps     {rtmps}\ncert      self-signed\n")
        }
        _ => String::new(),
    };
    print(format!(
        "configuration is valid\nrtmp      {}\nhttp      {}\nadmin     {}\n{secure}data      {}\nstreams   {publish}\n{groups}\
         part      {part}\nsegment   {:?}\nwindow    {:?}\nmemory    {}\n",
        settings.listen.rtmp,
        settings.listen.http,
        settings.listen.admin,
        settings.data.display(),
        settings.segment,
        settings.window,
        server::memory_words(settings),
    ))
}

fn key(hash: Option<String>) -> Result<(), server::Error> {
    if let Some(key) = typed(hash)? {
        check_key(&key).map_err(|fault| SettingsError::Together(fault.into()))?;
        return print(format!("{}\n", KeyHash::new(&key)?));
    }
    let key = generate_key()?;
    let key = key.expose();
    print(format!("key       {key}\nkey_hash  {}\n", KeyHash::new(key)?))
}

/// A key as it was given, or as it stands on standard input for `-`.
fn typed(key: Option<String>) -> Result<Option<String>, server::Error> {
    if key.as_deref() != Some("-") {
        return Ok(key);
    }
    let read = io::read_to_string(io::stdin()).map_err(system("cannot read the key from standard input"))?;
    Ok(Some(read.trim().to_owned()))
}

fn print(text: impl AsRef<[u8]>) -> Result<(), server::Error> {
    let written = Out.write_all(text.as_ref()).and_then(|()| Out.flush());
    written.map_err(system("cannot write to standard output"))
}

/// Standard output whose reader may have had enough, as `head` has: what comes after that is not missed, and
/// the command still ends with its own exit code.
struct Out;

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match io::stdout().write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match io::stdout().flush() {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            flushed => flushed,
        }
    }
}

impl Serve {
    /// Flags over the environment over the file over the defaults.
    fn settings(self) -> Result<Settings, SettingsError> {
        let latency =
            self.latency.and_then(|latency| Some(latency.to_possible_value()?.get_name().to_owned()));
        let texts = [
            ("listen.rtmp", self.rtmp),
            ("listen.http", self.http),
            ("listen.admin", self.admin),
            ("listen.https", self.https),
            ("listen.rtmps", self.rtmps),
            ("tls.cert", self.tls_cert),
            ("tls.key", self.tls_key),
            ("data", self.data),
            ("live.latency", latency),
            ("live.part", self.part),
            ("live.segment", self.segment),
        ];
        let self_signed = matches!(self.tls, Some(Tls::SelfSigned));
        let switches =
            [("open_publish", self.open_publish), ("demo", self.demo), ("tls.self_signed", self_signed)];
        let texts = texts.into_iter().filter_map(|(key, text)| Some((key, Value::Text(text?))));
        let switches = switches.into_iter().filter(|(_, on)| *on).map(|(key, on)| (key, Value::Bool(on)));
        let sources = Sources {
            file: self.config,
            variables: variables(),
            flags: texts.chain(switches).collect(),
            streams: self.streams,
            state_directory: folder("STATE_DIRECTORY"),
        };
        sources.load()
    }
}

/// A folder that a service manager keeps for us; the first, where there are several.
fn folder(variable: &str) -> Option<PathBuf> {
    let folders = std::env::var_os(variable)?;
    std::env::split_paths(&folders).next().filter(|folder| !folder.as_os_str().is_empty())
}

/// The environment, as far as it is text.
fn variables() -> Vec<(String, String)> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}
