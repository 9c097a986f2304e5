//! Chance that can be repeated, for walks by chance.

/// A repeatable source of chance (xorshift).
pub struct Chance(pub u64);

impl Chance {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).expect("small")).expect("small")
    }

    /// Mostly one that suits the act, the latest rather than the first; now and then any.
    pub fn pick<T>(&mut self, rows: &[T], suits: impl Fn(&T) -> bool) -> usize {
        let suited: Vec<usize> = (0..rows.len()).rev().filter(|index| rows.get(*index).is_some_and(&suits)).take(4).collect();
        let any = self.below(rows.len());
        if self.below(5) == 0 { any } else { suited.get(self.below(suited.len())).copied().unwrap_or(any) }
    }

    pub fn amount(&mut self, most: i64) -> i64 {
        1 + i64::try_from(self.below(usize::try_from(most.max(1)).expect("positive"))).expect("small")
    }
}
