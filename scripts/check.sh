#!/usr/bin/env bash
# Everything that must hold before a change goes in: types, lint, the import rule, the contract, and the tests.
# The last line counts checks and tests: "N passed, N failed".
set -u
cd "$(dirname "$0")/.."

passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

step() {
  local name=$1
  shift
  echo "== $name"
  if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "== $name: FAILED"; fi
}

tests() {
  # A whole run, on a machine with all programs, meets every problem code of the contract.
  EVERY_PROBLEM_CODE=1 npm test 2>&1 | tee "$log"
  return "${PIPESTATUS[0]}"
}

step 'contract and generated code' node scripts/generate-prisma.mjs
step 'openapi/openapi.json is what the code generates' node scripts/generate-api.mjs --check
step 'contract: Spectral (OpenAPI, OWASP, and our own rules)' npx --no-install spectral lint openapi/openapi.json --fail-severity=warn --quiet
step 'contract: Redocly' env REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true npx --no-install redocly lint openapi/openapi.json
step 'openapi/client is what the contract gives' node scripts/generate-sdk.mjs --check
step 'types' npx --no-install tsc --noEmit -p tsconfig.test.json
step 'lint' npx --no-install eslint .
step 'imports: direction and cycles' npx --no-install depcruise --config .dependency-cruiser.cjs src
step 'tests' tests

count() { grep -E '^Tests: ' "$log" | grep -oE "[0-9]+ $1" | tail -1 | cut -d' ' -f1; }
more=$(count passed); passed=$((passed + ${more:-0}))
more=$(count failed); failed=$((failed + ${more:-0}))
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
