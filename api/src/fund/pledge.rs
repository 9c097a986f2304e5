//! Pledges: what a donor announces, for what, in which parts.

use actix_web::{post, web};
use chrono::NaiveDate;
use db::fault::Fault;
use db::fund::contribution::{ContributionChange, NewContribution, insert_contribution, update_contribution};
use db::fund::earmark::PlacedEarmark;
use db::fund::movement::{FundAct, Moved, append_movement};
use domain::audit::Event;
use domain::calendar::{Cause, not_before};
use domain::fund::earmark::WHOLE;
use domain::fund::{
    CONTRIBUTION_GOODS, CONTRIBUTION_INSTALMENTS, CONTRIBUTION_MOVEMENT_INVALID, ContributionKind, FundMovementKind, FundVocabulary,
    Ledgers, require_running,
};
use domain::id::{ContributionId, DonorId, FundId, OrganisationId, TerritorialUnitId};
use domain::money::{Amount, Currency};
use domain::text::Text;
use serde::Deserialize;
use utoipa::ToSchema;

use super::contribution::{ContributionView, read_view};
use super::{named_currency, require_open_day};
use crate::answer::{Answered, created};
use crate::body::{Asked, Json};
use crate::wire::{AmountText, CurrencyText};

/// What a contribution may be used for.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewEarmark {
    /// Territorial units; what lies in them belongs to them.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    territorial_unit_ids: Vec<TerritorialUnitId>,
    /// Sectors of the shipped list, or the first digits of DAC purpose codes.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    sectors: Vec<Text<60>>,
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    objectives: Vec<Text<60>>,
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    instruments: Vec<Text<60>>,
    /// References of purposes, which need not exist yet.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 20>")]
    #[schema(max_items = 20)]
    purposes: Vec<Text<60>>,
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 3)]
    gender_marker_min: Option<GenderMarker>,
    /// How many different purposes it pays at least until it ends.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1000)]
    minimum_purposes: Option<Bounded<1, 1000>>,
    /// The most that it pays of the budget of one purpose, in basis points.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 10000)]
    cap_bps: Option<Bounded<1, 10000>>,
}

/// A whole number within bounds.
#[derive(Clone, Copy, Debug)]
pub struct Bounded<const LEAST: u32, const MOST: u32>(pub u32);

/// A gender marker.
pub type GenderMarker = Bounded<0, 3>;

impl<'de, const LEAST: u32, const MOST: u32> Deserialize<'de> for Bounded<LEAST, MOST> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        if (LEAST..=MOST).contains(&number) {
            return Ok(Self(number));
        }
        Err(serde::de::Error::custom(format!("expected {LEAST} to {MOST}")))
    }
}

impl NewEarmark {
    /// The earmark, whose terms must exist; digits that begin a DAC purpose code need no term.
    fn read(&self, conn: &mut db::connection::Conn) -> Result<PlacedEarmark, Fault> {
        let list = |terms: &[Text<60>]| terms.iter().map(|term| term.as_str().to_owned()).collect::<Vec<_>>();
        for place in &self.territorial_unit_ids {
            db::territory::find_unit(conn, *place)?;
        }
        let known = [
            (FundVocabulary::Sector, &self.sectors),
            (FundVocabulary::Objective, &self.objectives),
            (FundVocabulary::Instrument, &self.instruments),
        ];
        for (vocabulary, terms) in known {
            let named = terms.iter().enumerate().filter(|(_, term)| !term.as_str().bytes().all(|byte| byte.is_ascii_digit()));
            for (index, term) in named {
                db::fund::find_term(conn, vocabulary, term.as_str(), &format!("/earmark/{vocabulary}s/{index}"))?;
            }
        }
        Ok(PlacedEarmark {
            places: self.territorial_unit_ids.clone(),
            sectors: list(&self.sectors),
            objectives: list(&self.objectives),
            instruments: list(&self.instruments),
            purposes: list(&self.purposes),
            gender_marker_min: self.gender_marker_min.map(|marker| marker.0),
            minimum_purposes: self.minimum_purposes.map(|least| least.0),
            cap_bps: self.cap_bps.map(|cap| cap.0.min(WHOLE)),
        })
    }
}

