//! The file that the broker's settings were read from: what an operator changes while it runs is written there, too, so
//! that it lasts. Apache RocketMQ writes all keys there are; here the lines of what was changed are, and the rest stays.

use crate::config::BrokerConfig;
use base::{
    Disk,
    durable::DurableFile,
    given::Origin,
    properties::{self, Properties},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// That file, if there is one.
#[derive(Debug)]
pub struct SettingsFile {
    disk: Disk,
    origin: Origin,
}

impl SettingsFile {
    /// The one that settings came from.
    pub fn of(disk: &Disk, origin: &Origin) -> Self {
        Self { disk: disk.clone(), origin: origin.clone() }
    }

    /// Writes the present values of the changed keys to the file. What was there before is kept as `.bak`.
    ///
    /// # Errors
    /// Why they do not last: there is no file, it cannot be written, or the command line says otherwise.
    pub fn save(&self, changes: &Properties, config: &BrokerConfig) -> Result<(), String> {
        let Some(path) = &self.origin.file else {
            return Err("it lasts until the broker is started anew: it was started without a file".to_owned());
        };
        let values = config.print();
        let changed: Vec<_> = values.iter().filter(|(key, _)| changes.get(key).is_some()).collect();
        self.write(path, &changed).map_err(|error| {
            format!("it lasts until the broker is started anew: {} cannot be written: {error}", path.display())
        })?;
        let overruled: Vec<_> =
            changed.iter().map(|(key, _)| key.as_str()).filter(|key| self.origin.command_line.contains(key)).collect();
        match overruled.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "it lasts until the broker is started anew, if by the same command line: that sets {}",
                overruled.join(" ")
            )),
        }
    }

    fn write(&self, path: &Path, changed: &[&(String, String)]) -> io::Result<()> {
        // A link stays one.
        let path: PathBuf = fs::canonicalize(path)?;
        let mode = fs::metadata(&path)?.permissions();
        let bytes = self.disk.read_small(&path)?.unwrap_or_default();
        let pairs = changed.iter().map(|(key, value)| (key, value));
        let text = Properties::edit(&properties::decode(&bytes), pairs).map_err(io::Error::other)?;
        DurableFile::on(&self.disk, path.clone()).write(&properties::encode_like(&bytes, &text))?;
        fs::set_permissions(&path, mode)
    }
}
