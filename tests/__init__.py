"""Tests of pff-stream; `tests.reference` is the slow evaluator that the fast one is measured by."""
