//! Encoders: sources made on the spot, and the programs that publish them.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::server::binary;

/// A clip of `fixtures/`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

/// Noise: no two AAC frames of it are alike.
const SOUND: &str = "anoisesrc=color=pink:seed=7:sample_rate=48000";

/// Makes `seconds` of moving picture, `picture` being lavfi's testsrc2 options, and noise, by ffmpeg with
/// `options`, into `folder`.
pub(crate) async fn generate(
    folder: &Path,
    name: &str,
    picture: &str,
    seconds: u32,
    options: &str,
) -> PathBuf {
    let file = folder.join(format!("{name}.mp4"));
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-y", "-f", "lavfi", "-i", &format!("testsrc2={picture}")]);
    ffmpeg.args(["-f", "lavfi", "-i", SOUND, "-t", &seconds.to_string()]);
    ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-threads", "1"]);
    ffmpeg.args(["-c:a", "aac", "-ac", "2", "-ar", "48000"]).args(options.split_whitespace()).arg(&file);
    let output = finish(ffmpeg, Duration::from_secs(60)).await;
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    file
}

/// `rillcast publish FILE URL`.
pub(crate) fn rillcast_publish(file: &Path, url: &str) -> Command {
    rillcast_publish_all([file], url)
}

/// `rillcast publish FILE... URL`.
pub(crate) fn rillcast_publish_all(files: impl IntoIterator<Item = impl AsRef<Path>>, url: &str) -> Command {
    let mut command = Command::new(binary());
    command.arg("publish");
    for file in files {
        command.arg(file.as_ref());
    }
    command.arg(url);
    command
}

/// ffmpeg publishing a file's own bytes at its own pace.
pub(crate) fn ffmpeg_publish(file: &Path, url: &str) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-re", "-i"]).arg(file).args(["-map", "0", "-c", "copy", "-f", "flv", url]);
    command
}

/// Starts a program that is killed when its handle is dropped.
pub(crate) fn start(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    command.spawn().unwrap_or_else(|error| panic!("{program} does not start: {error}"))
}

/// Runs a program to its end, which must come within `limit`.
pub(crate) async fn finish(command: Command, limit: Duration) -> Output {
    let what = format!("{:?}", command.as_std());
    let output = tokio::time::timeout(limit, start(command).wait_with_output());
    output.await.unwrap_or_else(|_| panic!("not done within {limit:?}: {what}")).unwrap()
}

/// Runs a program to its end, which must be a success.
pub(crate) async fn succeed(command: Command, limit: Duration) -> Output {
    let what = format!("{:?}", command.as_std());
    let output = finish(command, limit).await;
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
