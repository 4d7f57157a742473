//! The law of the house, held by tests. There is no exception list: when a rule is wrong, change the rule.
//!
//! docs/HOUSE.md says why each rule is there. A failure names file, line and rule.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test reports by panicking"
)]

#[path = "house/law.rs"]
mod law;
#[path = "house/source.rs"]
mod source;
#[path = "house/tree.rs"]
mod tree;

use law::Faults;
use source::Source;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<Source> {
    let files = tree::files(&root().join(folder));
    let rust = files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    rust.map(|path| Source::read(root(), path)).collect()
}

fn everywhere(rule: fn(&Source) -> Faults) -> Faults {
    let sources = sources("src");
    assert!(sources.len() > 10, "the house was not found");
    sources.iter().flat_map(rule).collect()
}

#[track_caller]
fn holds(law: &str, faults: &[String]) {
    assert!(faults.is_empty(), "{law}, but\n  {}\n", faults.join("\n  "));
}

#[test]
fn a_room_imports_only_rooms_below_it() {
    holds("a room imports only rooms of lower levels", &everywhere(law::imports_go_down));
}

#[test]
fn every_room_is_a_folder_with_a_door() {
    let rooms: std::collections::BTreeSet<String> =
        sources("src").iter().filter_map(|source| source.room().map(str::to_owned)).collect();
    let without = rooms.iter().filter(|room| !root().join("src").join(room).join("mod.rs").is_file());
    holds(
        "every room has a mod.rs",
        &without.map(|room| format!("src/{room}: no mod.rs")).collect::<Vec<_>>(),
    );
}

#[test]
fn sockets_and_tasks_live_in_the_server_room() {
    holds("sockets, tasks and timers are the server's", &everywhere(law::the_runtime_stays_on_the_porch));
}

#[test]
fn only_the_clock_reads_the_clock() {
    holds("only server/clock.rs reads a clock", &everywhere(law::one_file_reads_the_clock));
}

#[test]
fn only_rooms_that_know_the_context_log() {
    holds("only server, live and control log", &everywhere(law::few_rooms_log));
}

#[test]
fn every_door_has_a_sign_and_no_logic() {
    holds("mod.rs is a sign and re-exports", &everywhere(law::a_door_has_a_sign_and_no_logic));
}

#[test]
fn nothing_unsafe_and_nothing_unfinished_lands() {
    holds("some words are not said", &everywhere(law::some_words_are_not_said));
}

#[test]
fn files_and_functions_are_small() {
    holds("files and functions are small", &everywhere(law::files_and_functions_stay_small));
}

#[test]
fn a_file_shows_at_most_four_types() {
    holds("a file shows at most four types", &everywhere(law::a_file_shows_few_types));
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    let folders = ["src", "tests", "benches"].into_iter().flat_map(sources).collect::<Vec<_>>();
    let faults: Faults = folders.iter().flat_map(law::a_file_opens_with_its_doc).collect();
    holds("every file opens with //!", &faults);
}

#[test]
fn every_fixture_has_an_origin() {
    holds("fixtures have an origin", &tree::fixtures_have_an_origin(&root().join("fixtures")));
}

#[test]
fn the_tree_knows_no_machine() {
    holds("the tree is at home anywhere", &tree::the_tree_knows_no_machine(root()));
}

#[test]
fn documents_name_only_files_that_exist() {
    holds("documents name what exists", &tree::documents_name_what_exists(root()));
}

/// The checker can fail: each rule is shown a breach of it, and something close that is not one.
mod the_checker {
    use super::{Faults, Source, law, tree};

    #[track_caller]
    fn case(rule: fn(&Source) -> Faults, path: &str, text: &str, lines: &[usize]) {
        let faults = rule(&Source::new(path, text));
        let found: Vec<usize> =
            faults.iter().map(|fault| fault.split(':').nth(1).unwrap().parse().unwrap()).collect();
        assert_eq!(found, lines, "{path}: {text}\n{faults:?}");
    }

