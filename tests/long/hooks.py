"""What schemathesis needs to get past the door: real ids, fresh keys, present versions, and somebody who may ask.

A generated value that has the form of an id is replaced by the id of something that is there; what has not the form stays,
so that false data stay false. Everything learns from the answers, as a caller would.
"""

import atexit
import collections
import json
import os
import random
import re
import uuid

import requests
import schemathesis

URL = os.environ["SIGIDA_LONG_URL"]
TOKENS = json.loads(os.environ["SIGIDA_LONG_TOKENS"])
FIGURES = os.environ["SIGIDA_LONG_FIGURES"]

# Of each name so many ids are kept, the latest.
KEPT = 40
# Roles of the contract, and who holds them in the demonstration.
LOGINS = {
    "authorising_officer": "mayor",
    "finance_officer": "finance-officer",
    "accountant": "accountant",
    "state_representative": "state-representative",
    "auditor": "auditor",
    "partner": "partner-system",
    "council_registrar": "council-registrar",
    "certifier": "certifier",
    "cash_officer": "cash-officer",
}
# Names in bodies and queries whose ids are learnt under another name.
ALIASES = {
    "payment_order_ids": "payment_order_id",
    "receipt_ids": "receipt_id",
    "expense_ids": "imprest_expense_id",
    "relative_id": "principal_id",
    "parent": "territorial_unit_id",
    "deputy_id": "cash_officer_id",
    "replaces_id": "cash_office_id",
}

AMOUNTS = {"amount", "total", "tax", "ceiling", "bond", "counted", "face_value", "unit_price", "max_unit_expense", "advance_recovered"}

chance = random.Random(int(os.environ["SIGIDA_LONG_SEED"]))
known = collections.defaultdict(lambda: collections.deque(maxlen=KEPT))
statuses = collections.Counter()
succeeded = set()
asked = collections.Counter()


def is_id(value):
    try:
        return isinstance(value, str) and bool(uuid.UUID(value))
    except ValueError:
        return False


def learn(name, value):
    if is_id(value) and value not in known[name]:
        known[name].append(value)


def learn_all(value, own):
    """Learns what an answer tells: members named `…_id`, and `id`, whose name hangs on what was asked."""
    if isinstance(value, list):
        for item in value:
            learn_all(item, own)
    elif isinstance(value, dict):
        for name, member in value.items():
            if name == "id" and own:
                learn(own, member)
            elif name.endswith("_id"):
                learn(name, member)
            elif isinstance(member, (dict, list)):
                learn_all(member, None if name != "data" else own)


def call(path, login):
    return requests.get(URL + path, headers={"Authorization": f"Bearer {TOKENS[login]}"}, timeout=30)


def begin():
    """Reads the lists of the fictional commune, and registers people who may be suspended without harm to the others."""
    commune = call("/v1/organisations?kind=commune&fictional=true", "auditor").json()["data"][0]["id"]
    learn("organisation_id", commune)
    own = f"/v1/organisations/{commune}"
    units = call("/v1/territorial-units?level=cercle&limit=20", "auditor").json()
    learn_all(units, "territorial_unit_id")
    execution = call(f"{own}/fiscal-years/2025/budget-execution", "auditor")
    learn_all(execution.json(), None)
    lists = {
        "budgets": "budget_id", "cash-inspections": "cash_inspection_id", "cash-movements": "cash_movement_id",
        "cash-offices": "cash_office_id", "commitments": "commitment_id", "debtors": "debtor_id",
        "fiscal-years/2025/carried-debts": "carried_debt_id", "fiscal-years/2025/entries": "entry_id",
        "imprest-expenses": "imprest_expense_id", "justification-slips": "justification_slip_id",
        "levy-authorisations": "levy_authorisation_id", "payment-order-corrections": "correction_id",
        "payment-orders": "payment_order_id", "payments": "payment_id", "receipts": "receipt_id", "refunds": "refund_id",
        "regularisations": "regularisation_id", "revenue-adjustments": "revenue_adjustment_id",
        "revenue-orders": "revenue_order_id", "suppliers": "supplier_id", "ticket-kinds": "ticket_kind_id",
        "ticket-movements": "ticket_movement_id", "ticket-ranges": "ticket_range_id",
        "transfer-notifications": "transfer_notification_id", "verifications": "verification_id",
    }
    for path, name in lists.items():
        learn_all(call(f"{own}/{path}", "auditor").json(), name)
    # The people of the demonstration and their roles are left alone.
    for name in ("principal_id", "role_assignment_id", "session_id", "created_by_id"):
        known[name].clear()
    for number in range(4):
        body = {"kind": "person", "login": f"someone-{uuid.uuid4().hex[:8]}", "display_name": f"Someone {number}"}
        headers = {"Authorization": f"Bearer {TOKENS['administrator']}", "Idempotency-Key": str(uuid.uuid4())}
        made = requests.post(URL + "/v1/principals", json=body, headers=headers, timeout=30)
        learn("principal_id", made.json()["id"])


