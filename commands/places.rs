//! Which brokers an order is for, and what it came to at each place.

use crate::{
    answer::{Answer, Column, column},
    failure::Failure,
};
use admin::{BrokerRef, Error, Outcome, PerBroker, Where};
use serde_json::{Value, json};

/// Which brokers are meant.
#[derive(Clone, Debug, clap::Args)]
#[group(multiple = false)]
pub struct At {
    /// Only at the brokers of this cluster
    #[arg(long)]
    cluster: Option<String>,
    /// Only at this broker: its name or its address
    #[arg(long)]
    broker: Option<String>,
}

impl At {
    /// As the administrator understands it.
    pub fn place(&self) -> Where {
        match (&self.cluster, &self.broker) {
            (Some(cluster), _) => Where::Cluster(cluster.clone()),
            (None, Some(broker)) => Where::Broker(broker.clone()),
            (None, None) => Where::Everywhere,
        }
    }
}

/// What an order came to at one place.
pub struct Place<'a> {
    name: &'a str,
    addr: &'a str,
    result: Result<(), &'a Error>,
}

/// What an order came to at brokers.
pub fn at_brokers(brokers: &PerBroker<()>) -> Vec<Place<'_>> {
    let outcomes = brokers.0.iter();
    outcomes
        .map(|Outcome { broker, result }| Place {
            name: &broker.name,
            addr: &broker.addr,
            result: result.as_ref().copied(),
        })
        .collect()
}

/// What an order came to at name servers.
pub fn at_name_servers(servers: &[(String, Result<(), Error>)]) -> impl Iterator<Item = Place<'_>> {
    servers.iter().map(|(addr, result)| Place { name: "name server", addr, result: result.as_ref().copied() })
}

const COLUMNS: &[Column] =
    &[column("NAME", "name"), column("AT", "at"), column("ADDRESS", "address"), column("RESULT", "result")];

/// What was changed at each place: lists of [`change`].
pub const CHANGES: &[Column] =
    &[column("AT", "at"), column("KEY", "key"), column("BEFORE", "before"), column("AFTER", "after")];

/// A value before and after at a broker. `None`: there was none; null: the broker does not tell.
pub fn change(
    broker: &BrokerRef,
    key: &str,
    before: Option<impl Into<Value>>,
    after: Option<impl Into<Value>>,
) -> Value {
    let mut row = json!({ "at": broker.name, "address": broker.addr, "key": key });
    if let Some(before) = before {
        row["before"] = before.into();
    }
    if let Some(after) = after {
        row["after"] = after.into();
    }
    row
}

/// What was `done` to what has this `name`, a topic or a group: at all places, at some, or at none.
pub fn answer(kind: &str, name: &str, done: &str, places: &[Place<'_>]) -> Answer {
    let rows = places.iter().map(|place| {
        let error = place.result.err().map(ToString::to_string);
        let result = error.as_ref().map_or_else(|| done.to_owned(), |error| format!("failed: {error}"));
        let mut row = json!({
            "name": name, "at": place.name, "address": place.addr, "done": error.is_none(), "result": result,
        });
        if let Some(error) = error {
            row["error"] = error.into();
        }
        row
    });
    let mut head = json!({});
    head[kind] = name.into();
    Answer::within(head).with("places", COLUMNS, rows.collect()).lacking(places.len(), failures(places))
}

fn failures(places: &[Place<'_>]) -> Vec<(String, Failure)> {
    let failed = |place: &Place<'_>| {
        let error = place.result.err()?;
        Some((format!("{} ({})", place.name, place.addr), Failure::like(error, error.to_string())))
    };
    places.iter().filter_map(failed).collect()
}

/// The brokers that did not answer a question, with their reasons, and how many were asked.
pub fn lacks<T>(answers: &PerBroker<T>) -> (usize, Vec<(String, Failure)>) {
    let lacks = answers
        .failures()
        .map(|(broker, error)| (broker.to_string(), Failure::like(error, error.to_string()).target(&broker.addr)));
    (answers.0.len(), lacks.collect())
}

/// The same value if all are the same, else each one with its broker: for what may differ from broker to broker.
pub fn same_or_each(values: impl IntoIterator<Item = (String, Value)>) -> Value {
    let values: Vec<(String, Value)> = values.into_iter().collect();
    match &values[..] {
        [] => Value::Null,
        [(_, first), others @ ..] if others.iter().all(|(_, other)| other == first) => first.clone(),
        _ => values.into_iter().collect::<serde_json::Map<_, _>>().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Kind;

    fn place(result: Result<(), &Error>) -> Place<'_> {
        Place { name: "broker-a", addr: "a:1", result }
    }

    #[test]
    fn what_was_done_at_some_places_only_is_done_partly() {
        let failed = Error::from(client::Error::ShutDown);
        let code = |places: &[Place<'_>]| {
            answer("topic", "T", "created", places).verdict().err().and_then(|failure| failure.kind())
        };
        assert_eq!(code(&[place(Ok(())), place(Ok(()))]), None);
        assert_eq!(code(&[place(Ok(())), place(Err(&failed))]), Some(Kind::Partly));
        assert_eq!(code(&[place(Err(&failed))]), Some(Kind::Failed));
    }

    #[test]
    fn what_differs_is_told_broker_by_broker() {
        let pair = |name: &str, value: i64| (name.to_owned(), Value::from(value));
        assert_eq!(same_or_each([pair("a", 1), pair("b", 1)]), 1);
        assert_eq!(same_or_each([pair("a", 1), pair("b", 2)]), json!({ "a": 1, "b": 2 }));
    }
}
