"""The formats of triples, one file each, in the order in which an input is offered to them.

A new one is a class with the members of `interface.TripleFormat` in a file here, and its instance
in `FORMATS`. A caller adds its own for one call: `EncodeOptions(formats=(Mine(), *FORMATS))`.
"""

from pff_stream.triples.formats.arrow import ArrowFormat
from pff_stream.triples.formats.csv import CsvFormat
from pff_stream.triples.formats.interface import TripleFormat
from pff_stream.triples.formats.json import JsonFormat
from pff_stream.triples.formats.openke import OpenKEFormat
from pff_stream.triples.formats.parquet import ParquetFormat
from pff_stream.triples.formats.pykeen import PyKeenFormat
from pff_stream.triples.formats.rdf import RdfFormat
from pff_stream.triples.formats.separated import SeparatedFormat
from pff_stream.triples.formats.tsv import TsvFormat
from pff_stream.triples.formats.tuples import TupleFormat

FORMATS: tuple[TripleFormat, ...] = (
    RdfFormat(),
    JsonFormat(),
    CsvFormat(),
    OpenKEFormat(),
    PyKeenFormat(),
    ParquetFormat(),
    SeparatedFormat(),
    TsvFormat(),
    ArrowFormat(),
    TupleFormat(),
)
