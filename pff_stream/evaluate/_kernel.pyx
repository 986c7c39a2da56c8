"""The evaluator in one compiled module: its parts call each other as functions of one C file.

From what everything is made of to what is called from outside; each part says what it does, and
`_kernel.pxd` what they share. Graphs that are read in blocks are evaluated by `_blocks`.
"""

include "_search.pxi"
include "_decided.pxi"
include "_members.pxi"
include "_chain.pxi"
include "_wide.pxi"
include "_ways.pxi"
include "_work.pxi"
include "_counter.pxi"
include "_order.pxi"
include "_records.pxi"
include "_evaluator.pxi"
include "_joins.pxi"
include "_table_members.pxi"
include "_table_counter.pxi"
include "_bound.pxi"
include "_needs.pxi"
