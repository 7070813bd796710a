"""From what a recipe names to raw records: files, folders and globs, decompressed.

`find` lists what a path stands for; `records` reads one of them, row by row where its format
allows. What makes a whole file unusable is an error; what is wrong with a row travels with it.
"""

from tutelage.data.sources.paths import find
from tutelage.data.sources.readers import records, unwrap
from tutelage.data.sources.records import Origin, Record, record

__all__ = ["Origin", "Record", "find", "record", "records", "unwrap"]
