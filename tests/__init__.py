"""The tests are a package, so that `tests/ingest` never stands in for the package `ingest` on the import path."""
