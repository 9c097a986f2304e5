//! Tickets, vignettes, stamps (valeurs inactives): numbered paper worth its face value once it is sold.
//!
//! They come from the Treasury in ranges. A part of a range moves on alone, so every number is in one place at any time.

use chrono::NaiveDate;

use super::require_state;
use crate::id::PrincipalId;
use crate::ledger::{Part, Posting, PostingAccounts};
use crate::money::{Amount, Balance, Currency};
use crate::refusal::{Refusal, codes};
use crate::words;

codes! {
    TICKET_KIND_DUPLICATE: Conflict,
        "Nature de ticket déjà enregistrée" / "Kind of ticket already registered",
        "Le nom {name} désigne déjà une nature de ticket." / "The name {name} already names a kind of ticket.";
    TICKET_RANGE_INVALID: Rule,
        "Série de tickets invalide" / "Invalid range of tickets",
        "Les numéros demandés ({first} à {last}) ne sont pas une partie de la série, ou dépassent ce qui se compte." /
        "The numbers asked for ({first} to {last}) are no part of the range, or exceed what can be counted.";
    TICKET_RANGE_OVERLAP: Conflict,
        "Numéros déjà reçus" / "Numbers already received",
        "Les numéros {first} à {last} de cette nature sont déjà enregistrés." /
        "The numbers {first} to {last} of this kind are already recorded.";
    TICKET_SHORTAGE: Rule,
        "Tickets et argent ne concordent pas" / "Tickets and money do not agree",
        "Le {date}, le régisseur {cash_officer} déclare {declared} pour {expected} de tickets vendus ; écart : {difference} ({currency})." /
        "On {date}, the cash officer {cash_officer} declares {declared} for {expected} of tickets sold; difference: {difference} ({currency}).";
}

words! {
    /// Where tickets are.
    pub enum TicketState {
        /// With the accountant, as received from the Treasury.
        InStock = "in_stock",
        /// In the hands of a collection office.
        Issued = "issued",
        /// Sold by a collection office.
        Sold = "sold",
        /// Given back by a collection office, unsold; may be issued again.
        Returned = "returned",
        /// Lost, by a decision on minutes.
        Lost = "lost",
    }
}

/// The highest number of a ticket.
pub const NUMBER_MAX: i64 = 999_999_999;

/// Consecutive numbers, both ends belonging to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub first: i64,
    pub last: i64,
}

impl Range {
    pub fn count(self) -> i64 {
        self.last - self.first + 1
    }

    fn refuse(self) -> Refusal {
        TICKET_RANGE_INVALID.refuse().with("first", self.first).with("last", self.last).at("/last_number")
    }
}

/// What a number of tickets is worth; nothing when it is out of range.
pub fn value(face_value: Amount, count: i64) -> Option<Amount> {
    face_value.minor().checked_mul(count).and_then(Amount::from_minor)
}

/// Refuses numbers that make no range, and a stock whose worth cannot be counted: `before` are the tickets of the kind that
/// were received before.
pub fn receive(range: Range, face_value: Amount, before: i64) -> Result<(), Refusal> {
    let numbered = (1..=NUMBER_MAX).contains(&range.first) && (range.first..=NUMBER_MAX).contains(&range.last);
    if numbered && value(face_value, before + range.count()).is_some() { Ok(()) } else { Err(range.refuse()) }
}

/// Refuses numbers that were received before.
pub fn overlap(known: Range) -> Refusal {
    TICKET_RANGE_OVERLAP.refuse().with("first", known.first).with("last", known.last).at("/first_number")
}

/// Takes a part out of a range; gives what stays before and after it.
pub fn split(whole: Range, part: Range) -> Result<(Option<Range>, Option<Range>), Refusal> {
    if part.first > part.last || part.first < whole.first || part.last > whole.last {
        return Err(part.refuse());
    }
    let before = (part.first > whole.first).then(|| Range { first: whole.first, last: part.first - 1 });
    let after = (part.last < whole.last).then(|| Range { first: part.last + 1, last: whole.last });
    Ok((before, after))
}

