//! Java `.properties` text: what operators write in `broker.conf` and `namesrv.conf`.
