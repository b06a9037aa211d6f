//! Values over time as lines of characters: braille, eight dots each, or one dot each in ASCII.

use crate::history::Point;

/// From when until when.
pub struct Window {
    /// At the left, ms.
    pub from_ms: i64,
    /// At the right, ms.
    pub to_ms: i64,
    /// Values further apart are not joined, ms.
    pub joined_ms: i64,
}

/// What came of it.
pub struct Drawn {
    /// From above.
    pub lines: Vec<String>,
    /// The value at the top; at the bottom is 0.
    pub top: f64,
    /// The largest value in the window.
    pub most: Option<f64>,
}

/// Draws them into so many columns and lines.
pub fn lines(points: &[Point], window: &Window, columns: u16, lines: u16, ascii: bool) -> Drawn {
    let (across, down) = if ascii { (1, 1) } else { (2, 4) };
    let (wide, high) = (usize::from(columns) * across, usize::from(lines) * down);
    let inside = |at: i64| (window.from_ms..=window.to_ms).contains(&at);
    let most = points.iter().filter(|(at, _)| inside(*at)).filter_map(|(_, value)| *value).reduce(f64::max);
    // All zero is a line at the bottom.
    let top = most.filter(|most| *most > 0.0).unwrap_or(1.0);
    let mut dots = vec![false; wide * high];
    let span = (window.to_ms - window.from_ms).max(1) as f64;
    let place = |(at, value): (i64, f64)| {
        let x = (at - window.from_ms) as f64 / span * wide.saturating_sub(1) as f64;
        let y = (1.0 - (value / top).clamp(0.0, 1.0)) * high.saturating_sub(1) as f64;
        (x.round() as i64, y.round() as i64)
    };
    let mut before: Option<(i64, f64)> = None;
    for (at, value) in points.iter().filter(|(at, _)| inside(*at)) {
        let Some(value) = value else {
            before = None;
            continue;
        };
        let from = before.filter(|(then, _)| at - then <= window.joined_ms).unwrap_or((*at, *value));
        join(place(from), place((*at, *value)), |x, y| {
            if let Some(dot) = dots.get_mut(y as usize * wide + x as usize) {
                *dot = true;
            }
        });
        before = Some((*at, *value));
    }
    let is_set = |x: usize, y: usize| dots.get(y * wide + x).copied().unwrap_or(false);
    let cell = |column: usize, line: usize| {
        if ascii {
            return if is_set(column, line) { '*' } else { ' ' };
        }
        // The bits of the eight dots: <https://www.unicode.org/charts/PDF/U2800.pdf>
        let bits = [
            (0, 0, 0x01),
            (0, 1, 0x02),
            (0, 2, 0x04),
            (1, 0, 0x08),
            (1, 1, 0x10),
            (1, 2, 0x20),
            (0, 3, 0x40),
            (1, 3, 0x80),
        ];
        let set =
            bits.iter().filter(|(x, y, _)| is_set(column * 2 + x, line * 4 + y)).map(|(.., bit)| bit).sum::<u32>();
        if set == 0 { ' ' } else { char::from_u32(0x2800 + set).unwrap_or(' ') }
    };
    let line = |line: usize| (0..usize::from(columns)).map(|column| cell(column, line)).collect();
    Drawn { lines: (0..usize::from(lines)).map(line).collect(), top, most }
}

/// All dots from one to the other.
fn join(from: (i64, i64), to: (i64, i64), mut dot: impl FnMut(i64, i64)) {
    let steps = (to.0 - from.0).abs().max((to.1 - from.1).abs()).max(1);
    for step in 0..=steps {
        let along = |from: i64, to: i64| from + ((to - from) as f64 * step as f64 / steps as f64).round() as i64;
        dot(along(from.0, to.0), along(from.1, to.1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(points: &[Point], ascii: bool) -> Vec<String> {
        let window = Window { from_ms: 0, to_ms: 9, joined_ms: 3 };
        lines(points, &window, 10, 3, ascii).lines
    }

    #[test]
    fn a_line_rises_from_zero_to_the_largest() {
        let rise: Vec<Point> = (0..10).map(|at| (at, Some(at as f64))).collect();
        assert_eq!(drawn(&rise, true), ["       ***", "   ****   ", "***       "]);
        assert_eq!(drawn(&rise, false)[2].trim_end().chars().next(), Some('⡠'));
    }

    #[test]
    fn what_was_not_known_or_not_asked_is_a_gap() {
        let known = |at: i64| (at, Some(0.0));
        assert_eq!(drawn(&[known(0), known(3), (4, None), known(5)], true)[2], "**** *    ");
        assert_eq!(drawn(&[known(0), known(9)], true)[2], "*        *");
        assert_eq!(drawn(&[(3, None)], true), ["          "; 3]);
        let nothing = lines(&[(3, None)], &Window { from_ms: 0, to_ms: 9, joined_ms: 3 }, 0, 0, false);
        assert_eq!((nothing.most, nothing.lines.len()), (None, 0));
    }
}
