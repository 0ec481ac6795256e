"""Run a plan with workers: claim runs in the ledger, hand them out, listen for news."""
