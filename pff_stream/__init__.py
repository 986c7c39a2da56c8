"""Checks very many mined Horn rules against a set of triples, in memory that is known beforehand."""
