//! The law of the house, one function a rule. Each names the places that break it as `file:line: what`.

use crate::source::{Source, after_match};

/// Every room and its level. A room may import rooms of lower levels only; a folder that is not here may not exist.
const LEVELS: &[(&str, usize)] = &[
    ("base", 0),
    ("media", 1),
    ("codec", 2),
    ("flv", 3),
    ("cmaf", 3),
    ("m3u8", 3),
    ("obs", 3),
    ("health", 3),
    ("rtmp", 4),
    ("webrtc", 4),
    ("packager", 4),
    ("live", 5),
    ("hls", 6),
    ("progressive", 6),
    ("edge", 6),
    ("dvr", 6),
    ("push", 6),
    ("lint", 6),
    ("control", 7),
    ("server", 8),
];
const SIGN: &[&str] = &["In:", "Out:", "Belongs here:", "Does not:", "Time:", "Memory:", "Spec:"];
/// Crates that open sockets or run tasks: the porch's tools.
const PORCH_CRATES: &[&str] = &["axum", "hyper", "hyper_util", "socket2", "tower"];

const MAX_FILE: usize = 400;
const MAX_FUNCTION: usize = 60;
const MAX_SIGN: usize = 80;
const MAX_PUBLIC_TYPES: usize = 4;

pub(crate) type Faults = Vec<String>;

fn level(room: &str) -> Option<usize> {
    LEVELS.iter().find(|(name, _)| *name == room).map(|(_, level)| *level)
}

fn fault(source: &Source, line: usize, what: impl std::fmt::Display) -> String {
    format!("{}:{line}: {what}", source.path)
}

/// Law 1: imports go downwards. Test code is held to it too.
pub(crate) fn imports_go_down(source: &Source) -> Faults {
    let Some(room) = source.room() else {
        let known = ["src/lib.rs", "src/main.rs"].contains(&source.path.as_str());
        return if known { vec![] } else { vec![fault(source, 1, "a file of src/ belongs in a room")] };
    };
    let Some(own) = level(room) else {
        return vec![fault(source, 1, format_args!("'{room}' is no room of the house"))];
    };
    let mut faults = Vec::new();
    for index in 0..source.tokens.len() {
        for (name, line) in imported(source, index) {
            match level(&name) {
                _ if name == room => {}
                Some(other) if other < own => {}
                Some(other) => faults.push(fault(
                    source,
                    line,
                    format_args!("{room} (level {own}) imports {name} (level {other})"),
                )),
                None => faults.push(fault(source, line, format_args!("crate::{name} is no room"))),
            }
        }
    }
    faults
}

/// The rooms named by the path that starts at `index`, by way of `crate::` or of enough `super::`.
fn imported(source: &Source, index: usize) -> Vec<(String, usize)> {
    match source.at(index) {
        // `pub(crate)` names no room.
        "crate" if source.at(index + 1) == "::" => source.names_after(index),
        "super" if index == 0 || source.at(index - 1) != "::" => {
            let supers = (0..).take_while(|n| source.reads(index + 2 * n, &["super", "::"])).count();
            let inline =
                usize::from(source.is_test(source.line(index)) && !source.path.ends_with("tests.rs"));
            let climbs_out = supers >= source.depth() + inline;
            if climbs_out { source.names_after(index + 2 * (supers - 1)) } else { vec![] }
        }
        _ => vec![],
    }
}

/// Law 2: sockets, tasks and the async clock stay on the porch; `live` may wake its readers.
pub(crate) fn the_runtime_stays_on_the_porch(source: &Source) -> Faults {
    let allowed: &[&str] = match source.room() {
        Some("server") => return vec![],
        Some("live") => &["sync"],
        Some(_) => &[],
        None => &["main", "runtime"],
    };
    let mut faults = Vec::new();
    for index in code(source) {
        let line = source.line(index);
        match source.at(index) {
            "tokio" => {
                let names = source.names_after(index).into_iter();
                let bad = names.filter(|(name, _)| !allowed.contains(&name.as_str()));
                faults.extend(bad.map(|(name, line)| fault(source, line, format_args!("tokio::{name}"))));
            }
            name if PORCH_CRATES.contains(&name) && source.at(index + 1) == "::" => {
                faults.push(fault(source, line, format_args!("{name} outside server")));
            }
            name @ ("TcpStream" | "TcpListener" | "UdpSocket") => {
                faults.push(fault(source, line, format_args!("a socket ({name}) outside server")));
            }
            "thread"
                if source.reads(index + 1, &["::", "spawn"]) || source.reads(index + 1, &["::", "sleep"]) =>
            {
                faults.push(fault(source, line, "a thread outside server"));
            }
            _ => {}
        }
    }
    faults
}

/// Law 2: time is an argument; one file reads the clock. (Tests may make an `Instant` to pass on.)
pub(crate) fn one_file_reads_the_clock(source: &Source) -> Faults {
    if source.path == "src/server/clock.rs" {
        return vec![];
    }
    let reads = |index: &usize| {
        let clock = ["Instant", "SystemTime"].contains(&source.at(*index));
        (clock && source.reads(index + 1, &["::", "now"])) || source.reads(*index, &[".", "elapsed", "("])
    };
    code(source).filter(reads).map(|index| fault(source, source.line(index), "reads a clock")).collect()
}

