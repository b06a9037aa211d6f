//! Taking a broker out of writing, and putting it back: every name server is told, and tells producers.
//!
//! Source: `WipeWritePermSubCommand`, `AddWritePermSubCommand` of Apache RocketMQ.

use crate::{Admin, Error, admin::malformed};
use protocol::{
    Command,
    code::request,
    registration::{AddAnswer, WipeAnswer, WritePerm},
};

impl Admin {
    /// Takes a broker's queues out of writing at every name server (205), or puts them back (327): consumers go on reading,
    /// producers send elsewhere within their refresh of routes, 30 s. It lasts until it is put back, the name server starts
    /// anew, or the broker reports changed topics. Gives for each name server how many topics it concerned.
    ///
    /// # Errors
    /// If no name server is known. What each of them did is in the answer.
    pub async fn set_writable(&self, broker: &str, writable: bool) -> Result<Vec<(String, Result<i32, Error>)>, Error> {
        let code = if writable { request::ADD_WRITE_PERM_OF_BROKER } else { request::WIPE_WRITE_PERM_OF_BROKER };
        let order = Command::request(code).with_header(&WritePerm { broker_name: broker.to_owned() });
        let mut outcomes = Vec::new();
        for addr in self.client.name_servers().await? {
            let outcome = match self.client.ask(&addr, order.clone()).await {
                Err(error) => Err(error.into()),
                Ok(answer) => {
                    let topics = if writable {
                        answer.header().map(|header: AddAnswer| header.add_topic_count)
                    } else {
                        answer.header().map(|header: WipeAnswer| header.wipe_topic_count)
                    };
                    topics.map_err(|error| malformed(&addr, code, error))
                }
            };
            outcomes.push((addr, outcome));
        }
        Ok(outcomes)
    }
}
