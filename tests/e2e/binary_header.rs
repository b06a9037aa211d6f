//! crates.io `rocketmq-client-v4` against `rmq`: the one client that speaks the ROCKETMQ binary header, to the name
//! server as well. Only with `RMQ_TEST_LONG=1`, for it takes minutes to build. Its driver: `clients/rust-v4`.

use crate::{
    clients::rust_v4,
    cluster::Cluster,
    cpp::{distinct, messages, numbered},
};

#[test]
fn a_client_with_binary_headers_sends_and_consumes() {
    let Some(client) = rust_v4() else { return };
    let cluster = Cluster::single();
    cluster.topic("B");
    let round_trip = ["--topic", "B", "--group", "c", "--count", "10"];
    let got = messages(&client.run(&cluster, "round-trip", &round_trip));
    assert_eq!(distinct(&got, "body"), numbered("m", 10));
}
