"""The runs of a plan done by workers: claimed in the ledger, handed out, listened to."""
