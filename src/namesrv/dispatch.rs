//! What a name server is asked, one line a request. The subjects are in the files beside this one.

use crate::{
    config::NamesrvConfig,
    kv::Kv,
    lookup::Units,
    refused::{Refused, shown},
    registration::Registration,
    routes::Routes,
};
use base::properties::{self, Properties};
use parking_lot::{Mutex, RwLock};
use protocol::{
    Command,
    code::request,
    inspect::NamedCluster,
    registration::{
        AddAnswer, KvEntry, ORDER_NAMESPACE, QueryDataVersion, QueryDataVersionAnswer, UnregisterBroker, WipeAnswer,
        WritePerm,
    },
    topic::{DataVersion, NamedTopic},
};
use remoting::{Answers, Peer, Receipt, Service};
use serde::de::DeserializeOwned;
use std::{io, sync::Arc};
use tokio::time::Instant;

/// All that a name server knows.
pub(crate) struct Directory {
    pub(crate) routes: Mutex<Routes>,
    kv: Arc<Kv>,
    config: RwLock<NamesrvConfig>,
}

/// An answer, or the promise of one.
enum Answer {
    /// Ready.
    Now(Command),
    /// That all is well, once the KV settings are on disk.
    OnceKept,
}

impl From<Command> for Answer {
    fn from(command: Command) -> Self {
        Self::Now(command)
    }
}

impl Service for Directory {
    fn serve(&self, peer: &Arc<Peer>, requests: &mut Vec<Command>, answers: &mut Answers) {
        for request in requests.drain(..) {
            let receipt = Receipt::of(&request);
            match self.answer(peer, &request) {
                Ok(Answer::Now(answer)) => answers.now(receipt, answer),
                Ok(Answer::OnceKept) => {
                    // A task of its own: the change is kept even if the connection ends before the answer.
                    let kept = tokio::spawn(self.kv.clone().keep());
                    answers.later(receipt, async {
                        Some(kept.await.ok()?.map_or_else(Command::from, |()| Command::success()))
                    });
                }
                Err(refused) => {
                    tracing::debug!(?peer, code = request.code, %refused, "refused a request");
                    answers.now(receipt, refused.into());
                }
            }
        }
    }

    fn closed(&self, peer: &Arc<Peer>) {
        self.routes.lock().disconnected(peer);
    }
}

impl Directory {
    /// Nobody has registered yet; KV settings are read from their file.
    pub(crate) fn open(config: NamesrvConfig) -> io::Result<Self> {
        let kv = Arc::new(Kv::open(config.kv_config_path.clone())?);
        Ok(Self { routes: Mutex::default(), kv, config: RwLock::new(config) })
    }

    fn answer(&self, peer: &Arc<Peer>, asked: &Command) -> Result<Answer, Refused> {
        let json = |list| Ok(Command::success().with_json(&list).into());
        match asked.code {
            request::GET_ROUTEINFO_BY_TOPIC => self.route(asked),
            request::REGISTER_BROKER => self.register(peer, asked),
            request::UNREGISTER_BROKER => self.unregister(peer, asked),
            request::QUERY_DATA_VERSION => self.data_version(asked),
            request::GET_BROKER_CLUSTER_INFO => Ok(Command::success().with_json(&self.routes.lock().clusters()).into()),

            request::GET_ALL_TOPIC_LIST_FROM_NAMESERVER => json(self.routes.lock().topic_list()),
            request::GET_TOPICS_BY_CLUSTER => {
                let NamedCluster { cluster } = header(asked)?;
                json(self.routes.lock().topics_of_cluster(&cluster))
            }
            request::GET_SYSTEM_TOPIC_LIST_FROM_NS => json(self.routes.lock().system_topics()),
            request::GET_UNIT_TOPIC_LIST => json(self.routes.lock().unit_topics(Units::Unit)),
            request::GET_HAS_UNIT_SUB_TOPIC_LIST => json(self.routes.lock().unit_topics(Units::Subscribed)),
            request::GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST => json(self.routes.lock().unit_topics(Units::SubscribedOnly)),
            request::DELETE_TOPIC_IN_NAMESRV => self.delete_topic(asked),

            request::WIPE_WRITE_PERM_OF_BROKER => self.set_writable(peer, asked, false),
            request::ADD_WRITE_PERM_OF_BROKER => self.set_writable(peer, asked, true),

            request::PUT_KV_CONFIG => {
                self.kv.put(header(asked)?)?;
                Ok(Answer::OnceKept)
            }
            request::GET_KV_CONFIG => self.kv_value(header(asked)?),
            request::DELETE_KV_CONFIG => {
                self.kv.delete(&header(asked)?);
                Ok(Answer::OnceKept)
            }
            request::GET_KVLIST_BY_NAMESPACE => {
                let KvEntry { namespace, .. } = header(asked)?;
                let table = self.kv.namespace(&namespace).ok_or_else(|| Refused::NoNamespace(shown(&namespace)))?;
                Ok(Command::success().with_json(&table).into())
            }

            request::UPDATE_NAMESRV_CONFIG => self.update_config(peer, asked),
            request::GET_NAMESRV_CONFIG => {
                Ok(Command::success().with_body(properties::render(self.config.read().print())).into())
            }
            code => Err(Refused::Unsupported(code)),
        }
    }

