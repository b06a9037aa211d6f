//! What `rmq top` costs where there is much to see: 1,000 topics with 8 queues at each of two masters, 2,000 groups.
//!
//! `cargo bench --bench top` starts that cluster, with some traffic, and the program itself in a pseudo-terminal of 120
//! columns and 40 rows, once a second, on one screen after the other. Taps between it and the servers count its requests and
//! what is answered. CPU and memory are the process's own, from `/proc`. Then, in this process, what a change costs until it is drawn.
//!
//! `-- --seconds N` watches each screen for so long, `-- --only NAME` one of them.

mod crowd;
mod load;
mod tap;
mod terminal;

use admin::Admin;
use base::Clock;
use client::{Client, ClientConfig};
use crossterm::event::{KeyCode, KeyEvent};
use crowd::{Crowd, Traffic, group, topic};
use load::{free_port, median};
use protocol::code::request;
use ratatui::{Terminal, TerminalOptions, Viewport, backend::CrosstermBackend, layout::Rect};
use std::{
    io,
    time::{Duration, Instant},
};
use tap::{Counted, Tap};
use terminal::{SIZE, Top};
use tui::{Effect, Event, Feed, Look, State};

/// After a screen has come, before it is watched: pictures to compare with, and what is allocated once.
const WARM: Duration = Duration::from_secs(6);
/// As often a change is drawn in this process, for each screen.
const DRAWN: usize = 60;

/// A screen: its name, what to type to get there, and what stands on it then.
type Screen = (&'static str, String, Vec<String>);

fn screens() -> Vec<Screen> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    vec![
        ("cluster", "1".to_owned(), words(&["broker-a:0", "groups behind"])),
        ("topics", "2".to_owned(), words(&["trade-orders-0001", "settlement-readers"])),
        ("groups", "3".to_owned(), words(&["groups: 2", "DRAINED IN"])),
        ("a topic", format!(":topic {}\r", topic(5)), words(&["16 queues", "LAST STORED"])),
        ("a group", format!(":group {}\r", group(6)), words(&["32 queues", "CONSUMED TO"])),
    ]
}

fn main() {
    if !std::env::args().any(|arg| arg == "--bench") {
        return println!("top: run it with `cargo bench --bench top`");
    }
    let seconds = argument("--seconds").map_or(20.0, |text| text.parse().expect("--seconds N"));
    let time = Duration::from_secs_f64(seconds);
    let only = argument("--only");
    let screens: Vec<_> = screens().into_iter().filter(|of| only.as_ref().is_none_or(|name| *name == of.0)).collect();
    let rmq = env!("CARGO_BIN_EXE_rmq");
    let crowd = Crowd::start(rmq);
    let taps = crowd.masters.each_ref().map(|master| {
        let server = format!("127.0.0.1:{}", master.target().port);
        (server.clone(), Tap::before(&server, free_port(), &[]))
    });
    let changes: Vec<_> = taps.iter().map(|(server, tap)| (server.clone(), tap.addr.clone())).collect();
    let names = Tap::before(&crowd.names.addr, free_port(), &changes);
    let taps = taps.map(|(_, tap)| tap);
    let _traffic = Traffic::on(&crowd);
    println!("{} topics x {} queues at each of 2 masters, {} groups", crowd::TOPICS, crowd::QUEUES, crowd::GROUPS);
    println!(
        "{:<8} {:>7} {:>8} {:>8} {:>9} {:>8} {:>8} {:>8} {:>9}",
        "screen", "CPU %", "RSS MiB", "peak", "refreshes", "requests", "heavy", "KiB", "drawn KiB"
    );
    for (name, keys, words) in &screens {
        let mut top = Top::start(rmq, &names.addr);
        top.go(keys, &words.iter().map(String::as_str).collect::<Vec<_>>());
        top.watch(WARM);
        let count = || [names.counted(), taps[0].counted(), taps[1].counted()];
        let (before, used, start) = (count(), top.used(), Instant::now());
        let drawn = top.watch(time);
        let (after, now, took) = (count(), top.used(), start.elapsed().as_secs_f64());
        let counted: Vec<Counted> = after.iter().zip(&before).map(|(after, before)| after.since(before)).collect();
        let of_brokers = |code: i32| counted[1..].iter().map(|one| one.requests.get(&code).unwrap_or(&0)).sum::<u64>();
        // Each refresh asks each broker once for this.
        let refreshes = of_brokers(request::GET_BROKER_RUNTIME_INFO) as f64 / 2.0;
        let all: u64 = counted.iter().flat_map(|one| one.requests.values()).sum();
        println!(
            "{name:<8} {:>7.2} {:>8.1} {:>8.1} {refreshes:>9.1} {:>8.2} {:>8.2} {:>8.0} {:>9.1}",
            (now.cpu_us - used.cpu_us) / took / 1e4,
            now.rss_kib as f64 / 1024.0,
            now.peak_kib as f64 / 1024.0,
            all as f64 / refreshes,
            of_brokers(request::GET_BROKER_CONSUME_STATS) as f64 / refreshes,
            counted.iter().map(|one| one.answered).sum::<u64>() as f64 / 1024.0 / refreshes,
            drawn as f64 / 1024.0 / refreshes,
        );
    }
    println!(
        "requests, KiB that came and KiB drawn are for each refresh; heavy is request 317 among them, of two masters"
    );
    in_process(&names.addr, &screens);
}

fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|arg| arg != name).nth(1)
}

/// Times of one kind, ms.
#[derive(Default)]
struct Times(Vec<f64>);

impl Times {
    fn measure<T>(&mut self, what: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let done = what();
        self.0.push(start.elapsed().as_secs_f64() * 1e3);
        done
    }

    fn shown(&self) -> String {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let p99 = sorted.get(sorted.len() * 99 / 100).copied().unwrap_or(f64::NAN);
        format!("{:>7.3} {p99:>7.3}", median(&sorted))
    }
}

/// What it costs to take answers in, to draw then, to take a key in and draw, and to draw when time went by.
fn in_process(names: &str, screens: &[Screen]) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("threads can be started");
    println!(
        "{:<8} {:>15} {:>15} {:>15} {:>15}   ms: median, p99",
        "screen", "answer", "then draw", "key and draw", "tick and draw"
    );
    runtime.block_on(async {
        let admin = Admin::on(&Client::start(ClientConfig::new(names)).expect("that is an address"));
        let mut feed = Feed::new(admin.clone(), Clock::System);
        for (name, keys, _) in screens {
            let look = Look { theme: tui::Theme::Sixteen, ..Look::default() };
            // Due with each tick.
            let mut state = State::new(names, look, Duration::from_millis(1), SIZE, Clock::System.now_ms());
            let viewport = Viewport::Fixed(Rect::new(0, 0, SIZE.0, SIZE.1));
            let backend = CrosstermBackend::new(io::sink());
            let mut terminal = Terminal::with_options(backend, TerminalOptions { viewport }).expect("a sink");
            let mut times: [Times; 4] = Default::default();
            for key in keys.chars() {
                let code = if key == '\r' { KeyCode::Enter } else { KeyCode::Char(key) };
                let effects = state.update(Event::Key(KeyEvent::from(code)));
                hear(&mut feed, &mut state, effects, |state, event| drop(state.update(event))).await;
            }
            for at in 0..DRAWN + 10 {
                // The first ones have no rates yet.
                let is_warm = at >= 10;
                let mut unused: [Times; 4] = Default::default();
                let [answers, draws, keys, ticks] = if is_warm { &mut times } else { &mut unused };
                let effects = ticks.measure(|| {
                    let effects = state.update(Event::Tick(Clock::System.now_ms()));
                    terminal.draw(|frame| tui::draw(&state, frame)).expect("a sink");
                    effects
                });
                hear(&mut feed, &mut state, effects, |state, event| {
                    answers.measure(|| state.update(event));
                    draws.measure(|| terminal.draw(|frame| tui::draw(state, frame)).map(drop)).expect("a sink");
                })
                .await;
                for code in [KeyCode::Down, KeyCode::PageDown, KeyCode::Up] {
                    keys.measure(|| {
                        state.update(Event::Key(KeyEvent::from(code)));
                        terminal.draw(|frame| tui::draw(&state, frame)).map(drop).expect("a sink");
                    });
                }
            }
            let [answers, draws, keys, ticks] = times.map(|times| times.shown());
            println!("{name:<8} {answers} {draws} {keys} {ticks}");
        }
        admin.shutdown().await;
    });
}

/// Asks what is to be asked and hands over what comes.
async fn hear(feed: &mut Feed, state: &mut State, effects: Vec<Effect>, mut hand: impl FnMut(&mut State, Event)) {
    let mut asked = 0;
    for effect in effects {
        if let Effect::Ask(question) = effect {
            feed.ask(question);
            asked += 1;
        }
    }
    for _ in 0..asked {
        let answer = feed.answer().await;
        hand(state, Event::Answer(answer, Clock::System.now_ms()));
    }
}
