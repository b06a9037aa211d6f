//! What limits look like on the command line: sizes, shares, addresses.

/// Bytes: a number, alone or with B, KiB, MiB, GiB, TiB (1024 each), KB, MB, GB, TB (1000 each).
///
/// # Errors
/// What it looks like.
pub fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let factor = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "kib" => Some(1 << 10),
        "mib" => Some(1 << 20),
        "gib" => Some(1 << 30),
        "tib" => Some(1 << 40),
        "kb" => Some(1_000),
        "mb" => Some(1_000_000),
        "gb" => Some(1_000_000_000),
        "tb" => Some(1_000_000_000_000),
        _ => None,
    };
    let size = number.parse::<u64>().ok().zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    size.ok_or_else(|| "expected a size, such as 0, 4096 or 10MiB".to_owned())
}

/// A share in percent, above 0 and at most 100: `90%`, `90`.
///
/// # Errors
/// What it looks like.
pub fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim_end().parse::<f64>().ok();
    number.filter(|share| *share > 0.0 && *share <= 100.0).ok_or_else(|| "expected a share, such as 90%".to_owned())
}

/// Where a server listens: `host:port`.
///
/// # Errors
/// What it looks like.
pub fn address(text: &str) -> Result<String, String> {
    let text = text.trim();
    let good = text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(['/', ';', ',', ' ']) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    if good { Ok(text.to_owned()) } else { Err("expected HOST:PORT, such as 127.0.0.1:10911".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_or_are_bytes() {
        for (text, size) in
            [("0", 0), ("4096", 4096), ("1 b", 1), ("10MiB", 10 << 20), ("3kb", 3000), ("2 GiB", 2 << 30)]
        {
            assert_eq!(bytes(text), Ok(size), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5MiB", "10 miles", "99999999999TiB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares_are_percent() {
        assert_eq!((percent("90%"), percent(" 0.5 % ")), (Ok(90.0), Ok(0.5)));
        for text in ["", "%", "0", "101", "NaN", "x"] {
            assert!(percent(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_is_a_host_and_a_port() {
        assert!(address("localhost:9876").is_ok() && address("[::1]:9876").is_ok());
        for text in ["", "localhost", ":9876", "h:0", "h:70000", "http://h:80", "a:1;b:2"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
