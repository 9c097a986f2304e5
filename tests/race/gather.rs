//! Rows that many ask for at once: one query for those who wait together, and each is told what it may know.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use actix_web::rt::System;
use db::expenditure::CommitmentById;
use db::fault::Fault;
use db::store::{READ_PATIENCE, Sizes, Store};
use domain::id::{CommitmentId, OrganisationId};
use domain::sensitivity::{Scope, Sensitivity};
use futures_util::future::join_all;

use super::group::id_of;
use crate::edge::Held;
use crate::expenditure;
use crate::harness::Stage;
use crate::on_both_engines;

on_both_engines! {
    Stage::Open, fn who_asks_for_one_row_with_others_is_told_what_it_would_be_told_alone(town) {
        let labels = ["1000", "2000", "3000"];
        let ids = labels.map(|amount| CommitmentId(id_of(&expenditure::commit_fuel(town, amount).expect(201).text("/id"))));
        let store = Store::open_migrated(town.target(), Sizes { readers: 1, lanes: 1, ..Sizes::default() }).expect("the store opens");
        let own = Scope { organisation: OrganisationId(town.commune_id()), clearance: Sensitivity::Sealed };
        let (uncleared, elsewhere) = (Scope { clearance: Sensitivity::Public, ..own }, Scope { organisation: OrganisationId::platform(), ..own });
        let asked = [
            (own, ids[0]),
            (own, ids[1]),
            (uncleared, ids[1]),
            (own, ids[2]),
            (own, CommitmentId::new()),
            (elsewhere, ids[0]),
            (own, ids[1]),
        ];
        let find = |(scope, id)| store.find::<CommitmentById>(scope, id);
        let held = Held::nothing().reader(&store);
        let found = System::new().block_on(async {
            let waits = &mut Context::from_waker(Waker::noop());
            // Who came first goes away.
            assert!(Box::pin(find(asked[0])).as_mut().poll(waits).is_pending());
            let mut all = pin!(join_all(asked.map(find)));
            assert!(all.as_mut().poll(waits).is_pending(), "the reader is held");
            held.release();
            all.await
        });
        let told: Vec<Option<i64>> = found
            .into_iter()
            .map(|found| match found {
                Ok((row, currency)) => Some((currency, row.amount)).filter(|(currency, _)| currency == "XOF").map(|(_, amount)| amount),
                Err(Fault::Missing) => None,
                Err(fault) => panic!("{fault:?}"),
            })
            .collect();
        assert_eq!(told, [Some(1_000), Some(2_000), None, Some(3_000), None, None, Some(2_000)]);
        // Who waited in vain keeps nobody from being told afterwards.
        let held = Held::nothing().reader(&store);
        System::new().block_on(async {
            let late = tokio::time::timeout(READ_PATIENCE + Duration::from_secs(10), find(asked[0])).await.expect("an answer");
            assert!(matches!(late, Err(Fault::Full(_))), "{late:?}");
            let mut next = pin!(find(asked[1]));
            assert!(matches!(next.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
            held.release();
            assert_eq!(next.await.expect("a row").0.amount, 2_000);
        });
    }
}