begin()
# Nor is another organisation than the commune asked about: there is nothing in it.
SPARED = {"principal_id", "role_assignment_id", "organisation_id"}


def real(name, value):
    """The value with ids of things that are there."""
    if isinstance(value, dict):
        return {member: real(member, inner) for member, inner in value.items()}
    if isinstance(value, list):
        return [real(name, inner) for inner in value]
    pool = known.get(ALIASES.get(name, name))
    if pool and is_id(value) and chance.random() < 0.95:
        return chance.choice(pool)
    if isinstance(value, str) and chance.random() < 0.8:
        # The currency, the year and whole amounts of the commune: otherwise nearly all would end at the first rule.
        if name == "currency" and re.fullmatch("[A-Z]{3}", value):
            return "XOF"
        if re.fullmatch(r"(19|20|21)\d\d-\d\d-\d\d", value):
            return "2025-" + chance.choice(["01-15", "03-10", "06-30", "11-20", "11-28"])
        if name in AMOUNTS and re.fullmatch(r"\d{1,16}(\.\d{1,4})?", value):
            return str(int(value.partition(".")[0]) % 1_000_000)
    return value


def somebody(operation):
    """Mostly somebody whom the contract allows to ask; sometimes anybody, or nobody."""
    who = operation.definition.raw.get("description", "").rpartition("**Who**:")[2]
    allowed = [LOGINS[role] for role in re.findall(r"`(\w+)`", who) if role in LOGINS]
    if "platform administrators" in who:
        allowed = ["administrator"]
    draw = chance.random()
    if draw < 0.8:
        return chance.choice(allowed or ["auditor", "mayor", "accountant"])
    return chance.choice(sorted(TOKENS)) if draw < 0.95 else None


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation
    login = somebody(operation)
    case.headers.pop("Authorization", None)
    if login:
        case.headers["Authorization"] = f"Bearer {TOKENS[login]}"
    asked[login or "nobody"] += 1
    case.path_parameters = {name: real(name, value) for name, value in (case.path_parameters or {}).items()}
    year = case.path_parameters.get("year")
    if isinstance(year, int) and 1960 <= year <= 2200 and chance.random() < 0.8:
        case.path_parameters["year"] = 2025
    case.query = {name: real(name, value) for name, value in (case.query or {}).items()}
    if isinstance(case.body, (dict, list)):
        case.body = real("", case.body)
    for name, value in list(case.headers.items()):
        if isinstance(value, str) and not value.isascii():
            # The tool makes what no client can send.
            case.headers[name] = value.encode("ascii", "replace").decode()
    key = case.headers.get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(r"[A-Za-z0-9._:-]{8,64}", key) and chance.random() < 0.95:
        case.headers["Idempotency-Key"] = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    if "If-Match" in case.headers and chance.random() < 0.8 and login:
        resource = re.match(r".*\{\w+_id\}", operation.path)
        if resource and all(isinstance(value, (str, int)) for value in case.path_parameters.values()):
            try:
                version = call(resource.group().format(**case.path_parameters), login).headers.get("ETag")
            except (requests.RequestException, ValueError):
                version = None
            if version:
                case.headers["If-Match"] = version


