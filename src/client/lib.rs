//! Produce and consume: the client side of RocketMQ.
//!
//! [`Producer`] sends, [`PullConsumer`] reads queues where its caller says, [`PopConsumer`] takes what brokers hand out,
//! [`PushConsumer`] is a member of a group and calls a handler, [`LitePullConsumer`] is one and is polled. All stand on
//! [`Client`]: one process's name, connections and routes. Does not print.

mod allocate;
mod batch;
mod client;
mod committing;
mod compression;
mod config;
mod consume;
mod discovery;
mod error;
mod faults;
mod groups;
mod heartbeat;
mod identity;
mod incoming;
mod lite_pull;
mod local_offsets;
mod locks;
mod member;
mod message;
mod offsets;
mod ordered;
mod pop;
mod positions;
mod process_queue;
mod producer;
mod pull;
mod pull_loop;
mod push;
mod rebalance;
mod request_reply;
mod resend;
mod route;
mod routes;
mod running;
mod selector;
mod sending;
mod source;
mod trace;
mod transaction;
mod unique_id;

pub use allocate::{Allocation, Rooms};
pub use batch::split_batch;
pub use client::Client;
pub use config::ClientConfig;
pub use error::{Error, SendAttempt};
pub use lite_pull::{LitePullConsumer, LitePullOptions};
pub use message::{Message, Properties, PropertyError, Received};
pub use pop::{PopConsumer, PoppedMessage};
pub use producer::{Producer, ProducerOptions};
pub use protocol::heartbeat::Subscription;
pub use pull::{PullConsumer, PullStatus, Pulled};
pub use push::{ConsumeResult, Mode, PushConsumer, PushOptions, StartFrom};
pub use route::{Queue, Route};
pub use sending::{SendResult, SendStatus};
pub use transaction::{Ended, Outcome, TransactionProducer};
