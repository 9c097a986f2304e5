//! The table: every measure with its figure, its goal and the verdict.

use std::fmt::Write as _;

use crate::contest::Spread;

/// On which side of its goal a figure must lie.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    AtLeast(f64),
    AtMost(f64),
    /// For information.
    None,
}

struct Line {
    name: String,
    figure: String,
    goal: String,
    verdict: &'static str,
    information: String,
}

/// Every measure so far.
#[derive(Default)]
pub struct Table {
    lines: Vec<Line>,
}

fn shown(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

impl Table {
    /// A measure of the median of its rounds; the range stands beside it.
    pub fn spread(&mut self, name: &str, spread: Spread, goal: Goal, information: &str) {
        let figure = format!("{} ({}–{})", shown(spread.median), shown(spread.least), shown(spread.most));
        self.add(name, figure, spread.median, goal, information);
    }

    /// A measure that is one number.
    pub fn value(&mut self, name: &str, value: f64, goal: Goal, information: &str) {
        self.add(name, shown(value), value, goal, information);
    }

    /// What cannot be measured, and why.
    pub fn absent(&mut self, name: &str, why: &str) {
        self.lines.push(Line {
            name: name.to_owned(),
            figure: "–".to_owned(),
            goal: String::new(),
            verdict: "not measured",
            information: why.to_owned(),
        });
    }

    fn add(&mut self, name: &str, figure: String, value: f64, goal: Goal, information: &str) {
        let (goal, verdict) = match goal {
            Goal::AtLeast(least) => (format!("≥ {least}"), if value >= least { "met" } else { "MISSED" }),
            Goal::AtMost(most) => (format!("≤ {most}"), if value <= most { "met" } else { "MISSED" }),
            Goal::None => (String::new(), ""),
        };
        eprintln!("{name}: {figure} {goal} {verdict} {information}");
        self.lines.push(Line { name: name.to_owned(), figure, goal, verdict, information: information.to_owned() });
    }

    /// Adds the lines of another table.
    pub fn append(&mut self, mut other: Table) {
        self.lines.append(&mut other.lines);
    }

    /// The table in Markdown.
    pub fn text(&self) -> String {
        let mut text =
            String::from("| measure | median (least–most) | goal | verdict | for information |\n| --- | --- | --- | --- | --- |\n");
        for line in &self.lines {
            let Line { name, figure, goal, verdict, information } = line;
            writeln!(text, "| {name} | {figure} | {goal} | {verdict} | {information} |").expect("written");
        }
        text
    }
}