@schemathesis.hook
def after_call(context, case, response):
    statuses[response.status_code] += 1
    if response.status_code >= 300:
        return
    succeeded.add(case.operation.definition.raw["operationId"])
    last = re.findall(r"\{(\w+_id)\}$", case.operation.path)
    names = {path.path.rsplit("/", 1)[0]: re.findall(r"\{(\w+_id)\}$", path.path) for path in LISTED}
    own = last or names.get(case.operation.path)
    try:
        told = json.loads(response.content or b"")
    except ValueError:
        return
    if not case.operation.path.startswith(("/v1/principals", "/v1/me")) and "role-assignments" not in case.operation.path:
        spared = {name: list(known[name]) for name in SPARED}
        learn_all(told, own[0] if own else None)
        for name, ids in spared.items():
            known[name].clear()
            known[name].extend(ids)


# What no schema can say, or what is no fault: part of the tool's message, part of the answer, and the reason.
REFUSED, TAKEN = "Valid data should have been accepted", "Invalid data should have been rejected"
NOT_OURS = [
    (REFUSED, "CURSOR_INVALID", "cursors are signed"),
    (REFUSED, "1 to 200", "the longest page hangs on its form; the schema tells the longest of all, and its text the rest"),
    (REFUSED, "CODE_SCHEME_REQUIRED", "a parameter that is needed only beside another"),
    (REFUSED, "unknown value", "lists of words separated by commas"),
    (REFUSED, "AMOUNT_INVALID", "how many decimals an amount has, and how large it is, hangs on its currency"),
    (REFUSED, "years 1900 to 2200", "the form of a date has no years"),
    (REFUSED, "invalid type: floating point", "for JSON Schema 1.0 is an integer; here it is none"),
    (REFUSED, "there is one platform, and it is registered", "a word that answers use and requests do not"),
    (REFUSED, "IMPORT_UNREADABLE", "the schema of a table in CSV is any text"),
    (REFUSED, "U+0000 is not allowed", "what a password may not hold, its description tells"),
    (REFUSED, "unknown ISO 4217 code", "the list of currencies is another's"),
    (TAKEN, "IMPORT_", "a dry run succeeds, and its answer tells what is wrong in each row"),
]
# Headers that are never refused, however they are written: a preference, and what the caller claims to have.
FREE = {"Accept-Language", "If-None-Match"}


@schemathesis.hook
def filter_failure(context, failure, case, response):
    told = failure.message + (response.content or b"").decode("utf-8", "replace")
    invalid = re.search(r"Invalid component: parameters? (.*) in header", failure.message)
    if invalid and set(re.findall("`([^`]+)`", invalid.group(1))) <= FREE and "Invalid component" not in failure.message[invalid.end():]:
        return False
    return not any(kind in failure.message and part in told for kind, part, _ in NOT_OURS)


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Who asks is chosen here. That nobody else may is proven by the suite, for every operation and every role."""
    raw_schema["components"].pop("securitySchemes", None)
    for item in raw_schema["paths"].values():
        for operation in item.values():
            operation.pop("security", None)


LISTED = []


@schemathesis.hook
def before_init_operation(context, operation):
    if re.search(r"\{\w+_id\}$", operation.path):
        LISTED.append(operation)


@atexit.register
def end():
    if statuses:
        figures = {
            "seed": int(os.environ["SIGIDA_LONG_SEED"]),
            "answers": sum(statuses.values()),
            "by_status": {str(status): statuses[status] for status in sorted(statuses)},
            "by_caller": dict(sorted(asked.items())),
            "operations_that_succeeded": sorted(succeeded),
        }
        with open(FIGURES, "w") as file:
            json.dump(figures, file, indent=1)
