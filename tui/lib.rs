//! A cluster on one screen, live: `rmq top`.
//!
//! [`feed`] asks and hands over pictures → [`State`] is changed by events and says what is to be done → [`screens`] draw it.
//! They meet in [`live`], and only there are a terminal, signals and time. Changes the cluster by
//! `orders` only; prints nothing outside its screen.

mod body;
mod deeds;
mod demo;
mod feed;
mod figures;
mod filter;
mod history;
mod keys;
pub mod live;
mod look;
mod moment;
mod orders;
mod pairs;
mod picture;
mod recording;
mod remembered;
mod replaying;
mod report;
mod screens;
mod sheet;
mod state;
mod surveying;
mod terminal;
mod words;

pub use demo::demo;
pub use feed::{
    Answer, ClientDetail, ClientLine, ClientRun, Clients, DeadLetterGroup, DeadLetterGroups, Feed, GroupDetail,
    HealthDetail, Members, MessageAt, Page, Question, Spot, Start, Team, TopicDetail, TopicReader,
};
pub use look::{Look, Theme};
pub use orders::Order;
pub use picture::svg;
pub use recording::{Recorder, Recording, Unreadable};
pub use remembered::{Memory, Remembered};
pub use replaying::{Playing, Replay};
pub use report::{json, text};
pub use screens::draw;
pub use state::{Effect, Event, State, View};
pub use terminal::Taken;
pub use words::Lang;
