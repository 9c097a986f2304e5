//! A contest: contestants that run in turn, round after round, so that whatever else the machine does falls on all of them. What counts is
//! the median of the ratios within the rounds.

use std::collections::BTreeMap;
use std::time::Duration;

/// What one run came to.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    /// Successes a second.
    pub rate: f64,
    /// Latencies in microseconds; zero where they are not known.
    pub p50: u32,
    pub p99: u32,
    /// How many answers had which status, where there are statuses.
    pub statuses: BTreeMap<u16, u64>,
}

impl Figure {
    pub fn of_rate(rate: f64) -> Self {
        Self { rate, ..Self::default() }
    }
}

/// Runs for so long, and says what came of it.
type Run<'a> = Box<dyn FnMut(Duration) -> Figure + 'a>;

/// How often and for how long contestants run.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub rounds: usize,
    pub lasting: Duration,
}

/// Contestants by name, in the order in which they run.
#[derive(Default)]
pub struct Contest<'a> {
    contestants: Vec<(String, Run<'a>)>,
}

impl<'a> Contest<'a> {
    pub fn enter(&mut self, name: &str, run: impl FnMut(Duration) -> Figure + 'a) {
        self.contestants.push((name.to_owned(), Box::new(run)));
    }

    /// A short run of each to warm up, then the rounds.
    pub fn hold(mut self, rules: Rules) -> Results {
        let mut results = Results::default();
        for (_, run) in &mut self.contestants {
            run(rules.lasting.div_f64(4.0).min(Duration::from_secs(1)));
        }
        for round in 1..=rules.rounds {
            for (name, run) in &mut self.contestants {
                let figure = run(rules.lasting);
                eprintln!(
                    "  round {round}: {name}: {:.0}/s, p50 {:.1} ms, p99 {:.1} ms {:?}",
                    figure.rate,
                    f64::from(figure.p50) / 1000.0,
                    f64::from(figure.p99) / 1000.0,
                    figure.statuses
                );
                results.0.entry(name.clone()).or_default().push(figure);
            }
        }
        results
    }
}

/// What came of each contestant in each round.
#[derive(Default)]
pub struct Results(BTreeMap<String, Vec<Figure>>);

/// A median with the least and the most.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub least: f64,
    pub median: f64,
    pub most: f64,
}

impl Spread {
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let (middle, last) = (values.len() / 2, values.len().saturating_sub(1));
        let median = if values.len().is_multiple_of(2) { (at(middle.saturating_sub(1)) + at(middle)) / 2.0 } else { at(middle) };
        Self { least: at(0), median, most: at(last) }
    }
}

impl Results {
    /// The figures of a contestant, round by round.
    pub fn of(&self, name: &str) -> &[Figure] {
        self.0.get(name).unwrap_or_else(|| panic!("{name} did not take part"))
    }

    pub fn spread(&self, name: &str, value: impl Fn(&Figure) -> f64) -> Spread {
        Spread::of(self.of(name).iter().map(value).collect())
    }

    pub fn rate(&self, name: &str) -> Spread {
        self.spread(name, |figure| figure.rate)
    }

    /// The ratios of the rates of two contestants, round by round.
    pub fn ratio(&self, one: &str, other: &str) -> Spread {
        Spread::of(self.of(one).iter().zip(self.of(other)).map(|(one, other)| one.rate / other.rate).collect())
    }

    /// The better of two contestants, by the median of its rate.
    pub fn better<'n>(&self, one: &'n str, other: &'n str) -> &'n str {
        if self.rate(one).median >= self.rate(other).median { one } else { other }
    }

    /// How many answers of a contestant had a status of this kind.
    pub fn count(&self, name: &str, wanted: impl Fn(u16) -> bool) -> u64 {
        self.of(name).iter().flat_map(|figure| &figure.statuses).filter(|(status, _)| wanted(**status)).map(|(_, count)| count).sum()
    }
}
