//! Numbers as people read them in narrow columns. What is not known is not shown here.

/// A count or a rate: three digits and a unit from 10,000 on.
pub fn count(number: f64) -> String {
    // A sum of nothing is -0.
    let number = number + 0.0;
    let size = number.abs();
    if size < 9.95 && number.fract() != 0.0 {
        return format!("{number:.1}");
    }
    if size < 9_999.5 {
        return format!("{number:.0}");
    }
    let (mut amount, mut unit) = (number / 1000.0, "k");
    for larger in ["M", "G", "T", "P", "E"] {
        if amount.abs() < 999.5 {
            break;
        }
        (amount, unit) = (amount / 1000.0, larger);
    }
    if amount.abs() < 99.95 { format!("{amount:.1}{unit}") } else { format!("{amount:.0}{unit}") }
}

/// Bytes with a binary unit.
pub fn bytes(number: f64) -> String {
    let (mut amount, mut unit) = (number, "B");
    for larger in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
        if amount.abs() < 1023.5 {
            break;
        }
        (amount, unit) = (amount / 1024.0, larger);
    }
    if unit == "B" || amount.abs() >= 99.95 { format!("{amount:.0} {unit}") } else { format!("{amount:.1} {unit}") }
}

/// A share of 1.
pub fn percent(share: f64) -> String {
    format!("{:.0}%", share * 100.0)
}

/// A short length of time with the unit that fits.
pub fn millis(ms: f64) -> String {
    match ms {
        0.0 => "0ms".to_owned(),
        ..9.995 => format!("{ms:.2}ms"),
        9.995..99.95 => format!("{ms:.1}ms"),
        99.95..9_999.5 => format!("{ms:.0}ms"),
        _ => span(ms as i64),
    }
}

/// A length of time in its two largest units.
pub fn span(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_narrow_and_never_become_nothing() {
        let shown = [-0.0, 0.4, 3.25, 12.0, 9_999.0, 12_345.0, 999_600.0, 1.5e9, -20_000.0].map(count);
        assert_eq!(shown, ["0", "0.4", "3.2", "12", "9999", "12.3k", "1.0M", "1.5G", "-20.0k"]);
        let shown = [0.0, 1023.0, 1536.0, 1048570.0, 5e12].map(bytes);
        assert_eq!(shown, ["0 B", "1023 B", "1.5 KiB", "1.0 MiB", "4.5 TiB"]);
    }

    #[test]
    fn lengths_of_time_have_two_units() {
        let shown = [-5, 999, 61_000, 3_700_000, 90_000_000].map(span);
        assert_eq!(shown, ["0s", "0s", "1m01s", "1h01m", "1d01h"]);
        let shown = [0.0, 0.035, 9.99, 12.0, 450.4, 9_999.0, 61_000.0].map(millis);
        assert_eq!(shown, ["0ms", "0.04ms", "9.99ms", "12.0ms", "450ms", "9999ms", "1m01s"]);
    }
}
