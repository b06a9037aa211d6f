//! Settings files for machines of one's own: a folder a node, `broker.conf` or `namesrv.conf` in it.

use super::{File, RenderError, Wishes, nodes};
use crate::Template;

pub(super) fn files(template: &Template, wishes: &Wishes) -> Result<Vec<File>, RenderError> {
    let nodes = nodes::on_machines(template, wishes, &wishes.data)?;
    let file =
        |(node, text): (nodes::Node<'_>, String)| File { path: format!("{}/{}", node.name, node.file_name()), text };
    Ok(nodes.into_iter().map(file).collect())
}
