"""Job J1 as a team would write it in an hour with FastAPI and asyncpg: one entry a request, in one transaction."""

import os
from contextlib import asynccontextmanager
from typing import Annotated

import asyncpg
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field, model_validator

Account = Annotated[int, Field(ge=1, le=1000)]


class NewEntry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    authority_id: Annotated[int, Field(ge=1, le=100)]
    fiscal_year: Annotated[int, Field(ge=1960, le=2200)]
    label: Annotated[str, Field(min_length=1, max_length=300)]
    debit_account: Account
    credit_account: Account
    amount: Annotated[int, Field(gt=0, le=1_000_000_000_000)]

    @model_validator(mode="after")
    def two_accounts(self):
        if self.debit_account == self.credit_account:
            raise ValueError("debit and credit are the same account")
        return self


class Entry(NewEntry):
    id: int


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.pool = await asyncpg.create_pool(
        host=os.environ["PGHOST"], user=os.environ["PGUSER"], database=os.environ["PGDATABASE"], min_size=10, max_size=10
    )
    yield
    await app.state.pool.close()


app = FastAPI(lifespan=lifespan)


@app.post("/entries", status_code=201)
async def post_entry(new: NewEntry) -> Entry:
    async with app.state.pool.acquire() as connection, connection.transaction():
        reserved = await connection.fetchval(
            "UPDATE budget_lines SET committed = committed + $1 WHERE authority_id = $2 AND account_id = $3"
            " AND fiscal_year = $4 AND committed + $1 <= approved RETURNING committed",
            new.amount, new.authority_id, new.debit_account, new.fiscal_year,
        )
        if reserved is None:
            raise HTTPException(422, "The budget line does not have this credit.")
        entry = await connection.fetchval(
            "INSERT INTO entries (authority_id, label) VALUES ($1, $2) RETURNING id", new.authority_id, new.label
        )
        await connection.execute(
            "INSERT INTO postings VALUES ($1, 1, $2, $3, $5::bigint), ($1, 2, $2, $4, -$5::bigint)",
            entry, new.authority_id, new.debit_account, new.credit_account, new.amount,
        )
        movements = sorted([(new.debit_account, new.amount), (new.credit_account, -new.amount)])
        for account, moved in movements:
            await connection.execute(
                "UPDATE accounts SET balance = balance + $1 WHERE authority_id = $2 AND id = $3", moved, new.authority_id, account
            )
    return Entry(id=entry, **new.model_dump())