    #[test]
    fn sees_imports_that_do_not_go_down() {
        let rule = law::imports_go_down;
        case(rule, "src/flv/tag.rs", "use crate::media::Frame;\nuse crate::rtmp::Session;", &[2]);
        case(rule, "src/flv/tag.rs", "use crate::{\n media::{Frame, live},\n cmaf::init,\n};", &[3]);
        case(rule, "src/flv/tag.rs", "fn f() { crate::hls::answer() }", &[1]);
        case(
            rule,
            "src/flv/tag.rs",
            "// crate::hls\n/* crate::hls */ const A: &str = r#\"crate::hls\"#;",
            &[],
        );
        case(rule, "src/flv/tag.rs", "pub(crate) struct A;\npub(in crate::flv) struct B;", &[]);
        case(rule, "src/hls/mod.rs", "use super::server::run;", &[1]);
        case(rule, "src/hls/a.rs", "use super::Route;\nuse super::super::push::Pace;", &[2]);
        case(rule, "src/hls/a/tests.rs", "use super::super::Route;", &[]);
        case(
            rule,
            "src/base/a.rs",
            "#[cfg(test)]\nmod tests {\n use super::super::A;\n use crate::media::B;\n}",
            &[4],
        );
        case(rule, "src/attic/mod.rs", "", &[1]);
        case(rule, "src/loose.rs", "", &[1]);
    }

    #[test]
    fn sees_sockets_tasks_and_timers() {
        let rule = law::the_runtime_stays_on_the_porch;
        case(rule, "src/live/a.rs", "use tokio::sync::watch;\nuse tokio::{sync::Notify, time::sleep};", &[2]);
        case(rule, "src/hls/a.rs", "use tokio::sync::watch;", &[1]);
        case(rule, "src/hls/a.rs", "use tokio as t;", &[1]);
        case(rule, "src/hls/a.rs", "use std::net::TcpStream;\nfn f() { std::thread::spawn(g); }", &[1, 2]);
        case(rule, "src/server/a.rs", "use tokio::net::TcpListener;", &[]);
        case(rule, "src/live/a.rs", "#[cfg(test)]\nmod tests {\n use tokio::time::timeout;\n}", &[]);
        case(rule, "src/live/a.rs", "#[cfg(test)]\nuse a::B;\nuse tokio::net::TcpStream as S;", &[3, 3]);
    }

    #[test]
    fn sees_clock_reads() {
        let rule = law::one_file_reads_the_clock;
        case(rule, "src/hls/a.rs", "fn f() {\n let a = Instant::now();\n a.elapsed()\n}", &[2, 3]);
        case(rule, "src/server/a.rs", "let f = std::time::SystemTime::now;", &[1]);
        case(rule, "src/server/clock.rs", "let f = Instant::now();", &[]);
        case(rule, "src/hls/a.rs", "fn f(now: Instant) { let c = '\"'; \"Instant::now\"; }", &[]);
    }

    #[test]
    fn sees_logging_where_it_does_not_belong() {
        case(law::few_rooms_log, "src/flv/a.rs", "use tracing::warn;", &[1]);
        case(law::few_rooms_log, "src/flv/a.rs", "//! Not tracing::warn.\nlet tracing = 1;", &[]);
        case(law::few_rooms_log, "src/live/a.rs", "use tracing::warn;", &[]);
    }

    #[test]
    fn sees_a_door_without_a_sign_or_with_logic() {
        let rule = law::a_door_has_a_sign_and_no_logic;
        let sign = "//! A: b.\n//! In: a. Out: b.\n//! Belongs here: a. Does not: b.\n//! Time: a. Memory: b. Spec: c.\n";
        case(rule, "src/flv/mod.rs", sign, &[]);
        case(rule, "src/flv/mod.rs", &sign.replace("Spec", "spec"), &[1]);
        case(rule, "src/flv/mod.rs", &format!("{sign}mod a;\nfn b() {{}}"), &[6]);
        case(rule, "src/flv/mod.rs", &format!("{sign}{}", "//\n".repeat(77)), &[81]);
        case(rule, "src/flv/sub/mod.rs", "//! Sub.\nmod a;", &[]);
    }

