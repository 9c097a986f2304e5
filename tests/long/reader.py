"""Reads an organisation, its budgets and a commitment with the client that was generated for Python."""

import json
import os

import sigida_client

tokens = json.loads(os.environ["SIGIDA_LONG_TOKENS"])
settings = sigida_client.Configuration(host=os.environ["SIGIDA_LONG_URL"], access_token=tokens["auditor"])

with sigida_client.ApiClient(settings) as client:
    organisations = sigida_client.OrganisationApi(client)
    commune = organisations.list_organisations(kind="commune", fictional=True).data[0]
    assert organisations.read_organisation(organisation_id=commune.id).code == commune.code == "ML-C01"
    budgets = sigida_client.BudgetApi(client).list_budgets(organisation_id=commune.id).data
    assert any(budget.state == "approved" for budget in budgets), budgets
    expenditure = sigida_client.ExpenditureApi(client)
    row = expenditure.list_commitments(organisation_id=commune.id, limit=1).data[0]
    commitment = expenditure.read_commitment(organisation_id=commune.id, commitment_id=row.id)
    assert commitment.number == row.number and commitment.amount.isdigit(), commitment
    print(f"Python: {commune.code}, {len(budgets)} budgets, {commitment.number} of {commitment.amount} {commitment.currency}.")
