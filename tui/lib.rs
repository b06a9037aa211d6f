//! A cluster on one screen, live: `rmq top`.
//!
//! [`feed`] asks and hands over pictures → [`State`] is changed by events and says what is to be done → [`screens`] draw it.
//! They meet in [`live`], and only there are a terminal, signals and time. Reads only; prints nothing outside its screen.

mod feed;
mod figures;
mod history;
mod keys;
pub mod live;
mod look;
mod pairs;
mod report;
mod screens;
mod sheet;
mod state;
mod terminal;
mod words;

pub use feed::{
    Answer, ClientDetail, ClientLine, ClientRun, Clients, DeadLetterGroups, GroupDetail, HealthDetail, Members,
    MessageAt, Page, Question, Spot, Start, Team, TopicDetail, TopicReader,
};
pub use look::Look;
pub use report::{json, text};
pub use screens::draw;
pub use state::{Effect, Event, State, View};
pub use terminal::Taken;
pub use words::Lang;