    #[test]
    fn sees_words_that_are_not_said() {
        let rule = law::some_words_are_not_said;
        case(rule, "src/flv/a.rs", "fn f() {\n unsafe { g() }\n todo!()\n}", &[2, 3]);
        case(rule, "src/flv/a.rs", "#[allow(dead_code)]\nstruct A;", &[1]);
        case(rule, "src/flv/a.rs", "#![allow(dead_code, reason = \"x\")]\nfn f() { a.expect(\"b\"); }", &[]);
        case(rule, "src/flv/a.rs", "#[cfg_attr(test, allow(dead_code))]\nstruct A;", &[1]);
    }

    #[test]
    fn sees_what_is_too_large() {
        let rule = law::files_and_functions_stay_small;
        let lines = |count: usize| "a();\n".repeat(count);
        case(rule, "src/flv/a.rs", &lines(400), &[]);
        case(rule, "src/flv/a.rs", &lines(401), &[1]);
        case(rule, "src/flv/a.rs", &format!("{}#[cfg(test)]\nmod t {{\n{}}}", lines(400), lines(99)), &[]);
        case(rule, "src/flv/a.rs", &format!("fn f<A, B>() -> R<A, B> {{\n{}}}", lines(58)), &[]);
        case(rule, "src/flv/a.rs", &format!("\nfn f<A, B>() -> R<A, B> {{\n{}}}", lines(59)), &[2]);
        case(rule, "src/flv/a.rs", &format!("struct A {{ f: fn(u8) -> u8 }}\n{}", lines(90)), &[]);
        let five = "pub struct A;\npub enum B {}\npub trait C {}\npub struct D;\npub struct E;";
        case(law::a_file_shows_few_types, "src/flv/a.rs", five, &[5]);
        case(law::a_file_shows_few_types, "src/flv/a.rs", &five.replace("pub enum", "pub(crate) enum"), &[]);
    }

    #[test]
    fn sees_a_file_that_does_not_say_what_it_is() {
        case(law::a_file_opens_with_its_doc, "src/flv/a.rs", "use a;\n//! No.", &[1]);
    }

    #[test]
    fn sees_fixtures_without_an_origin() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let entry = |file: &str, sha256: &str| {
            format!("[[f]]\nfile='{file}'\nsha256='{sha256}'\norigin=''\nlicence=''\nquirk=''\nused_by=''\n")
        };
        let present = [("a".to_owned(), Vec::new())];
        assert!(tree::check_manifest(&entry("a", empty), &present).is_empty());
        assert_eq!(tree::check_manifest(&entry("a", "00"), &present).len(), 1);
        assert_eq!(tree::check_manifest(&entry("b", empty), &present).len(), 2);
        assert_eq!(tree::check_manifest(&entry("a", empty).replace("origin", "from"), &present).len(), 1);
        assert_eq!(tree::check_manifest("", &present).len(), 1);
    }

    #[test]
    fn sees_traces_of_a_machine() {
        let trace = |folder: &str| format!("see \"/{folder}/a\"");
        for folder in ["work", "tmp", "root", "home"] {
            assert_eq!(tree::machine_traces("a.md", &trace(folder)).len(), 1, "{folder}");
        }
        assert!(
            tree::machine_traces("a.md", "https://example.org/home/a ${dir}/tmp/a /var/lib/a").is_empty()
        );
        assert_eq!(tree::machine_traces("Cargo.lock", "source = \"registry+https://mirror\"").len(), 1);
        assert_eq!(tree::machine_traces("a/package-lock.json", "  \"resolved\": \"https://a\"").len(), 1);
    }

    #[test]
    fn sees_the_files_that_documents_name() {
        let text =
            "see [a](docs/a.md#b), [c](https://example.org)\n`src/x.rs` `./tests/run` `cargo` `src/*.rs`";
        let found: Vec<String> = tree::named_paths(text).into_iter().map(|(_, path, _)| path).collect();
        assert_eq!(found, ["docs/a.md", "src/x.rs", "tests/run"]);
    }
}
