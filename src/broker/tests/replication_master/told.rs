//! A name server and a slave in one, which says what it is told to say and notes what it is asked.

use base::Tasks;
use parking_lot::Mutex;
use protocol::{
    Command,
    code::request,
    inspect::KvTable,
    registration::Register,
    route::{BrokerData, ClusterInfo},
};
use remoting::{Answers, Limits, Peer, Receipt, Service, server};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tokio::net::TcpListener;

pub struct Told {
    brokers: Mutex<BrokerData>,
    offsets: &'static str,
    version: &'static str,
    pub asked: Mutex<Vec<i32>>,
}

impl Told {
    /// A name server that knows no broker of this name yet; a slave of this version with these offsets.
    pub fn new(broker_name: &str, offsets: &'static str, version: &'static str) -> Arc<Self> {
        let brokers = BrokerData { broker_name: broker_name.to_owned(), ..BrokerData::default() };
        Arc::new(Self { brokers: Mutex::new(brokers), offsets, version, asked: Mutex::default() })
    }

    /// Serves until the test ends.
    pub async fn listen(self: &Arc<Self>) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let tasks = Tasks::default();
        tasks.spawn("told", server::serve(listener, self.clone(), Limits::default(), tasks.clone()));
        addr
    }

    fn clusters(&self) -> ClusterInfo {
        let data = self.brokers.lock().clone();
        ClusterInfo { broker_addr_table: [(data.broker_name.clone(), data)].into(), ..ClusterInfo::default() }
    }

    pub fn knows(&self, id: i64, addr: SocketAddr) {
        self.brokers.lock().broker_addrs.insert(id, addr.to_string());
    }
}

impl Service for Told {
    fn serve(&self, _: &Arc<Peer>, requests: &mut Vec<Command>, answers: &mut Answers) {
        for request in requests.drain(..) {
            self.asked.lock().push(request.code);
            let answer = match request.code {
                request::GET_BROKER_CLUSTER_INFO => Command::success().with_json(&self.clusters()),
                request::GET_ALL_CONSUMER_OFFSET => Command::success().with_body(self.offsets.as_bytes().to_vec()),
                request::GET_BROKER_RUNTIME_INFO => {
                    let table = [("brokerVersionDesc", self.version)].map(|(key, value)| (key.into(), value.into()));
                    Command::success().with_json(&KvTable { table: table.into() })
                }
                request::REGISTER_BROKER => {
                    let register: Register = request.header().expect("a registration");
                    assert_ne!(register.ha_server_addr, "127.0.0.1:10912", "the port that was opened");
                    Command::success()
                }
                _ => Command::success(),
            };
            answers.now(Receipt::of(&request), answer);
        }
    }
}
