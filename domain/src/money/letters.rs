//! Amounts as French papers carry them: in letters, which nobody can alter by adding a digit, and in grouped figures.
//!
//! The spelling is the traditional one: hyphens below a hundred only, "et" before one and eleven, "vingt" and "cent" with
//! an s when multiplied and followed by no other numeral, "mille" always alike.

use super::{Amount, Currency};

const UNITS: [&str; 20] = [
    "zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze", "treize", "quatorze", "quinze",
    "seize", "dix-sept", "dix-huit", "dix-neuf",
];
const TENS: [&str; 7] = ["", "dix", "vingt", "trente", "quarante", "cinquante", "soixante"];

/// Between groups of three digits: narrow, and no place to break a line.
pub const GROUP_SPACE: char = '\u{202F}';

/// How a currency is named in French: one, several, and the same for its fraction.
fn names(currency: Currency) -> [&'static str; 4] {
    match currency.code() {
        "XOF" => ["franc CFA", "francs CFA", "centime", "centimes"],
        "EUR" => ["euro", "euros", "centime", "centimes"],
        "USD" => ["dollar des États-Unis", "dollars des États-Unis", "cent", "cents"],
        code if currency.decimals() == 3 => [code, code, "millième", "millièmes"],
        code => [code, code, "centième", "centièmes"],
    }
}

fn unit(index: u64) -> &'static str {
    usize::try_from(index).ok().and_then(|index| UNITS.get(index)).copied().unwrap_or("")
}

/// `last` says that no other numeral follows.
fn below_hundred(number: u64, last: bool) -> String {
    match number {
        0..=19 => unit(number).to_owned(),
        71 => "soixante et onze".to_owned(),
        70..=79 => format!("soixante-{}", unit(number - 60)),
        80 if last => "quatre-vingts".to_owned(),
        80 => "quatre-vingt".to_owned(),
        81..=99 => format!("quatre-vingt-{}", unit(number - 80)),
        _ => {
            let tens = usize::try_from(number / 10).ok().and_then(|index| TENS.get(index)).copied().unwrap_or("");
            match number % 10 {
                0 => tens.to_owned(),
                1 => format!("{tens} et un"),
                rest => format!("{tens}-{}", unit(rest)),
            }
        }
    }
}

fn below_thousand(number: u64, last: bool) -> String {
    let (hundreds, rest) = (number / 100, number % 100);
    let hundred = match hundreds {
        0 => return below_hundred(rest, last),
        1 => "cent".to_owned(),
        _ if rest == 0 && last => format!("{} cents", unit(hundreds)),
        _ => format!("{} cent", unit(hundreds)),
    };
    if rest == 0 { hundred } else { format!("{hundred} {}", below_hundred(rest, last)) }
}

/// "million" and "milliard" are nouns: they take an s, and do not count as numerals that follow.
fn noun(count: u64, letters: &str, word: &str) -> String {
    let plural = if count > 1 { "s" } else { "" };
    let link = if count > 0 && count.is_multiple_of(1_000_000) { "de " } else { "" };
    format!("{letters} {link}{word}{plural}")
}

/// A whole number in letters.
fn whole(number: u64) -> String {
    if number == 0 {
        return unit(0).to_owned();
    }
    let (milliards, millions) = (number / 1_000_000_000, number / 1_000_000 % 1000);
    let (thousands, rest) = (number / 1000 % 1000, number % 1000);
    let mut parts = Vec::new();
    if milliards > 0 {
        parts.push(noun(milliards, &whole(milliards), "milliard"));
    }
    if millions > 0 {
        parts.push(noun(millions, &below_thousand(millions, true), "million"));
    }
    match thousands {
        0 => {}
        1 => parts.push("mille".to_owned()),
        _ => parts.push(format!("{} mille", below_thousand(thousands, false))),
    }
    if rest > 0 {
        parts.push(below_thousand(rest, true));
    }
    parts.join(" ")
}

