//! Session: one publisher's or player's conversation after another's rules, split by verb.
//!
//! ```text
//!             C2           connect          publish              accept            FCUnpublish, deleteStream
//!  Greeting ─────▶ Waiting ───────▶ Connected ─────▶ Asking ───────────▶ Publishing ─────────▶ Over
//!                     │                 │    play     │ └───────────────▶ Playing ─────────────▲▲
//!                     │                 │             │     accept_play       end_play, deleteStream
//!                     └── refused ──────┴── refused ───┴── reject ──────── finish ───────────────┘
//! ```
//!
//! `core` holds the phases and the loop; `command` reads commands and hands them to `connect`, `publish` and `play`;
//! `control` obeys protocol control and user control; `media` opens tags, `tracks` makes frames of
//! them by what `pictures` and `sounds` know of each track, `pace` looks at their clock.

mod command;
mod connect;
mod control;
mod core;
mod media;
mod pace;
mod pictures;
mod play;
mod publish;
mod slots;
mod sounds;
mod tracks;

pub use self::core::Session;
