//! Units of systemd: one template unit for name servers and one for brokers, whose instances are the nodes, and the
//! settings file of each node.

use super::{DATA, File, RenderError, Wishes, nodes};
use crate::Template;

pub(super) fn files(template: &Template, wishes: &Wishes) -> Result<Vec<File>, RenderError> {
    let unit = |kind, what| File { path: format!("rmq-{kind}@.service"), text: unit(wishes, kind, what) };
    let units = [unit("namesrv", "name server"), unit("broker", "broker")];
    let nodes = nodes::on_machines(template, wishes, DATA)?;
    let conf = |(node, text): (nodes::Node<'_>, String)| File { path: format!("{}.conf", node.name), text };
    Ok(units.into_iter().chain(nodes.into_iter().map(conf)).collect())
}

/// A template unit. The account is made while it runs, with its folder, if the machine has none of that name.
fn unit(wishes: &Wishes, kind: &str, what: &str) -> String {
    let head =
        wishes.head(&format!("A RocketMQ {what} for each /etc/rmq/NODE.conf: systemctl enable --now rmq-{kind}@NODE"));
    let program = &wishes.program;
    format!(
        "{head}
[Unit]
Description=RocketMQ {what} %i
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
ExecStart={program} {kind} -c /etc/rmq/%i.conf
Restart=on-failure
RestartSec=2
# A large store takes its time to be checked after a crash, and to be flushed at the end.
TimeoutStartSec=infinity
TimeoutStopSec=2min
# Every connection and every file of the store is an open file.
LimitNOFILE=1048576
User=rmq
DynamicUser=yes
StateDirectory=rmq/%i
StateDirectoryMode=0750
WorkingDirectory=/var/lib/rmq/%i
UMask=0027
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
CapabilityBoundingSet=

[Install]
WantedBy=multi-user.target
"
    )
}