/// Refuses to move tickets from where they cannot go on to a state.
pub fn go(from: TicketState, to: TicketState) -> Result<(), Refusal> {
    let required: &[TicketState] = match to {
        TicketState::InStock => &[],
        TicketState::Issued => &[TicketState::InStock, TicketState::Returned],
        TicketState::Sold | TicketState::Returned => &[TicketState::Issued],
        TicketState::Lost => &[TicketState::InStock, TicketState::Issued, TicketState::Returned],
    };
    require_state(from, required)
}

/// Sold tickets are worth exactly the money declared for them.
pub fn sell(expected: Amount, declared: Amount, officer: PrincipalId, today: NaiveDate, currency: Currency) -> Result<(), Refusal> {
    if expected == declared {
        return Ok(());
    }
    Err(TICKET_SHORTAGE
        .refuse()
        .with("difference", Balance::between(expected, declared).display(currency))
        .with("expected", expected.display(currency))
        .with("declared", declared.display(currency))
        .with("cash_officer", officer.to_string())
        .with("date", today)
        .with("currency", currency.code())
        .at("/amount"))
}

/// Tickets lost in the hands of a cash officer are owed at their face value, as if sold: D 462 / C 471.
pub fn loss_postings(accounts: &PostingAccounts, amount: Amount) -> Vec<Posting> {
    vec![Posting::debit(accounts.of(Part::Debtors), amount), Posting::credit(accounts.of(Part::UnclassifiedReceipts), amount)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: i64, last: i64) -> Range {
        Range { first, last }
    }

    #[test]
    fn a_part_leaves_what_stands_before_and_after_it() {
        let whole = range(1, 1000);
        assert_eq!(split(whole, whole), Ok((None, None)));
        assert_eq!(split(whole, range(1, 100)), Ok((None, Some(range(101, 1000)))));
        assert_eq!(split(whole, range(901, 1000)), Ok((Some(range(1, 900)), None)));
        assert_eq!(split(whole, range(5, 5)), Ok((Some(range(1, 4)), Some(range(6, 1000)))));
        for wrong in [range(0, 5), range(1, 1001), range(7, 6), range(2000, 3000)] {
            assert_eq!(split(whole, wrong).map_err(|refusal| refusal.code.name), Err("TICKET_RANGE_INVALID"), "{wrong:?}");
        }
    }

    #[test]
    fn tickets_are_worth_their_number_times_their_face() {
        let face = Amount::from_minor(500).expect("in range");
        assert_eq!(value(face, range(1, 17_485).count()).map(Amount::minor), Some(8_742_500));
        assert_eq!(receive(range(1, NUMBER_MAX), face, 0), Ok(()));
        for wrong in [range(0, 1), range(2, 1), range(1, NUMBER_MAX + 1), range(i64::MIN, i64::MAX)] {
            assert!(receive(wrong, face, 0).is_err(), "{wrong:?}");
        }
        let dear = Amount::from_minor(crate::money::AMOUNT_MAX).expect("in range");
        assert_eq!(receive(range(1, 1), dear, 0), Ok(()));
        assert!(receive(range(2, 2), dear, 1).is_err());
    }

    #[test]
    fn tickets_go_on_and_never_come_back_from_where_they_ended() {
        use TicketState::{InStock, Issued, Lost, Returned, Sold};
        let paths =
            [(InStock, Issued), (InStock, Lost), (Issued, Sold), (Issued, Returned), (Issued, Lost), (Returned, Issued), (Returned, Lost)];
        for from in [InStock, Issued, Sold, Returned, Lost] {
            for to in [InStock, Issued, Sold, Returned, Lost] {
                assert_eq!(go(from, to).is_ok(), paths.contains(&(from, to)), "{from} {to}");
            }
        }
    }
}
