// A commitment from the first act to the payment, by the people of the demonstration, with a client that knows nothing but
// the types made from the contract. Each step says what has to hold after it.

import createClient from "openapi-fetch";
import type { components, paths } from "./contract";

declare const process: { env: Record<string, string | undefined> };

type Schemas = components["schemas"];
/** What the client reads and writes: JSON, and the problems that refusals are. */
type Media = "application/json" | "application/problem+json";

const url = process.env["SIGIDA_LONG_URL"] ?? "http://127.0.0.1:8080";
const people: Record<string, string> = JSON.parse(process.env["SIGIDA_LONG_TOKENS"] ?? "{}");

function assert(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

/** What an answer holds, if it is a success; otherwise the problem is the error. */
function got<T>(answer: { data?: T; error?: unknown; response: Response }, status: number): T {
  const { data, error, response } = answer;
  assert(response.status === status, `${response.url}: ${response.status} ${JSON.stringify(error)}`);
  assert(data !== undefined, `${response.url}: no body`);
  return data;
}

function as(login: string) {
  const token = people[login];
  assert(token !== undefined, `nobody is ${login}`);
  return createClient<paths, Media>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });
}

const fresh = () => ({ "Idempotency-Key": crypto.randomUUID() });
/** The headers of an act on what an answer showed. */
const on = (response: Response) => ({ ...fresh(), "If-Match": response.headers.get("etag") ?? "" });
const money = (amount: string) => ({ amount, currency: "XOF" });

const anyone = createClient<paths, Media>({ baseUrl: url });
const communes = got(await anyone.GET("/v1/organisations", { params: { query: { kind: "commune", fictional: true } } }), 200);
const organisation_id = communes.data[0]?.id;
assert(organisation_id !== undefined, "there is a fictional commune");
const path = { organisation_id };

const mayor = as("mayor");
const finance = as("finance-officer");
const certifier = as("certifier");
const accountant = as("accountant");

const execution = () =>
  mayor.GET("/v1/organisations/{organisation_id}/fiscal-years/{year}/budget-execution", { params: { path: { ...path, year: 2025 } } });
const stationery = async (): Promise<Schemas["LineExecution"]> => {
  const line = got(await execution(), 200).lines.find((line) => line.code === "F-D-60-604-01");
  assert(line !== undefined, "the budget has a line for stationery");
  return line;
};
const before = await stationery();
const suppliers = got(await mayor.GET("/v1/organisations/{organisation_id}/suppliers", { params: { path } }), 200);
const payee_id = suppliers.data[0]?.id;
assert(payee_id !== undefined, "there is a supplier");

// Commit, twice with one key: one commitment.
const header = fresh();
const body: Schemas["NewCommitment"] = {
  budget_line_id: before.budget_line_id,
  supplier_id: payee_id,
  label: "Fournitures de bureau",
  ...money("120000"),
};
const commit = () => mayor.POST("/v1/organisations/{organisation_id}/commitments", { params: { path, header }, body });
const commitment = got(await commit(), 201);
assert("number" in commitment, "a commitment has a number");
const again = await commit();
assert(again.response.headers.get("idempotency-replayed") === "true", "the second request is a repetition");
assert(JSON.stringify(again.data) === JSON.stringify(commitment), "and gets the same answer");
const commitment_id = commitment.id;
assert(Number((await stationery()).committed) === Number(before.committed) + 120000, "the credit is committed, once");

// More than is open is refused, with the facts.
const beyond = await mayor.POST("/v1/organisations/{organisation_id}/commitments", {
  params: { path, header: fresh() },
  body: { ...body, ...money("900000000") },
});
assert(beyond.response.status === 422, "more than is open is refused");
assert(beyond.error?.code === "COMMITMENT_CREDIT_INSUFFICIENT", "and the refusal says why");

const shown = await finance.GET("/v1/organisations/{organisation_id}/commitments/{commitment_id}", {
  params: { path: { ...path, commitment_id } },
});
assert(got(shown, 200).state === "active", "the commitment is active");
const verification = got(
  await finance.POST("/v1/organisations/{organisation_id}/commitments/{commitment_id}/verifications", {
    params: { path: { ...path, commitment_id }, header: on(shown.response) },
    body: {
      invoice_number: "FB-2025-118",
      invoice_date: "2025-11-20",
      documents: [{ kind: "delivery_slip", reference: "BL-2025-118", sha256: "5b".repeat(32) }],
      ...money("120000"),
    },
  }),
  201,
);
const verification_id = verification.id;

const unproven = await certifier.GET("/v1/organisations/{organisation_id}/verifications/{verification_id}", {
  params: { path: { ...path, verification_id } },
});
got(
  await certifier.POST("/v1/organisations/{organisation_id}/verifications/{verification_id}/certification", {
    params: { path: { ...path, verification_id }, header: on(unproven.response) },
  }),
  200,
);
const certified = await finance.GET("/v1/organisations/{organisation_id}/verifications/{verification_id}", {
  params: { path: { ...path, verification_id } },
});
assert(got(certified, 200).state === "certified", "the service is certified");

const order = got(
  await finance.POST("/v1/organisations/{organisation_id}/verifications/{verification_id}/payment-orders", {
    params: { path: { ...path, verification_id }, header: on(certified.response) },
    body: money("120000"),
  }),
  201,
);
const payment_order_id = order.id;
const place = { path: { ...path, payment_order_id } };
const read = (who: typeof mayor) => who.GET("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}", { params: place });

got(
  await mayor.POST("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/signature", {
    params: { ...place, header: on((await read(mayor)).response) },
  }),
  200,
);
got(
  await mayor.POST("/v1/organisations/{organisation_id}/payment-order-batches", {
    params: { path, header: fresh() },
    body: { payment_order_ids: [payment_order_id], total: "120000", currency: "XOF" },
  }),
  201,
);
const transmitted = await read(accountant);
assert(got(transmitted, 200).state === "transmitted", "the order is transmitted");

// Who signs cannot accept.
const own = await mayor.POST("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/acceptance", {
  params: { ...place, header: on(transmitted.response) },
});
assert(own.response.status === 403, "the mayor cannot accept");
got(
  await accountant.POST("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/acceptance", {
    params: { ...place, header: on(transmitted.response) },
  }),
  200,
);
const payment = got(
  await accountant.POST("/v1/organisations/{organisation_id}/payment-orders/{payment_order_id}/payments", {
    params: { ...place, header: on((await read(accountant)).response) },
    body: { payee_id, mode: "transfer", ...money("120000") },
  }),
  201,
);
assert(payment.amount === "120000", "what was ordered is paid");
assert(got(await read(accountant), 200).state === "paid", "the order is paid");
const after = await stationery();
assert(Number(after.paid) === Number(before.paid) + 120000, "the execution of the budget shows the payment");
console.log(`TypeScript: ${commitment.number} committed, verified, certified, ordered, signed, transmitted, accepted and paid.`);