/// A number with what it counts: "deux francs CFA", "un million de francs CFA", "un million d'euros".
fn counted(number: u64, one: &str, several: &str) -> String {
    let letters = whole(number);
    let name = if number < 2 { one } else { several };
    if number == 0 || !number.is_multiple_of(1_000_000) {
        return format!("{letters} {name}");
    }
    let link = if name.starts_with(['a', 'e', 'i', 'o', 'u', 'é']) { "d'" } else { "de " };
    format!("{letters} {link}{name}")
}

/// An amount in French letters: "huit cent cinquante mille francs CFA".
pub fn in_letters(amount: Amount, currency: Currency) -> String {
    let [one, several, fraction_one, fraction_several] = names(currency);
    let minor = amount.minor().unsigned_abs();
    let unit = 10_u64.pow(currency.decimals());
    let letters = counted(minor / unit, one, several);
    match minor % unit {
        0 => letters,
        fraction => format!("{letters} et {}", counted(fraction, fraction_one, fraction_several)),
    }
}

/// An amount in figures as French papers write it: "1 250 000", with a comma before decimals.
pub fn in_figures(amount: Amount, currency: Currency) -> String {
    let text = amount.display(currency);
    let (digits, fraction) = text.split_once('.').map_or((text.as_str(), None), |(digits, fraction)| (digits, Some(fraction)));
    let mut grouped = String::with_capacity(text.len() * 2);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            grouped.push(GROUP_SPACE);
        }
        grouped.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{grouped},{fraction}"),
        None => grouped,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::money::AMOUNT_MAX;

    fn letters(minor: i64, code: &str) -> String {
        in_letters(Amount::from_minor(minor).expect("in range"), Currency::parse(code).expect("known"))
    }

    #[test]
    fn numbers_are_spelled_as_french_grammar_wants() {
        let table = [
            (0, "zéro"),
            (1, "un"),
            (16, "seize"),
            (17, "dix-sept"),
            (20, "vingt"),
            (21, "vingt et un"),
            (22, "vingt-deux"),
            (31, "trente et un"),
            (60, "soixante"),
            (61, "soixante et un"),
            (69, "soixante-neuf"),
            (70, "soixante-dix"),
            (71, "soixante et onze"),
            (72, "soixante-douze"),
            (77, "soixante-dix-sept"),
            (79, "soixante-dix-neuf"),
            (80, "quatre-vingts"),
            (81, "quatre-vingt-un"),
            (90, "quatre-vingt-dix"),
            (91, "quatre-vingt-onze"),
            (99, "quatre-vingt-dix-neuf"),
            (100, "cent"),
            (101, "cent un"),
            (111, "cent onze"),
            (180, "cent quatre-vingts"),
            (200, "deux cents"),
            (201, "deux cent un"),
            (280, "deux cent quatre-vingts"),
            (999, "neuf cent quatre-vingt-dix-neuf"),
            (1000, "mille"),
            (1001, "mille un"),
            (1100, "mille cent"),
            (1200, "mille deux cents"),
            (2000, "deux mille"),
            (21_000, "vingt et un mille"),
            (71_000, "soixante et onze mille"),
            (80_000, "quatre-vingt mille"),
            (80_080, "quatre-vingt mille quatre-vingts"),
            (100_000, "cent mille"),
            (200_000, "deux cent mille"),
            (200_200, "deux cent mille deux cents"),
            (280_000, "deux cent quatre-vingt mille"),
            (850_000, "huit cent cinquante mille"),
            (1_000_000, "un million"),
            (1_000_001, "un million un"),
            (80_000_000, "quatre-vingts millions"),
            (200_000_000, "deux cents millions"),
            (200_001_000, "deux cents millions mille"),
            (1_000_000_000, "un milliard"),
            (2_300_000_000, "deux milliards trois cents millions"),
            (
                999_999_999_999,
                "neuf cent quatre-vingt-dix-neuf milliards neuf cent quatre-vingt-dix-neuf millions neuf cent quatre-vingt-dix-neuf mille neuf cent quatre-vingt-dix-neuf",
            ),
            (1_000_000_000_000, "mille milliards"),
            (80_000_000_000_000, "quatre-vingt mille milliards"),
            (1_000_000_000_000_000, "un million de milliards"),
        ];
        for (number, expected) in table {
            assert_eq!(whole(number), expected, "{number}");
        }
    }

    #[test]
    fn what_is_counted_agrees_with_the_number() {
        let table = [
            (0, "XOF", "zéro franc CFA"),
            (1, "XOF", "un franc CFA"),
            (2, "XOF", "deux francs CFA"),
            (850_000, "XOF", "huit cent cinquante mille francs CFA"),
            (1_000_000, "XOF", "un million de francs CFA"),
            (1_000_500, "XOF", "un million cinq cents francs CFA"),
            (80_000_000, "XOF", "quatre-vingts millions de francs CFA"),
            (3_000_000_000, "XOF", "trois milliards de francs CFA"),
            (3_000_001_000, "XOF", "trois milliards mille francs CFA"),
            (AMOUNT_MAX, "XOF", "un million de milliards de francs CFA"),
            (1250, "EUR", "douze euros et cinquante centimes"),
            (101, "EUR", "un euro et un centime"),
            (100_000_000, "EUR", "un million d'euros"),
            (8, "EUR", "zéro euro et huit centimes"),
            (200, "USD", "deux dollars des États-Unis"),
            (1250, "GBP", "douze GBP et cinquante centièmes"),
            (1250, "TND", "un TND et deux cent cinquante millièmes"),
        ];
        for (minor, code, expected) in table {
            assert_eq!(letters(minor, code), expected);
        }
    }

    #[test]
    fn figures_stand_in_groups_of_three() {
        let figures = |minor, code| in_figures(Amount::from_minor(minor).expect("in range"), Currency::parse(code).expect("known"));
        assert_eq!(figures(0, "XOF"), "0");
        assert_eq!(figures(999, "XOF"), "999");
        assert_eq!(figures(1000, "XOF"), "1\u{202F}000");
        assert_eq!(figures(123_456_789_012, "XOF"), "123\u{202F}456\u{202F}789\u{202F}012");
        assert_eq!(figures(123_456, "EUR"), "1\u{202F}234,56");
    }

    /// Reads a number back from its letters.
    fn read(letters: &str) -> u64 {
        let (mut total, mut group) = (0, 0);
        for word in letters.replace('-', " ").split(' ') {
            match word {
                "et" | "de" => {}
                "mille" => {
                    total += group.max(1) * 1000;
                    group = 0;
                }
                "million" | "millions" => {
                    // Millions of the group that is being read; milliards counted before stay.
                    total += group * 1_000_000;
                    group = 0;
                }
                "milliard" | "milliards" => {
                    total = (total + group) * 1_000_000_000;
                    group = 0;
                }
                "cent" | "cents" => group = group.max(1) * 100,
                "vingt" | "vingts" if group % 100 == 4 => group += 76,
                word => {
                    let unit = UNITS
                        .iter()
                        .position(|unit| *unit == word)
                        .or_else(|| TENS.iter().position(|tens| *tens == word).map(|tens| tens * 10));
                    group += unit.unwrap_or_else(|| panic!("{word} in {letters}")) as u64;
                }
            }
        }
        total + group
    }

    proptest! {
        #[test]
        fn letters_read_back_to_the_number(number in prop_oneof![0_u64..1_000, 0_u64..1_000_000, 0_u64..1_000_000_000_000, 0_u64..=AMOUNT_MAX as u64]) {
            let written = whole(number);
            prop_assert_eq!(read(&written), number, "{}", written);
            prop_assert!(!written.contains("  ") && written == written.trim());
        }

        #[test]
        fn figures_read_back_to_the_amount(minor in 0_i64..=AMOUNT_MAX) {
            let amount = Amount::from_minor(minor).expect("in range");
            let plain: String = in_figures(amount, Currency::XOF).chars().filter(|c| *c != GROUP_SPACE).collect();
            prop_assert_eq!(Amount::parse(&plain, Currency::XOF), Ok(amount));
        }
    }
}
