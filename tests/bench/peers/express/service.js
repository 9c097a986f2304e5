// Job J1 as a team would write it in an hour with Express and pg: one entry a request, in one transaction.
import express from "express";
import pg from "pg";
import { z } from "zod";

const account = z.int().min(1).max(1000);
const NewEntry = z
  .strictObject({
    authority_id: z.int().min(1).max(100),
    fiscal_year: z.int().min(1960).max(2200),
    label: z.string().min(1).max(300),
    debit_account: account,
    credit_account: account,
    amount: z.int().positive().max(1_000_000_000_000),
  })
  .refine((entry) => entry.debit_account !== entry.credit_account, "debit and credit are the same account");

const pool = new pg.Pool({ max: 20 });
const app = express();
app.use(express.json());

app.post("/entries", async (request, response) => {
  const parsed = NewEntry.safeParse(request.body);
  if (!parsed.success) return response.status(422).json({ errors: parsed.error.issues });
  const { authority_id, fiscal_year, label, debit_account, credit_account, amount } = parsed.data;
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const reserved = await client.query({
      name: "reserve",
      text: `UPDATE budget_lines SET committed = committed + $1 WHERE authority_id = $2 AND account_id = $3
             AND fiscal_year = $4 AND committed + $1 <= approved`,
      values: [amount, authority_id, debit_account, fiscal_year],
    });
    if (reserved.rowCount === 0) {
      await client.query("ROLLBACK");
      return response.status(422).json({ error: "The budget line does not have this credit." });
    }
    const entry = await client.query({
      name: "entry",
      text: "INSERT INTO entries (authority_id, label) VALUES ($1, $2) RETURNING id",
      values: [authority_id, label],
    });
    const id = Number(entry.rows[0].id);
    await client.query({
      name: "postings",
      text: "INSERT INTO postings VALUES ($1, 1, $2, $3, $5::bigint), ($1, 2, $2, $4, -$5::bigint)",
      values: [id, authority_id, debit_account, credit_account, amount],
    });
    const movements = [
      [debit_account, amount],
      [credit_account, -amount],
    ].sort((one, other) => one[0] - other[0]);
    for (const [account_id, moved] of movements) {
      await client.query({
        name: "balance",
        text: "UPDATE accounts SET balance = balance + $1 WHERE authority_id = $2 AND id = $3",
        values: [moved, authority_id, account_id],
      });
    }
    await client.query("COMMIT");
    response.status(201).json({ id, ...parsed.data });
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
});

app.listen(Number(process.env.PORT), "127.0.0.1");
