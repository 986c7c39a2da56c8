from pff_stream.evaluate._counter import Counter
from pff_stream.rules._table import RuleTable

class TableCounter(Counter):
    def count_table(self, table: RuleTable) -> tuple[tuple[int, int, int, int], int, int]: ...
