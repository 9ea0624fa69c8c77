"""The ledger of events and what protects it: canonical JSON, hashes of rows, keys, checkpoints, transactions."""
