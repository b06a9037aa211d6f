//! How much memory this process has, as the system tells it.

/// Memory of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of it that are in memory (RSS): with what it has mapped of the store's files, which the system can take back.
    pub resident: u64,
    /// Those that belong to no file.
    pub anonymous: u64,
}

impl Memory {
    /// As of now; `None` where the system does not tell it.
    pub fn now() -> Option<Self> {
        Self::read(&std::fs::read_to_string("/proc/self/status").ok()?)
    }

    /// Reads the text of `/proc/self/status`: see proc_pid_status(5).
    fn read(status: &str) -> Option<Self> {
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
        };
        Some(Self { resident: bytes("VmRSS")?, anonymous: bytes("RssAnon")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_read_and_nothing_is_made_up() {
        let status = "Name:\trmq\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nRssAnon:\t     512 kB\nRssFile:\t 512 kB\n";
        assert_eq!(Memory::read(status), Some(Memory { resident: 1 << 20, anonymous: 1 << 19 }));
        assert_eq!(Memory::read("Name:\trmq\nVmRSS:\t many kB\nRssAnon:\t 1 kB\n"), None);
        assert_eq!(Memory::read("VmRSS:\t 1 kB\n"), None);
        let now = Memory::now();
        // Elsewhere nothing tells.
        assert_eq!(now.is_some(), std::path::Path::new("/proc/self/status").exists());
        assert!(now.is_none_or(|now| now.resident >= now.anonymous && now.anonymous > 0), "{now:?}");
    }
}
