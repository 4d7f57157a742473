//! Profile: the files of an OBS profile that sends a ladder without asking anybody.

use std::fmt::Write as _;

use serde_json::json;

use super::request::Canvas;

/// What a profile is to hold.
#[derive(Debug, Clone)]
pub struct Profile<'a> {
    /// What OBS lists it as.
    pub name: &'a str,
    /// Where it publishes, such as `rtmp://host/live`.
    pub server: &'a str,
    /// The stream key; empty to be filled in by hand.
    pub key: &'a str,
    /// OBS's canvas and output.
    pub canvas: Canvas,
    /// The configuration, as [`accept`](super::accept) makes it.
    pub config: &'a str,
}

/// The profile's files, by name: what OBS's *Profile, Import* takes as a folder. `service.json` holds the key.
pub fn files(profile: &Profile<'_>) -> [(&'static str, String); 2] {
    let service = json!({
        "type": "rtmp_custom",
        "settings": { "server": profile.server, "key": profile.key, "use_auth": false },
    });
    let Canvas { width, height, rate } = profile.canvas;
    let text = json!({ "text": profile.config }).to_string();
    let mut ini = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        ini,
        "[General]\nName={}\n\n\
         [Stream1]\nEnableMultitrackVideo=true\nMultitrackVideoConfigOverrideEnabled=true\n\
         MultitrackVideoConfigOverride={}\n\n\
         [Video]\nBaseCX={width}\nBaseCY={height}\nOutputCX={width}\nOutputCY={height}\n\
         FPSType=2\nFPSNum={}\nFPSDen={}\n",
        escaped(profile.name),
        escaped(&text),
        rate.num,
        rate.den,
    );
    [("service.json", service.to_string()), ("basic.ini", ini)]
}

/// A value as OBS's own files hold it: on one line, backslashes doubled.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('\r', "\\r").replace('\n', "\\n")
}
