"""CPU time to read and evaluate all chunks on one core, by the build that is imported.

    PYTHONPATH=TREE python profiling/evaluated.py RULES.pffr GRAPH.pffg MAX_EXAMPLES

Runs with builds of other commits, too, so it asks for nothing that came later.
"""

from __future__ import annotations

import sys
import time
from typing import Any


def main() -> None:
    """Does it twice and prints the seconds of the second time."""
    sys.path.pop(0)  # the folder of this file
    from pff_stream.evaluate._kernel import Evaluator
    from pff_stream.evaluate.chunk import evaluate_rules
    from pff_stream.rules.file import RuleFile
    from pff_stream.triples.graph import attach

    told: dict[str, Any] = {"max_examples": int(sys.argv[3])}
    try:
        from pff_stream.evaluate.options import EvaluatorOptions
    except ImportError:
        pass
    else:
        told = {"options": EvaluatorOptions(**told)}
    with RuleFile(sys.argv[1]) as file, attach(sys.argv[2]) as graph:
        evaluator = Evaluator(graph.view, file.semantics, wide=True, **told)
        for _ in range(2):
            began = time.thread_time()
            for index in range(len(file.chunks)):
                chunk = file.read_chunk(index)
                evaluate_rules(evaluator, graph.view, chunk, 0, chunk.n_rules, lambda run: None)
            seconds = time.thread_time() - began
    print(seconds)


if __name__ == "__main__":
    main()