/// Law 3: parsers return reasons; only rooms that know the context log.
pub(crate) fn few_rooms_log(source: &Source) -> Faults {
    if matches!(source.room(), Some("server" | "live" | "control")) {
        return vec![];
    }
    let logs =
        |index: &usize| ["tracing", "log"].contains(&source.at(*index)) && source.at(index + 1) == "::";
    code(source).filter(logs).map(|index| fault(source, source.line(index), "logs")).collect()
}

/// Law 4: `mod.rs` is a sign and re-exports.
pub(crate) fn a_door_has_a_sign_and_no_logic(source: &Source) -> Faults {
    if !source.path.ends_with("/mod.rs") {
        return vec![];
    }
    let mut faults = Vec::new();
    let doc: String = source.text.lines().take_while(|line| line.starts_with("//!")).collect();
    let is_room = source.path.matches('/').count() == 2;
    for word in SIGN.iter().filter(|word| is_room && !doc.contains(**word)) {
        faults.push(fault(source, 1, format_args!("the sign does not say '{word}'")));
    }
    let lines = source.text.lines().count();
    if lines > MAX_SIGN {
        faults.push(fault(source, lines, format_args!("{lines} lines; a sign has at most {MAX_SIGN}")));
    }
    for index in
        code(source).filter(|index| ["fn", "impl", "macro_rules", "static"].contains(&source.at(*index)))
    {
        faults.push(fault(source, source.line(index), format_args!("'{}' in mod.rs", source.at(index))));
    }
    faults
}

/// Law 6: what no room may say.
pub(crate) fn some_words_are_not_said(source: &Source) -> Faults {
    let mut faults = Vec::new();
    for index in 0..source.tokens.len() {
        let word = source.at(index);
        let is_macro = source.at(index + 1) == "!" && ["todo", "unimplemented", "dbg"].contains(&word);
        if word == "unsafe" || is_macro {
            faults.push(fault(source, source.line(index), format_args!("says '{word}'")));
        }
        if ["allow", "expect"].contains(&word) && is_attribute(source, index) {
            let end = after_match(&source.tokens, index + 1);
            if !(index..end).any(|at| source.at(at) == "reason") {
                faults.push(fault(
                    source,
                    source.line(index),
                    format_args!("#[{word}(...)] gives no reason"),
                ));
            }
        }
    }
    faults
}

fn is_attribute(source: &Source, index: usize) -> bool {
    let opened = index >= 2 && source.at(index - 1) == "[" && ["#", "!"].contains(&source.at(index - 2));
    let conditional = index >= 1 && source.at(index - 1) == "," && source.at(index + 1) == "(";
    let in_cfg_attr = conditional && (0..index).rev().take(12).any(|at| source.at(at) == "cfg_attr");
    opened || in_cfg_attr
}

/// Law 7: sizes.
pub(crate) fn files_and_functions_stay_small(source: &Source) -> Faults {
    let mut faults = Vec::new();
    let lines = source.code_lines();
    if lines > MAX_FILE {
        faults.push(fault(source, 1, format_args!("{lines} lines of code; at most {MAX_FILE}")));
    }
    for index in code(source).filter(|index| source.at(*index) == "fn") {
        let Some(end) = body_end(source, index) else { continue };
        let lines = source.lines_with_tokens(index, end);
        if lines > MAX_FUNCTION {
            let name = source.at(index + 1);
            let what = format_args!("fn {name} has {lines} lines; at most {MAX_FUNCTION}");
            faults.push(fault(source, source.line(index), what));
        }
    }
    faults
}

/// The index after the body of the `fn` at `index`; `None` for a signature alone or a function pointer.
fn body_end(source: &Source, index: usize) -> Option<usize> {
    let mut cursor = index + 1;
    if source.at(cursor) == "(" {
        return None;
    }
    while cursor < source.tokens.len() {
        match source.at(cursor) {
            "{" => return Some(after_match(&source.tokens, cursor)),
            "(" | "[" => cursor = after_match(&source.tokens, cursor),
            ";" => return None,
            _ => cursor += 1,
        }
    }
    None
}

/// Law 7: a file is about few things.
pub(crate) fn a_file_shows_few_types(source: &Source) -> Faults {
    if source.path.ends_with("/mod.rs") {
        return vec![];
    }
    let is_type = |index: &usize| {
        source.at(*index) == "pub" && ["struct", "enum", "trait", "union"].contains(&source.at(index + 1))
    };
    let shown: Vec<usize> = code(source).filter(is_type).collect();
    let over = shown.get(MAX_PUBLIC_TYPES).map(|index| {
        let what = format_args!("{} public types; at most {MAX_PUBLIC_TYPES}", shown.len());
        fault(source, source.line(*index), what)
    });
    over.into_iter().collect()
}

/// Every file says what it is.
pub(crate) fn a_file_opens_with_its_doc(source: &Source) -> Faults {
    let opens = source.text.starts_with("//! ");
    if opens { vec![] } else { vec![fault(source, 1, "does not open with a //! line")] }
}

/// The tokens that are not test code.
fn code(source: &Source) -> impl Iterator<Item = usize> + '_ {
    (0..source.tokens.len()).filter(|index| !source.is_test(source.line(*index)))
}