/// Money that is expected.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInstalment {
    /// Not before the pledge.
    #[serde(deserialize_with = "crate::wire::day")]
    due_on: NaiveDate,
    amount: AmountText,
}

/// Goods of a contribution.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGoods {
    description: Text<300>,
    #[schema(value_type = u32, minimum = 1, maximum = 1000000)]
    quantity: Bounded<1, 1_000_000>,
    /// What all of them are worth, in the currency of the contribution.
    amount: AmountText,
}

/// A pledge.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPledge {
    /// An identifier made by the client, if it works offline.
    id: Option<ContributionId>,
    fund_id: FundId,
    donor_id: DonorId,
    /// Money or goods.
    kind: ContributionKind,
    /// Unique in the organisation.
    reference: Text<80>,
    currency: CurrencyText,
    /// What the donor announced.
    amount: AmountText,
    /// When it was announced: within the term of the fund.
    #[serde(deserialize_with = "crate::wire::day")]
    on: NaiveDate,
    /// Until when it may be used; not before the pledge.
    #[serde(default, deserialize_with = "crate::wire::maybe_day")]
    ends_on: Option<NaiveDate>,
    /// What it consists of, where it is goods; where its figures come from.
    note: Option<Text<500>>,
    /// What it may be used for; everything by default.
    #[serde(default)]
    earmark: NewEarmark,
    /// When it is expected; together the amount.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 40>")]
    #[schema(max_items = 40)]
    instalments: Vec<NewInstalment>,
    /// What is given, where it is goods; or what the money buys. Together the amount.
    #[serde(default, deserialize_with = "crate::wire::few::<_, _, 0, 40>")]
    #[schema(max_items = 40)]
    goods: Vec<NewGoods>,
}

impl Json for NewPledge {}

impl NewPledge {
    fn schedule(&self, pledged: Amount, currency: Currency) -> Result<Vec<(NaiveDate, i64)>, Fault> {
        let mut schedule = Vec::with_capacity(self.instalments.len());
        for (index, instalment) in self.instalments.iter().enumerate() {
            let pointer = format!("/instalments/{index}/amount");
            let amount = Amount::parse_positive(&instalment.amount.0, currency).map_err(|refusal| refusal.at(&pointer))?;
            schedule.push((instalment.due_on, amount));
        }
        let sum = Amount::sum(schedule.iter().map(|(_, amount)| *amount));
        if !schedule.is_empty() && sum != Some(pledged) {
            let refusal = CONTRIBUTION_INSTALMENTS.refuse().with("sum", sum.unwrap_or_default().display(currency));
            let refusal = refusal.with("pledged", pledged.display(currency)).with("currency", currency.code());
            return Err(refusal.at("/instalments").into());
        }
        Ok(schedule.into_iter().map(|(due_on, amount)| (due_on, amount.minor())).collect())
    }

    /// Refuses an end, or money that is expected, before anything was pledged.
    fn require_later_days(&self) -> Result<(), Fault> {
        let pledged = [(Cause::Pledge, Some(self.on))];
        let due = self.instalments.iter().enumerate().map(|(index, one)| (one.due_on, format!("/instalments/{index}/due_on")));
        for (day, pointer) in self.ends_on.map(|end| (end, "/ends_on".to_owned())).into_iter().chain(due) {
            not_before(day, &pledged).map_err(|refusal| refusal.at(&pointer))?;
        }
        Ok(())
    }