    /// Removes brokers that were silent for too long, and ends their connections.
    pub(crate) fn drop_silent_brokers(&self) {
        let links = self.routes.lock().drop_silent(Instant::now());
        links.iter().for_each(|link| link.close());
    }

    fn register(&self, peer: &Arc<Peer>, asked: &Command) -> Result<Answer, Refused> {
        let registered = Registration::read(asked)
            .and_then(|registration| self.routes.lock().register(registration, peer, Instant::now()));
        let header = registered.inspect_err(|refused| {
            // A broker that is not taken in is not seen by anyone: whoever looks for it should find out why here.
            tracing::warn!(?peer, %refused, "refused a registration");
        })?;
        let answer = Command::success().with_header(&header);
        Ok(match self.kv.namespace(ORDER_NAMESPACE) {
            Some(order) => answer.with_json(&order).into(),
            None => answer.into(),
        })
    }

    fn unregister(&self, peer: &Peer, asked: &Command) -> Result<Answer, Refused> {
        let UnregisterBroker { broker_name, broker_addr, broker_id, .. } = header(asked)?;
        if !self.routes.lock().unregister(&broker_name, broker_id, &broker_addr) {
            let (name, addr) = (shown(&broker_name), shown(&broker_addr));
            tracing::info!(?peer, ?name, ?addr, id = broker_id, "a broker unregistered that is not in the table");
        }
        Ok(Command::success().into())
    }

    fn data_version(&self, asked: &Command) -> Result<Answer, Refused> {
        let QueryDataVersion { broker_name: name, broker_addr: addr, broker_id: id, .. } = header(asked)?;
        let theirs = if asked.body.is_empty() {
            None
        } else {
            let read = asked.json::<DataVersion>();
            Some(read.map_err(|why| Refused::Body { request: asked.code, why: why.to_string() })?)
        };
        let mut routes = self.routes.lock();
        let ours = routes.version(&name, id, &addr).cloned();
        let changed = ours.is_none() || ours != theirs;
        if !changed {
            routes.heard(&name, id, Instant::now());
        }
        let answer = Command::success().with_header(&QueryDataVersionAnswer { changed });
        Ok(match ours {
            Some(ours) => answer.with_json(&ours).into(),
            None => answer.into(),
        })
    }

    fn route(&self, asked: &Command) -> Result<Answer, Refused> {
        // The request that every client sends over and over: its one field is read in place.
        let topic = match asked.fields.get("topic") {
            Some(topic) => topic,
            None => &header::<NamedTopic>(asked)?.topic,
        };
        let order = self.config.read().order_message_enable.then(|| self.kv.get(ORDER_NAMESPACE, topic)).flatten();
        let mut routes = self.routes.lock();
        let body = match order {
            None => routes.route_body(topic),
            Some(order) => routes.ordered_route_body(topic, order),
        };
        let body = body.ok_or_else(|| Refused::NoTopic(shown(topic)))?;
        Ok(Command::success().with_body(body).into())
    }

    fn delete_topic(&self, asked: &Command) -> Result<Answer, Refused> {
        let NamedTopic { topic, cluster_name } = header(asked)?;
        let cluster = cluster_name.filter(|name| !name.is_empty());
        self.routes.lock().delete_topic(&topic, cluster.as_deref());
        Ok(Command::success().into())
    }

    fn set_writable(&self, peer: &Peer, asked: &Command, writable: bool) -> Result<Answer, Refused> {
        let WritePerm { broker_name } = header(asked)?;
        let topics = self.routes.lock().set_writable(&broker_name, writable);
        tracing::info!(?peer, broker = ?shown(&broker_name), writable, topics, "changed who may be written to");
        let count = i32::try_from(topics).unwrap_or(i32::MAX);
        Ok(if writable {
            Command::success().with_header(&AddAnswer { add_topic_count: count }).into()
        } else {
            Command::success().with_header(&WipeAnswer { wipe_topic_count: count }).into()
        })
    }

    fn kv_value(&self, asked: KvEntry) -> Result<Answer, Refused> {
        let KvEntry { namespace, key, .. } = asked;
        match self.kv.get(&namespace, &key) {
            Some(value) => {
                let mut answer = Command::success();
                answer.fields.push("value", &value);
                Ok(answer.into())
            }
            None => Err(Refused::NoValue { namespace: shown(&namespace), key: shown(&key) }),
        }
    }

    fn update_config(&self, peer: &Peer, asked: &Command) -> Result<Answer, Refused> {
        let body = asked.body.to_bytes();
        let unreadable = |why: String| Refused::Body { request: asked.code, why };
        let text = std::str::from_utf8(&body).map_err(|why| unreadable(why.to_string()))?;
        let changes = Properties::parse(text).map_err(|why| unreadable(why.to_string()))?;
        let mut config = self.config.write();
        *config = config.update(&changes).map_err(Refused::Settings)?;
        tracing::info!(?peer, changes = ?shown(text), "settings changed");
        Ok(Command::success().into())
    }
}

fn header<H: DeserializeOwned>(asked: &Command) -> Result<H, Refused> {
    asked.header().map_err(|why| Refused::Header { request: asked.code, why })
}
