"""Tests of the report: records, merge, writers, summary, verdict."""
