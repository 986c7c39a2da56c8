"""What an evaluator is told of a run: which rules it counts, as what, and what it keeps of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pff_stream.settings.models import EvaluationOptions


ALL_VIOLATIONS = (1 << 63) - 1
"""Of a rule, as many as there are."""


class Page(NamedTuple):
    """Some of the violations of a rule, which come by the ids of subject and object."""

    most: int
    after: tuple[int, int] = (-1, -1)
    """They come behind this one; -1: the first ones."""


EVERYTHING = Page(ALL_VIOLATIONS)


class EvaluatorOptions(NamedTuple):
    """Names and numbers only: made once by whoever starts a run, and handed on as one."""

    max_examples: int = 10
    """Violations of a rule that are written, at most."""
    min_support: int = 0
    """Rules below it in the miner's column are filtered."""
    min_confidence: float = 0.0
    """Rules below it in the miner's column are filtered."""
    max_work: int | None = None
    """Rules of bodies whose work bound is over it are too large, and are not counted."""
    partial: bool = False
    """Whether an absent prediction is a violation only where it is decided."""
    relations: tuple[tuple[bytes, bool], ...] = ()
    """Rules of other head relations are filtered: names, and whether each is a prefix; none: all
    relations are asked for."""
    functional: tuple[tuple[bytes, str], ...] = ()
    """(relation, "subject" or "object") for relations whose functional variable the graph is not
    asked for."""
    after: tuple[int, int] = (-1, -1)
    """Violations that are written come behind this one, by the ids of subject and object."""

    def listing(self, page: Page = EVERYTHING) -> EvaluatorOptions:
        """The same, but with all violations of a rule written, or a page of them."""
        return self._replace(max_examples=page.most, after=page.after)


def evaluator_options(
    evaluation: EvaluationOptions,
    relations: tuple[tuple[bytes, bool], ...] = (),
    *,
    examples: bool = True,
) -> EvaluatorOptions:
    """The settings in the terms of an evaluator; without `examples` it only counts.

    `relations` are those of `--relation`, as `rules.asked` has settled them.
    """
    return EvaluatorOptions(
        max_examples=evaluation.max_examples if examples else 0,
        min_support=evaluation.min_support or 0,
        min_confidence=evaluation.min_confidence or 0.0,
        max_work=evaluation.max_work,
        partial=evaluation.partial,
        relations=relations,
        functional=evaluation.places,
    )


COUNTS_ONLY = EvaluatorOptions(max_examples=0)
