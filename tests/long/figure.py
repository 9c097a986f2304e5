"""What a run of schemathesis met, in a line. A run whose requests hardly ever got past the door has proven nothing, and fails."""

import json
import sys

# Of 203 operations so many succeeded at least once in every run so far, and more.
SUCCEEDED_MIN = 100

figures = json.load(open(sys.argv[1]))
statuses = figures["by_status"]
good = sum(count for status, count in statuses.items() if status < "300")
failed = sum(count for status, count in statuses.items() if status >= "500")
print(
    f"{figures['answers']} answers to {len(figures['by_caller'])} callers, {good} of 2xx from "
    f"{len(figures['operations_that_succeeded'])} operations, {failed} of 5xx, seed {figures['seed']}"
)
if len(figures["operations_that_succeeded"]) < SUCCEEDED_MIN:
    sys.exit(f"fewer than {SUCCEEDED_MIN} operations succeeded")