    /// The goods: a contribution in kind lists them, and they make what was pledged.
    fn goods(&self, pledged: Amount, currency: Currency) -> Result<Vec<(String, i32, i64)>, Fault> {
        let (mut goods, mut sum) = (Vec::with_capacity(self.goods.len()), Some(Amount::ZERO));
        for (index, one) in self.goods.iter().enumerate() {
            let amount =
                Amount::parse_positive(&one.amount.0, currency).map_err(|refusal| refusal.at(&format!("/goods/{index}/amount")))?;
            sum = sum.and_then(|sum| sum.checked_add(amount));
            goods.push((one.description.as_str().to_owned(), i32::try_from(one.quantity.0).unwrap_or(i32::MAX), amount.minor()));
        }
        if sum != Some(pledged) && (!goods.is_empty() || self.kind == ContributionKind::InKind) {
            let refusal = CONTRIBUTION_GOODS.refuse().with("sum", sum.unwrap_or_default().display(currency));
            let refusal = refusal.with("pledged", pledged.display(currency)).with("currency", currency.code());
            return Err(refusal.at("/goods").into());
        }
        Ok(goods)
    }
}

/// Records a pledge: a donor's public intention, with what it is for. Nothing is signed or received by it.
#[utoipa::path(tag = "fund", request_body = NewPledge, responses((status = 201, body = ContributionView)))]
#[post("/v1/organisations/{organisation_id}/contributions")]
pub async fn pledge_contribution(asked: Asked<NewPledge>, path: web::Path<OrganisationId>) -> Answered {
    let organisation = path.into_inner();
    let id = asked.body.id.unwrap_or_default();
    asked
        .write(move |call, body, tx| {
            let recorded_by = tx.author.actor.principal.ok_or(Fault::Missing)?;
            let scope = call.scope_in(organisation);
            let fund = db::fund::find_fund_row(tx.conn, &scope, body.fund_id)?;
            let donor = db::fund::donor::find_donor(tx.conn, &scope, body.donor_id)?;
            if body.kind == ContributionKind::Own {
                let refusal = CONTRIBUTION_MOVEMENT_INVALID.refuse().with("kind", FundMovementKind::Pledge);
                return Err(refusal.with("contribution_kind", body.kind).at("/kind").into());
            }
            let currency = named_currency(&body.currency, "/currency")?;
            let amount = Amount::parse_positive(&body.amount.0, currency).map_err(|refusal| refusal.at("/amount"))?;
            require_open_day(call, &fund, body.on)?;
            not_before(body.on, &[(Cause::Fund, fund.starts_on)]).map_err(|refusal| refusal.at("/on"))?;
            require_running(body.on, fund.ends_on)?;
            body.require_later_days()?;
            let new = NewContribution {
                id,
                fund: body.fund_id,
                donor: Some(donor.row.id.0),
                kind: body.kind,
                reference: body.reference.as_str().to_owned(),
                currency,
                ends_on: body.ends_on,
                note: body.note.as_ref().map(|note| note.as_str().to_owned()),
                earmark: body.earmark.read(tx.conn)?,
                instalments: body.schedule(amount, currency)?,
                goods: body.goods(amount, currency)?,
                recorded_by,
            };
            insert_contribution(tx, &new)?;
            let row = db::fund::contribution::find_contribution(tx.conn, &tx.all(), id)?.row;
            let act = FundAct { id: id.0, on: body.on, reference: None, rate: None, allocation: None, purpose: None, by: recorded_by };
            let pledge = Moved::amount(FundMovementKind::Pledge, amount.minor());
            let ledgers = append_movement(tx, &act, &row, Ledgers::default(), pledge)?;
            update_contribution(tx, &row, &ContributionChange::of(&row, ledgers))?;
            let event = Event::of("contribution.pledged", "contribution", id.0, 2)
                .with("fund_id", body.fund_id.to_string())
                .with("donor_id", body.donor_id.to_string())
                .with("amount", amount.display(currency))
                .with("currency", currency.code());
            let after = read_view(tx.conn, &tx.all(), id)?;
            let location = format!("/v1/organisations/{organisation}/contributions/{id}");
            Ok((created(location, after.version, &after)?, event.into()))
        })
        .await
}
