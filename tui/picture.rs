//! A screen as a picture: cells → SVG, dark, each run of characters at its own place, so that wide characters stand where a
//! terminal puts them, whatever font is there.

use ratatui::{
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};
use std::fmt::Write;

/// How wide and high a cell is, in the picture's units.
const CELL: (f32, f32) = (8.4, 18.0);
/// What is left free around the screen.
const EDGE: f32 = 12.0;
/// The text's size.
const FONT: f32 = 14.0;
/// Where its line stands in a cell, from above.
const LINE: f32 = 13.5;
/// What the screen is, and what is written in no colour of its own.
const PAPER: u32 = 0x1b1f27;
const INK: u32 = 0xd7dae0;
/// The same, less strong.
const FAINT: u32 = 0x8b93a1;

/// How a cell looks.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Ink {
    text: u32,
    paper: u32,
    bold: bool,
    underlined: bool,
}

/// Draws it.
pub fn svg(buffer: &Buffer) -> String {
    let area = buffer.area;
    let (width, height) = (f32::from(area.width) * CELL.0, f32::from(area.height) * CELL.1);
    let (all, high) = (width + 2.0 * EDGE, height + 2.0 * EDGE);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {all:.1} {high:.1}\" width=\"{all:.0}\" height=\"{high:.0}\" \
         font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Noto Sans Mono CJK SC', \
         monospace\" font-size=\"{FONT}\">\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#{PAPER:06x}\"/>\n"
    );
    for y in 0..area.height {
        line(&mut svg, buffer, y);
    }
    svg.push_str("</svg>\n");
    svg
}

/// A line: first what lies behind the text, then the text.
fn line(svg: &mut String, buffer: &Buffer, y: u16) {
    let area = buffer.area;
    let top = EDGE + f32::from(y) * CELL.1;
    let cell = |x: u16| &buffer[(area.x + x, area.y + y)];
    // The cell that the second half of a wide character stands in looks like nothing of its own.
    let mut papers = Vec::new();
    while papers.len() < usize::from(area.width) {
        let at = cell(papers.len() as u16);
        papers.extend(std::iter::repeat_n(ink(at).paper, width(at).into()));
    }
    let paper_at = |x: u16| papers[usize::from(x)];
    let mut x = 0;
    while x < area.width {
        let paper = paper_at(x);
        let end = (x..area.width).find(|at| paper_at(*at) != paper).unwrap_or(area.width);
        if paper != PAPER {
            let (left, width) = (EDGE + f32::from(x) * CELL.0, f32::from(end - x) * CELL.0);
            let _ = writeln!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{}\" fill=\"#{paper:06x}\"/>",
                CELL.1
            );
        }
        x = end;
    }
    let mut x = 0;
    while x < area.width {
        let (how, wide) = (ink(cell(x)), width(cell(x)));
        let mut text = cell(x).symbol().to_owned();
        let mut end = x + wide;
        // Wide characters stand alone; what is narrow goes on to what looks otherwise, or to two blanks.
        while wide == 1 && end < area.width && ink(cell(end)) == how && width(cell(end)) == 1 {
            if text.ends_with(' ') && cell(end).symbol() == " " && !how.underlined {
                break;
            }
            text.push_str(cell(end).symbol());
            end += 1;
        }
        if !text.trim().is_empty() || how.underlined {
            run(svg, &text, (EDGE + f32::from(x) * CELL.0, top + LINE), f32::from(end - x) * CELL.0, how);
        }
        x = end;
    }
}

fn run(svg: &mut String, text: &str, (left, base): (f32, f32), width: f32, how: Ink) {
    let bold = if how.bold { " font-weight=\"bold\"" } else { "" };
    let under = if how.underlined { " text-decoration=\"underline\"" } else { "" };
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let _ = writeln!(
        svg,
        "<text x=\"{left:.1}\" y=\"{base:.1}\" textLength=\"{width:.1}\" fill=\"#{:06x}\"{bold}{under} \
         xml:space=\"preserve\">{escaped}</text>",
        how.text
    );
}

/// How many cells it takes.
fn width(cell: &Cell) -> u16 {
    (ratatui::text::Span::raw(cell.symbol()).width() as u16).max(1)
}

fn ink(cell: &Cell) -> Ink {
    let faint = cell.modifier.contains(Modifier::DIM);
    let text = match cell.fg {
        Color::Reset if faint => FAINT,
        other => colour(other).unwrap_or(INK),
    };
    let paper = colour(cell.bg).unwrap_or(PAPER);
    let turned = cell.modifier.contains(Modifier::REVERSED);
    let (text, paper) = if turned { (paper, text) } else { (text, paper) };
    let modifier = cell.modifier;
    Ink { text, paper, bold: modifier.contains(Modifier::BOLD), underlined: modifier.contains(Modifier::UNDERLINED) }
}

/// The sixteen colours as a dark terminal has them; `None`: no colour of its own.
fn colour(colour: Color) -> Option<u32> {
    Some(match colour {
        Color::Black => 0x11141a,
        Color::Red => 0xe06c75,
        Color::Green => 0x98c379,
        Color::Yellow => 0xe5c07b,
        Color::Blue => 0x61afef,
        Color::Magenta => 0xc678dd,
        Color::Cyan => 0x56b6c2,
        Color::Gray => 0xabb2bf,
        Color::DarkGray => 0x6b7280,
        Color::LightRed => 0xff7b86,
        Color::LightGreen => 0xb5e890,
        Color::LightYellow => 0xffd68a,
        Color::LightBlue => 0x8cc8ff,
        Color::LightMagenta => 0xdd9cf2,
        Color::LightCyan => 0x7fd6e0,
        Color::White => 0xffffff,
        Color::Indexed(index) => indexed(index)?,
        _ => return None,
    })
}

/// One of the 256 colours beyond those sixteen, as every terminal has them: `16 + 36 r + 6 g + b`, each of 0, 95, 135, 175, 215,
/// 255; from 232 on greys, `8 + 10 n`. The sixteen are a terminal's own.
fn indexed(index: u8) -> Option<u32> {
    let level = |of: u8| [0, 95, 135, 175, 215, 255][usize::from(of % 6)];
    let (r, g, b) = match index {
        0..16 => return None,
        16..232 => (level((index - 16) / 36), level((index - 16) / 6), level(index - 16)),
        232.. => return Some(0x010101 * (8 + 10 * u32::from(index - 232))),
    };
    Some((r << 16) | (g << 8) | b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::{layout::Rect, style::Style};

    #[test]
    fn each_run_stands_at_its_cell_and_what_is_turned_has_a_ground() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
        buffer.set_string(0, 0, "a<b", Style::new().fg(Color::Red));
        buffer.set_string(4, 0, "杭州x", Style::new().add_modifier(Modifier::REVERSED));
        let svg = svg(&buffer);
        let at = |cell: f32| format!("x=\"{:.1}\"", EDGE + cell * CELL.0);
        for (text, cell) in [(">a&lt;b</text>", 0.0), (">杭</text>", 4.0), (">州</text>", 6.0), (">x</text>", 8.0)] {
            let line = svg.lines().find(|line| line.contains(text)).expect(text);
            assert!(line.contains(&at(cell)), "{line}");
        }
        assert!(svg.contains(&format!("<rect {} y=\"{EDGE:.1}\" width=\"42.0\"", at(4.0))), "{svg}");
        assert!(svg.contains("fill=\"#e06c75\""), "{svg}");
    }
}
